"""Which of our metrics the rules and the dashboards ask for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from receiver.cli.checks.rule_files import RulesError, SystemRules

_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^{}]*)\}")
_MATCHER = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!=|!~|=)\s*"((?:[^"\\]|\\.)*)"')
MADE_BY_PROMETHEUS = ("up", "scrape_", "ALERTS")
LABELS_OF_PROMETHEUS = frozenset({"job", "instance", "le"})


class Queried(NamedTuple):
    """A metric with the labels its selector names, and the rule or panel that asks for it."""

    name: str
    labels: frozenset[str]
    place: str


def queried(systems: list[SystemRules], dashboards: Path, job: str) -> list[Queried]:
    """Return what all rules and dashboards ask of a job; RulesError."""
    found = [
        one
        for system in systems
        for name, expression in (system.recorded | system.alerts).items()
        for one in selectors(expression, job, f"rules/{system.system}.yml, {name}")
    ]
    for file in sorted(dashboards.glob("*.json")):
        try:
            board = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RulesError(f"{file}: cannot be read: {error}") from None
        for title, expression in _expressions(board, ""):
            found += selectors(expression, job, f"{file.stem}, {title}")
    return found


def selectors(expression: str, job: str, place: str) -> Iterator[Queried]:
    """Yield the metrics of a job that an expression selects."""
    for name, inner in _SELECTOR.findall(expression):
        matchers = _MATCHER.findall(inner)
        ours = ("job", "=", job) in matchers
        if ours and not name.startswith(MADE_BY_PROMETHEUS):
            labels = frozenset(label for label, _, _ in matchers) - LABELS_OF_PROMETHEUS
            yield Queried(name, labels, place)


def _expressions(node: Any, title: str) -> Iterator[tuple[str, str]]:
    """Yield (panel, expression) of everything below a node of a dashboard."""
    if isinstance(node, dict):
        title = str(node.get("title") or title)
        if isinstance(node.get("expr"), str):
            yield title, node["expr"]
        for child in node.values():
            yield from _expressions(child, title)
    elif isinstance(node, list):
        for child in node:
            yield from _expressions(child, title)
