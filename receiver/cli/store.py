"""``incident-manager store``: the commands that look after what is stored."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.app.service import VERSION
from receiver.cli.client import formats_option, print_json
from receiver.cli.config_option import file_option, load
from receiver.errors import IncidentManagerError, StoreUnavailableError
from receiver.settings.model import Settings
from receiver.store.embedded.append_only_damage import Damage, How, examine, make_room
from receiver.store.embedded.self_repair import acknowledge
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.text.visible import plain
from receiver.upkeep.archive import STANDARD_OUTPUT, ArchiveWriter, NewFile
from receiver.upkeep.backup import BackedUp, back_up, header, layout_of, shards_of
from receiver.upkeep.check import check
from receiver.upkeep.export import Exported, export
from receiver.upkeep.files import at_rest, mend_files, plan
from receiver.upkeep.finding import Checked, to_json
from receiver.upkeep.opened import data_folder, opened, runs
from receiver.upkeep.repair import repair
from receiver.upkeep.restore import Restored, refuse_unless_empty, restore, verify

T = TypeVar("T")
FOUND = 1
"""Exit code: something is wrong with what is stored."""
NOT_DONE = 2
"""Exit code: it could not be looked at, or not be done."""

NOTHING_CHANGED = "Nothing was changed; --yes does it"
SHOWN = 50
"""Findings that are printed."""

storage_option = click.option(
    "--storage.path", "storage_path", help="Where the embedded store keeps its data."
)


class _NotDoneError(click.ClickException):
    exit_code = NOT_DONE


@click.group()
def store() -> None:
    """Check, repair, back up and restore what is stored."""


def settings_of(config_file: Path | None, storage_path: str | None) -> Settings:
    """Return the settings, of which these commands need where the store is."""
    return load(config_file, {"storage.path": storage_path})


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it; what is in the way is a line of words and the exit code 2."""
    try:
        return asyncio.run(work)
    except IncidentManagerError as error:
        raise refused(str(error)) from None


def refused(words: str) -> click.ClickException:
    """Return the error that ends a command with these words."""
    return _NotDoneError(words)


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except IncidentManagerError as error:
        raise refused(str(error)) from None


@store.command("repair")
@file_option
@storage_option
@click.option("--yes", is_flag=True, help="Do it; without, it is only said what would be done.")
@click.option(
    "--skip",
    "how",
    flag_value=How.SKIP,
    type=How,
    help="Of a damaged append-only file give up only what cannot be read.",
)
@click.option(
    "--truncate",
    "how",
    flag_value=How.TRUNCATE,
    type=How,
    help="Of a damaged append-only file give up everything from the damage on.",
)
@click.option(
    "--acknowledge", "seen", is_flag=True, help="What a start mended by itself is known now."
)
def repair_store(
    config_file: Path | None,
    storage_path: str | None,
    how: How | None,
    *,
    yes: bool,
    seen: bool,
) -> None:
    """Mend what is damaged; a copy of every file is kept. Says first what would be lost."""
    settings = settings_of(config_file, storage_path)
    folder = data_folder(settings)
    if seen:
        _acknowledge(folder)
        return
    if folder is not None and folder.is_dir() and not run(runs(folder)):
        _guarded(lambda: _repair_files(folder, how or How.UNASKED, yes=yes))
    left = run(_repair_records(settings, yes=yes))
    if left:
        raise click.exceptions.Exit(FOUND)


def _acknowledge(folder: Path | None) -> None:
    known = folder is not None and acknowledge(folder)
    click.echo("acknowledged" if known else "nothing was mended by a start lately")


def _repair_files(folder: Path, how: How, *, yes: bool) -> None:
    with at_rest(folder):
        found = examine(folder)
        for line in plan(found, how):
            click.echo(line)
        if found and not yes:
            click.echo(f"{NOTHING_CHANGED}, with --skip or --truncate where named.")
            raise click.exceptions.Exit(FOUND)
        if found:
            for line in mend_files(folder, how):
                click.echo(line)


async def _repair_records(settings: Settings, *, yes: bool) -> int:
    """Return how many findings are left."""
    async with opened(settings) as redis:
        shards = shards_of(await layout_of(redis))
        # Its commits are none of a webhook's, so no tombstone is ever made by it.
        incidents = IncidentStore(redis, shards, tombstone_ttl=0)
        checked = await check(redis, incidents.keys)
        _show(checked)
        if not checked.findings or not yes:
            if checked.findings:
                click.echo(f"{NOTHING_CHANGED}.")
            return len(checked.findings)
        await repair(incidents, checked.findings)
        after = await check(redis, incidents.keys)
        click.echo(f"repaired: {len(checked.findings) - len(after.findings)}")
        if after.findings:
            click.echo("left:")
            _show(after)
        return len(after.findings)


