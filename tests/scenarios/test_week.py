"""The weekly report from our own figures alone, of a service that lived through two weeks."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from receiver.cli.checks.weekly import alerts as week_alerts
from receiver.cli.root import main
from tests.support.app import NO_ACCOUNTS, App
from tests.support.checks import answering, hanging, page
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert

DAY_S = 86_400
TODAY = ("--end", "today")


@pytest.fixture
async def lived(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """Two P1 in the week before; this week a P1 and five P3 of an alert that nobody takes."""
    app = App(tmp_path, *fakes)
    app.clock.move(-8 * DAY_S)
    await app.start(**NO_ACCOUNTS)
    for group in ("old1", "old2"):
        await _taken(app, group, after=240)
    app.clock.move(8 * DAY_S - 600)
    await _taken(app, "new", after=120)
    for number in range(5):
        noisy = alert("Noisy", labels={"severity": "warning", "system": "shop"})
        labels = {"alertname": "Noisy", "system": "shop"}
        await app.fire(noisy, group=f"n{number}", groupLabels=labels)
        over = alert("Noisy", labels={"severity": "warning", "system": "shop"}, resolved=True)
        await app.fire(over, group=f"n{number}", groupLabels=labels)
    yield app
    await app.stop()


async def _taken(app: App, group: str, after: float) -> None:
    name = await app.fire(group=group)
    app.clock.move(after)
    for action in ("acknowledge", "resolve"):
        status, answer = await app.post({"by": "Ann"}, f"/v1/incidents/{name}/{action}")
        assert status == 200, answer


async def report(app: App, *words: str) -> tuple[int, Any]:
    result = await _run("--url", app.url, "-o", "json", *words)
    body = json.loads(result.output)
    assert body["exit_code"] == result.exit_code
    return result.exit_code, body


async def _run(*words: str) -> Any:
    return await asyncio.to_thread(CliRunner().invoke, main, ["weekly-report", *words])


async def test_both_weeks_are_told_from_our_own_figures(lived: App) -> None:
    code, body = await report(lived, *TODAY)
    assert code == 0, body["failed"]
    first = body["priorities"][0]
    assert first["priority"] == "P1"
    assert first["opened"] == {"this": 1, "before": 2}
    assert first["mtta"] == {"this": pytest.approx(120, abs=2), "before": pytest.approx(240, abs=2)}
    assert first["acknowledged"] == {"this": 1, "before": 2}
    assert first["met"] == {"this": 2, "before": 4}
    third = body["priorities"][2]
    assert third["opened"] == {"this": 5, "before": 0}
    assert third["mtta"] == {"this": None, "before": None}
    assert body["systems"] == body["capacity"] == []
    assert body["no_data"] == [
        "systems, what fired, capacity: Prometheus was not asked (--prometheus-url)"
    ]
    assert body["highlights"][0].startswith("6 incidents (2 the week before)")


async def test_the_alert_that_nobody_takes_is_named(lived: App) -> None:
    _, body = await report(lived, *TODAY)
    first = body["alerts"][0]
    assert (first["alertname"], first["system"]) == ("Noisy", "shop")
    assert (first["incidents"], first["taken"]) == (5, 0)
    assert first["fired"] == {"this": None, "before": None}
    (other,) = [one for one in body["alerts"] if one["alertname"] == "new"]
    assert (other["incidents"], other["taken"]) == (1, 1)
    assert (
        "Noisy (shop) opened 5 incidents, none of which anybody took: change it"
        in (body["highlights"])
    )


async def test_incidents_are_read_page_by_page(lived: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(week_alerts, "PAGE", 2)
    _, body = await report(lived, *TODAY)
    assert [(one["alertname"], one["incidents"]) for one in body["alerts"]] == [
        ("Noisy", 5),
        ("new", 1),
    ]
    monkeypatch.setattr(week_alerts, "PAGES", 1)
    _, body = await report(lived, *TODAY)
    assert "incidents by alert: there were too many to count all of them" in body["no_data"]


async def test_the_form_of_the_json_stays(lived: App) -> None:
    _, body = await report(lived, *TODAY)
    assert body.keys() == {
        *("exit_code", "from", "to", "days", "service", "prometheus", "highlights", "priorities"),
        *("escalations", "alerts", "systems", "capacity", "failed", "no_data"),
    }
    assert body["priorities"][0].keys() == {
        *("priority", "opened", "acknowledged", "resolved", "mtta", "mttr", "met", "missed"),
        *("escalated", "reopened", "undeliverable"),
    }
    assert body["alerts"][0].keys() == {
        *("alertname", "system", "severity", "fired", "firing_seconds", "incidents", "taken"),
    }


async def test_the_days_can_be_chosen(lived: App) -> None:
    last = (datetime.now(UTC) - timedelta(days=7)).date().isoformat()
    _, body = await report(lived, "--end", last, "--days", "3")
    assert body["to"] == last
    assert body["priorities"][0]["opened"] == {"this": 2, "before": 0}
    assert [(one["alertname"], one["incidents"]) for one in body["alerts"]] == [
        ("old1", 1),
        ("old2", 1),
    ]
    for words in (("--end", "soon"), ("--end", "2999-01-01"), ("--days", "0")):
        result = await _run("--url", lived.url, *words)
        assert result.exit_code == 2
        assert words[0] in result.output


async def test_it_reads_well_in_a_terminal_and_as_markdown(lived: App) -> None:
    shown = (await _run("--url", lived.url, *TODAY)).output
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert re.search(r"^  P1 +1 +2m +2m +2 +0 +0 +0$", shown, re.MULTILINE), shown
    assert re.search(r"^    before +2 +4m +4m +4 +0 +0 +0$", shown, re.MULTILINE), shown
    text = (await _run("--url", lived.url, *TODAY, "-o", "markdown")).output
    assert "| P1 | 1 | 2m | 2m | 2 | 0 | 0 | 0 |" in text
    narrow = await asyncio.to_thread(
        CliRunner(env={"COLUMNS": "80"}).invoke, main, ["weekly-report", "--url", lived.url, *TODAY]
    )
    assert max(len(line) for line in narrow.output.splitlines()) <= 80
    assert text.startswith("# Report of ")


async def test_names_of_alerts_cannot_break_the_output(plain: App) -> None:
    name = "A|<b>x</b>\x1b[31m" + "y" * 90
    await plain.fire(alert(name), groupLabels={"alertname": name})
    text = (await _run("--url", plain.url, *TODAY, "-o", "markdown")).output
    assert "A\\|\\<b\\>x\\</b\\>" in text
    shown = (await _run("--url", plain.url, *TODAY)).output
    assert "\x1b" not in text + shown
    assert max(len(line) for line in shown.splitlines()) <= 100


@pytest.mark.parametrize(("handler", "words"), [(page, "a web page"), (hanging, "within 1 s")])
async def test_prometheus_that_is_no_use_leaves_our_own_figures(
    lived: App, handler: Any, words: str
) -> None:
    async with answering(handler) as url:
        asked = (*TODAY, "--prometheus-url", url, "--timeout", "1")
        code, body = await report(lived, *asked)
    assert code == 1
    (problem,) = body["failed"]
    assert words in problem
    assert body["priorities"][0]["opened"]["this"] == 1


async def test_an_error_of_prometheus_is_told_in_its_own_words(lived: App) -> None:
    async def refusing(request: web.Request) -> web.Response:
        if request.query["query"] == "vector(1)":
            return web.json_response(
                {"status": "success", "data": {"resultType": "vector", "result": []}}
            )
        body = {"status": "error", "error": "query processing would load too many samples"}
        return web.json_response(body, status=422)

    async with answering(refusing) as url:
        code, body = await report(lived, *TODAY, "--prometheus-url", url)
    assert code == 1
    assert "too many samples" in body["failed"][0]
    assert len(body["failed"]) == 1


async def test_a_service_of_an_older_version_is_noticed() -> None:
    async def older(request: web.Request) -> web.Response:
        if request.path == "/v1/figures":
            return web.json_response({"to": "2026-01-01", "priorities": [], "escalations": []})
        return web.json_response({"something": "else"})

    async with answering(older) as url:
        result = await _run("--url", url, "-o", "json")
    body = json.loads(result.output)
    assert result.exit_code == 2
    assert "is of a version that has no figures up to" in body["failed"][0]
    assert "JSON of another form" in body["failed"][1]


async def test_figures_up_to_a_day(lived: App) -> None:
    today = datetime.now(UTC).date()
    status, body = await lived.get(f"/v1/figures?days=2&end={today - timedelta(days=7)}")
    assert status == 200
    assert body["to"] == (today - timedelta(days=7)).isoformat()
    assert [row["opened"] for row in body["priorities"]] == [2, 0, 0, 0]
    assert [row["resolved"] for row in body["priorities"]] == [2, 0, 0, 0]
    for wrong in ("yesterday", "0001-01-01", "2026-02-30"):
        status, body = await lived.get(f"/v1/figures?end={wrong}")
        assert (status, body["place"]) == (400, "end")


async def test_credentials_are_asked_for(plain: App) -> None:
    await plain.stop()
    await plain.start(
        **NO_ACCOUNTS, **{"web.credentials": [{"name": "cron", "token": "secret-of-cron"}]}
    )
    code, body = await report(plain, *TODAY)
    assert code == 2
    assert body["failed"][0].endswith("give --token (web.credentials)")
    code, body = await report(plain, *TODAY, "--token", "secret-of-cron")
    assert code == 0, body
