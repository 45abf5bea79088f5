"""``heartbeats``: each that is expected, and whether it comes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from receiver.cli.client import ago, call, outputs, print_for_programs, token_option, url_option
from receiver.text.columns import aligned
from receiver.text.units import span

_HEAD = ("NAME", "STATE", "LAST BEAT", "DUE")
_WIDE = ("EVERY", "SEVERITY", "MATCHERS")
LATE = ("missing", "unknown")


@click.command("heartbeats")
@click.option("--late", is_flag=True, help="Only those that are missing or not known; else exit 0.")
@outputs("simple", "wide", "json", "yaml", "name")
@url_option
@token_option
def heartbeats(*, late: bool, output: str, url: str, token: str) -> None:
    """List the heartbeats that are expected: the last beat, and when the next one is late.

    With --late the exit code is 1 when there is one.
    """
    body = call("GET", url, token, "/v1/heartbeats")
    rows = [row for row in body["heartbeats"] if not late or row["state"] in LATE]
    if not print_for_programs({"heartbeats": rows}, (row["name"] for row in rows), output):
        _show(rows, late=late, wide=output == "wide")
    if late and rows:
        raise click.exceptions.Exit(1)


def _show(rows: Sequence[dict[str, Any]], *, late: bool, wide: bool) -> None:
    if not rows:
        click.echo("no heartbeat is late" if late else "no heartbeat is expected: see heartbeats")
        return
    table = [_cells(row) + (_more(row) if wide else ()) for row in rows]
    head = _HEAD + (_WIDE if wide else ())
    for line in aligned([head, *table], "<<>><<<"[: len(head)]):
        click.echo(line)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    last = f"{ago(row['last_beat_at'])} ago" if row["last_beat_at"] else "never"
    return row["name"], row["state"], last, _due(row)


def _due(row: dict[str, Any]) -> str:
    if row["state"] in LATE or not row["due_at"]:
        return f"{span(row['late_seconds'])} late" if row["late_seconds"] else "-"
    return str(row["due_at"])


def _more(row: dict[str, Any]) -> tuple[str, ...]:
    every = span(timedelta(seconds=row["interval_seconds"]).total_seconds())
    return every, row["severity"], ", ".join(row["matchers"]) or "-"
