"""The weekly report from a real Prometheus with two weeks of data whose figures are known."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver.cli.checks.rule_files import load_rules
from tests.support.commands import command
from tests.support.past import Past
from tests.support.rig import Program, start_prometheus

NOWHERE = "http://127.0.0.1:9"


def past() -> Past:
    """Config-manager is known in full, this service for two days, the optimizer by its records."""
    found = Past()
    own, config = 'job="llm-incident-manager"', 'job="llm-config-manager"'
    # Down on the last day of seven.
    found.series(f"up{{{config}}}", lambda day: 0 if day > 6 else 1)
    found.counter(f'http_requests_total{{{config},status="200"}}', 98, 99)
    found.counter(f'http_requests_total{{{config},status="500"}}', 2, 1)
    for bound, share in (("0.1", 0.5), ("0.2", 1), ("+Inf", 1)):
        name = f'http_request_duration_seconds_bucket{{{config},le="{bound}"}}'
        found.counter(name, 100 * share, 100 * share)
    # 5 points a day, and 90 % at the end of the week.
    system = f'{config},system="config-manager"'
    found.series(f"system:storage_ratio{{{system}}}", lambda day: 0.55 + 0.05 * day)
    found.series(f"system:memory_ratio{{{system}}}", lambda day: 0.4)
    # Of a week without traffic a ratio is 0 divided by 0.
    found.series(
        f"system:operation_error_ratio:rate5m{{{system}}}",
        lambda day: 0.1 if 2 < day < 3 else float("nan"),
    )
    found.series(f"up{{{own}}}", lambda day: 1, days=2)
    found.counter(f'llm_integration_requests_total{{{own},integration="slack"}}', 0, 100)
    found.counter(f'llm_integration_requests_failed{{{own},integration="slack"}}', 0, 5)
    rule = 'alertname="HighLatency",system="config-manager",severity="warning"'
    for day in (-5, 1, 2, 3.5):
        found.firing(rule, day, 30)
    found.firing('alertname="ServiceDown",system="config-manager",severity="critical"', 6, 600)
    return found


class World:
    """A running Prometheus with a past."""

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url

    async def report(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run the command with JSON; return its exit code and the report."""
        asked = ("--prometheus-url", self.url, "--url", NOWHERE)
        code, out, error = await command("weekly-report", *asked, "-o", "json", *words)
        assert out, error
        body = json.loads(out)
        assert body["exit_code"] == code
        return code, body


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("past")
    past().write(found)
    return found


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[World]:
    program, url = await start_prometheus(
        folder, {"scrape_configs": []}, "--storage.tsdb.retention.time=90d"
    )
    yield World(program, url)
    await program.end()


def figures(body: Any, system: str) -> dict[str, Any]:
    (found,) = [one for one in body["systems"] if one["system"] == system]
    return {f"{one['name']} {one['of']}".strip(): one for one in found["figures"]}


def near(value: float) -> Any:
    return pytest.approx(value, rel=0.01)


async def test_the_figures_of_a_known_week_are_right(world: World) -> None:
    code, body = await world.report()
    assert code == 1, "the service was asked and did not answer"
    assert "no answer from the service" in body["failed"][0]
    (system,) = [one for one in body["systems"] if one["system"] == "config-manager"]
    assert system["availability"] == {"this": near(6 / 7), "before": near(1)}
    assert system["covered"]["this"] == near(1)
    found = figures(body, "config-manager")
    assert found["http success"]["value"] == {"this": near(0.99), "before": near(0.98)}
    assert found["http latency p50"]["value"] == {"this": near(0.1), "before": near(0.1)}
    assert found["http latency p95"]["value"]["this"] == near(0.19)
    assert found["http latency p99"]["value"]["this"] == near(0.198)
    recorded = found["operation success"]
    assert recorded["source"] == "recorded"
    assert recorded["value"] == {"this": near(0.9), "before": None}
    assert "cache hit" in system["no_data"]
    assert f"config-manager: {', '.join(system['no_data'])}" in body["no_data"]
    own = figures(body, "incident-manager")
    assert own["integration success slack"]["value"] == {"this": near(0.95), "before": None}


async def test_what_fired_is_counted_and_the_noisiest_is_first(world: World) -> None:
    _, body = await world.report()
    first, second = body["alerts"]
    assert (first["alertname"], first["severity"]) == ("HighLatency", "warning")
    assert first["fired"] == {"this": 3, "before": 1}
    assert first["incidents"] is None
    # A series without an end is seen for 5 minutes more.
    assert 90 * 60 <= first["firing_seconds"] <= 110 * 60
    assert second["alertname"] == "ServiceDown"
    assert second["fired"] == {"this": 1, "before": 0}


async def test_capacity_is_a_line_through_the_week(world: World) -> None:
    _, body = await world.report()
    trends = {(one["system"], one["name"]): one for one in body["capacity"]}
    storage = trends["config-manager", "storage"]
    assert storage["now"] == {"this": near(0.875), "before": near(0.525)}
    assert storage["peak"] == near(0.9)
    assert storage["predicted"] == near(1.25)
    assert storage["full_in_days"] == near(0.125 / 0.05)
    assert trends["config-manager", "memory"]["full_in_days"] is None
    assert any("storage is full in 2 days" in text for text in body["highlights"])
    assert any("config-manager was up 85.7" in text for text in body["highlights"])


async def test_what_prometheus_does_not_have_is_said(world: World) -> None:
    _, body = await world.report()
    said = "\n".join(body["no_data"])
    assert "orchestrator: Prometheus has no target of job async-toolformer" in said
    assert "incident-manager: Prometheus has data of 29% of these days" in said
    assert {one["system"] for one in body["systems"]} == {one.system for one in load_rules()}
    (absent,) = [one for one in body["systems"] if one["system"] == "orchestrator"]
    assert absent["availability"] == {"this": None, "before": None}
    assert absent["figures"] == []


async def test_another_week_is_another_report(world: World) -> None:
    last = (datetime.now(UTC) - timedelta(days=8)).date().isoformat()
    _, body = await world.report("--end", last)
    assert body["to"] == last
    assert figures(body, "config-manager")["http success"]["value"] == {
        "this": near(0.98),
        "before": None,
    }
    (only,) = body["alerts"]
    assert only["fired"] == {"this": 1, "before": 0}


async def test_it_fits_a_terminal_and_reads_as_markdown(world: World) -> None:
    asked = ("--prometheus-url", world.url, "--url", NOWHERE)
    code, out, error = await command("weekly-report", *asked)
    assert (code, error) == (1, "")
    assert max(len(line) for line in out.splitlines()) <= 100, out
    assert "HighLatency" in out
    _, out, _ = await command("weekly-report", *asked, "-o", "markdown")
    assert out.startswith("# Report of ")
    assert "| config\\-manager" not in out
    assert "\n| HighLatency | config-manager | warning | 3 | 1 |" in out


async def test_prometheus_that_is_away_leaves_nothing_to_report() -> None:
    asked = ("--prometheus-url", NOWHERE, "--url", NOWHERE)
    code, out, error = await command("weekly-report", *asked, "-o", "json")
    assert code == 2
    assert error == ""
    assert len(json.loads(out)["failed"]) == 2
