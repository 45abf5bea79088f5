"""``incident-manager store``: the commands that look after what is stored."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from receiver.cli.client import formats_option, print_json
from receiver.cli.config_option import file_option, load
from receiver.errors import IncidentManagerError
from receiver.settings.model import Settings
from receiver.store.embedded.append_only_damage import Damage, How, examine
from receiver.store.embedded.self_repair import acknowledge
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.text.visible import plain
from receiver.upkeep.backup import layout_of, shards_of
from receiver.upkeep.check import check
from receiver.upkeep.files import at_rest, mend_files, plan
from receiver.upkeep.finding import Checked, to_json
from receiver.upkeep.opened import data_folder, opened, runs
from receiver.upkeep.repair import repair

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
