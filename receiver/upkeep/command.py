"""``incident-manager store``: the commands that look after what is stored."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.command_config import file_option, load
from receiver.errors import IncidentManagerError
from receiver.settings import Settings
from receiver.store.append_only_damage import How, examine
from receiver.store.self_repair import acknowledge
from receiver.upkeep.files import at_rest, mend_files, plan
from receiver.upkeep.opened import data_folder, runs

T = TypeVar("T")
FOUND = 1
"""Exit code: something is wrong with what is stored."""
NOT_DONE = 2
"""Exit code: it could not be looked at, or not be done."""

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
def repair(
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


def _acknowledge(folder: Path | None) -> None:
    known = folder is not None and acknowledge(folder)
    click.echo("acknowledged" if known else "nothing was mended by a start lately")


def _repair_files(folder: Path, how: How, *, yes: bool) -> None:
    with at_rest(folder):
        found = examine(folder)
        for line in plan(found, how):
            click.echo(line)
        if not found:
            click.echo(f"{folder}: the files are whole")
            return
        if not yes:
            click.echo("Nothing was changed; --yes does it, with --skip or --truncate where named.")
            raise click.exceptions.Exit(FOUND)
        for line in mend_files(folder, how):
            click.echo(line)
