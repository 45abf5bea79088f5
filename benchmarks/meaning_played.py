"""What the rules do to an alert when time passes: every timer as it comes due, nothing derived."""

import msgspec

from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.event import AlertsReceived
from routing.meaning import Answer, Course
from routing.rehearsal import Rehearsal
from routing.rules import Rules


def received(assignment: Assignment, route: str, labels: dict[str, str], at: int) -> AlertsReceived:
    """Return what an alert with these labels becomes on a route; it has to take that route."""
    alert = Alert(fingerprint="a", labels={"alertname": "Test", **labels}, starts_at=at)
    events = assignment.assign((alert,), Sender("", "incident-manager", "{}:{}"), 1)
    (event,) = [event for event in events if event.group.route == route]
    return event


def unanswered(event: AlertsReceived, start: int, rules: Rules, *, last_first: bool) -> Course:
    """Return what happens when nobody answers."""
    played = Rehearsal(event, start, rules, last_first=last_first)
    played.run()
    deadline = played.incident.deadlines.get("acknowledge")
    missed = None
    if deadline is not None:
        missed = deadline.missed_at if deadline.missed_at == deadline.due else -1
    return Course(tuple(played.told), missed, played.update_missed)


def answered(
    event: AlertsReceived, start: int, at: int, rules: Rules, *, last_first: bool
) -> Answer:
    """Return what happens when somebody acknowledges at ``at`` (ms) and does no more."""
    played = Rehearsal(event, start, rules, last_first=last_first)
    played.acknowledge(at)
    first = len(played.told)
    resolve = played.incident.deadlines.get("resolve")
    played.run_acknowledged()
    came = list(zip(played.reasons[first:], played.told[first:], strict=True))
    reminded = next((told.at for reason, told in came if reason == "forgotten"), None)
    missed = next((told for reason, told in came if reason != "forgotten"), None)
    return Answer(resolve.due if resolve is not None else None, missed, reminded)


def with_priority(event: AlertsReceived, priority: str) -> AlertsReceived:
    """Return the event as if its alerts had this priority."""
    alerts = tuple(msgspec.structs.replace(alert, priority=priority) for alert in event.alerts)
    return msgspec.structs.replace(event, alerts=alerts)
