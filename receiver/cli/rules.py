"""``incident-manager rules``: the rules that ship, with links to where one has what they name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from receiver.paths import rules_folder
from routing.config.base import check_url

_LINKS = {"runbook_url": "/runbooks/", "dashboard_url": "/d/"}
"""Annotation -> how the path begins that it ships with."""


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return check_url(value).rstrip("/")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@click.option(
    "--runbooks-at",
    metavar="URL",
    callback=_address,
    help="Where this service is (web.external_url): links to its runbooks begin with it.",
)
@click.option(
    "--dashboards-at",
    metavar="URL",
    callback=_address,
    help="Where Grafana is: links to dashboards begin with it.",
)
def rules(systems: tuple[str, ...], runbooks_at: str | None, dashboards_at: str | None) -> None:
    """Print the rules for Prometheus that ship, as one file.

    They carry paths alone, which this service completes by itself; in Prometheus, Alertmanager and
    Grafana only whole links can be followed. SYSTEM is auto-optimizer, config-manager,
    incident-manager or orchestrator; none means all.
    """
    bases = {"runbook_url": runbooks_at, "dashboard_url": dashboards_at}
    groups = [_linked(group, bases) for file in _files(systems) for group in _groups(file)]
    text = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    click.echo(
        "# Made by `incident-manager rules`: make it again after an update.\n" + text, nl=False
    )


def _files(systems: tuple[str, ...]) -> list[Path]:
    every = {file.stem: file for file in sorted(rules_folder().glob("*.yml"))}
    for name in systems:
        if name not in every:
            raise click.ClickException(f"there is no {name} (allowed: {', '.join(every)})")
    return [every[name] for name in dict.fromkeys(systems or every)]


def _groups(file: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]


def _linked(group: dict[str, Any], bases: Mapping[str, str | None]) -> dict[str, Any]:
    """Return a group whose paths are links, where it was said to what."""
    return {**group, "rules": [_linked_rule(rule, bases) for rule in group["rules"]]}


def _linked_rule(rule: dict[str, Any], bases: Mapping[str, str | None]) -> dict[str, Any]:
    annotations = rule.get("annotations")
    if annotations is None:
        return rule
    linked = {
        name: f"{base}{annotations[name]}"
        for name, base in bases.items()
        if base and annotations.get(name, "").startswith(_LINKS[name])
    }
    return {**rule, "annotations": {**annotations, **linked}}
