"""What the rules do to an alert when time passes: every timer as it comes due, nothing derived."""

import msgspec

from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.decide import decide
from routing.event import AlertsReceived, TimerDue
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor
from routing.meaning import Answer, Course, Recipient, Told
from routing.person_event import Acknowledged
from routing.rules import Rules

ANN = Actor("U1", "ann", "slack")
_FOLLOWED = ("acknowledge", "resolve", "escalate", "quiet", "remind", "delivery")
_MOST = 100_000


def received(assignment: Assignment, route: str, labels: dict[str, str], at: int) -> AlertsReceived:
    """Return what an alert with these labels becomes on a route; it has to take that route."""
    alert = Alert(fingerprint="a", labels={"alertname": "Test", **labels}, starts_at=at)
    events = assignment.assign((alert,), Sender("", "incident-manager", "{}:{}"), 1)
    (event,) = [event for event in events if event.group.route == route]
    return event


class Played:
    """One incident, from its opening at ``start`` (ms). ``last_first``: of what is due at one
    moment the last name comes first, so that an outcome that hangs on the order shows."""

    def __init__(
        self, event: AlertsReceived, start: int, rules: Rules, *, last_first: bool
    ) -> None:
        self.rules = rules
        self.now = start
        self.told: list[Told] = []
        self.reasons: list[str] = []
        self.update_missed: int | None = None
        self._sign = -1 if last_first else 1
        self.incident = self._decide(None, event)

    def _decide(self, incident: Incident | None, event: object) -> Incident:
        decision = decide(incident, event, self.now, self.rules)  # type: ignore[arg-type]
        after = decision.incident
        assert after is not None
        before = incident.pages if incident is not None else {}
        paged = {
            name: page
            for name, page in after.pages.items()
            if page.step != INFORMED and page.seq > (before[name].seq if name in before else 0)
        }
        if paged:
            steps = {page.step for page in paged.values()}
            assert len(steps) == 1
            assert {page.at for page in paged.values()} == {self.now}
            order = {name: at for at, name in enumerate(self._notified(after))}
            names = sorted(paged, key=lambda name: order[name])
            to = tuple(Recipient(name, paged[name].mention) for name in names)
            self.told.append(Told(self.now, steps.pop() + 1, to))
            self.reasons.append(next(iter(paged.values())).reason)
        return after

    def _notified(self, incident: Incident) -> tuple[str, ...]:
        """Return the notifiers of the step it is at, in the order they are configured."""
        clock = self.rules.clocks[incident.priority]
        step = clock.step(incident.step)
        return tuple(dict.fromkeys((*(step.notify if step is not None else ()), *clock.remind)))

    def acknowledge(self, at: int) -> None:
        """Let somebody take it."""
        self.run(at)
        self.now = at
        self.incident = self._decide(self.incident, Acknowledged(ANN))

    def run(self, until: int | None = None) -> None:
        """Do all that comes due until then, or until nothing that pages or ends a clock is left."""
        for _ in range(_MOST):
            timers = self.incident.timers
            due = [(at, name) for name, at in timers.items() if name in (*_FOLLOWED, "update")]
            wanted = any(name in _FOLLOWED for _at, name in due)
            if not due or (until is None and not wanted and self.update_missed is not None):
                return
            first = min(at for at, _name in due)
            if until is not None and first > until:
                return
            names = sorted(name for at, name in due if at == first)[:: self._sign]
            self.now = max(self.now, first)
            if names[0] == "update" and self.update_missed is None:
                self.update_missed = self.now
            paged = {name: page.seq for name, page in self.incident.pages.items()}
            self.incident = self._decide(self.incident, TimerDue(names[0], paged))
        raise AssertionError("it does not come to an end")


def unanswered(event: AlertsReceived, start: int, rules: Rules, *, last_first: bool) -> Course:
    """Return what happens when nobody answers."""
    played = Played(event, start, rules, last_first=last_first)
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
    played = Played(event, start, rules, last_first=last_first)
    played.acknowledge(at)
    first = len(played.told)
    resolve = played.incident.deadlines.get("resolve")
    for _ in range(_MOST):
        due = {name: when for name, when in played.incident.timers.items() if name in _FOLLOWED}
        asked = "forgotten" in played.reasons or "remind" not in due
        if asked and not due.keys() & {"resolve", "quiet"}:
            break
        played.run(min(due.values()))
    came = list(zip(played.reasons[first:], played.told[first:], strict=True))
    reminded = next((told.at for reason, told in came if reason == "forgotten"), None)
    missed = next((told for reason, told in came if reason != "forgotten"), None)
    return Answer(resolve.due if resolve is not None else None, missed, reminded)


def with_priority(event: AlertsReceived, priority: str) -> AlertsReceived:
    """Return the event as if its alerts had this priority."""
    alerts = tuple(msgspec.structs.replace(alert, priority=priority) for alert in event.alerts)
    return msgspec.structs.replace(event, alerts=alerts)
