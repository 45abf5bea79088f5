"""What can happen to an incident. A person, a timer and a webhook all arrive as one of these."""

import msgspec

from routing.alert import Alert
from routing.group import Group
from routing.incident import Actor


class AlertsReceived(msgspec.Struct, frozen=True, gc=False):
    """A snapshot of a group, or of the part of it that belongs to one of our routes.

    Absence from ``alerts`` says nothing: an alert may have been silenced, inhibited, truncated or
    resolved unseen. ``key`` is ``<shard>-<digest>`` of the group, the stem of incident ids.
    """

    key: str
    group: Group
    alerts: tuple[Alert, ...]
    source: str = "other"
    alertmanager_url: str = ""
    correlation_id: str = ""


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """A person takes the incident. ``episode`` is the one they saw; None: whichever is current."""

    actor: Actor
    episode: int | None = None
    event_id: str = ""


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """A person declares the incident over."""

    actor: Actor
    episode: int | None = None
    event_id: str = ""


class TimerDue(msgspec.Struct, frozen=True, gc=False):
    """An agenda entry of the incident came due. ``paged`` is what receipts say was delivered."""

    task: str
    paged: dict[str, int] = {}


class DeliveryFailed(msgspec.Struct, frozen=True, gc=False):
    """A notifier says that it will never deliver page ``seq`` (or that update, when seq is 0)."""

    notifier: str
    seq: int
    reason: str
    paged: dict[str, int] = {}


class DeliveryNoted(msgspec.Struct, frozen=True, gc=False):
    """Something about a delivery that people must see, such as a page sent twice to be sure."""

    notifier: str
    text: str


Event = AlertsReceived | Acknowledged | Resolved | TimerDue | DeliveryFailed | DeliveryNoted
