"""Commands for copies of what is stored."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from receiver.app.routes import VERSION
from receiver.cli.config_option import file_option
from receiver.cli.store.command import FOUND, run, settings_of, storage_option
from receiver.errors import StoreUnavailableError
from receiver.settings.model import Settings
from receiver.store.config import SHARDS_MAX
from receiver.store.embedded.append_only_damage import make_room
from receiver.store.keys import Keys
from receiver.upkeep.archive import STANDARD_OUTPUT, ArchiveWriter, NewFile
from receiver.upkeep.backup import BackedUp, back_up, header, layout_of, shards_of
from receiver.upkeep.export import Exported, export
from receiver.upkeep.opened import data_folder, opened, runs
from receiver.upkeep.reshard import Resharded, reshard
from receiver.upkeep.restore import Restored, refuse_unless_empty, restore, verify


@click.command("backup")
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


@click.command("restore")
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


@click.command("export")
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


@click.command("reshard")
@file_option
@storage_option
@click.argument("shards", type=click.IntRange(1, SHARDS_MAX))
def reshard_store(config_file: Path | None, storage_path: str | None, shards: int) -> None:
    """Spread new groups over SHARDS, more than there are. No service may run on the store.

    What is stored stays where it is. Set redis.shards to the same number before the next start.
    """
    done = run(_reshard(settings_of(config_file, storage_path), shards))
    click.echo(
        f"from {done.before} shards to {done.after}: {done.kept:,} of {done.groups:,} groups stay"
        f" where they would not be now. Set redis.shards: {done.after} before the next start."
    )


async def _reshard(settings: Settings, shards: int) -> Resharded:
    async with opened(settings) as redis:
        return await reshard(redis, shards)


COMMANDS = (backup, restore_backup, export_incidents, reshard_store)
"""To be added to the group ``store``."""
