"""The commands for what people do to an incident, made of the registry of actions."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import msgspec

from receiver.actions.registry import REGISTRY
from receiver.actions.row import Action, Field, Input
from receiver.cli.client import (
    address_of,
    by_option,
    call,
    formats_option,
    named_values,
    print_json,
    signed,
    token_option,
    url_option,
)
from receiver.text.visible import plain
from routing.handle import ID, is_handle

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _command(name: str, action: Action) -> click.Command:
    """Return the command of one row: its fields are arguments and options."""

    def do(
        incidents: tuple[str, ...], by: str, output: str, url: str, token: str, **given: Any
    ) -> None:
        names = _names(incidents)
        if action.confirm is not None and "yes" in given and not given.pop("yes"):
            for incident in names:
                _confirm(action.confirm.question, incident, url, token)
        body = {"by": by, **_body(action, given)}
        each(names, lambda incident: act(incident, name, body, (output, url, token)))

    command: Callable[..., Any] = do
    for decorate in reversed(tuple(_parameters(action))):
        command = decorate(command)
    words = f"{action.meaning}\n\n{action.note}".strip()
    return click.command(action.command or name, help=words)(command)


def _parameters(action: Action) -> Iterable[Decorator]:
    yield click.argument("incidents", nargs=-1, required=True, metavar="INCIDENT...")
    yield from (_parameter(field) for field in action.fields)
    if action.confirm is not None and not action.at_once:
        yield click.option("--yes", is_flag=True, help="Do not ask.")
    yield from (by_option, formats_option, url_option, token_option)


def _parameter(field: Field) -> Decorator:
    place = field.name.replace("-", "_")
    kind = _type(field)
    if field.positional:
        return click.argument(f"field_{place}", metavar=_metavar(field), type=kind)
    options: dict[str, Any] = {"help": field.help, "required": field.needed, "type": kind}
    if field.input is Input.FLAG:
        options = {"help": field.help, "is_flag": True, "default": "/" in field.option}
    elif field.input in (Input.LIST, Input.CHOICES):
        options["multiple"] = True
    if _metavar(field) != place.upper():
        options["metavar"] = _metavar(field)
    return click.option(field.option or f"--{field.name}", f"field_{place}", **options)


def _metavar(field: Field) -> str:
    if field.choices:
        return "|".join(value for value, _ in field.choices)
    usual = "DURATION" if field.input is Input.DURATION else field.name.replace("-", "_").upper()
    return field.metavar or usual


def _type(field: Field) -> Any:
    if field.input is Input.NUMBER:
        return click.IntRange(field.least)
    return None


def _body(action: Action, given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given, by the names of the API; what was left out is left to the service."""
    named = {field.name.replace("-", "_"): field.name for field in action.fields}
    usual = {
        field.encode_name: field.default
        for field in msgspec.structs.fields(action.body)
        if not field.required
    }
    found = {}
    for place, value in given.items():
        name = named[place.removeprefix("field_")]
        shown = list(value) if isinstance(value, tuple) else value
        if shown not in (None, "", []) and shown != usual.get(name):
            found[name] = shown
    return found


def _confirm(question: str, incident: str, url: str, token: str) -> None:
    shown = call("GET", url, token, address_of("incidents", incident))
    what = f"{shown['priority']} {shown['state']}: {plain(shown['title'])}"
    # Asked where programs do not read.
    click.confirm(f"{incident} ({what}): {question}", abort=True, err=True)


def _names(given: Sequence[str]) -> list[str]:
    """Return the ids that are meant: ``-`` stands for those that come in, one a line."""
    found = []
    for name in given:
        text = sys.stdin.read() if name == "-" else name
        found += [line.split()[0] for line in text.splitlines() if line.strip()]
    # A text without quotes would be ids and one last word.
    wrong = [name for name in found if not (ID.fullmatch(name) or is_handle(name.lower()))]
    if len(found) > 1 and wrong:
        raise click.UsageError(
            f"{wrong[0]!r} is no incident; put a text of several words in quotes"
        )
    return list(dict.fromkeys(found))


def each(names: Sequence[str], do: Callable[[str], None]) -> None:
    """Do it to one after another; exit with 1 when any failed, after all were tried."""
    if len(names) == 1:
        do(names[0])
        return
    if not names:
        click.echo("no incidents")
    failed = 0
    for name in names:
        try:
            do(name)
        except click.ClickException as error:
            failed += 1
            click.echo(f"{name}: {error.message}", err=True)
    if failed:
        raise click.ClickException(f"{failed} of {len(names)} failed")


def act(incident: str, action: str, body: dict[str, Any], options: tuple[str, str, str]) -> None:
    """Do something to an incident and print what came of it; ``options``: output, url, token."""
    output, url, token = options
    answer = call("POST", url, token, address_of("incidents", incident, action), json=signed(body))
    if output == "json":
        print_json(answer)
        return
    shown = answer["incident"]
    result = answer["result"].replace("_", " ")
    click.echo(f"{result}: {shown['priority']} {plain(shown['title'])}" if shown else result)


@click.command("open")
@token_option
@url_option
@formats_option
@by_option
@click.argument("title")
@click.option("--priority", default="", help="P1 to P4; by the rules when left out.")
@click.option("--details", default="", help="What is known so far.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
def open_incident(  # noqa: PLR0913, PLR0917 - one parameter an option
    title: str,
    by: str,
    output: str,
    url: str,
    token: str,
    priority: str,
    details: str,
    labels: tuple[str, ...],
) -> None:
    """Open an incident by hand; it pages like any other."""
    body = {
        "title": title,
        "priority": priority.upper(),
        "details": details,
        "labels": named_values(labels, "a label"),
        "by": by,
    }
    answer = call("POST", url, token, "/v1/incidents", json=signed(body))
    if output == "json":
        print_json(answer)
    else:
        incident = answer["incident"] or {}
        click.echo(f"{answer['result']}: {incident.get('id')} {incident.get('priority')}")


COMMANDS = (*(_command(name, action) for name, action in REGISTRY.items()), open_incident)
"""To be added to the group ``incidents``."""
