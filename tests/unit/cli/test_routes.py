"""``routes test``: what an alert comes to, played before there is one."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.meaning.routes import routes

CONFIG = """
slack: {token: t, channel: C1}
notifiers: {phone: {type: log}, loud: {type: log}}
calendars: {default: {time_zone: Europe/Berlin}}
escalations:
  shop: {steps: [{notify: [phone]}, {after: 10m, notify: [loud, slack]}]}
route:
  routes:
    - {name: shop, team: payments, escalation: shop, matchers: ['service="shop"'], continue: true,
       routes: [{name: till, matchers: ['part="till"'], priority: P1}]}
    - {name: copy, matchers: ['service="shop"']}
priorities: {P2: {acknowledge_within: 15m}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "im.yml"
    file.write_text(CONFIG)
    return file


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(routes, [*words, "--config.file", str(config)])


def found(config: Path, *words: str) -> list[dict[str, Any]]:
    result = run(config, "test", *words, "-o", "json", "--at", "2026-03-27T16:30:00Z")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.output)["routes"]
    return rows


def test_the_tree_is_shown_as_it_is_gone_through(config: Path) -> None:
    assert run(config, "show").output.splitlines() == [
        "root route",
        '  route shop {service="shop"}, team payments',
        '    route till {part="till"}, team payments, every alert is P1',
        '  route copy {service="shop"}',
    ]


def test_every_route_it_takes_is_played(config: Path) -> None:
    shop, copy = found(config, "alertname=A", "service=shop", "severity=error")
    assert (shop["route"], shop["team"], shop["priority"]) == ("shop", "payments", "P2")
    assert copy["route"] == "copy"
    steps = [
        (row["after_seconds"], row["step"], row["who"], row["why"]) for row in shop["happenings"]
    ]
    assert steps[0] == (0, 1, "phone", "new incident")
    assert (600, 2, "loud, slack", "still not acknowledged") in steps
    assert (900, None, None, "acknowledge deadline missed") in steps


def test_what_somebody_takes_pages_nobody_else(config: Path) -> None:
    shop, _ = found(
        config, "alertname=A", "service=shop", "severity=error", "--acknowledged-after", "5m"
    )
    happenings = [(row["after_seconds"], row["why"]) for row in shop["happenings"]]
    assert (300, "acknowledged") in happenings
    assert not any(why == "still not acknowledged" for _, why in happenings)
    assert not any("acknowledge deadline" in why for _, why in happenings)


def test_a_deeper_route_says_the_priority(config: Path) -> None:
    till, _ = found(config, "alertname=A", "service=shop", "part=till", "severity=info")
    assert (till["priority"], till["priority_reason"]) == ("P1", "route till")


def test_labels_are_taken_as_alertmanager_writes_them(config: Path) -> None:
    plain = found(config, "alertname=A", "service=shop", "severity=error")
    braces = found(config, '{alertname="A", service="shop", severity="error"}')
    assert plain == braces


def test_times_are_of_the_calendar(config: Path) -> None:
    words = ("test", "alertname=A", "severity=error", "--at", "2026-03-27T16:30:00Z")
    lines = run(config, *words).output.splitlines()
    assert lines[0] == "root route"
    assert "  opens     Fri 2026-03-27 17:30:00 (Europe/Berlin)" in lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alertname",), "a label is written NAME=VALUE"),
        (("=x",), "a label is written NAME=VALUE"),
        (('{a=~"b"}',), "an alert has labels"),
        (("{a=",), "matcher"),
        (("a=b", "-a", "x"), "an annotation is written NAME=VALUE"),
        (("a=b", "--at", "soon"), "is no time"),
        (("a=b", "--acknowledged-after", "soon"), "--acknowledged-after"),
        (("a=b", "--route", "shop"), "it takes root, not shop"),
    ],
)
def test_what_is_wrong_is_said(config: Path, words: tuple[str, ...], said: str) -> None:
    result = run(config, "test", *words)
    assert result.exit_code
    assert said in result.output
