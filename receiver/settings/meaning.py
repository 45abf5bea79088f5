"""What a configuration means: for each route and priority whom it pages, when, and until when."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from receiver.settings.check_routes import check_routes
from receiver.settings.model import Settings
from receiver.settings.places import nodes
from receiver.settings.rules import clocks_of, effective
from routing.alert import PRIORITIES
from routing.config.calendar import CalendarConfig
from routing.config.calendar_text import DAY_NAMES
from routing.config.response import DOUBLED
from routing.meaning import Plan, plan_of, unanswered
from routing.route import RouteTree
from routing.rules import Repage
from routing.time_limit import TimeLimit


class Row(msgspec.Struct, frozen=True):
    """A priority on a route: its policy and calendar by name, and what they come to.

    ``informed`` are told and page nobody; ``repage_when`` is the policy's.
    """

    priority: str
    policy: str
    calendar: str
    plan: Plan
    deliver_within: int
    repage_when: str = ""
    informed: tuple[str, ...] = ()


class RouteMeaning(msgspec.Struct, frozen=True):
    """A route: ``id`` as in ``Route``, ``matchers`` those of its own and of all above it.

    ``reached`` is False where no alert can take it. With a priority of its own only that one is
    given to alerts; people may set another.
    """

    id: str
    matchers: tuple[str, ...]
    team: str
    reached: bool
    own_priority: str | None
    rows: tuple[Row, ...]


def meaning(settings: Settings) -> Iterator[RouteMeaning]:
    """Yield what every route means, a parent before its children."""
    _problems, lost = check_routes(settings)
    calendars = {name: config.build() for name, config in settings.calendars.items()}
    for node, route in zip(nodes(settings), RouteTree(settings.route).routes, strict=True):
        clocks = clocks_of(settings, route, calendars)
        chosen = effective(settings, route)
        yield RouteMeaning(
            id=route.id,
            matchers=tuple(str(item) for step in node.line for item in step.config.matchers),
            team=route.team,
            reached=node.place not in lost,
            own_priority=route.priority,
            rows=tuple(
                Row(
                    priority=name,
                    policy=chosen[name].escalation or "",
                    calendar=chosen[name].calendar or "",
                    plan=plan_of(clocks[name]),
                    deliver_within=clocks[name].deliver_within,
                    repage_when=_repage(clocks[name].repage),
                    informed=clocks[name].inform,
                )
                for name in PRIORITIES
            ),
        )


def _repage(rule: Repage | None) -> str:
    if rule is None:
        return ""
    return rule.when.text if rule.when is not None else DOUBLED * rule.doubled


def to_json(settings: Settings, warnings: Sequence[str]) -> dict[str, Any]:
    """Return all of it for programs; durations are texts such as 1h30m."""
    return {
        "warnings": list(warnings),
        "notifiers": [
            {"name": name, "type": config.type, "channel": getattr(config, "channel", None)}
            for name, config in settings.notifiers.items()
        ],
        "calendars": {
            name: {"time_zone": config.time_zone, "hours": hours(config)}
            for name, config in settings.calendars.items()
        },
        "routes": [_route(route) for route in meaning(settings)],
    }


def _route(route: RouteMeaning) -> dict[str, Any]:
    return {
        "route": route.id,
        "matchers": list(route.matchers),
        "team": route.team,
        "reached": route.reached,
        "own_priority": route.own_priority,
        "priorities": [_row(row) for row in route.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    plan = row.plan
    # The first step is due at once; where rounds repeat it, like one without a time of its own.
    after = [
        "0s",
        *(step.after if step.after is None else exact(step.after) for step in plan.steps[1:]),
    ]
    remind = {"after": exact(plan.remind_after), "notify": list(plan.remind)}
    return {
        "priority": row.priority,
        "escalation": row.policy,
        "steps": [
            {
                "after": due,
                "notify": [{"notifier": to.notifier, "mention": to.mention} for to in step.notify],
            }
            for due, step in zip(after, plan.steps, strict=True)
        ],
        "repeat": plan.repeat,
        "round": exact(plan.lap),
        "last_page": last_page(plan),
        "quiet_hours": plan.quiet,
        "calendar": row.calendar,
        "acknowledge_within": None if plan.acknowledge is None else str(plan.acknowledge),
        "resolve_within": None if plan.resolve is None else str(plan.resolve),
        "update_within": None if plan.update is None else str(plan.update),
        "deliver_within": exact(row.deliver_within),
        "remind": remind if plan.remind_after else None,
        "repage_when": row.repage_when or None,
        "informed": list(row.informed),
    }


@lru_cache(maxsize=1024)
def offsets(plan: Plan) -> tuple[int, ...] | None:
    """Return how long (ms) after the first one each page is, None where that depends on the day.

    Where quiet hours hold pages it is that within working hours.
    """
    if plan.acknowledge is not None and plan.acknowledge.kind != "elapsed":
        return None
    always = msgspec.structs.replace(plan, quiet=False)
    return tuple(page.at for page in unanswered(always, 0).pages)


def exact(ms: int) -> str:
    """Return a duration (ms) as a configuration would have it, to the millisecond."""
    return str(TimeLimit("elapsed", ms)) if ms else "0s"


def last_page(plan: Plan) -> str | None:
    """Return how long after the first page the last one is, as in 20m, where that is fixed."""
    found = offsets(plan)
    return None if found is None else exact(found[-1])


def hours(config: CalendarConfig) -> str:
    """Return when a calendar is open, as in ``Mon-Fri 09:00-17:00``."""
    parts: list[tuple[list[int], str]] = []
    for number in sorted(DAY_NAMES.index(name) for name in config.days):
        spans = ", ".join(str(span) for span in config.hours[DAY_NAMES[number]])
        if parts and parts[-1][1] == spans and parts[-1][0][-1] == number - 1:
            parts[-1][0].append(number)
        else:
            parts.append(([number], spans))
    return "; ".join(f"{_days(days)} {spans}" for days, spans in parts)


def _days(numbers: Sequence[int]) -> str:
    first, last = (DAY_NAMES[number].capitalize() for number in (numbers[0], numbers[-1]))
    return first if first == last else f"{first}-{last}"
