"""The systems' files, and everything that is made from them."""

import re
from pathlib import Path

import pytest
import yaml

from dashboards.__main__ import BOARDS
from receiver.paths import files_for_people
from receiver.settings.load import load_settings
from receiver.settings.rules import build_assignment
from systems.__main__ import files
from systems.accounted import Document, Statement, accounts, documents
from systems.alertmanager import alertmanager_file
from systems.ladders import inhibitions
from systems.model import load, load_all
from systems.rules import full_series
from systems.table import CONFIG, ROOT, rows, settings

SYSTEMS = load_all()
ROWS = {(row.system, row.alert): row for row in rows(SYSTEMS)}
OWN_WORDS = {("incident-manager", "SampleAlert")}
"""Runbooks of what no rule of ours fires."""


def test_everything_made_from_the_systems_files_is_up_to_date() -> None:
    old = [
        str(path.relative_to(ROOT))
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert old == [], "run `make systems-files`"


def test_no_runbook_is_left_over_and_none_is_missing() -> None:
    found = {(path.parent.name, path.stem) for path in (ROOT / "runbooks").glob("*/*.md")}
    assert found - OWN_WORDS == set(ROWS)


def test_no_rules_file_is_left_over() -> None:
    names = {system.system for system in SYSTEMS}
    assert {path.stem for path in (ROOT / "rules").glob("*.yml")} == names
    assert set((ROOT / "rules").rglob("*.yml")) == {
        path for path in files() if path.is_relative_to(ROOT / "rules")
    }


def test_every_rule_has_all_its_labels_and_annotations() -> None:
    for system in SYSTEMS:
        groups = yaml.safe_load((ROOT / f"rules/{system.system}.yml").read_text())["groups"]
        for rule in (rule for group in groups for rule in group["rules"]):
            if "record" in rule:
                assert rule["labels"] == {"system": system.system}
                continue
            assert set(rule["labels"]) - {"signal"} == {"severity", "system", "team"}
            annotations = rule["annotations"]
            assert set(annotations) == {
                "summary",
                "description",
                "value",
                "runbook_url",
                "dashboard_url",
            }
            assert annotations["value"] == "{{ $value }}"
            assert annotations["runbook_url"].endswith(f"/{system.system}/{rule['alert']}")
            assert re.search(r"job=|system=", rule["expr"])


@pytest.mark.parametrize(
    ("system", "alert", "priority", "acknowledge", "resolve"),
    [
        ("orchestrator", "ServiceDown", "P1", "5m", "30m"),
        ("orchestrator", "AvailabilityVeryLow", "P1", "5m", "30m"),
        ("orchestrator", "HighErrorRate", "P2", "15m", "2h"),
        ("orchestrator", "VeryHighLatency", "P2", "15m", "2h"),
        ("orchestrator", "RateLimitExhausted", "P2", "15m", "2h"),
        ("orchestrator", "HighMemoryUsage", "P2", "15m", "2h"),
        ("orchestrator", "HighCpuUsage", "P2", "15m", "2h"),
        ("orchestrator", "ElevatedErrorRate", "P3", "1h", "8 business hours"),
        ("orchestrator", "HighLatency", "P3", "1h", "8 business hours"),
        ("orchestrator", "ScaleOut", "P4", "1 business day", "5 business days"),
        ("config-manager", "HighErrorRate", "P1", "5m", "30m"),
        ("config-manager", "OutOfMemory", "P1", "5m", "30m"),
        ("config-manager", "HighLatency", "P3", "30m", "2h"),
        ("config-manager", "StorageNearCapacity", "P3", "30m", "2h"),
        ("config-manager", "CacheEvictionHigh", "P4", "off", "off"),
        ("auto-optimizer", "HighLatency", "P1", "5m", "30m"),
        ("auto-optimizer", "HighBackpressure", "P3", "1h", "8 business hours"),
        ("incident-manager", "ServiceDown", "P1", "5m", "30m"),
        ("incident-manager", "CacheHitRateLow", "P4", "1 business day", "5 business days"),
    ],
)
def test_an_alert_lands_where_its_document_says(
    system: str, alert: str, priority: str, acknowledge: str, resolve: str
) -> None:
    row = ROWS[system, alert]
    assert (row.priority, row.acknowledge, row.resolve) == (priority, acknowledge, resolve)


def test_series_get_the_job_of_their_system() -> None:
    system = next(one for one in SYSTEMS if one.system == "orchestrator")
    series, values = full_series(system, system.alerts[0], 'up{zone="a"} 0x5')
    assert series == 'up{zone="a",job="async-toolformer",instance="a:9090"}'
    assert values == "0x5"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("severity: critical", "severity: urgent"), "severity urgent is none of"),
        (("expr: up{$job} == 0", "expr: up == 0"), "selects no job"),
        (("    for: 1m", "    during: 1m"), "unknown field `during`"),
        (("- alert: ServiceDown", "- alert: HighErrorRate"), "HighErrorRate stands twice"),
        (("job} > 0.01\n", "job} > 0.01 <= 0.05\n"), "HighErrorRate: has an upper bound"),
        (("job}) > 0.9\n", "job}) > 0.9 < 1\n"), "RateLimitHigh: has an upper bound"),
        (("[HighLatency, VeryHighLatency]", "[VeryHighLatency, HighLatency]"), "the mildest alert"),
        (("[HighLatency, VeryHighLatency]", "[HighLatency, Slow]"), "ladder of no alert Slow"),
        (("[HighLatency, Very", "[ElevatedErrorRate, Very"), "ElevatedErrorRate is in two ladders"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    text = (ROOT / "systems/orchestrator.yml").read_text()
    assert change[0] in text
    file = tmp_path / "orchestrator.yml"
    file.write_text(text.replace(*change, 1))
    with pytest.raises(ValueError, match=re.escape(words)):
        load(file)


def test_no_link_of_a_runbook_or_a_document_is_dead() -> None:
    uids = {board.uid for board in BOARDS}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "runbooks").rglob("*.md")]
    assert len(pages) > 100
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not link.startswith(("http://", "https://")):
                assert (page.parent / link).exists(), (page, link)
        for uid in re.findall(r"`/d/([a-z0-9-]+)`", text):
            assert uid in uids, (page, uid)
        for place in re.findall(r"(?:localhost:8080|`)/runbooks/([A-Za-z0-9_/-]+)", text):
            assert (ROOT / "runbooks" / f"{place}.md").exists() or place == "SYSTEM/ALERT", page


