"""Prints what a configuration means, as a table for people.

Routes that mean the same are one part of it, or hundreds of them would say little.
"""

from collections.abc import Iterable, Iterator, Sequence

import click

from receiver.settings.meaning import (
    RouteMeaning,
    Row,
    exact,
    hours,
    last_page,
    meaning,
    offsets,
)
from receiver.settings.model import Settings
from receiver.text.columns import aligned
from receiver.text.visible import plain
from routing.config.response import DOUBLED
from routing.meaning import PlannedPage, Recipient

_NAMED = 20
"""Routes of one meaning that are named one by one."""
_HEAD = ("PRIORITY", "STEP", "WHEN", "HOURS", "WHO")
_LEAST = (9, 5, 26, 10)
"""Cells of the columns, so that those of all routes stand below each other."""


def show(settings: Settings) -> None:
    """Print who is told of what, when, by which step, in which hours and until when."""
    for line in lines(settings):
        click.echo(plain(line).rstrip())


def lines(settings: Settings) -> Iterator[str]:
    """Yield the lines of the table."""
    yield from _notifiers(settings)
    yield from _calendars(settings)
    for routes in _alike(meaning(settings)):
        yield ""
        yield from _names(routes)
        yield _columns([_HEAD])[0]
        own = routes[0].own_priority
        for row in routes[0].rows:
            if own in (None, row.priority):
                yield from _row(row)


def _notifiers(settings: Settings) -> Iterator[str]:
    yield "notifiers"
    for name, config in settings.notifiers.items():
        channel = getattr(config, "channel", None)
        yield f"  {name}: {config.type}{f' {channel}' if channel else ''}"


def _calendars(settings: Settings) -> Iterator[str]:
    yield "calendars"
    for name, config in settings.calendars.items():
        place = config.holidays
        without = f", but for holidays of {place.country}" if place else ""
        without += f" ({place.subdivision})" if place and place.subdivision else ""
        dates = len(config.closed) + len(config.open)
        own = f" and {dates} dates of its own" if dates else ""
        yield f"  {name}: {hours(config)} {config.time_zone}{without}{own}"


def _alike(routes: Iterable[RouteMeaning]) -> Iterator[list[RouteMeaning]]:
    """Yield the routes that mean the same, in the order of their first ones."""
    groups: dict[object, list[RouteMeaning]] = {}
    for route in routes:
        if route.reached:
            groups.setdefault((route.own_priority, route.rows), []).append(route)
    yield from groups.values()


def _names(routes: list[RouteMeaning]) -> Iterator[str]:
    for route in routes[:_NAMED]:
        matchers = f" {{{', '.join(route.matchers)}}}" if route.matchers else ""
        every = "" if route.matchers or not route.id else ", every alert that comes to it"
        team = f", team {route.team}" if route.team else ""
        name = f"route {route.id}" if route.id else "root route, everything else"
        yield f"{name}{matchers}{every}{team}"
    if len(routes) > _NAMED:
        yield f"and {len(routes) - _NAMED} more routes"
    if routes[0].own_priority:
        yield f"  every alert on it is {routes[0].own_priority}"


def _row(row: Row) -> Iterator[str]:
    plan = row.plan
    fixed = offsets(plan)
    first = row.priority
    cells = []
    for number, page in enumerate(plan.pages()):
        if page.round > 1:
            break
        when = _when(row, page, fixed[number] if fixed and number < len(fixed) else None)
        who = ", ".join(_recipient(to) for to in page.notify)
        cells.append((first, str(page.step), when, row.calendar if plan.quiet else "any", who))
        first = ""
    yield from _columns(cells)
    for words in (*_rounds(row), *_rest(row)):
        yield f"{'':<12}{words}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = aligned(rows, "<" * len(_HEAD), least=_LEAST, gap=" ")
    return [f"  {line}" for line in lines]


def _recipient(to: Recipient) -> str:
    return f"{to.notifier} {to.mention}" if to.mention else to.notifier


def _when(row: Row, page: PlannedPage, offset: int | None) -> str:
    plan = row.plan
    if not page.offset and page.fixed:
        return "at once"
    if offset is not None:
        return f"+{exact(offset)}"
    if page.fixed:
        after = any(step.after is None for step in plan.steps[1 : page.step])
        return f"+{exact(page.offset)}" + (f", not before step {page.step - 1}" if after else "")
    if plan.acknowledge is None:
        return "not by time"
    again = any(step.after is None for step in plan.steps[1 : page.step - 1])
    return f"{'another ' if again else '+'}{plan.acknowledge}"


def _rounds(row: Row) -> Iterator[str]:
    plan = row.plan
    until = last_page(plan)
    last = f" (+{until})" if until else ""
    steps = "the step" if len(plan.steps) == 1 else "the steps"
    if plan.repeat:
        times = "once" if plan.repeat == 1 else f"{plan.repeat} times"
        yield f"{steps} again, {times} more; nobody is paged after the last{last}"
    else:
        yield f"nobody is paged after that{last}"


def _rest(row: Row) -> Iterator[str]:
    plan = row.plan
    hours = f"pages and their clocks wait for {row.calendar}; " if plan.quiet else ""
    resolve = f", resolve within {plan.resolve} of that" if plan.resolve is not None else ""
    update = f", update every {plan.update}" if plan.update is not None else ""
    within = f"acknowledge within {plan.acknowledge}"
    if plan.acknowledge is None:
        within = "no deadline to acknowledge"
        resolve = resolve.replace("that", "acknowledging")
    yield f"{hours}{within}{resolve}{update}{_calendar(row)}"
    if plan.remind_after:
        asked = ", ".join(plan.remind)
        yield f"acknowledged, then silence: asked again every {exact(plan.remind_after)} ({asked})"
    if row.repage_when:
        doubled = "what fires has doubled"
        yield f"paged again when {doubled if row.repage_when == DOUBLED else row.repage_when}"
    if row.informed:
        yield f"informed, not paged: {', '.join(row.informed)}"


def _calendar(row: Row) -> str:
    plan = row.plan
    business = any(
        within is not None and within.kind != "elapsed"
        for within in (plan.acknowledge, plan.resolve, plan.update)
    )
    return f" (calendar {row.calendar})" if business and not plan.quiet else ""