@store.command("check")
@file_option
@storage_option
@formats_option
def check_store(config_file: Path | None, storage_path: str | None, output: str) -> None:
    """Read everything that is stored and say what is wrong with it. Changes nothing."""
    settings = settings_of(config_file, storage_path)
    folder = data_folder(settings)
    damage: list[Damage] = []
    if folder is not None and folder.is_dir() and not run(runs(folder)):
        damage = _guarded(lambda: _examine(folder))
    checked = Checked() if damage else run(_check(settings))
    if output == "json":
        files = [{"file": str(item.path), "problem": item.words} for item in damage]
        print_json({"files": files, **to_json(checked)})
    else:
        for line in plan(damage, How.UNASKED):
            click.echo(line)
        if not damage:
            _show(checked)
    if damage or checked.findings:
        if output != "json":
            click.echo("incident-manager store repair says what would mend it.")
        raise click.exceptions.Exit(FOUND)


def _examine(folder: Path) -> list[Damage]:
    with at_rest(folder):
        return examine(folder)


async def _check(settings: Settings) -> Checked:
    async with opened(settings) as redis:
        layout = await layout_of(redis)
        return await check(redis, [Keys(number) for number in range(shards_of(layout))])


def _show(checked: Checked) -> None:
    for found in checked.findings[:SHOWN]:
        click.echo(plain(f"{found.key}: {found.words} ({found.cure.value})"))
    if len(checked.findings) > SHOWN:
        click.echo(f"... and {len(checked.findings) - SHOWN:,} more (-o json shows all)")
    click.echo(
        f"{checked.incidents:,} incidents ({checked.open:,} open), {checked.tasks:,} tasks:"
        f" {len(checked.findings) or 'nothing'} wrong"
    )


@store.command("backup")
@file_option
@storage_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def backup(config_file: Path | None, storage_path: str | None, file: Path) -> None:
    """Write all that is stored to FILE (- is standard output), also while the service runs."""
    settings = settings_of(config_file, storage_path)
    done = run(_back_up(settings, file))
    click.echo(
        f"{file}: {done.incidents:,} incidents ({done.open:,} open), {done.keys:,} other keys",
        err=True,
    )
    for name in done.unreadable:
        click.echo(f"warning: the record of {name} cannot be read; it is kept as it is", err=True)


async def _back_up(settings: Settings, file: Path) -> BackedUp:
    async with opened(settings) as redis:
        layout = await layout_of(redis)
        if not layout:
            raise StoreUnavailableError("nothing is stored, so there is nothing to back up")
        with NewFile(file) as target:
            writer = ArchiveWriter(target.file, header(layout, VERSION))
            done = await back_up(redis, writer, layout)
            writer.close()
    return done


@store.command("restore")
@file_option
@storage_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore_backup(config_file: Path | None, storage_path: str | None, file: Path) -> None:
    """Write the backup in FILE to an empty store. The service must not run."""
    settings = settings_of(config_file, storage_path)
    done = run(_restore(settings, file))
    made = datetime.fromtimestamp(done.created_at / 1000, UTC).isoformat(timespec="seconds")
    click.echo(
        f"restored the backup of {made}: {done.incidents:,} incidents ({done.open:,} open),"
        f" {done.keys:,} other keys"
    )
    click.echo("What was paged before it is not paged again; deadlines that passed since are due.")


async def _restore(settings: Settings, file: Path) -> Restored:
    head = verify(file, settings.redis.shards)
    folder = data_folder(settings)
    if folder is not None and folder.is_dir():
        if await runs(folder):
            raise StoreUnavailableError("the service runs on this store: stop it first")
        make_room(folder)
    async with opened(settings, create=True) as redis:
        await refuse_unless_empty(redis)
        return await restore(redis, file, head, int(time.time() * 1000))


@store.command("export")
@file_option
@storage_option
@click.option(
    "--state", type=click.Choice(["open", "closed", "all"]), default="all", show_default=True
)
@click.argument(
    "file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), default="-"
)
def export_incidents(
    config_file: Path | None, storage_path: str | None, state: str, file: Path
) -> None:
    """Write incidents as JSON lines, each as the API shows it, to FILE or standard output."""
    settings = settings_of(config_file, storage_path)
    done = run(_export(settings, state, file))
    if file != STANDARD_OUTPUT:
        click.echo(f"{file}: {done.incidents:,} incidents", err=True)
    for problem in done.unreadable:
        click.echo(f"cannot be read: {problem}", err=True)
    if done.unreadable:
        raise click.exceptions.Exit(FOUND)


async def _export(settings: Settings, state: str, file: Path) -> Exported:
    async with opened(settings) as redis:
        shards = [Keys(number) for number in range(shards_of(await layout_of(redis)))]
        with NewFile(file) as target:
            return await export(redis, shards, state, target.file.write)