def test_what_ships_names_this_machine_only_where_make_run_is_meant() -> None:
    """The runbooks of this service are for whoever is on its machine."""
    run = {"deploy/incident-manager.yml", "deploy/prometheus.yml", "alertmanager.yml"}
    run.add("deploy/incident-manager.socket")
    own = ("runbooks/incident-manager/", "runbooks/HeartbeatMissing")
    found = {
        name
        for name, file in files_for_people().items()
        if re.search(rb"localhost|127\.0\.0\.1|0\.0\.0\.0", file.read_bytes())
    }
    assert {name for name in found if not name.startswith(own)} <= run


def test_prometheus_scrapes_every_system_under_the_name_its_rules_know() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    assert {system.job for system in SYSTEMS} <= {
        job["job_name"] for job in config["scrape_configs"]
    }


@pytest.mark.parametrize(
    ("priority", "steps"),
    [
        ("P1", [(None, "pagerduty slack"), (None, "pagerduty slack"), (15, "pagerduty slack")]),
        (
            "P2",
            [
                (None, "pagerduty slack"),
                (None, "pagerduty slack"),
                (30, "pagerduty slack"),
                (60, "pagerduty slack"),
            ],
        ),
        ("P3", [(None, "slack"), (None, "slack"), (240, "slack")]),
    ],
)
def test_severities_tell_whom_the_playbook_names(
    priority: str, steps: list[tuple[int | None, str]]
) -> None:
    assignment = build_assignment(settings(), frozenset())
    clock = assignment.rules("orchestrator").clocks[priority]
    assert [
        (step.after and step.after // 60_000, " ".join(step.notify)) for step in clock.steps
    ] == steps
    assert clock.quiet == (priority == "P3")
    assert (str(clock.update_within) == "30m") == (priority == "P1")


def test_the_shipped_configuration_means_nobody_where_nobody_is_configured() -> None:
    bare = load_settings(CONFIG, {}, {})
    assert {
        name
        for policy in bare.escalations.values()
        for step in policy.steps
        for name in step.notify
    } == {"log"}
    with_channel = load_settings(
        CONFIG,
        {
            "LLM_IM__NOTIFIERS__STAKEHOLDER_CHANNEL": "{type: slack, channel: C0STAKE}",
            "LLM_IM__ROLES__STAKEHOLDERS": "[stakeholder_channel]",
        },
        {"slack.token": "xoxb-example", "slack.channel": "C0ALERTS"},
    )
    first = with_channel.escalations["severity-2"].steps[0]
    assert first.notify == ("slack", "stakeholder_channel")


def test_an_inhibition_needs_labels_that_both_alerts_have() -> None:
    rules = yaml.safe_load((ROOT / "alertmanager.yml").read_text())["inhibit_rules"]
    assert rules[1:] == inhibitions(SYSTEMS)
    for rule in rules:
        there = {one.partition("!")[0] for one in rule["source_matchers"] if one.endswith('!=""')}
        # Only alerts of several clusters have a cluster.
        assert there == set(rule["equal"]) - {"cluster"}


def test_alertmanager_yml_is_written_between_its_marks_alone() -> None:
    text = (ROOT / "alertmanager.yml").read_text()
    assert alertmanager_file(text, SYSTEMS) == text
    fewer = alertmanager_file(text, [])
    assert "inhibit_rules" in fewer
    assert "receivers:" in fewer
    assert "VeryHighLatency" not in fewer
    assert alertmanager_file(fewer, SYSTEMS) == text
    with pytest.raises(ValueError, match="has lost the line"):
        alertmanager_file("route: {receiver: x}\n", SYSTEMS)


@pytest.mark.parametrize("document", documents(), ids=lambda one: one.document)
def test_every_statement_of_a_document_has_its_place(document: Document) -> None:
    found = list(accounts(document))
    assert len(found) > 20
    assert [(row.says, row.problem) for row in found if row.problem] == []
    assert all(row.check or row.place.startswith("not here: ") for row in found)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (Statement("x", alert="HighErrorRate", has="> 0.5"), "expression has no '> 0.5'"),
        (Statement("x", alert="HighErrorRate", span="6m"), "for is 5m"),
        (Statement("x", alert="HighErrorRate", lands="P3 1h, 2h"), "place is P2 15m, 2h"),
        (Statement("x", alert="Nothing"), "no alert Nothing"),
        (Statement("x", metric="nothing_total"), "in no rule and no panel"),
        (Statement("x", record="system:nothing"), "not recorded: system:nothing"),
        (Statement("x", record="system:memory_ratio", unit="bytes"), "recorded in ratio"),
        (Statement("x", own="nothing_total"), "not served"),
        (Statement("x", own="incidents_total", labels=["user"]), "labels are "),
        (Statement("x", path="GET /nothing"), "no GET /nothing"),
        (Statement("x", setting="web.nothing"), "no setting web.nothing"),
        (Statement("x", setting="web.listen_address", value=":9"), "the default is "),
        (Statement("x", file="README.md", text="no such words"), "README.md has no "),
        (Statement("x", file="nothing.md", text="."), "nothing.md has no ."),
        (Statement("x", panels="orchestrator-executive", count=999), " panels"),
        (Statement("x"), "has 0 places"),
        (Statement("x", alert="HighErrorRate", why="y"), "has 2 places"),
    ],
)
def test_a_row_that_does_not_hold_says_why(statement: Statement, problem: str) -> None:
    (row,) = accounts(Document("d", "orchestrator", [statement]))
    assert problem in row.problem
