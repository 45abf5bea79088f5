"""What the settings say about time: calendars exist, and every deadline can be reached."""

from collections.abc import Iterable, Mapping

from receiver.config.problem import Place, Problem
from receiver.settings.model import Settings
from routing.calendar import Calendar
from routing.config.calendar import CalendarConfig
from routing.config.response import DEADLINES, PriorityChange, PriorityConfig
from routing.config.route import RouteConfig

_URGENT = ("P1", "P2")
_SOME_DAY = 1_772_445_600_000
"""2026-03-02T10:00:00Z: from there on a deadline is tried out."""


def check_times(settings: Settings, calendars: Mapping[str, CalendarConfig]) -> Iterable[Problem]:
    """Yield what is wrong with calendars, quiet hours and deadlines."""
    places: list[tuple[Place, str | None]] = [
        (("priorities", name, "calendar"), config.calendar)
        for name, config in settings.priorities.items()
    ]
    routes = list(_routes(settings.route, ("route",)))
    for path, route in routes:
        places.append(((*path, "calendar"), route.calendar))
        places += [
            ((*path, "priorities", name, "calendar"), change.calendar)
            for name, change in route.priorities.items()
        ]
    for path, calendar in places:
        if calendar is not None and calendar not in calendars:
            yield Problem(path, f"unknown calendar {calendar!r}", tuple(sorted(calendars)))
    built = {name: config.build() for name, config in calendars.items()}
    for name, config in settings.priorities.items():
        yield from _check_priority(("priorities", name), name, config, built)
    for path, route in routes:
        for name, change in route.priorities.items():
            yield from _check_priority((*path, "priorities", name), name, change, built)


def _routes(route: RouteConfig, path: Place) -> Iterable[tuple[Place, RouteConfig]]:
    yield path, route
    for number, child in enumerate(route.routes):
        yield from _routes(child, (*path, "routes", number))


def _check_priority(
    path: Place,
    name: str,
    config: PriorityConfig | PriorityChange,
    calendars: Mapping[str, Calendar],
) -> Iterable[Problem]:
    if config.quiet_hours and name in _URGENT:
        yield Problem((*path, "quiet_hours"), "only P3 and P4 can wait for working hours")
    for clock in DEADLINES:
        within = getattr(config, clock)
        # Which calendar it will be is known only on a route: all of them must come to it.
        for calendar in calendars.values() if within is not None else ():
            try:
                within.due(_SOME_DAY, calendar)
            except ValueError as error:
                yield Problem((*path, clock), str(error))
                break
