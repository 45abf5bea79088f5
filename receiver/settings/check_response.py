"""What priorities and policies demand at once and cannot have."""

from collections.abc import Iterator, Mapping

from receiver.config.problem import Place, Problem
from receiver.settings.check_steps import HOURS_OF_A_WEEK, check_steps
from receiver.settings.check_unused import Given
from receiver.settings.model import Settings
from receiver.settings.places import nearest, nodes
from receiver.settings.rules import effective
from routing.calendar import Calendar
from routing.config.response import PriorityConfig
from routing.route import RouteTree
from routing.time_limit import TimeLimit


def check_response(settings: Settings, given: Given) -> Iterator[Problem]:
    """Yield what contradicts itself; places where nothing is written are not spoken of."""
    seen: set[Place] = set()
    calendars = {name: config.build() for name, config in settings.calendars.items()}
    for node, route in zip(nodes(settings), RouteTree(settings.route).routes, strict=True):
        for priority, config in effective(settings, route).items():
            for fields, words in _contradictions(config, calendars):
                places = [nearest(node, priority, field) for field in fields]
                place = next((place for place in places if given(place)), None)
                if place is not None and place not in seen:
                    seen.add(place)
                    yield Problem(place, f"{priority}: {words}")
    yield from check_steps(settings)
    incidents = settings.incidents
    if 0 < incidents.retention < incidents.reopen_within:
        words = "is longer than incidents.retention: what is forgotten cannot be reopened"
        yield Problem(("incidents", "reopen_within"), words)


def _contradictions(
    config: PriorityConfig, calendars: Mapping[str, Calendar]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the two settings of a priority that contradict each other, and in what."""
    acknowledge, resolve = config.acknowledge_within, config.resolve_within
    calendar = calendars.get(config.calendar or "")
    if calendar is None:
        return
    if acknowledge is None:
        return
    if resolve is not None and _always_before(resolve, acknowledge, calendar):
        words = (
            f"resolve_within {resolve} is over before acknowledge_within {acknowledge}: whoever"
            " may take that long to answer cannot be done sooner; give resolve_within at least as"
            " long, or off"
        )
        yield ("resolve_within", "acknowledge_within"), words
    within = TimeLimit("elapsed", config.deliver_within)
    if _always_before(acknowledge, within, calendar):
        words = (
            f"deliver_within {within} is over after acknowledge_within {acknowledge}: a page would"
            " still be on its way when its answer is late; set it shorter"
        )
        yield ("deliver_within", "acknowledge_within"), words


def _always_before(first: TimeLimit, second: TimeLimit, calendar: Calendar) -> bool:
    """Return whether the first is due before the second, at whatever hour both start."""
    if first.kind == second.kind:
        return first.amount < second.amount
    try:
        return all(first.due(at, calendar) < second.due(at, calendar) for at in HOURS_OF_A_WEEK)
    except ValueError:  # said by check_times
        return False
