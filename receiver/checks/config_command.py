"""``incident-manager check-config``: what is wrong with a configuration, and what it means."""

from pathlib import Path

import click

from receiver.check_alertmanager import check_alertmanager
from receiver.command_config import chosen_file, file_option, read
from receiver.errors import IncidentManagerError
from receiver.settings import Settings


@click.command("check-config")
@file_option
@click.option(
    "--alertmanager",
    "alertmanager_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Alertmanager's configuration: warn of what does not go well with this one.",
)
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]"
)
def check_config(
    config_file: Path | None, alertmanager_file: Path | None, file: Path | None
) -> None:
    """Check a configuration and say what is wrong, where, and what is allowed."""
    chosen = chosen_file(file or config_file)
    settings, warnings = read(chosen, {})
    if alertmanager_file is not None:
        warnings = (*warnings, *_of_alertmanager(alertmanager_file, settings))
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    names = ", ".join(f"{name} ({config.type})" for name, config in settings.notifiers.items())
    click.echo(f"{chosen or 'defaults and environment'}: ok")
    click.echo(f"  notifiers    {names}")
    for priority, config in sorted(settings.priorities.items()):
        policy = settings.escalations[config.escalation or ""]
        steps = " -> ".join("+".join(step.notify) for step in policy.steps)
        click.echo(f"  {priority}           {steps}")


def _of_alertmanager(file: Path, settings: Settings) -> list[str]:
    try:
        return check_alertmanager(file, settings.incidents.stale_after)
    except IncidentManagerError as error:
        raise click.ClickException(str(error)) from None
