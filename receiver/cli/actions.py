"""Commands for everything people do to an incident besides taking and ending it."""

from collections.abc import Callable
from typing import Any

import click

from receiver.cli.client import (
    by_option,
    call,
    formats_option,
    print_json,
    signed,
    token_option,
    url_option,
)
from receiver.cli.incidents import act
from receiver.text.visible import plain

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
    """Pause all clocks for a while, or until working hours."""
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


@click.command("action-item")
@_common
@click.argument("text")
@click.option("--owner", default="", help="Who is to do it.")
def action_item(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str, by: str, output: str, url: str, token: str, text: str, owner: str
) -> None:
    """Keep what is to be done so that it does not happen again; the review lists it."""
    body = {"by": by, "text": text, "owner": owner}
    act(incident, "action-item", body, (output, url, token))


@click.command("action-item-done")
@_common
@click.argument("number", type=int)
@click.option("--undo", is_flag=True, help="It is not done, after all.")
def action_item_done(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str,
    by: str,
    output: str,
    url: str,
    token: str,
    number: int,
    undo: bool,  # noqa: FBT001 - a flag is a boolean
) -> None:
    """Tick off an action item (its number is in the review)."""
    body = {"by": by, "number": number, "done": not undo}
    act(incident, "action-item-done", body, (output, url, token))


@click.command("merge")
@_common
@click.argument("into")
def merge(incident: str, by: str, output: str, url: str, token: str, into: str) -> None:
    """Let another open incident go on for this one."""
    act(incident, "merge", {"by": by, "into": into}, (output, url, token))


@click.command("priority")
@_common
@click.argument("priority")
@click.option("--reason", default="", help="Why.")
def priority(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str, by: str, output: str, url: str, token: str, priority: str, reason: str
) -> None:
    """Change the priority (P1 to P4); a more urgent one pages anew."""
    body = {"by": by, "priority": priority.upper(), "reason": reason}
    act(incident, "priority", body, (output, url, token))


@click.command("silence")
@_common
@click.option("--for", "span", metavar="DURATION", required=True, help="As in 2h.")
@click.option("--matcher", "matchers", multiple=True, help="As in 'alertname=\"X\"'; repeatable.")
@click.option("--comment", default="", help="Why.")
def silence(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str,
    by: str,
    output: str,
    url: str,
    token: str,
    span: str,
    matchers: tuple[str, ...],
    comment: str,
) -> None:
    """Silence an incident's alerts in Alertmanager; without matchers, what they have in common."""
    body = {"by": by, "for": span, "matchers": list(matchers), "comment": comment}
    act(incident, "silence", body, (output, url, token))


@click.command("unsilence")
@_common
@click.argument("silence_id", metavar="SILENCE")
def unsilence(incident: str, by: str, output: str, url: str, token: str, silence_id: str) -> None:
    """End a silence that was made from an incident (its id is in `incidents show`)."""
    act(incident, "unsilence", {"by": by, "silence": silence_id}, (output, url, token))


@click.command("forget")
@_common
@click.option("--force", is_flag=True, help="Although it is open, or keeps alerts quiet.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(  # noqa: PLR0913 - one parameter an option
    incident: str, by: str, output: str, url: str, token: str, *, force: bool, yes: bool
) -> None:
    """Remove a closed incident for good: record, timeline and deliveries. There is no way back."""
    if not yes:
        shown = call("GET", url, token, f"/v1/incidents/{incident}")
        what = f"{shown['priority']} {shown['state']}: {plain(shown['title'])}"
        # Asked where programs do not read.
        click.confirm(f"Forget {incident} ({what}) for good?", abort=True, err=True)
    act(incident, "forget", {"by": by, "force": force}, (output, url, token))


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
    pairs = [label.partition("=") for label in labels]
    if not all(name and sign for name, sign, _ in pairs):
        raise click.UsageError("a label is written NAME=VALUE")
    body = {
        "title": title,
        "priority": priority.upper(),
        "details": details,
        "labels": {name: value for name, _, value in pairs},
        "by": by,
    }
    answer = call("POST", url, token, "/v1/incidents", json=signed(body))
    if output == "json":
        print_json(answer)
    else:
        incident = answer["incident"] or {}
        click.echo(f"{answer['result']}: {incident.get('id')} {incident.get('priority')}")


LIFE = (
    unacknowledge,
    reopen,
    snooze,
    assign,
    escalate,
    note,
    action_item,
    action_item_done,
    merge,
    priority,
    silence,
    unsilence,
    forget,
    open_incident,
)
"""To be added to the group ``incidents``."""
