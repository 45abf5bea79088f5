"""Commands for everything people do to an incident besides taking and ending it."""

from collections.abc import Callable
from typing import Any

import click

from receiver.command_parts import by_option, formats_option, token_option, url_option
from receiver.commands import act

Command = Callable[..., Any]


def _common(command: Command) -> Command:
    """Add what every command of a person has: the incident, who, how to print, where."""
    for option in (token_option, url_option, formats_option, by_option):
        command = option(command)
    return click.argument("incident")(command)


@click.command("unack")
@_common
def unacknowledge(incident: str, by: str, output: str, url: str, token: str) -> None:
    """Give an incident back: it pages again from the first step."""
    act(incident, "unacknowledge", {"by": by}, (output, url, token))


@click.command("reopen")
@_common
def reopen(incident: str, by: str, output: str, url: str, token: str) -> None:
    """Open a resolved incident again."""
    act(incident, "reopen", {"by": by}, (output, url, token))


@click.command("snooze")
@_common
@click.option("--for", "span", metavar="DURATION", help="As in 1h30m.")
@click.option("--until", metavar="TIME", help="RFC 3339, or working_hours.")
def snooze(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str,
    by: str,
    output: str,
    url: str,
    token: str,
    span: str | None,
    until: str | None,
) -> None:
    """Let all clocks stand still for a while, or until working hours."""
    given = {"for": span, "until": until}
    body = {"by": by, **{name: value for name, value in given.items() if value}}
    act(incident, "snooze", body, (output, url, token))


@click.command("assign")
@_common
@click.argument("to")
def assign(incident: str, by: str, output: str, url: str, token: str, to: str) -> None:
    """Say who works on an incident."""
    act(incident, "assign", {"by": by, "to": to}, (output, url, token))


@click.command("escalate")
@_common
@click.option("--reason", default="", help="Why.")
def escalate(incident: str, by: str, output: str, url: str, token: str, reason: str) -> None:
    """Page the next step of the policy now."""
    act(incident, "escalate", {"by": by, "reason": reason}, (output, url, token))


@click.command("note")
@_common
@click.argument("text")
def note(incident: str, by: str, output: str, url: str, token: str, text: str) -> None:
    """Write something into the timeline; it counts as a status update."""
    act(incident, "note", {"by": by, "text": text}, (output, url, token))


@click.command("merge")
@_common
@click.argument("into")
def merge(incident: str, by: str, output: str, url: str, token: str, into: str) -> None:
    """Let another open incident go on for this one."""
    act(incident, "merge", {"by": by, "into": into}, (output, url, token))


LIFE = (unacknowledge, reopen, snooze, assign, escalate, note, merge)
"""To be added to the group ``incidents``."""
