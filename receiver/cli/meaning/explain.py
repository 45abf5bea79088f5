"""Commands that explain what the configuration makes of a case, without a running service."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
from pydantic import ValidationError

from receiver.cli.client import formats_option
from receiver.cli.config_option import file_option, load
from receiver.settings.model import Settings
from receiver.settings.rules import effective
from receiver.text.times import rfc3339
from routing.calendar import Calendar
from routing.config.calendar import CalendarConfig
from routing.deadline import explain_due
from routing.duration import format_duration
from routing.route import RouteTree
from routing.time_limit import TimeLimit, parse_within

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INLINE = "given inline"
"""The name of a calendar that is made of the command's own options."""


class Rule(NamedTuple):
    """A deadline as configured; ``within`` is None where only the calendar was asked for."""

    within: TimeLimit | None
    calendar: Calendar
    name: str


def look_up(
    settings: Settings, priority: str | None, clock: str, route: str | None, calendar: str | None
) -> Rule:
    """Return the deadline of a priority's clock on a route, and its calendar.

    ``click.ClickException`` where the configuration has none.
    """
    tree = RouteTree(settings.route)
    ids = [found.id for found in tree.routes]
    if route is not None and route not in ids:
        known = ", ".join(name or "(the root)" for name in ids)
        raise click.ClickException(f"no route {route!r} is configured (routes: {known})")
    within, used = None, calendar or tree.by_id(route or "").calendar or "default"
    where = f" on route {route}" if route else ""
    if priority is not None:
        config = effective(settings, tree.by_id(route or ""))[priority]
        within, used = getattr(config, f"{clock}_within"), calendar or config.calendar or "default"
        if within is None:
            raise click.ClickException(f"{priority} has no {clock} deadline{where}")
    if used not in settings.calendars:
        known = ", ".join(sorted(settings.calendars))
        raise click.ClickException(f"no calendar {used!r} is configured (calendars: {known})")
    name = f"{used}, {priority} {clock}{where}" if priority else used
    return Rule(within, settings.calendars[used].build(), name)


def show_deadline(
    within: TimeLimit, start_ms: int, calendar: Calendar, name: str, output: str
) -> None:
    """Print when something is due and the steps to it; ``output`` is ``simple`` or ``json``."""
    try:
        due = within.due(start_ms, calendar)
        lines = explain_due(within, start_ms, calendar)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if output == "json":
        body = {
            "within": str(within),
            "calendar": name,
            "time_zone": calendar.time_zone,
            "start": _utc(start_ms),
            "due": _utc(due),
            "due_local": calendar.local(due).isoformat(timespec="seconds"),
            "elapsed_ms": due - start_ms,
            "steps": [{"at": _utc(line.at), "text": line.words} for line in lines],
        }
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return
    click.echo(f"{within}, calendar {name} ({calendar.time_zone})")
    for line in lines:
        click.echo(f"  {line.words}")
    click.echo(f"  which is {format_duration(due - start_ms)} after the start")


def _utc(at: int) -> str | None:
    # rfc3339 takes 0 for "not yet"; here somebody may well have asked about 1970.
    return rfc3339(at) or "1970-01-01T00:00:00.000Z"


def moment(text: str | None, calendar: Calendar) -> int:
    """Return the time (ms) of RFC 3339, or of a local time by the calendar's zone; None is now."""
    if text is None:
        return int(datetime.now(UTC).timestamp() * 1000)
    try:
        return calendar.read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--at") from None


def _inline_calendar(
    time_zone: str, hours: tuple[str, ...], country: str | None, subdivision: str | None
) -> Calendar:
    if subdivision and not country:
        raise click.UsageError("--subdivision needs --country")
    holidays = {"country": country, "subdivision": subdivision} if country else None
    given = {"time_zone": time_zone, "holidays": holidays}
    try:
        config = CalendarConfig.model_validate(given | ({"hours": list(hours)} if hours else {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise click.ClickException(f"{place}: {message}" if place else message) from None
    return config.build()


@click.command("deadline")
@click.option("--within", "within", metavar="TEXT", help='As in "8 business hours".')
@click.option(
    "--priority",
    type=click.Choice(["P1", "P2", "P3", "P4"], case_sensitive=False),
    help="Instead of --within: what the configuration gives this priority.",
)
@click.option(
    "--clock",
    type=click.Choice(["acknowledge", "resolve", "update"]),
    default="acknowledge",
    show_default=True,
    help="Which clock of the priority.",
)
@click.option(
    "--at", "at", metavar="TIME", help="When it starts: RFC 3339 or local [default: now]."
)
@click.option("--calendar", "calendar", metavar="NAME", help="A calendar of the configuration.")
@click.option("--route", "route", metavar="NAME", help="A route of the configuration.")
@file_option
@click.option("--time-zone", default="UTC", show_default=True, help="Without --calendar.")
@click.option("--hours", multiple=True, metavar="SPAN", help="As in 09:00-12:00; once a span.")
@click.option("--country", help="Whose holidays count, as in DE.")
@click.option("--subdivision", help="Of the country, as in BE.")
@formats_option
def deadline(  # noqa: PLR0913, PLR0917 - one parameter an option
    within: str | None,
    priority: str | None,
    clock: str,
    at: str | None,
    calendar: str | None,
    route: str | None,
    config_file: Path | None,
    time_zone: str,
    hours: tuple[str, ...],
    country: str | None,
    subdivision: str | None,
    output: str,
) -> None:
    """Show when something is due, and every step to it.

    Weekends, holidays, hours and changes of the clocks are named as they are passed.
    """
    try:
        given = None if within is None else parse_within(within)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--within") from None
    if given and priority:
        raise click.UsageError("give either --within or --priority")
    if given is None or calendar or route:
        rule = look_up(load(config_file, {}), priority, clock, route, calendar)
    else:
        rule = Rule(given, _inline_calendar(time_zone, hours, country, subdivision), INLINE)
    chosen = given or rule.within
    if chosen is None:
        raise click.UsageError("give either --within or --priority")
    show_deadline(chosen, moment(at, rule.calendar), rule.calendar, rule.name, output)
