"""``incident-manager check-config``: what is wrong with a configuration, and what it means."""

from pathlib import Path

import click

from receiver.alertmanager.check_config import check_alertmanager
from receiver.alertmanager.check_heartbeats import check_heartbeats
from receiver.cli.client import formats_option, print_json
from receiver.cli.config_option import chosen_file, file_option, read
from receiver.cli.meaning.config_table import show
from receiver.errors import IncidentManagerError
from receiver.settings.meaning import to_json
from receiver.settings.model import Settings


@click.command("check-config")
@file_option
@click.option(
    "--alertmanager",
    "alertmanager_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Alertmanager's configuration: warn of what does not go well with this one.",
)
@formats_option
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]"
)
def check_config(
    config_file: Path | None, alertmanager_file: Path | None, file: Path | None, output: str
) -> None:
    """Check a configuration: what is wrong, where, what is allowed; and what it means.

    For each route and priority: who is paged when, by which step, in which hours, until when.
    """
    chosen = chosen_file(file or config_file)
    settings, warnings, *_ = read(chosen, {})
    if alertmanager_file is not None:
        warnings = (*warnings, *_of_alertmanager(alertmanager_file, settings))
    if output == "json":
        print_json(to_json(settings, warnings))
        return
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{chosen}: ok")
    show(settings)


def _of_alertmanager(file: Path, settings: Settings) -> list[str]:
    try:
        return [
            *check_alertmanager(file, settings.incidents),
            *check_heartbeats(file, settings.heartbeats),
        ]
    except IncidentManagerError as error:
        raise click.ClickException(str(error)) from None
