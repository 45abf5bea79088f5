"""``silences``: those that hold in Alertmanager, and the end of those made from incidents."""

from collections.abc import Sequence
from typing import Any

import click

from receiver.cli.actions import act, each
from receiver.cli.client import (
    by_option,
    call,
    formats_option,
    outputs,
    print_for_programs,
    token_option,
    url_option,
)
from receiver.text.columns import aligned, cut
from receiver.text.visible import plain

TEXT_MAX = 100
_HEAD = ("ID", "STATE", "ENDS", "INCIDENT", "MATCHERS")
_WIDE = ("BY", "CLUSTER", "COMMENT")


@click.group("silences")
def silences() -> None:
    """Look at silences, and end those that were made from incidents."""


@silences.command("list")
@click.option("--ours", is_flag=True, help="Only those that were made from an incident.")
@outputs("simple", "wide", "json", "yaml", "name")
@url_option
@token_option
def list_silences(*, ours: bool, output: str, url: str, token: str) -> None:
    """List the silences that hold in Alertmanager, those that end first.

    Exit code 1 when one of its clusters cannot be asked.
    """
    body = call("GET", url, token, "/v1/silences")
    rows = [row for row in body["silences"] if row["incident"] or not ours]
    if not print_for_programs(body | {"silences": rows}, (row["id"] for row in rows), output):
        _show(rows, is_asked=bool(body["clusters"]), wide=output == "wide")
    _fail(body["clusters"])


def _show(rows: Sequence[dict[str, Any]], *, is_asked: bool, wide: bool) -> None:
    if not rows:
        nobody = "no Alertmanager is configured to be asked: see alertmanagers"
        click.echo("no silences" if is_asked else nobody)
        return
    head = _HEAD + (_WIDE if wide else ())
    table = [_cells(row) + (_more(row) if wide else ()) for row in rows]
    for line in aligned([head, *table], "<" * len(head)):
        click.echo(line)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    matchers = cut(row["matchers"], TEXT_MAX)
    return row["id"], row["state"], row["ends_at"], row["incident"] or "-", matchers


def _more(row: dict[str, Any]) -> tuple[str, ...]:
    return row["created_by"] or "-", row["cluster"] or "-", cut(row["comment"], TEXT_MAX)


def _fail(clusters: Sequence[dict[str, Any]]) -> None:
    wrong = [
        f"{one['cluster']}: {one['problem']}".lstrip(": ") for one in clusters if one["problem"]
    ]
    if wrong:
        raise click.ClickException(
            plain("it is not known which silences hold: " + "; ".join(wrong))
        )


@silences.command("expire")
@click.argument("names", nargs=-1, required=True, metavar="ID...")
@by_option
@formats_option
@url_option
@token_option
def expire(names: Sequence[str], by: str, output: str, url: str, token: str) -> None:
    """End silences before their time: in Alertmanager, and in the incident they were made from.

    What was made elsewhere is Alertmanager's to end.
    """
    body = call("GET", url, token, "/v1/silences")
    known = {row["id"]: row for row in body["silences"]}

    def end(name: str) -> None:
        row = known.get(name)
        if row is None:
            _fail(body["clusters"])
            raise click.ClickException(f"no silence {name} holds: see silences list")
        if not row["incident"]:
            words = f"{name} was made in Alertmanager: end it there, {row['link']}"
            raise click.ClickException(plain(words))
        asked = {"by": by, "silence": name}
        act(row["incident"], "unsilence", asked, (output, url, token))

    each(names, end)
