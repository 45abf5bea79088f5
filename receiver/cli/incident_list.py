"""The command that lists incidents, page after page."""

import time
from datetime import datetime
from typing import Any

import click

from receiver.cli.client import ago, call, outputs, print_for_programs, token_option, url_option
from receiver.cli.incidents import unreached
from receiver.text.columns import aligned, cut
from routing.alert import PRIORITIES
from routing.incident import OPEN_STATES

PAGE = 1_000
"""The most that the service gives at once."""
TITLE_MAX = 100
_HEAD = ("ID", "PRI", "STATE", "AGE", "ALERTS", "TITLE")
_WIDE = ("TEAM", "WHO", "NEXT DEADLINE", "RUNBOOK")
WATCH_S = 2.0


@click.command("list")
@click.option(
    "--state",
    type=click.Choice(["open", "closed", "all", *OPEN_STATES]),
    default="open",
    show_default=True,
)
@click.option(
    "--priority",
    "-p",
    multiple=True,
    type=click.Choice(PRIORITIES, case_sensitive=False),
    help="Only these; may be given several times.",
)
@click.option("--team", help="Only those of this team.")
@click.option(
    "--label",
    "-l",
    multiple=True,
    metavar="MATCHER",
    help="As service=checkout or env!=test, as in Alertmanager; may be given several times.",
)
@click.option("--text", help="Only those with this in title, labels or summary.")
@click.option(
    "--sort",
    type=click.Choice(["urgent", "newest", "oldest"]),
    default="urgent",
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--all", "everything", is_flag=True, help="However many there are.")
@click.option("-w", "--watch", is_flag=True, help="Show it anew every 2 s, until Ctrl-C.")
@outputs("simple", "wide", "json", "yaml", "name")
@url_option
@token_option
def list_incidents(
    *, limit: int, watch: bool, output: str, url: str, token: str, **asked: Any
) -> None:
    """List incidents: most urgent first, then longest waiting; closed ones by their end."""
    wanted = None if asked.pop("everything") else limit
    given = {name: value for name, value in asked.items() if value}
    while True:
        try:
            body = _read(given, wanted, url, token)
        except click.ClickException as error:
            # What is watched goes on when the service is back.
            if not watch:
                raise
            click.echo(f"{datetime.now().astimezone():%H:%M:%S} {error.message}", err=True)
        else:
            if watch:
                click.clear()
                click.echo(f"{datetime.now().astimezone():%H:%M:%S}  every {WATCH_S:g} s")
            _show(body, output, _words(asked))
        if not watch:
            return
        time.sleep(WATCH_S)


def _show(body: dict[str, Any], output: str, asked: str) -> None:
    rows = body["incidents"]
    if print_for_programs(body, (row["id"] for row in rows), output):
        return
    if not rows:
        click.echo(f"no incidents ({asked})")
        return
    wide = output == "wide"
    table = [_cells(row) + (_more(row) if wide else ()) for row in rows]
    head, *lines = aligned([_HEAD + (_WIDE if wide else ()), *table], "<<<>><<<<<"[: 6 + 4 * wide])
    click.echo(head)
    for row, line in zip(rows, lines, strict=True):
        click.echo(line)
        if row["unreached"]:
            click.echo(f"  ! {unreached(row['unreached'])[:200]}")
    if body["next"]:
        of = f" of {body['total']}" if body["total"] is not None else ""
        click.echo(f"{len(rows)}{of}: the rest with --limit or --all")
    else:
        click.echo(f"{len(rows)} in all")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    opened, title = ago(row["opened_at"]), cut(row["title"], TITLE_MAX)
    return row["id"], row["priority"], row["state"], opened, str(row["firing"]), title


def _more(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of the wide form: who has it, and what is due next."""
    has = row["assigned_to"] or row["acknowledged_by"]
    running = [
        (deadline["due"], name)
        for name, deadline in row["deadlines"].items()
        if not (deadline["met_at"] or deadline["missed_at"] or deadline["paused_at"])
    ]
    due = " ".join(reversed(min(running))) if running else "-"
    return row["team"] or "-", has["name"] if has else "-", due, row["runbook_url"] or "-"


def _read(asked: dict[str, Any], limit: int | None, url: str, token: str) -> dict[str, Any]:
    """Return up to ``limit`` incidents (None: all) as one page."""
    # One that ends while this reads is met again among the closed ones.
    found: dict[str, dict[str, Any]] = {}
    cursor: str | None = None
    while True:
        left = PAGE if limit is None else min(PAGE, limit - len(found))
        params = {**asked, "limit": left, **({"cursor": cursor} if cursor else {})}
        body: dict[str, Any] = call("GET", url, token, "/v1/incidents", params=params)
        found.update((row["id"], row) for row in body["incidents"])
        cursor = body["next"]
        if not cursor or (limit is not None and len(found) >= limit):
            return body | {"incidents": list(found.values())}


def _words(asked: dict[str, Any]) -> str:
    """Return what was asked for, for a list that is empty."""
    given = [asked["state"]]
    for name in ("priority", "team", "label", "text"):
        value = asked[name]
        given += [f"{name} {part}" for part in ([value] if isinstance(value, str) else value or [])]
    return ", ".join(given)
