"""The daily checks against a running service, and against everything that can be wrong with what
they ask."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.support.app import NO_ACCOUNTS, App
from tests.support.checks import answering, checks, hanging, page, run
from tests.support.notification import alert

NOWHERE = "http://127.0.0.1:9"


async def test_a_service_that_is_well_says_so_with_exit_code_0(plain: App) -> None:
    code, found = await checks("health-check", "--url", plain.url)
    assert code == 0, found
    assert {one["state"] for one in found.values()} == {"ok", "skipped"}
    assert found.keys() >= {
        *("service", "ready", "redis", "outgoing heartbeat", "notifier log", "metrics", "intake"),
        *("agenda", "queue", "delivery", "storage", "open incidents", "dead letters"),
        *("undeliverable", "deadlines", "integration alertmanager", "cache records"),
        *("Prometheus", "Alertmanager"),
    }
    shown = await run("health-check", "--url", plain.url, "-o", "text")
    assert shown.exit_code == 0
    assert "OK: " in shown.output
    assert max(len(line) for line in shown.output.splitlines()) <= 100


async def test_what_waits_and_what_was_put_aside_are_warnings(plain: App) -> None:
    await plain.fire()
    await plain.post({"hello": "world"})
    code, found = await checks("health-check", "--url", plain.url, "--storage-limit", "1")
    assert code == 1
    assert {name for name, one in found.items() if one["state"] == "warning"} == {
        *("open incidents", "dead letters", "storage"),
    }
    assert found["open incidents"]["found"] == "1 P1; nobody has taken 1 of P1 and P2"
    assert found["dead letters"]["found"].startswith("1 in the last 24 hours, the last one: ")
    shown = await run("health-check", "--url", plain.url)
    assert "-> incident-manager dead-letters list" in " ".join(shown.output.split())


async def test_a_notifier_that_fails_and_a_page_that_reached_nobody_are_failures(app: App) -> None:
    app.slack.faults.add("500", times=1_000, method="chat.postMessage")
    await app.fire(alert(labels={"severity": "warning"}))

    async def failing() -> bool:
        _, body = await app.get("/health")
        return bool(body["notifiers"]["slack"]["state"] == "failing")

    await app.pass_until(failing, 5)
    code, found = await checks("health-check", "--url", app.url)
    assert code == 2
    assert found["notifier slack"]["state"] == "failed"
    assert "every attempt fails since" in found["notifier slack"]["found"]
    assert found["notifier pagerduty"]["state"] == "ok"
    assert found["integration slack"]["state"] == "warning"


async def test_redis_that_is_away_is_a_failure_and_the_rest_is_still_told(plain: App) -> None:
    await plain.service.redis.aclose(close_connection_pool=True)
    assert plain.service.embedded is not None
    await plain.service.embedded.stop()
    await plain.until_ready(503)
    code, found = await checks("health-check", "--url", plain.url, "--timeout", "10")
    assert code == 2
    assert found["ready"]["state"] == found["redis"]["state"] == "failed"
    assert found["open incidents"]["state"] == "unknown"
    assert found["open incidents"]["found"].startswith("the service answers 503 to /v1/incidents")
    assert found["integration slack"]["state"] == "ok"


async def test_credentials_are_asked_for_and_taken(
    plain: App,
) -> None:
    await plain.stop()
    await plain.start(
        **{
            "web.credentials": [{"name": "cron", "token": "secret-of-cron"}],
            "web.metrics_token": "secret-of-metrics",
            "slack.token": None,
            "slack.channel": None,
            "pagerduty.routing_key": None,
        }
    )
    code, found = await checks("health-check", "--url", plain.url)
    assert code == 2
    assert "--metrics-token" in found["metrics"]["found"]
    assert found["figures"]["state"] == "unknown"
    assert found["figures"]["advice"] == "give --token (web.credentials)"
    tokens = ("--token", "secret-of-cron", "--metrics-token", "secret-of-metrics")
    code, found = await checks("health-check", "--url", plain.url, *tokens)
    assert code == 0, found


async def test_secrets_that_are_weak_or_open_to_all_are_said(plain: App, tmp_path: Path) -> None:
    open_to_all = tmp_path / "token"
    open_to_all.write_text("a-long-and-random-token-of-some-length-1234567890")
    open_to_all.chmod(0o644)
    await plain.stop()
    weak = {"name": "cron", "role": "viewer", "token": "secret-of-cron"}
    await plain.start(**{"web.credentials": [weak], **NO_ACCOUNTS})
    tokens = ("--url", plain.url, "--token", "secret-of-cron")
    _, found = await checks("health-check", *tokens)
    assert found["credentials"]["state"] == "ok"
    # The service of the tests was started without what its configuration is warned of.
    other = {"name": "other", "role": "viewer", "token_file": str(open_to_all)}
    plain.wanted["web.credentials"] = [weak, other]
    await plain.service.reload("test")
    code, body = await plain.get("/health", headers={"Authorization": "Bearer secret-of-cron"})
    assert code == 200
    weak_said, file_said = body["security"][:2]
    assert "web.credentials.0.token: is easy to guess" in weak_said
    assert "can be read by every user of this machine" in file_said
    assert "security" not in (await plain.get("/health"))[1]
    code, found = await checks("health-check", *tokens)
    assert code == 1
    assert found["credentials"]["state"] == "warning"


async def test_a_credential_that_nobody_uses_is_said(plain: App) -> None:
    await plain.stop()
    known = [{"name": name, "role": "viewer", "token": f"a-long-token-of-{name}"} for name in "ab"]
    await plain.start(**{"web.credentials": known, **NO_ACCOUNTS})
    uses, headers = plain.service.uses, {"Authorization": "Bearer a-long-token-of-a"}

    async def said() -> Any:
        await uses.look()
        return (await plain.get("/health", headers=headers))[1]["security"]

    assert await said() == []
    plain.clock.move(91 * 86_400)
    (only,) = await said() and await said()
    assert only.startswith("the credential b is not used (known since ")
    # It is used, whatever it may not do, and the service starts anew meanwhile.
    other = {"Authorization": "Bearer a-long-token-of-b"}
    assert (await plain.post({}, "/-/reload", headers=other))[0] == 403
    assert await said() == []
    await plain.stop()
    await plain.start(**{"web.credentials": known, **NO_ACCOUNTS})
    uses = plain.service.uses
    plain.clock.move(89 * 86_400)
    assert await said() == []
    plain.clock.move(2 * 86_400)
    (only,) = await said()
    assert only.startswith("the credential b is not used (last ")
    # One that is taken away is forgotten.
    plain.wanted["web.credentials"] = known[:1]
    await plain.service.reload("test")
    assert not [words for words in await said() if "not used" in words]
    assert await plain.service.redis.hkeys("im:credentials") == [b"known:a", b"used:a"]


async def test_metrics_that_are_off_are_said(plain: App) -> None:
    await plain.stop()
    await plain.start(
        **{
            "observability.prometheus_enabled": False,
            "slack.token": None,
            "slack.channel": None,
            "pagerduty.routing_key": None,
        }
    )
    code, found = await checks("health-check", "--url", plain.url)
    assert code == 2
    assert "observability.prometheus_enabled" in found["metrics"]["found"]
    assert found["dead letters"]["state"] == "ok"
    code, found = await checks("validate-metrics", "--url", plain.url)
    assert code == 2
    assert "observability.prometheus_enabled" in found["metrics"]["found"]


async def test_a_service_that_is_away_is_one_line(plain: App) -> None:
    result = await run("health-check", "--url", NOWHERE)
    assert result.exit_code == 2
    words = " ".join(result.output.split())
    assert "no answer from the service at http://127.0.0.1:9: is it running?" in words
    assert "FAILED: 1 failed, 2 skipped" in result.output
    assert "Traceback" not in result.output
    result = await run("health-check", "--url", "no address")
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("handler", "limit", "words"),
    [(page, "60", "a web page instead of JSON"), (hanging, "3", "did not answer within 3 s")],
)
async def test_others_that_answer_nonsense_or_nothing_cost_no_more_than_the_time_limit(
    plain: App, handler: Any, limit: str, words: str
) -> None:
    started = asyncio.get_running_loop().time()
    async with answering(handler) as url:
        asked = ("--prometheus-url", url, "--alertmanager-url", url, "--timeout", limit)
        code, found = await checks("health-check", "--url", plain.url, *asked)
    assert asyncio.get_running_loop().time() - started < 40
    assert code == 2
    assert words in found["prometheus"]["found"]
    assert words in found["alertmanager"]["found"]
    assert found["integration alertmanager"]["state"] == "ok"


async def test_a_password_in_a_url_is_never_shown(plain: App) -> None:
    asked = ("--prometheus-url", "http://ann:hidden@127.0.0.1:9")
    result = await run("health-check", "--url", plain.url, *asked)
    assert result.exit_code == 2
    assert "hidden" not in result.output
    assert "http://127.0.0.1:9" in result.output


async def test_something_else_at_the_address_is_noticed(plain: App) -> None:
    async with answering(page) as url:
        code, found = await checks("health-check", "--url", url)
        assert code == 2
        assert "is not this service's" in found["service"]["found"]
        code, found = await checks("validate-metrics", "--url", url)
        assert code == 2
        assert "a web page instead of metrics" in found["metrics"]["found"]

    async def elsewhere(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://login.example/?a=b"})

    async with answering(elsewhere) as url:
        code, found = await checks("health-check", "--url", url)
        assert code == 2
        assert "redirects to https://login.example/: give that URL" in found["service"]["found"]


async def test_our_own_metrics_are_as_promised_under_traffic(app: App) -> None:
    name = await app.fire()
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/acknowledge")
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/escalate")
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/resolve")
    await app.post({"nothing": "of ours"})
    code, found = await checks("validate-metrics", "--url", app.url)
    assert code in (0, 1), [one for one in found.values() if one["state"] == "failed"]
    for area in ("promised", "values", "cardinality", "names"):
        assert found[area]["state"] == "ok", found
    warned = {name for name, one in found.items() if one["state"] == "warning"}
    assert warned <= {"incident_manager_enrichment_cache_hit_rate"}


async def test_metrics_that_are_missing_or_wrong_are_listed_by_name(plain: App) -> None:
    _, text = await plain.get("/metrics")

    async def broken(_request: web.Request) -> web.Response:
        lines = [line for line in text.splitlines() if "incident_deadlines_total" not in line]
        body = "\n".join(lines).replace(
            "incident_manager_redis_up 1.0", "incident_manager_redis_up NaN"
        )
        return web.Response(text=f"{body}\n")

    async with answering(broken) as url:
        code, found = await checks("validate-metrics", "--metrics-url", f"{url}/metrics")
        assert code == 2
        assert found["incident_deadlines_total"]["area"] in ("promised", "asked for")
        assert found["incident_manager_redis_up"]["area"] == "values"
        shown = await run("validate-metrics", "--metrics-url", f"{url}/metrics")
        assert "incident_deadlines_total is missing" in " ".join(shown.output.split())


async def test_rules_that_cannot_be_read_are_said(plain: App, tmp_path: Any) -> None:
    for command in ("health-check", "validate-metrics"):
        result = await run(command, "--url", plain.url, "--rules", str(tmp_path))
        assert result.exit_code == 1
        assert "there are no rules" in result.output
    (tmp_path / "a.yml").write_text("groups: {a: ")
    result = await run("health-check", "--url", plain.url, "--rules", str(tmp_path))
    assert "a.yml: cannot be read" in result.output
    (tmp_path / "a.yml").write_text("[]")
    result = await run("health-check", "--url", plain.url, "--rules", str(tmp_path))
    assert "a.yml: is no file of rules" in result.output


def prometheus(**changed: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What a Prometheus answers by the last word of the path; a query by its expression."""
    group = {
        "name": "incident-manager",
        "interval": 30,
        "lastEvaluation": datetime.now(UTC).isoformat(),
        "rules": [{"name": "ServiceDown", "health": "ok"}],
    }
    target = {"labels": {"job": "llm-incident-manager"}, "health": "up", "scrapeUrl": "http://a/"}
    answers: dict[str, Any] = {
        "targets": {"activeTargets": [target | one for one in changed.get("targets", [{}])]},
        "rules": {"groups": [group | changed.get("group", {})]},
        "alertmanagers": {"activeAlertmanagers": [{"url": "http://b/"}]},
    }

    async def answer(request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        rows = []
        for metric, value in changed.get("recorded", {"system:memory_ratio": "0.5"}).items():
            if "count(" in request.query.get("query", ""):
                rows.append({"metric": {}, "value": [0, "1"]})
            elif "ALERTS" not in request.query.get("query", ""):
                rows.append({"metric": {"__name__": metric}, "value": [0, value]})
        data = answers.get(name, {"resultType": "vector", "result": rows})
        return web.json_response({"status": "success", "data": data})

    return answer


async def looked_at(app: App, **changed: Any) -> dict[str, Any]:
    async with answering(prometheus(**changed)) as url:
        _, found = await checks("health-check", "--url", app.url, "--prometheus-url", url)
    return found


async def test_what_is_wrong_with_prometheus_is_named(plain: App) -> None:
    found = await looked_at(plain)
    assert found["rules"]["state"] == "warning"
    assert found["sends to"]["state"] == found["prometheus"]["state"] == "ok"
    rule = {"name": "Broken", "health": "err", "lastError": "many-to-many matching"}
    found = await looked_at(plain, group={"rules": [rule]})
    assert found["rules"]["state"] == "failed"
    assert found["rules"]["found"] == "Broken fails: many-to-many matching"
    found = await looked_at(plain, group={"lastEvaluation": "2026-03-02T10:00:00.123456789Z"})
    assert found["rules"]["found"] == "not evaluated in time: incident-manager"
    found = await looked_at(plain, group={"name": "other"})
    assert found["rules"]["found"].startswith("not loaded: incident-manager-recording")


async def own(app: App, **changed: Any) -> dict[str, Any]:
    """The checks of this service's own system."""
    async with answering(prometheus(**changed)) as url:
        asked = ("--url", app.url, "--prometheus-url", url)
        result = await run("health-check", *asked, "-o", "json")
    rows = json.loads(result.output)["checks"]
    return {row["name"]: row for row in rows if row["area"] == "system incident-manager"}


async def test_targets_and_figures_of_a_system(plain: App) -> None:
    down = {"health": "down", "lastError": "connection refused"}
    for targets, state in (
        ([{}, {}], "ok"),
        ([{}, down], "warning"),
        ([down, down], "failed"),
        ([{"health": "unknown"}], "unknown"),
    ):
        assert (await own(plain, targets=targets))["targets"]["state"] == state
    found = await own(plain)
    assert found["figures"]["found"] == "memory 50.00%; no data: 4 of 5"
    found = await own(plain, recorded={"system:memory_ratio": "NaN"})
    assert (found["figures"]["state"], found["figures"]["found"]) == ("ok", "no traffic now")
    found = await own(plain, recorded={})
    assert found["figures"]["state"] == "unknown"


async def test_an_agenda_that_nobody_works_on_is_a_failure(app: App) -> None:
    await app.service.agenda.stop()
    await app.fire()
    app.clock.move(200)
    assert await app.metric('incident_manager_agenda_delay_seconds{lane="urgent"}') >= 199
    code, found = await checks("health-check", "--url", app.url)
    assert code == 2
    assert found["agenda"]["state"] == "failed"
    assert found["agenda"]["found"].startswith("what is due has waited 3m 2")


async def test_the_form_of_the_json_stays(plain: App) -> None:
    for command, more in (("health-check", "service"), ("validate-metrics", "metrics")):
        body = json.loads((await run(command, "--url", plain.url, "-o", "json")).output)
        assert body.keys() == {"status", "exit_code", "at", more, "summary", "checks"}
        assert body["summary"].keys() == {"ok", "warning", "failed", "unknown", "skipped"}
        for one in body["checks"]:
            assert one.keys() == {"area", "name", "state", "found", "limit", "advice"}
