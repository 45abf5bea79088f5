"""What becomes of an alert when time passes: every timer as it comes due, nothing derived.

Nothing happens outside: it is for people who ask, before there is such an alert, or of an incident
that is there.
"""

from typing import NamedTuple

from routing.decide import decide
from routing.event import AlertsReceived, Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor
from routing.meaning import Recipient, Told
from routing.person_event import Acknowledged
from routing.rules import Rules
from routing.vocabulary import PageReason

SOMEBODY = Actor("somebody", "rehearsal")
FOLLOWED = ("acknowledge", "resolve", "escalate", "quiet", "remind", "delivery", "snooze")
"""Timers that page or end a clock; ``update`` goes on as long as nobody tells anybody anything."""
ONWARD = (*FOLLOWED, "update")
"""Those of an incident that is there already."""
_MOST = 100_000
_LOOKED_AT = 40
"""Timers that are looked at for what comes next: most of them page or end a clock."""
ENDLESS = "it does not come to an end"


class Passed(NamedTuple):
    """A deadline that passed at a moment (ms)."""

    at: int
    clock: str


class Rehearsal:
    """One incident, from its opening at ``start`` (ms), or from there on as it is.

    ``told`` are its pages, ``reasons`` why each was sent. ``last_first``: of what is due at one
    moment the last name comes first, so that an outcome that hangs on the order shows. ``most``: it
    ends after so many pages and passed deadlines, 0 for however many there are.
    """

    def __init__(
        self,
        event: AlertsReceived | Incident,
        start: int,
        rules: Rules,
        *,
        last_first: bool = False,
        most: int = 0,
    ) -> None:
        self.rules = rules
        self._most = most
        self.now = start
        self.told: list[Told] = []
        self.reasons: list[str] = []
        self.passed: list[Passed] = []
        self.update_missed: int | None = None
        self._sign = -1 if last_first else 1
        self.incident = event if isinstance(event, Incident) else self._decide(None, event)

    @property
    def is_full(self) -> bool:
        """Whether it ended early, after as many pages and passed deadlines as were wanted."""
        return bool(self._most) and len(self.told) + len(self.passed) >= self._most

    def _decide(self, incident: Incident | None, event: Event) -> Incident:
        after = decide(incident, event, self.now, self.rules).incident
        if after is None:
            raise ValueError(f"nothing comes of {type(event).__name__}")
        before = incident.pages if incident is not None else {}
        paged = {
            name: page
            for name, page in after.pages.items()
            if page.step != INFORMED and page.seq > (before[name].seq if name in before else 0)
        }
        if paged:
            # One page: whoever is told at a moment is told by one step.
            (step,) = {page.step for page in paged.values()}
            (_at,) = {page.at for page in paged.values()}
            order = {name: at for at, name in enumerate(self._notified(after))}
            # An incident that is there may be asked after by a step that is no more.
            names = sorted(paged, key=lambda name: order.get(name, len(order)))
            to = tuple(Recipient(name, paged[name].mention) for name in names)
            self.told.append(Told(self.now, step + 1, to))
            self.reasons.append(next(iter(paged.values())).reason)
        missed = incident.deadlines if incident is not None else {}
        for clock, deadline in after.deadlines.items():
            if deadline.missed_at and not (clock in missed and missed[clock].missed_at):
                self.passed.append(Passed(deadline.missed_at, clock))
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
        self.incident = self._decide(self.incident, Acknowledged(SOMEBODY))

    def run_acknowledged(self) -> None:
        """Do all that comes due after somebody took it, until they would only be asked again."""
        for _ in range(_MOST):
            timers = self.incident.timers
            due = {name: at for name, at in timers.items() if name in FOLLOWED}
            asked = PageReason.FORGOTTEN in self.reasons or "remind" not in due
            if self.is_full or (asked and not due.keys() & {"resolve", "quiet"}):
                return
            self.run(min(due.values()))
        raise ValueError(ENDLESS)

    def run(self, until: int | None = None) -> None:
        """Do all that comes due until then, or until nothing that pages or ends a clock is left."""
        for _ in range(_MOST):
            timers = self.incident.timers
            due = [(at, name) for name, at in timers.items() if name in (*FOLLOWED, "update")]
            wanted = any(name in FOLLOWED for _at, name in due)
            if (
                self.is_full
                or not due
                or (until is None and not wanted and self.update_missed is not None)
            ):
                return
            first = min(at for at, _name in due)
            if until is not None and first > until:
                return
            names = sorted(name for at, name in due if at == first)[:: self._sign]
            self._pass(first, names[0])
        raise ValueError(ENDLESS)

    def look_ahead(self, most: int) -> None:
        """Do what comes due next, until ``most`` pages and passed deadlines are known."""
        for _ in range(_LOOKED_AT):
            timers = self.incident.timers.items()
            due = sorted((at, name) for name, at in timers if name in ONWARD)
            if not due or len(self.told) + len(self.passed) >= most:
                return
            self._pass(*due[0])

    def _pass(self, at: int, timer: str) -> None:
        """Let a timer come due; every page that was sent is taken to have arrived."""
        self.now = max(self.now, at)
        if timer == "update" and self.update_missed is None:
            self.update_missed = self.now
        paged = {name: page.seq for name, page in self.incident.pages.items()}
        self.incident = self._decide(self.incident, TimerDue(timer, paged))
