"""A sender's new incidents beyond its quota become one: what is folded, and what never is.

An event of P1 or P2 keeps an incident of its own. What ends is told to both, the own group and the
flood, wherever it could have been taken: an end that nobody waits for is harmless.
"""

from collections.abc import Iterable

import msgspec

from routing.alert import Alert
from routing.event import AlertsReceived
from routing.forgetting import is_needed
from routing.group import Group, Shards, group_stem
from routing.incident import Incident
from routing.interval import covers

RECEIVER = "flood"


def flood_group(cluster: str, sender: str) -> Group:
    """Return the one group that a sender's flood is."""
    return Group(cluster, RECEIVER, sender, flood=True)


def is_minor(event: AlertsReceived) -> bool:
    """Return whether something fires, and nothing of P1 or P2."""
    urgency = [alert.priority for alert in event.alerts if not alert.resolved]
    return bool(urgency) and min(urgency) > "P2"


def ended(event: AlertsReceived) -> AlertsReceived | None:
    """Return what an event says is over, None for nothing."""
    alerts = tuple(alert for alert in event.alerts if alert.resolved)
    if len(alerts) == len(event.alerts):
        return event if alerts else None
    return msgspec.structs.replace(event, alerts=alerts) if alerts else None


def belongs(event: AlertsReceived, own: Incident | None) -> bool:
    """Return whether an event is its own group's: that has an incident which is not done with.

    So are copies of what has ended there, which are late.
    """
    if own is None or own.damage is not None:
        return False
    return is_needed(own) or all(
        _is_over(own.alerts.get(alert.fingerprint), alert)
        for alert in event.alerts
        if not alert.resolved
    )


def _is_over(known: Alert | None, alert: Alert) -> bool:
    return known is not None and covers(known, alert.starts_at)


def folded(events: Iterable[AlertsReceived], group: Group, shards: int | Shards) -> AlertsReceived:
    """Return one event of the flood (one or more ``events``); each alert names its group."""
    first, *rest = events
    return msgspec.structs.replace(
        first,
        key=group_stem(group, shards),
        group=group,
        alerts=tuple(alert for event in (first, *rest) for alert in _named(event)),
    )


def _named(event: AlertsReceived) -> Iterable[Alert]:
    for alert in event.alerts:
        key = alert.source_group or event.group.group_key
        yield alert if alert.source_group else msgspec.structs.replace(alert, source_group=key)
