"""What a configuration means: the table of ``check-config`` is what the rules do.

A few hours of the proof ``meaning`` for all its configurations, and what the table looks like.
"""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.meaning_table import CONFIGURATIONS, Configured
from benchmarks.proofs.meaning import compare
from receiver.cli.root import main
from receiver.settings.meaning import hours
from routing.config.calendar import CalendarConfig
from routing.meaning import Plan, PlannedStep, Recipient, unanswered
from routing.time_limit import parse_within

BOTH = "slack: {token: xoxb-1, channel: C1}\npagerduty: {routing_key: " + "R" * 32 + "}\n"
HOUR = 3_600_000


def check(tmp_path: Path, text: str, *options: str) -> str:
    file = tmp_path / "im.yml"
    file.touch(mode=0o600)
    file.write_text(text)
    result = CliRunner().invoke(main, ["check-config", *options, str(file)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("configured", CONFIGURATIONS, ids=lambda one: one.name)
def test_the_table_is_what_the_rules_do(configured: Configured) -> None:
    checked, wrong = compare(configured, range(3, 168, 19))
    assert checked >= 9 * len(configured.routes)
    assert wrong == []


def test_a_difference_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.meaning._Running.stand_still", lambda *_arguments: None)
    found = [compare(one, range(3, 168, 19))[1] for one in CONFIGURATIONS]
    assert sum(bool(wrong) for wrong in found) >= 3


def test_the_table_for_people(tmp_path: Path) -> None:
    text = BOTH + (
        "notifiers: {dba: {type: slack, channel: C2}}\n"
        "integrations: {tickets: {url: 'http://t.example/', priorities: [P1]}}\n"
        "escalations:\n"
        "  dba: {steps: [{notify: [dba]}, {notify: [slack], mention: '!here'}], repeat: 2,"
        " remind_after: 1h, repage_when: new_alerts >= 10}\n"
        "route:\n"
        "  routes:\n"
        "    - {name: db, matchers: ['team=\"dba\"'], team: databases, escalation: dba}\n"
        "    - {name: slow, matchers: ['slow=\"yes\"'], priority: P4}\n"
        "    - {matchers: ['team=\"dba\"', a=b]}\n"
    )
    lines = [line.strip() for line in check(tmp_path, text).splitlines()]
    shown = "\n".join(" ".join(line.split()) for line in lines)
    assert "slack: slack C1" in shown
    assert "default: Mon-Fri 09:00-17:00 UTC" in shown
    root, db, slow = shown.split("\n\n")[1:]
    assert root.startswith("root route, everything else\nPRIORITY STEP WHEN HOURS WHO")
    assert "P1 1 at once any pagerduty, slack\n2 +5m any slack !here" in root
    assert "nobody is paged after that (+5m)" in root
    assert "informed, not paged: tickets" in root
    assert "P4 1 at once default slack\n2 +1 business day default slack !here" in root
    assert "pages and their clocks wait for default; acknowledge within 1 business day" in root
    assert db.startswith('route db {team="dba"}, team databases\n')
    assert "the steps again, 2 times more; nobody is paged after the last (+25m)" in db
    assert "acknowledged, then silence: asked again every 1h (dba, slack)" in db
    assert "paged again when new_alerts >= 10" in db
    assert slow.startswith('route slow {slow="yes"}\nevery alert on it is P4\n')
    assert "P1" not in slow
    assert "a=" not in shown, "no alert takes that route"


def test_the_table_for_programs(tmp_path: Path) -> None:
    text = BOTH + "notifiers: {spare: {type: log}}\n"
    body = json.loads(check(tmp_path, text, "-o", "json"))
    assert [warning.split(": ", 1)[1] for warning in body["warnings"]] == [
        (
            "notifiers.spare: the notifier spare pages nobody: no policy in use names it;"
            " name it in a step of escalations"
        )
    ]
    (route,) = body["routes"]
    first = route["priorities"][0]
    assert first == {
        "priority": "P1",
        "escalation": "urgent",
        "steps": [
            {
                "after": "0s",
                "notify": [
                    {"notifier": "pagerduty", "mention": ""},
                    {"notifier": "slack", "mention": ""},
                ],
            },
            {"after": None, "notify": [{"notifier": "slack", "mention": "!here"}]},
        ],
        "repeat": 0,
        "round": "5m",
        "last_page": "5m",
        "quiet_hours": False,
        "calendar": "default",
        "acknowledge_within": "5m",
        "resolve_within": "30m",
        "update_within": "30m",
        "deliver_within": "1m",
        "remind": {"after": "1h", "notify": ["slack"]},
        "repage_when": first["repage_when"],
        "informed": [],
    }


def test_what_is_said_of_calendars() -> None:
    config = CalendarConfig.model_validate(
        {"hours": {"mon": "08:00-20:00", "tue": "08:00-20:00", "fri": ["08:00-12:00"]}}
    )
    assert hours(config) == "Mon-Tue 08:00-20:00; Fri 08:00-12:00"


def test_a_page_that_waits_moves_what_follows() -> None:
    calendar = CalendarConfig.model_validate({}).build()
    to = (Recipient("slack"),)
    plan = Plan(
        (PlannedStep(None, to), PlannedStep(10 * 60_000, to), PlannedStep(None, to)),
        0,
        0,
        parse_within("30m"),
        None,
        parse_within("20m"),
        quiet=True,
        calendar=calendar,
    )
    friday = 1_772_813_700_000  # 2026-03-06T16:15:00Z
    minutes = [(page.at - friday) // 60_000 for page in unanswered(plan, friday).pages]
    assert minutes == [0, 10, 30]
    late = unanswered(plan, friday + 40 * 60_000)  # 16:55: the second step waits for Monday
    monday = friday + 40 * 60_000 + (64 * 60 + 5) * 60_000
    assert [page.at for page in late.pages[1:]] == [monday, monday + 25 * 60_000 - 5 * 60_000]
    assert late.acknowledge == monday + 20 * 60_000
    assert late.update == monday + 10 * 60_000


MANY = "\n".join(
    f"    - {{name: r{number}, matchers: ['team=\"t{number}\"', 'severity=~\"critical|warning\"'],"
    f" team: t{number}}}"
    for number in range(500)
)


def nested(depth: int) -> str:
    lines = ["route:"]
    for level in range(depth):
        indent = "  " * (2 * level + 1)
        lines += [f"{indent}routes:", f"{indent}  - matchers: ['l{level}=\"x\"']"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        f"route:\n  routes:\n{MANY}\n",
        nested(100),
        "route:\n  routes:\n"
        + "".join(
            f'    - {{matchers: [a=~"x{number}.*"], routes: [{{matchers: [b=c]}}]}}\n'
            for number in range(500)
        ),
        (
            "escalations: {urgent: {steps: [{notify: [log]}, {notify: [log]}], repeat: 100}}\n"
            f"route:\n  routes:\n{MANY}\n"
        ),
    ],
    ids=["500 routes", "100 levels", "500 expressions", "500 routes that repeat"],
)
def test_large_configurations_are_answered_soon(tmp_path: Path, text: str) -> None:
    # Of the processor, not of a machine that others use too: less than a second.
    started = time.process_time()
    shown = check(tmp_path, text)
    took = time.process_time() - started
    assert took < 10
    assert len(shown.splitlines()) < 120
