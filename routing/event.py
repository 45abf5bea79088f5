"""What can happen to an incident. A person, a timer and a webhook all arrive as one of these.

``action``: what a person asked for, by its name in the API, permissions and the audit.
"""

import msgspec

from routing.alert import Alert
from routing.group import Group
from routing.incident_parts import Actor, Finding
from routing.person_event import PersonEvent


class AlertsReceived(msgspec.Struct, frozen=True, gc=False):
    """A snapshot of a group, or of the part of it that belongs to one of our routes.

    Absence from ``alerts`` says nothing: an alert may have been silenced, inhibited, truncated or
    resolved unseen. ``key`` is ``<shard>-<digest>`` of the group, the stem of incident ids. ``by``:
    the person who sent them by hand; ``sent_by``: which credential, from which address.
    """

    key: str
    group: Group
    alerts: tuple[Alert, ...]
    source: str = "other"
    alertmanager_url: str = ""
    correlation_id: str = ""
    kind: str = "alert"
    by: Actor | None = None
    sent_by: str = ""


class HeartbeatSeen(msgspec.Struct, frozen=True, gc=False):
    """A heartbeat came in, or (``expected``) is awaited from now on because it is configured.

    ``interval`` in ms is how long the next one may take. ``returned``: the end of a missing one is
    stored already, so that the watch may go on. ``key`` as for alerts.
    """

    key: str
    group: Group
    interval: int
    expected: bool = False
    returned: bool = False


class MergeNews(msgspec.Struct, frozen=True, gc=False):
    """How an incident that was merged into this one is: ``firing`` counts its firing alerts.

    ``components`` as of ``Part``.
    """

    source: str
    title: str
    priority: str
    firing: int
    by: Actor | None = None
    components: dict[str, str] = {}


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What Alertmanager says of an alert: active, silenced, inhibited, muted or gone.

    ``by``: ids of the silences or inhibiting alerts.
    """

    state: str
    by: tuple[str, ...] = ()


class TimerDue(msgspec.Struct, frozen=True, gc=False):
    """An agenda entry of the incident came due, with what is known outside of it.

    ``paged``: what receipts say was delivered, ``errors``: what went wrong last; ``seen_at``: when
    a payload last spoke of it (ms); ``alerts``: what Alertmanager says by fingerprint, None when
    nobody could be asked; ``elsewhere``: in which other incident an alert is reported by now, by
    fingerprint; ``told``: how many firing alerts the target of a merge was told of and
    (``told_priority``) how urgent they are, ``lost``: it is not known any more; ``context``: what
    was found out about the incident.
    """

    task: str
    paged: dict[str, int] = {}
    seen_at: int = 0
    alerts: dict[str, Seen] | None = None
    errors: dict[str, str] = {}
    told: int = 0
    told_priority: str = ""
    lost: bool = False
    context: tuple[Finding, ...] = ()
    elsewhere: dict[str, str] = {}


class DeliveryFailed(msgspec.Struct, frozen=True, gc=False):
    """A notifier says that it will never deliver page ``seq`` (or that update, when seq is 0).

    ``paged`` and ``errors`` as for ``TimerDue``.
    """

    notifier: str
    seq: int
    reason: str
    paged: dict[str, int] = {}
    errors: dict[str, str] = {}


class DeliveryRecovered(msgspec.Struct, frozen=True, gc=False):
    """A notifier delivered although it had failed, or although nobody was believed to be reached.

    ``failed_since`` in ms, 0: it had not failed; ``paged`` as for ``TimerDue``.
    """

    notifier: str
    paged: dict[str, int]
    failed_since: int = 0


class DeliveryNoted(msgspec.Struct, frozen=True, gc=False):
    """Something about a delivery that people must see, such as a page sent twice to be sure."""

    notifier: str
    text: str


Event = (
    AlertsReceived
    | HeartbeatSeen
    | PersonEvent
    | MergeNews
    | TimerDue
    | DeliveryFailed
    | DeliveryRecovered
    | DeliveryNoted
)
