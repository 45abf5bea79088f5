"""``incident-manager audit``: list, verify and export the audit trail."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from receiver.audit.anchors import read_anchors
from receiver.cli.client import call, formats_option, print_json, token_option, url_option
from receiver.cli.config_option import file_option
from receiver.cli.store.command import FOUND, refused, run, settings_of, storage_option
from receiver.errors import IncidentManagerError
from receiver.settings.model import Settings
from receiver.store.audit.entries import AuditStore
from receiver.store.audit.entry import Numbered, decode_entry, parse_row
from receiver.store.audit.read import AuditReader
from receiver.store.audit.shown import as_json
from receiver.store.audit.verify import Anchor, Fault
from receiver.text.columns import aligned, cut
from receiver.text.visible import plain
from receiver.upkeep.archive import STANDARD_OUTPUT, NewFile
from receiver.upkeep.backup import layout_of, shards_of
from receiver.upkeep.opened import opened

PAGE = 1_000
"""The most that the service gives at once."""
DETAIL_SHOWN = 60
FAULTS_SHOWN = 100
_HEAD = ("NUMBER", "TIME", "PRINCIPAL", "VIA", "ACTION", "OUTCOME", "INCIDENT", "DETAIL")


@click.group("audit")
def audit() -> None:
    """Who did what, and who was refused: list, verify and export the audit trail."""


@audit.command("list")
@click.option("--principal", help="A part of a name, or of a credential's.")
@click.option("--action", help="How the action begins: acknowledge, login, page ...")
@click.option("--incident", help="The id of an incident.")
@click.option("--outcome", help="How the outcome begins: refused, denied, resolved ...")
@click.option("--since", metavar="TIME", help="A time or a day, as 2026-03-02T10:00:00Z.")
@click.option("--until", metavar="TIME", help="The same; a day to its end.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@click.option("--all", "everything", is_flag=True, help="However many there are.")
@formats_option
@url_option
@token_option
def list_entries(limit: int, output: str, url: str, token: str, **asked: Any) -> None:
    """List entries, the latest first."""
    wanted = None if asked.pop("everything") else limit
    body = _read({name: value for name, value in asked.items() if value}, wanted, url, token)
    if output == "json":
        print_json(body)
        return
    rows = body["entries"]
    for line in aligned([_HEAD, *map(_cells, rows)], "><<<<<<<") if rows else ():
        click.echo(line)
    if body["next"]:
        click.echo(f"{len(rows)} entries: the rest with --limit or --all")
    else:
        click.echo(f"{len(rows)} entries in all")


def _read(asked: dict[str, Any], limit: int | None, url: str, token: str) -> dict[str, Any]:
    """Return up to ``limit`` entries (None: all) as one page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        left = PAGE if limit is None else min(PAGE, limit - len(found))
        params = {**asked, "limit": left, **({"cursor": cursor} if cursor else {})}
        body: dict[str, Any] = call("GET", url, token, "/v1/audit", params=params)
        found += body["entries"]
        cursor = body["next"]
        if not cursor or (limit is not None and len(found) >= limit):
            return body | {"entries": found}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    times = f" x {row['times']}" if row["times"] > 1 else ""
    number = f"{row['shard']}/{row['number']}" if row["shard"] else str(row["number"])
    return (
        number,
        row["at"] or "",
        cut(row["principal"] or "", DETAIL_SHOWN),
        row["via"] or "",
        cut(row["action"], DETAIL_SHOWN),
        f"{row['outcome']}{times}",
        row["incident"] or "",
        cut(row["detail"] or "", DETAIL_SHOWN),
    )


@audit.command("verify")
@file_option
@storage_option
@click.option(
    "--anchors",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with anchors, or the log as JSON; audit.anchor_file is read anyway.",
)
@formats_option
def verify(
    config_file: Path | None, storage_path: str | None, files: tuple[Path, ...], output: str
) -> None:
    """Tell which entry was changed, is missing or was inserted; exit code 1 when one was."""
    settings = settings_of(config_file, storage_path)
    try:
        anchors = [
            anchor for file in _anchor_files(settings, files) for anchor in read_anchors(file)
        ]
    except IncidentManagerError as error:
        raise refused(str(error)) from None
    faults, entries, agreed = run(_verify(settings, anchors))
    if output == "json":
        print_json(
            {
                "entries": entries,
                "anchors": len(anchors),
                "anchors_agree": agreed,
                "faults": [_fault(fault) for fault in faults],
            }
        )
    else:
        for fault in faults[:FAULTS_SHOWN]:
            click.echo(plain(fault.text))
        if len(faults) > FAULTS_SHOWN:
            click.echo(f"and {len(faults) - FAULTS_SHOWN} more: -o json has all")
        known = f"{agreed} of {len(anchors)} anchors agree" if anchors else "no anchors given"
        words = f"{len(faults)} faults" if faults else "the chain is whole"
        click.echo(f"{entries:,} entries, {known}: {words}")
    if faults:
        raise click.exceptions.Exit(FOUND)


def _anchor_files(settings: Settings, files: tuple[Path, ...]) -> list[Path]:
    known = settings.audit.anchor_file
    own = [Path(known)] if known and Path(known).exists() else []
    return [*files, *(file for file in own if file not in files)]


async def _verify(settings: Settings, anchors: list[Anchor]) -> tuple[list[Fault], int, int]:
    async with opened(settings) as redis:
        shards = shards_of(await layout_of(redis))
        return await AuditReader(AuditStore(redis, shards)).verify(anchors)


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "shard": fault.shard,
        "kind": fault.kind,
        "first": fault.first,
        "last": fault.last,
        "words": fault.text,
    }


@audit.command("export")
@file_option
@storage_option
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), default="-"
)
def export(config_file: Path | None, storage_path: str | None, file: Path) -> None:
    """Write all entries as JSON lines, the oldest first, to FILE or standard output."""
    settings = settings_of(config_file, storage_path)
    number, unreadable = run(_export(settings, file))
    if file != STANDARD_OUTPUT:
        click.echo(f"{file}: {number:,} entries", err=True)
    if unreadable:
        click.echo(f"{unreadable} rows cannot be read: see incident-manager audit verify", err=True)
        raise click.exceptions.Exit(FOUND)


async def _export(settings: Settings, file: Path) -> tuple[int, int]:
    async with opened(settings) as redis:
        shards = shards_of(await layout_of(redis))
        reader = AuditReader(AuditStore(redis, shards))
        with NewFile(file) as target:
            return await _write_all(reader, shards, target.file.write)


async def _write_all(
    reader: AuditReader, shards: int, write: Callable[[bytes], object]
) -> tuple[int, int]:
    """Return how many entries were written, and how many rows could not be read."""
    number = unreadable = 0
    for shard in range(shards):
        async for _, _, rows in reader.rows(shard):
            unreadable += rows is None
            for raw in rows or ():
                row = parse_row(raw)
                entry = decode_entry(row.content) if row is not None else None
                if row is None or entry is None:
                    unreadable += 1
                    continue
                shown = as_json(Numbered(shard, row.number, row.link, entry))
                write(json.dumps(shown, ensure_ascii=False).encode() + b"\n")
                number += 1
            await asyncio.sleep(0)
    return number, unreadable
