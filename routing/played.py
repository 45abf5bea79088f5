"""What an alert would come to, and what an incident comes to from now on, as nobody answers.

Played with the rules themselves (``rehearsal``): for a configuration and for a service that runs.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.calendar import Calendar
from routing.duration import format_duration
from routing.escalation import why
from routing.fingerprint import fingerprint_of
from routing.incident import Incident
from routing.meaning import Recipient
from routing.rehearsal import Rehearsal
from routing.route import Route
from routing.rules import Clock

OPENS_NONE = "it opens no incident"
MOST, MOST_IN_ALL = 200, 1_000
"""Pages and passed deadlines that are played of a route, and of all that an alert takes: a policy
repeats up to a hundred times, and nobody reads so far."""
GOES_ON = "it goes on"
NOT_PLAYED = "not played: too many routes"
SENDER = Sender("", "incident-manager", "{}:{}")


class Happening(NamedTuple):
    """A page, or the end of a clock, at a moment (ms); ``step`` 0 and nobody where none is paged.

    ``step`` counts through all rounds, from 1.
    """

    at: int
    step: int
    notify: tuple[Recipient, ...]
    why: str


class Played(NamedTuple):
    """One route that an alert takes, and what happens there.

    ``path``: the routes from the root to it. ``clock``: what its priority demands there.
    """

    path: tuple[Route, ...]
    alert: Alert
    start: int
    clock: Clock
    happenings: tuple[Happening, ...]
    end: str

    @property
    def route(self) -> Route:
        """The route that the alert takes."""
        return self.path[-1]


class Ahead(NamedTuple):
    """What is ahead of an incident; ``clock`` as of ``Played``."""

    path: tuple[Route, ...]
    clock: Clock
    happenings: tuple[Happening, ...]
    end: str


def play(
    assignment: Assignment,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    opens: Callable[[Calendar], int],
    acknowledged_after: int = 0,
) -> list[Played]:
    """Return what an alert would come to, on each route that it takes.

    ``opens(calendar)``: when (ms), by the calendar of its priority. ``acknowledged_after`` (ms):
    somebody takes it then, 0 for nobody.
    """
    given = dict(labels)
    alert = Alert(fingerprint_of(given), given, dict(annotations))
    found = []
    for event in assignment.assign((alert,), SENDER, 1):
        rules = assignment.rules(event.group.route)
        (member,) = event.alerts
        clock = rules.clocks[member.priority]
        start = opens(clock.calendar)
        path = assignment.tree.path(event.group.route)
        if member.resolved:
            # Nobody sends it so: it fires all the time, see ``Assignment.always_fires``.
            found.append(Played(path, member, start, clock, (), OPENS_NONE))
            continue
        most = min(MOST, MOST_IN_ALL - sum(len(one.happenings) for one in found))
        if most <= 0:
            found.append(Played(path, member, start, clock, (), NOT_PLAYED))
            continue
        rehearsal = Rehearsal(event, start, rules, most=most)
        taken = start + acknowledged_after if acknowledged_after else 0
        if taken:
            rehearsal.acknowledge(taken)
            rehearsal.run_acknowledged()
        else:
            rehearsal.run()
        marks = [Happening(taken, 0, (), "acknowledged")] if taken else []
        happenings = _happenings(rehearsal, marks)
        found.append(Played(path, member, start, clock, happenings, _end(rehearsal, happenings)))
    return found


def ahead(assignment: Assignment, incident: Incident, now: int) -> Ahead:
    """Return what happens with an incident from now on, while nobody does anything.

    Every page that is on its way counts as delivered.
    """
    route = incident.group.route
    rules = assignment.rules(route)
    path = assignment.tree.path(route)
    # One of a newer release may have a priority that is none here.
    clock = rules.clocks.get(incident.priority) or rules.clocks["P4"]
    if not incident.is_open:
        return Ahead(path, clock, (), "it is over: nothing is due")
    rehearsal = Rehearsal(incident, now, rules, most=MOST)
    marks = []
    try:
        if incident.state == "snoozed":
            rehearsal.run(incident.snoozed_until)
            marks.append(Happening(incident.snoozed_until, 0, (), "the snooze is over"))
        if rehearsal.incident.state == "acknowledged":
            rehearsal.run_acknowledged()
        else:
            rehearsal.run()
    except ValueError:
        # What is stored may be odd; why it is where it is can be said all the same.
        return Ahead(path, clock, _happenings(rehearsal, marks), "it cannot be played further")
    happenings = _happenings(rehearsal, marks)
    return Ahead(path, clock, happenings, _end(rehearsal, happenings))


def _happenings(rehearsal: Rehearsal, marks: Iterable[Happening]) -> tuple[Happening, ...]:
    """Return everything that happens, in order; ``marks``: what else is worth a line."""
    found = [
        Happening(told.at, told.step, told.notify, why(reason))
        for told, reason in zip(rehearsal.told, rehearsal.reasons, strict=True)
    ]
    found += [Happening(at, 0, (), f"{clock} deadline missed") for at, clock in rehearsal.passed]
    found += marks
    # What ends a clock comes before the page that it leads to.
    return tuple(sorted(found, key=lambda one: (one.at, bool(one.step))))


def _end(rehearsal: Rehearsal, happenings: tuple[Happening, ...]) -> str:
    incident = rehearsal.incident
    if rehearsal.is_full:
        return GOES_ON
    again = rehearsal.rules.clocks[incident.priority].remind_after
    if incident.state == "acknowledged" and again:
        return f"whoever has it is asked again every {format_duration(again)}"
    paged = any(one.step for one in happenings)
    return "nobody is paged after that" if paged else "nobody is paged"
