"""``explain status``: what outsiders would read of an alert, before there is one."""

import json
from pathlib import Path
from typing import Any

import click

from receiver.cli.client import formats_option, named_values
from receiver.cli.config_option import file_option, load
from receiver.settings.model import Settings
from routing.priority import Classifier
from routing.route import RouteTree
from routing.status_rule import IMPACT_WORDS


@click.command("status")
@click.argument("labels", nargs=-1, required=True, metavar="LABEL=VALUE...")
@file_option
@formats_option
def explain_status(labels: tuple[str, ...], config_file: Path | None, output: str) -> None:
    """Show what the public status page would say of an alert with these labels."""
    given = named_values(labels, "a label")
    found = _found(load(config_file, {}), given)
    if output == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo(f"{found['priority']} ({found['reason']}): {found['result']}")
    for name, impact in found["components"].items():
        click.echo(f"  {name}: {IMPACT_WORDS[impact]}")
    for name, text in found["wordings"].items():
        click.echo(f"  {name:<13} {text}")


def _found(settings: Settings, labels: dict[str, str]) -> dict[str, Any]:
    rule = settings.status_page.rule(settings.web.clusters)
    if rule is None:
        raise click.ClickException("there is no status page: set status_page.components")
    route = RouteTree(settings.route).match(labels)[0]
    priority, reason = Classifier(settings.classify).classify(labels, {})
    if route.priority:
        priority, reason = route.priority, f"route {route.id or 'root'}"
    hit = rule.hit([labels], priority)
    result = "on the status page"
    if not hit:
        result = "not on the status page: no component has matchers for it"
    elif priority not in rule.priorities:
        wanted = " and ".join(sorted(rule.priorities)) or "no priority"
        result = f"only when a person publishes it: by themselves {wanted} appear"
    elif not rule.automatic:
        result = "only when a person publishes it: status_page.automatic is off"
    elif settings.status_page.senders:
        result += f", from {' and '.join(settings.status_page.senders)} alone"
    return {
        "priority": priority,
        "reason": reason,
        "result": result,
        "components": hit,
        "wordings": {name: rule.word(name, hit, labels) for name in rule.wordings} if hit else {},
    }
