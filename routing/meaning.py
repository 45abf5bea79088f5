"""What a clock means to people: whom it pages when, and when what is due.

It is derived, not played: ``decide`` is not asked, and the proof ``meaning`` compares what it does.
Taken is that every page is delivered, and that nobody is on call for none of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from routing.calendar import Calendar
from routing.rules import Clock, Step
from routing.time_limit import TimeLimit


class Recipient(msgspec.Struct, frozen=True, omit_defaults=True):
    """A notifier, and whom its page mentions."""

    notifier: str
    mention: str = ""


class PlannedStep(msgspec.Struct, frozen=True):
    """A step: ``after`` ms of the round's start; None: when the acknowledge deadline passes."""

    after: int | None
    notify: tuple[Recipient, ...]


class PlannedPage(NamedTuple):
    """A step in one round of the policy: ``step`` and ``round`` count from 1.

    ``offset`` (ms) is how long after the first page it is due at the earliest; ``fixed``: and then
    at once. The others wait for the acknowledge deadline, or for as long again as it leaves; where
    there is none, time alone brings them not.
    """

    step: int
    round: int
    offset: int
    fixed: bool
    notify: tuple[Recipient, ...]


class Plan(msgspec.Struct, frozen=True):
    """What a priority on a route means. Durations in ms.

    ``quiet``: pages wait until the calendar opens, and their clocks with them. ``lap`` is the
    length of a round, of which ``repeat`` follow on the first.
    """

    steps: tuple[PlannedStep, ...]
    repeat: int
    lap: int
    acknowledge: TimeLimit | None
    resolve: TimeLimit | None
    update: TimeLimit | None
    quiet: bool
    calendar: Calendar
    remind_after: int = 0
    remind: tuple[str, ...] = ()

    def pages(self) -> Iterator[PlannedPage]:
        """Yield every page of the policy in order, round by round."""
        for lap in range(self.repeat + 1):
            for number, step in enumerate(self.steps):
                first = not (lap or number)
                offset = lap * self.lap + (step.after or 0)
                fixed = first or step.after is not None
                yield PlannedPage(number + 1, lap + 1, offset, fixed, step.notify)

    def opening(self, at: int) -> int:
        """Return when a page that is wanted at a moment (ms) goes out."""
        return self.calendar.next_open(at) if self.quiet else at


class Told(NamedTuple):
    """A page at a moment (ms): the ``step`` counted through all rounds, from 1, and whom."""

    at: int
    step: int
    notify: tuple[Recipient, ...]


class Course(NamedTuple):
    """How it goes on when nobody answers: pages, and when the first deadlines pass (ms)."""

    pages: tuple[Told, ...]
    acknowledge: int | None
    update: int | None


class Answer(NamedTuple):
    """How it goes on when somebody acknowledges and does no more (ms; None: there is none).

    ``missed`` is the page that the resolve deadline brings, ``reminded`` the first question whether
    they are still on it.
    """

    resolve: int | None
    missed: Told | None
    reminded: int | None


def plan_of(clock: Clock) -> Plan:
    """Return what a clock means."""
    steps = tuple(
        PlannedStep(
            step.after, tuple(Recipient(name, step.mention_for(name)) for name in step.notify)
        )
        for step in clock.steps
    )
    return Plan(
        steps=steps,
        repeat=clock.rounds - 1,
        lap=clock.lap,
        acknowledge=clock.acknowledge_within,
        resolve=clock.resolve_within,
        update=clock.update_within,
        quiet=clock.quiet,
        calendar=clock.calendar,
        remind_after=clock.remind_after if clock.remind else 0,
        remind=clock.remind,
    )


def _recipients(step: Step) -> tuple[Recipient, ...]:
    return tuple(Recipient(name, step.mention_for(name)) for name in step.notify)


class _Running:
    """A clock that may be held up: when it will be due."""

    def __init__(self, within: TimeLimit, start: int, calendar: Calendar) -> None:
        self._within = within
        self._calendar = calendar
        self.due = within.due(start, calendar)

    def stand_still(self, since: int, until: int) -> None:
        """Let it run on at ``until`` with what was left of it at ``since``, unless it was over."""
        if since < self.due and since < until:
            left = self._within.remaining(since, self.due, self._calendar)
            self.due = self._within.resume(until, left, self._calendar)

    def again(self, at: int) -> int:
        """Return when as long again has passed."""
        return self._within.due(at, self._calendar)


def unanswered(plan: Plan, start: int) -> Course:
    """Return whom an incident that opens at ``start`` (ms) pages when nobody ever answers."""
    acknowledge, update = (
        _Running(within, start, plan.calendar) if within is not None else None
        for within in (plan.acknowledge, plan.update)
    )
    told: list[Told] = []
    began, before = start, start
    for number, page in enumerate(plan.pages(), start=1):
        if not page.fixed and acknowledge is None:
            break
        if page.fixed or acknowledge is None:
            wanted = max(began + page.offset, before)
        elif before < acknowledge.due:
            wanted = acknowledge.due
        else:
            wanted = acknowledge.again(before)
        at = plan.opening(wanted)
        if at > wanted:
            for clock in (acknowledge, update):
                if clock is not None:
                    clock.stand_still(wanted, at)
            # What follows keeps its distance to the page that waited.
            began = max(began, at - page.offset)
        told.append(Told(at, number, page.notify))
        before = at
    due = (clock.due if clock is not None else None for clock in (acknowledge, update))
    return Course(tuple(told), *due)


def answered(plan: Plan, start: int, at: int) -> Answer:
    """Return what becomes of it when somebody acknowledges at ``at`` (ms), and says no more."""
    told = sum(page.at <= at for page in unanswered(plan, start).pages)
    left = list(plan.pages())[told:]
    resolve = plan.resolve.due(at, plan.calendar) if plan.resolve is not None else None
    missed = None
    if resolve is not None and left:
        missed = Told(plan.opening(resolve), told + 1, left[0].notify)
    reminded = plan.opening(at + plan.remind_after) if plan.remind_after else None
    return Answer(resolve, missed, reminded)
