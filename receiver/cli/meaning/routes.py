"""``routes``: which way alerts take, and what an alert would come to, without a running service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from receiver.cli.client import formats_option, named_values
from receiver.cli.config_option import file_option, load
from receiver.cli.meaning.explain import moment
from receiver.paths import runbooks_folder
from receiver.runbooks.catalogue import Catalogue
from receiver.settings.rules import build_assignment
from receiver.text.columns import aligned
from receiver.text.times import rfc3339
from receiver.text.visible import plain
from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.calendar import Calendar
from routing.duration import format_duration, parse_duration
from routing.escalation import why
from routing.event import AlertsReceived
from routing.fingerprint import fingerprint_of
from routing.matcher import parse_matchers
from routing.meaning import Recipient
from routing.rehearsal import Rehearsal
from routing.route import Route, RouteTree

_HEAD = ("AFTER", "WHEN", "STEP", "WHO", "WHY")
_MANY = 60
"""Happenings that are shown of a policy that repeats."""


class Played(NamedTuple):
    """One route that the alert takes, and what happens there; ``calendar``: of its priority."""

    route: Route
    alert: Alert
    start: int
    calendar: Calendar
    rehearsal: Rehearsal
    acknowledged_at: int


@click.group()
def routes() -> None:
    """Show the routes of a configuration, and try them."""


@routes.command("show")
@file_option
def show_routes(config_file: Path | None) -> None:
    """Show the tree of routes, as alerts go through it."""
    tree = RouteTree(load(config_file, {}).route)
    for depth, route in tree.walk():
        click.echo(plain(f"{'  ' * depth}{_named(route)}"))


def _named(route: Route) -> str:
    matchers = f" {{{', '.join(str(one) for one in route.matchers)}}}" if route.matchers else ""
    name = f"route {route.id}" if route.id else "root route"
    team = f", team {route.team}" if route.team else ""
    own = f", every alert is {route.priority}" if route.priority else ""
    return f"{name}{matchers}{team}{own}"


@routes.command("test")
@click.argument("labels", nargs=-1, required=True, metavar="LABEL=VALUE...")
@click.option("--annotation", "-a", multiple=True, metavar="NAME=TEXT", help="Repeatable.")
@click.option("--at", metavar="TIME", help="When it opens: RFC 3339 or local [default: now].")
@click.option("--acknowledged-after", metavar="DURATION", help="Somebody takes it then, as in 10m.")
@click.option("--route", "expected", metavar="NAME", help="Fail unless it takes this route.")
@file_option
@formats_option
def test_routes(  # noqa: PLR0913, PLR0917 - one parameter an option
    labels: tuple[str, ...],
    annotation: tuple[str, ...],
    at: str | None,
    acknowledged_after: str | None,
    expected: str | None,
    config_file: Path | None,
    output: str,
) -> None:
    """Show what an alert with these labels would come to: route, priority, runbook, and pages.

    Every timer is played as it would come due, when nobody answers or when somebody does; nobody
    is told. Labels may be written as Alertmanager does: '{alertname="DiskFull", severity="page"}'.
    """
    settings = load(config_file, {})
    catalogue = Catalogue(runbooks_folder(settings.runbooks.path))
    assignment = build_assignment(settings, catalogue.names)
    given = _labels(labels)
    alert = Alert(fingerprint_of(given), given, named_values(annotation, "an annotation"))
    sender = Sender("", "incident-manager", "{}:{}")
    found = [
        _played(assignment, event, at, acknowledged_after)
        for event in assignment.assign((alert,), sender, 1)
    ]
    if output == "json":
        click.echo(json.dumps({"routes": [_json(one) for one in found]}, indent=2))
    for one in found if output != "json" else ():
        for line in _lines(one):
            click.echo(plain(line).rstrip())
    taken = [one.route.id or "root" for one in found]
    if expected is not None and expected not in taken:
        raise click.ClickException(f"it takes {', '.join(taken)}, not {expected}")


def _labels(texts: tuple[str, ...]) -> dict[str, str]:
    """Return labels of ``NAME=VALUE``, or as Alertmanager writes them."""
    found: dict[str, str] = {}
    for text in texts:
        if not text.lstrip().startswith("{"):
            found |= named_values((text,), "a label")
            continue
        try:
            matchers = parse_matchers(text)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if any(one.operator != "=" for one in matchers):
            raise click.UsageError(f"{text!r}: an alert has labels, so write = alone")
        found |= {one.name: one.value for one in matchers}
    return found


def _played(
    assignment: Assignment, event: AlertsReceived, at: str | None, acknowledged: str | None
) -> Played:
    rules = assignment.rules(event.group.route)
    alert = event.alerts[0]
    calendar = rules.clocks[alert.priority].calendar
    start = moment(at, calendar)
    rehearsal = Rehearsal(event, start, rules)
    taken = 0
    if acknowledged:
        try:
            taken = start + parse_duration(acknowledged)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--acknowledged-after") from None
        rehearsal.acknowledge(taken)
        rehearsal.run_acknowledged()
    else:
        rehearsal.run()
    route = assignment.tree.by_id(event.group.route)
    return Played(route, alert, start, calendar, rehearsal, taken)


def _happenings(played: Played) -> list[tuple[int, str, str, str]]:
    """Return (time, step, who, why) of everything that happens, in order."""
    rehearsal = played.rehearsal
    found = [
        (told.at, str(told.step), ", ".join(_recipient(to) for to in told.notify), why(reason))
        for told, reason in zip(rehearsal.told, rehearsal.reasons, strict=True)
    ]
    found += [(at, "", "", f"{clock} deadline missed") for at, clock in rehearsal.passed]
    if played.acknowledged_at:
        found.append((played.acknowledged_at, "", "", "acknowledged"))
    # What ends a clock comes before the page that it leads to.
    return sorted(found, key=lambda one: (one[0], bool(one[1])))


def _recipient(to: Recipient) -> str:
    return f"{to.notifier} {to.mention}" if to.mention else to.notifier


def _lines(played: Played) -> Iterator[str]:
    alert, calendar = played.alert, played.calendar
    yield _named(played.route)
    yield f"  priority  {alert.priority}: {alert.priority_reason}"
    runbook = f"{alert.runbook_url} ({alert.runbook_source})" if alert.runbook_url else "none"
    yield f"  runbook   {runbook}"
    yield f"  opens     {_local(played.start, calendar)} ({calendar.time_zone})"
    rows = [
        (f"+{format_duration(at - played.start)}", _local(at, calendar), step, who, reason)
        for at, step, who, reason in _happenings(played)
    ]
    for line in aligned([_HEAD, *rows[:_MANY]], ">><<<"[: len(_HEAD)]):
        yield f"  {line}"
    if len(rows) > _MANY:
        yield f"  ... and {len(rows) - _MANY} more"
    again = played.rehearsal.rules.clocks[alert.priority].remind_after
    if played.acknowledged_at and again:
        yield f"  whoever has it is asked again every {format_duration(again)}"
    else:
        yield f"  nobody is paged after that{'' if rows else ', nor before'}"


def _local(at: int, calendar: Calendar) -> str:
    return calendar.local(at).strftime("%a %Y-%m-%d %H:%M:%S")


def _json(played: Played) -> dict[str, Any]:
    alert, route = played.alert, played.route
    return {
        "route": route.id or None,
        "matchers": [str(one) for one in route.matchers],
        "team": route.team or None,
        "priority": alert.priority,
        "priority_reason": alert.priority_reason,
        "runbook_url": alert.runbook_url or None,
        "runbook_source": alert.runbook_source,
        "opens_at": rfc3339(played.start),
        "time_zone": played.calendar.time_zone,
        "happenings": [
            {
                "at": rfc3339(at),
                "after_seconds": (at - played.start) / 1000,
                "step": int(step) if step else None,
                "who": who or None,
                "why": reason,
            }
            for at, step, who, reason in _happenings(played)
        ],
    }
