"""``dead-letters``: what was sent and was no alert, shown, mended and sent again."""

import json
from collections.abc import Sequence
from typing import Any, TextIO

import click

from receiver.cli.actions import each
from receiver.cli.client import (
    address_of,
    ago,
    by_option,
    call,
    formats_option,
    outputs,
    print_for_programs,
    print_json,
    signed,
    token_option,
    url_option,
)
from receiver.text.columns import aligned, cut
from receiver.text.visible import plain

REASON_MAX, RAW_MAX = 100, 160
_HEAD = ("ID", "AGE", "PLACE", "REASON")
_WIDE = ("SENT BY", "CLUSTER", "AGAIN")
_FACTS = ("at", "place", "reason", "sender", "sent_by", "cluster", "group_key")


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at what was sent and was no alert, and send it again."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@outputs("simple", "wide", "json", "yaml", "name")
@url_option
@token_option
def list_letters(limit: int, output: str, url: str, token: str) -> None:
    """List dead letters, newest first."""
    body = call("GET", url, token, "/v1/dead-letters", params={"limit": str(limit)})
    rows = body["dead_letters"]
    if print_for_programs(body, (row["id"] for row in rows), output):
        return
    if not rows:
        click.echo("no dead letters")
        return
    wide = output == "wide"
    table = [_cells(row) + (_more(row) if wide else ()) for row in rows]
    columns = len(_HEAD) + len(_WIDE) * wide
    head, *lines = aligned([_HEAD + (_WIDE if wide else ()), *table], "<><<<<<"[:columns])
    click.echo(head)
    for row, line in zip(rows, lines, strict=True):
        click.echo(line)
        if not wide and row["raw"]:
            click.echo(f"    {plain(row['raw'])[:RAW_MAX]}")
    click.echo(f"{len(rows)} of {body['total']}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return row["id"], ago(row["at"]), row["place"] or "$", cut(row["reason"], REASON_MAX)


def _more(row: dict[str, Any]) -> tuple[str, ...]:
    return row["sent_by"] or row["sender"] or "-", row["cluster"] or "-", row["again"] or "yes"


@dead_letters.command("show")
@click.argument("letter", metavar="ID")
@outputs("simple", "json", "yaml", "name")
@url_option
@token_option
def show_letter(letter: str, output: str, url: str, token: str) -> None:
    """Show one of them, with all that is kept of what was sent."""
    body = call("GET", url, token, address_of("dead-letters", letter))
    if print_for_programs(body, [body["id"]], output):
        return
    for name in _FACTS:
        if body[name]:
            click.echo(f"{name.replace('_', ' '):<10} {plain(body[name])}")
    click.echo(f"{'again':<10} {body['again'] or f'incident-manager dead-letters resend {letter}'}")
    click.echo(_indented(body["raw"]) + (" ..." if body["cut"] else ""))


def _indented(raw: str) -> str:
    """Return JSON as people read it; what is none, or only its beginning, as it is."""
    try:
        return json.dumps(json.loads(raw), indent=2)
    except ValueError:
        return plain(raw)


@dead_letters.command("resend")
@click.argument("letters", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--body",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="What it should have been: the notification, or of one alert the alert; - for stdin.",
)
@by_option
@formats_option
@url_option
@token_option
def resend(
    letters: Sequence[str], body: TextIO | None, by: str, output: str, url: str, token: str
) -> None:
    """Send dead letters again, as they are kept or (--body) mended.

    They count as of the time they came, in the group they came in: what an incident has already
    changes nothing and pages nobody. Exit code 1 when one is still no alert.
    """
    mended = _mended(body) if body is not None else None
    if mended is not None and len(letters) > 1:
        raise click.UsageError("--body mends one letter: name one")

    def send(letter: str) -> None:
        asked: dict[str, Any] = {"by": by, **({} if mended is None else {"mended": mended})}
        found = call(
            "POST",
            url,
            token,
            address_of("dead-letters", letter, "resend"),
            json=signed(asked),
        )
        if output == "json":
            print_json(found)
            return
        for one in found["incidents"]:
            click.echo(f"{letter}: {one['result'].replace('_', ' ')}: {one['incident']}")

    each(letters, send)


def _mended(file: TextIO) -> Any:
    try:
        return json.load(file)
    except ValueError as error:
        raise click.UsageError(f"--body is not JSON: {error}") from None
