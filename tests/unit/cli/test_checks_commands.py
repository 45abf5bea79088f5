"""The commands of the daily and weekly checks: whom they ask, what they print, how they exit."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from aiohttp import web

from receiver.cli.checks.metrics.promised import promises
from receiver.cli.checks.weekly.command import DAYS_MAX, _week
from receiver.observability.metrics.registry import Metrics
from tests.support.checks import answering, by_path, checks, run

NOWHERE = "http://127.0.0.1:9"
RULES = """
groups:
  - name: im
    rules:
      - {record: "system:error_ratio", expr: "rate(x[5m])"}
      - {alert: ServiceDown, expr: 'up{job="im"} == 0'}
"""
METRICS = "# TYPE incident_manager_redis_up gauge\nincident_manager_redis_up 1\n"
ALIVE: dict[str, Any] = {"/-/healthy": "healthy", "/-/ready": "ready", "/metrics": METRICS}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "incident-manager.yml").write_text(RULES)
    return folder


# health-check.


async def test_whoever_is_not_asked_is_skipped_and_says_how_to(rules: Path) -> None:
    async with answering(by_path(ALIVE)) as url:
        _, found = await checks("health-check", "--url", url, "--rules", str(rules))
    for name in ("Prometheus", "Alertmanager"):
        assert found[name]["state"] == "skipped"
        assert found[name]["found"] == f"not asked: give --{name.lower()}-url"


async def test_each_alertmanager_of_a_cluster_is_looked_at(rules: Path) -> None:
    async with answering(by_path(ALIVE)) as url, answering(by_path({})) as other:
        asked = ("--alertmanager-url", other, "--alertmanager-url", NOWHERE)
        words = ("health-check", "--url", url, "--rules", str(rules), *asked, "-o", "json")
        result = await run(*words)
    areas = [one["area"] for one in json.loads(result.output)["checks"]]
    assert f"Alertmanager {other}" in areas
    assert f"Alertmanager {NOWHERE}" in areas
    assert "not looked at" in areas
    assert result.exit_code == 2


async def test_a_backup_that_is_missing_is_a_failure(rules: Path, tmp_path: Path) -> None:
    async with answering(by_path(ALIVE)) as url:
        asked = ("--backup", str(tmp_path / "gone"), "--rules", str(rules))
        code, found = await checks("health-check", "--url", url, *asked)
    assert code == 2
    assert found["newest"]["state"] == "failed"


async def test_the_tokens_go_where_they_belong(rules: Path) -> None:
    seen: dict[str, set[str | None]] = {}

    async def answer(request: web.Request) -> web.Response:
        token = request.headers.get("Authorization")
        seen.setdefault(request.path, set()).add(token)
        return await by_path(ALIVE)(request)

    async with answering(answer) as url:
        tokens = ("--token", "api", "--metrics-token", "m", "--rules", str(rules))
        result = await run("health-check", "--url", url, *tokens)
    assert seen.pop("/metrics") == {"Bearer m"}
    assert set().union(*seen.values()) == {"Bearer api"}
    for secret in ("Bearer", "api-token"):
        assert secret not in result.output


@pytest.mark.parametrize("path", ["/-/healthy", "/health", "/metrics", "/v1/figures"])
async def test_a_part_that_is_too_slow_is_told_and_hides_no_other(rules: Path, path: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == path:
            raise web.HTTPRequestTimeout
        return await by_path(ALIVE)(request)

    async with answering(answer) as url:
        result = await run("health-check", "--url", url, "--rules", str(rules))
    assert "Traceback" not in result.output
    assert result.exit_code in (2, 3)
    assert "408" in result.output


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("--storage-limit", "0"), "--storage-limit"),
        (("--backup-age", "0"), "--backup-age"),
        (("--rules", "/does/not/exist"), "--rules"),
        (("--timeout", "0"), "--timeout"),
    ],
)
async def test_what_is_not_allowed_is_said(words: tuple[str, ...], option: str) -> None:
    result = await run("health-check", *words)
    assert (result.exit_code, f"Invalid value for '{option}'" in result.output) == (2, True)


# validate-metrics.


def our_page() -> str:
    made = Metrics(version="1", integrations=("slack",), channels=("slack",), routes=[("GET", "/")])
    made.response.set([{}])
    made.request("GET", "/", 200, 0.1)
    made.notified("slack", "success", 0.1)
    return made.render()[0].decode()


async def test_what_is_exported_is_what_is_promised(rules: Path, tmp_path: Path) -> None:
    boards = tmp_path / "boards"
    boards.mkdir()
    async with answering(by_path({"/m": our_page()})) as url:
        asked = ("--metrics-url", f"{url}/m", "--rules", str(rules), "--dashboards", str(boards))
        code, found = await checks("validate-metrics", *asked)
    assert code in (0, 1)
    assert {one["state"] for one in found.values()} <= {"ok", "warning", "skipped"}
    assert found["prometheus"]["found"] == "not asked: give --prometheus-url"


async def test_a_metric_that_is_gone_is_named(rules: Path) -> None:
    gone = min(name for name in promises() if name.startswith("incident_"))
    text = "\n".join(line for line in our_page().splitlines() if gone not in line) + "\n"
    async with answering(by_path({"/m": text})) as url:
        code, found = await checks(
            "validate-metrics", "--metrics-url", f"{url}/m", "--rules", str(rules)
        )
    assert code == 2
    assert found[gone]["state"] == "failed"


async def test_without_a_page_there_is_one_line(rules: Path) -> None:
    for words in (("--url", NOWHERE), ("--metrics-url", f"{NOWHERE}/m")):
        code, found = await checks("validate-metrics", *words, "--rules", str(rules))
        assert (code, list(found)) == (2, ["metrics"])


async def test_which_page_was_looked_at_is_said(rules: Path) -> None:
    for words, page in (
        (("--url", NOWHERE), f"{NOWHERE}/metrics"),
        (("--url", NOWHERE, "--metrics-url", f"{NOWHERE}/m"), f"{NOWHERE}/m"),
    ):
        result = await run("validate-metrics", *words, "--rules", str(rules), "-o", "json")
        assert json.loads(result.output)["metrics"] == page


@pytest.mark.parametrize("command", ["health-check", "validate-metrics", "weekly-report"])
async def test_rules_that_are_none_are_said_before_anybody_is_asked(
    command: str, tmp_path: Path
) -> None:
    result = await run(command, "--url", NOWHERE, "--rules", str(tmp_path))
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}: there are no rules (*.yml)\n"


@pytest.mark.parametrize("command", ["health-check", "validate-metrics", "weekly-report"])
@pytest.mark.parametrize("output", ["json", "simple"])
async def test_a_password_in_the_services_own_url_is_not_shown(
    command: str, output: str, rules: Path
) -> None:
    words = ("--url", "http://ann:hidden@127.0.0.1:9", "--rules", str(rules), "-o", output)
    result = await run(command, *words)
    assert result.exit_code == 2
    assert "127.0.0.1:9" in result.output
    assert "hidden" not in result.output


# weekly-report.


@pytest.mark.parametrize(
    ("end", "back"), [("yesterday", 1), ("today", 0), ("", None), ("2026-13-01", None)]
)
def test_the_last_day_by_name(end: str, back: int | None) -> None:
    before = datetime.now(UTC).date()
    if back is None:
        with pytest.raises(click.BadParameter, match="is no day: write 2026-03-02, yesterday"):
            _week(end, 7)
        return
    week = _week(end, 7)
    assert before <= week.last + timedelta(days=back) <= datetime.now(UTC).date()
    assert week.days == 7


@pytest.mark.parametrize("end", ["2001-01-01", "2024-02-29", "20240229", "2024-W09-4"])
def test_a_day_of_the_calendar(end: str) -> None:
    assert _week(end, 1).first == _week(end, 1).last
    assert _week(end, 1).last.year in (2001, 2024)


@pytest.mark.parametrize("end", ["2000-12-31", "0001-01-01", "9999-12-31"])
def test_a_day_that_no_service_has_lived_through(end: str) -> None:
    with pytest.raises(click.BadParameter, match="is not in the past"):
        _week(end, 7)


def test_tomorrow_is_not_in_the_past() -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    with pytest.raises(click.BadParameter, match="is not in the past"):
        _week(tomorrow.isoformat(), 7)


@pytest.mark.parametrize("days", ["0", str(DAYS_MAX + 1), "many"])
async def test_so_many_days_and_no_more(days: str) -> None:
    result = await run("weekly-report", "--url", NOWHERE, "--days", days)
    assert (result.exit_code, "Invalid value for '--days'" in result.output) == (2, True)


async def test_credentials_in_urls_are_not_in_the_report(rules: Path) -> None:
    urls = ("--url", "http://ann:hidden@127.0.0.1:9", "--rules", str(rules))
    prometheus = ("--prometheus-url", "http://bob:secret@127.0.0.1:9/prom?x=secret")
    for output in ("json", "markdown"):
        result = await run("weekly-report", *urls, *prometheus, "-o", output)
        assert result.exit_code == 2
        assert "http://127.0.0.1:9/prom" in result.output
        for secret in ("hidden", "secret", "ann", "bob"):
            assert secret not in result.output


async def test_without_prometheus_it_says_so(rules: Path) -> None:
    result = await run("weekly-report", "--url", NOWHERE, "--rules", str(rules), "-o", "json")
    assert json.loads(result.output)["prometheus"] is None
    shown = await run("weekly-report", "--url", NOWHERE, "--rules", str(rules))
    assert f"Service {NOWHERE}, Prometheus not asked" in shown.output
