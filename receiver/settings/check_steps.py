"""Steps of a policy that are due before the one they follow, which they cannot come before."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from receiver.config.problem import Problem
from receiver.settings.model import Settings
from receiver.settings.rules import effective
from routing.calendar import Calendar
from routing.config.response import StepConfig
from routing.duration import format_duration
from routing.route import RouteTree
from routing.time_limit import TimeLimit

_HOUR_MS = 3_600_000
_A_MONDAY = 1_772_409_600_000
HOURS_OF_A_WEEK = range(_A_MONDAY, _A_MONDAY + 168 * _HOUR_MS, _HOUR_MS)
"""From 2026-03-02T00:00:00Z (ms) on: what holds at each of them holds always."""


class _Use(NamedTuple):
    """How a priority follows a policy on some route."""

    priority: str
    within: TimeLimit | None
    calendar: str


def check_steps(settings: Settings) -> Iterator[Problem]:
    """Yield the steps that are out of order whoever follows their policy."""
    for policy, config in settings.escalations.items():
        before, at = 0, 0
        for number, step in enumerate(config.steps):
            if step.after is None:
                continue
            if step.after < before:
                words = (
                    f"{format_duration(step.after)} is before step {at + 1}, which is due after"
                    f" {format_duration(before)}: both count from the same start"
                )
                yield Problem(("escalations", policy, "steps", number, "after"), words)
            before, at = step.after, number
    yield from _early(settings, always=True)


def check_steps_of_some(settings: Settings) -> Iterator[Problem]:
    """Yield the steps that are out of order for some of those that follow their policy."""
    return _early(settings, always=False)


def _early(settings: Settings, *, always: bool) -> Iterator[Problem]:
    """Yield the steps with a time before the end of the deadline that the last one waits for."""
    calendars = {name: config.build() for name, config in settings.calendars.items()}
    for policy, uses in _uses(settings).items():
        steps = settings.escalations[policy].steps
        early: dict[int, list[tuple[_Use, int]]] = {}
        for use in uses:
            for number, waiting in _early_of(steps, use.within, calendars.get(use.calendar)):
                early.setdefault(number, []).append((use, waiting))
        for number, found in sorted(early.items()):
            if (len(found) == len(uses)) == always:
                use, waiting = found[0]
                named = ", ".join(dict.fromkeys(one.priority for one, _ in found))
                words = (
                    f"{named}: {format_duration(steps[number].after or 0)} is before step"
                    f" {waiting + 1}, which has no after and so waits for acknowledge_within"
                    f" ({use.within}): both would be notified at the same moment"
                )
                yield Problem(("escalations", policy, "steps", number, "after"), words)


def _uses(settings: Settings) -> dict[str, list[_Use]]:
    """Return how each policy is followed, each way once, by priority."""
    found: dict[str, set[_Use]] = {}
    for route in RouteTree(settings.route).routes:
        for priority, config in effective(settings, route).items():
            use = _Use(priority, config.acknowledge_within, config.calendar or "")
            found.setdefault(config.escalation or "", set()).add(use)
    return {policy: sorted(uses, key=str) for policy, uses in found.items()}


def _early_of(
    steps: Sequence[StepConfig], within: TimeLimit | None, calendar: Calendar | None
) -> list[tuple[int, int]]:
    """Return the steps that are early at whatever hour it starts, each with the waiting one."""
    late = any(step.after is None for step in steps[1:]) and any(step.after for step in steps)
    if within is None or calendar is None or not late:
        return []
    try:
        starts = HOURS_OF_A_WEEK[:1] if within.kind == "elapsed" else HOURS_OF_A_WEEK
        return sorted(
            set.intersection(*(_early_at(steps, within, calendar, start) for start in starts))
        )
    except ValueError:  # said by check_times
        return []


def _early_at(
    steps: Sequence[StepConfig], within: TimeLimit, calendar: Calendar, start: int
) -> set[tuple[int, int]]:
    """Return the early steps of what starts at a moment, as ``routing.meaning`` has them due."""
    deadline = within.due(start, calendar)
    early = set()
    before, waiting = start, 0
    for number, step in enumerate(steps[1:], start=1):
        if step.after is None:
            before = deadline if before < deadline else within.due(before, calendar)
            waiting = number
        elif start + step.after >= before:
            before, waiting = start + step.after, 0
        elif waiting:
            early.add((number, waiting))
    return early
