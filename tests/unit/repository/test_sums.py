"""Rules and dashboards add nothing twice: what every replica shows alike is taken once."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from receiver.observability.metrics.family import Across
from receiver.observability.metrics.service import Configured, families
from tests.support.places import ROOT

ALIKE = {
    family.name
    for family in families(Configured((), (), (), {}, (), (), ()))
    if family.across in (Across.SAME, Across.STORED)
}
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
AGGREGATION = re.compile(r"\b(sum|max|min|avg|count)\s*((?:by|without)\s*\([^()]*\)\s*)?\($")


def expressions() -> Iterator[str]:
    """Yield every expression of the rules and the dashboards about this service."""
    rules = yaml.safe_load((ROOT / "rules" / "incident-manager.yml").read_text())
    for group in rules["groups"]:
        yield from (str(rule["expr"]) for rule in group["rules"])
    for file in sorted((ROOT / "dashboards" / "json").glob("*.json")):
        yield from _of_panels(json.loads(file.read_text()))


def _of_panels(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        if isinstance(found.get("expr"), str):
            yield found["expr"]
        for value in found.values():
            yield from _of_panels(value)
    elif isinstance(found, list):
        for value in found:
            yield from _of_panels(value)


def added_twice(expression: str) -> list[str]:
    """Return the metrics that replicas show alike, and whose innermost aggregation adds them."""
    found = []
    for match in NAME.finditer(expression):
        name = re.sub(r"_(bucket|count|sum)$", "", match[0])
        if match[0] not in ALIKE and name not in ALIKE:
            continue
        first = next(_around(expression[: match.start()]), "")
        if first.startswith(("sum", "avg", "count")) and "instance" not in first:
            found.append(match[0])
    return found


def _around(before: str) -> Iterator[str]:
    """Yield the aggregations that are open at the end of a text, the innermost first."""
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(before[at], 0)
        if depth < 0:
            depth = 0
            opened = AGGREGATION.search(before[: at + 1])
            if opened is not None:
                yield opened[0]


@pytest.mark.parametrize(
    ("expression", "twice"),
    [
        ("sum(incidents_active)", ["incidents_active"]),
        ("sum by (a) (rate(incidents_total[5m]))", ["incidents_total"]),
        ("sum(max by (a, b) (increase(incidents_total[5m])))", []),
        ("max by (a) (sum by (instance, a) (incidents_active))", []),
        ("sum(rate(http_requests_total[5m]))", []),
        ("sum by (le) (rate(incident_detection_delay_seconds_bucket[1h]))", 1),
    ],
)
def test_what_is_found(expression: str, twice: Any) -> None:
    found = added_twice(expression)
    assert found == twice or len(found) == twice


def test_nothing_is_added_twice() -> None:
    every = list(expressions())
    assert sum(any(name in text for name in ALIKE) for text in every) > 20
    assert {text: found for text in every if (found := added_twice(text))} == {}
