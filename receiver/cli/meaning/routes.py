"""``routes``: which way alerts take, and what an alert would come to, without a running service."""

from pathlib import Path

import click

from receiver.cli.client import formats_option, named_values, print_json
from receiver.cli.config_option import file_option, load
from receiver.cli.meaning.explain import moment
from receiver.cli.meaning.explain_running import given_labels
from receiver.cli.meaning.played import named, show_played
from receiver.paths import runbooks_folder
from receiver.routing_json import alert_json
from receiver.runbooks.catalogue import Catalogue
from receiver.settings.rules import build_assignment
from receiver.text.visible import plain
from routing.duration import parse_duration
from routing.heartbeat import beats
from routing.played import play
from routing.route import Route, RouteTree


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
    name = named({"route": route.id, "matchers": [str(one) for one in route.matchers]})
    team = f", team {route.team}" if route.team else ""
    own = f", every alert is {route.priority}" if route.priority else ""
    return f"{name}{team}{own}"


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
    `explain alert` does the same by the configuration of a running service.
    """
    settings = load(config_file, {})
    catalogue = Catalogue(runbooks_folder(settings.runbooks.path))
    assignment = build_assignment(settings, catalogue.names)
    given = given_labels(labels)
    notes = named_values(annotation, "an annotation")
    after = _after(acknowledged_after)
    beaten = beats(settings.heartbeats, given)
    played = (
        []
        if beaten
        else play(assignment, given, notes, lambda calendar: moment(at, calendar), after)
    )
    body = alert_json(given, beaten, played)
    if output == "json":
        print_json(body)
    else:
        show_played(body)  # type: ignore[arg-type]
    taken = [one["route"] or "root" for one in body["routes"]]
    if expected is not None and expected not in taken:
        raise click.ClickException(f"it takes {', '.join(taken) or 'no route'}, not {expected}")


def _after(text: str | None) -> int:
    try:
        return parse_duration(text) if text else 0
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--acknowledged-after") from None
