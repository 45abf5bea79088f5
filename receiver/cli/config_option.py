"""What commands that read a configuration have in common."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from receiver.errors import IncidentManagerError
from receiver.paths import shipped_config
from receiver.settings.load import Loaded, read_settings
from receiver.settings.model import Settings

DEFAULT_FILE = "incident-manager.yml"

file_option = click.option(
    "--config.file",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"YAML configuration [default: {DEFAULT_FILE} here, else the one that ships].",
)


def chosen_file(given: Path | None) -> Path:
    """Return the file given, else the usual one if it is there, else the one that ships."""
    if given is not None:
        return given
    usual = Path(DEFAULT_FILE)
    return usual if usual.exists() else shipped_config()


def load(config_file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Return the settings; ClickException with everything that is wrong with them."""
    return read(config_file, flags).settings


def read(config_file: Path | None, flags: Mapping[str, Any]) -> Loaded:
    """Return the settings and what to warn of; ClickException as for ``load``."""
    try:
        return read_settings(chosen_file(config_file), os.environ, flags)
    except IncidentManagerError as error:
        raise click.ClickException(str(error)) from None
