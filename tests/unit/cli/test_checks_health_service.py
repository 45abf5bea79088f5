"""The daily look at the service, by what it answers."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.finding import Finding
from receiver.cli.checks.health.service import HINTED, LOOKED_AT, check_service
from tests.support.checks import asked, by_name

METRICS = "# TYPE incident_manager_redis_up gauge\nincident_manager_redis_up 1\n"
HEALTH: dict[str, Any] = {
    "components": {"redis": "ok", "outgoing_heartbeat": "off", "durability": "every second"},
    "notifiers": {"slack": {"state": "ok"}},
    "problems": [],
}
FIGURES = {"undeliverable": 0, "missed": 0, "met": 3}


def listed(request: web.Request, **totals: int) -> Any:
    """What the list of incidents answers: none, but ``totals`` by priority."""
    named = request.query.get("priority", "").replace(",", "_")
    return {"total": totals.get(named, 0), "incidents": []}


WELL: dict[str, Any] = {
    "/-/healthy": "healthy\n",
    "/-/ready": "ready",
    "/health": HEALTH,
    "/metrics": METRICS,
    "/v1/incidents": listed,
    "/v1/dead-letters": {"dead_letters": []},
    "/v1/hints": {"hints": []},
    "/v1/figures": {"priorities": [FIGURES, FIGURES]},
    "/v1/metrics/integrations": {"integrations": []},
    "/v1/metrics/caches": {"caches": {}},
    "/v1/shared-alerts": {"shared_alerts": [], "total": 0},
}


async def looked(changed: Mapping[str, Any], limit: int = 1 << 30) -> dict[str, Finding]:
    answers = WELL | dict(changed)
    async with asked(answers) as source, asked({"": None} | answers, "the metrics") as metrics:
        metrics.url += "/metrics"
        return by_name(await check_service(source, metrics, limit))


def odd(found: dict[str, Finding]) -> dict[str, str]:
    """What is not well, by name."""
    return {name: one.state for name, one in found.items() if one.state != "ok"}


async def test_all_is_well() -> None:
    found = await looked({})
    assert odd(found) == {}
    assert found["ready"].found == "ready"
    assert found["durability"].found == "every second"
    assert found["open incidents"].found == "none"
    assert found["dead letters"].found == "0 in the last 24 hours"
    assert found["deadlines"].found == "0 missed and 6 met since yesterday"
    assert found["undeliverable"].found == "0 incidents reached nobody since yesterday"


@pytest.mark.parametrize(
    "healthy", [(200, "hello"), (404, "healthy"), (503, "healthy"), (200, ""), (200, {})]
)
async def test_what_is_not_this_service_is_one_line(healthy: Any) -> None:
    found = await looked({"/-/healthy": healthy})
    assert list(found) == ["service"]
    assert found["service"].state == "failed"
    assert "is not this service's: is this the right address?" in found["service"].found
    assert found["service"].advice == "start it, see its log"


async def test_a_service_that_is_not_ready_says_why_and_the_rest_is_told() -> None:
    found = await looked({"/-/ready": (503, "redis: connection refused\n")})
    assert odd(found) == {"ready": "failed"}
    assert found["ready"].found == "redis: connection refused"
    assert "alerts wait at Alertmanager" in found["ready"].advice


# Its parts.


@pytest.mark.parametrize(
    ("name", "words", "state"),
    [
        ("redis", "ok", "ok"),
        ("redis", "connection refused", "failed"),
        ("slack_socket", "connecting", "warning"),
        ("slack_socket", "waiting for the first", "ok"),
        ("outgoing_heartbeat", "off", "ok"),
        ("outgoing_heartbeat", "failing", "warning"),
        ("of another release", "OK", "warning"),
        ("of another release", None, "warning"),
    ],
)
async def test_what_a_part_says(name: str, words: Any, state: str) -> None:
    found = await looked({"/health": (503, HEALTH | {"components": {name: words}})})
    one = found[name.replace("_", " ")]
    assert (one.state, one.found) == (state, str(words))
    assert bool(one.advice) is (state != "ok")


@pytest.mark.parametrize(
    ("how", "state", "words"),
    [
        ({"state": "ok"}, "ok", "its last attempts succeeded"),
        ({"state": "untried"}, "ok", "not tried: nothing was to be delivered yet"),
        ({"state": "untried", "untried": "no scope"}, "ok", "not tried: no scope"),
        (
            {"state": "failing", "since": "10:00", "problem": "is_archived"},
            "failed",
            "every attempt fails since 10:00: is_archived",
        ),
        ({}, "failed", "every attempt fails since None: None"),
    ],
)
async def test_what_a_notifier_says(how: dict[str, str], state: str, words: str) -> None:
    found = await looked({"/health": HEALTH | {"notifiers": {"slack": how}}})
    assert (found["notifier slack"].state, found["notifier slack"].found) == (state, words)


@pytest.mark.parametrize(("unready", "state"), [(True, "failed"), (False, "warning")])
async def test_a_problem_is_told_once(unready: bool, state: str) -> None:
    problem = {"subject": "durability", "unready": unready, "since": "10:00", "problem": "no AOF"}
    found = await looked({"/health": HEALTH | {"problems": [problem]}})
    assert (found["durability"].state, found["durability"].found) == (state, "since 10:00: no AOF")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"components": {}, "notifiers": {}},
        HEALTH | {"components": None},
        HEALTH | {"components": "ok"},
        HEALTH | {"problems": 7},
        HEALTH | {"problems": [{}]},
        HEALTH | {"problems": ["redis"]},
        HEALTH | {"notifiers": {"slack": "ok"}},
        HEALTH | {"notifiers": {"slack": None}},
    ],
)
async def test_a_health_of_another_form_is_unknown_and_the_rest_is_told(body: Any) -> None:
    found = await looked({"/health": body})
    assert odd(found) == {"health": "unknown"}
    assert found["health"].found == "/health has no components, notifiers and problems"
    assert "dead letters" in found


async def test_a_health_that_is_no_json_is_unknown() -> None:
    found = await looked({"/health": "<html>"})
    assert odd(found) == {"health": "unknown"}
    assert "a web page instead of JSON" in found["health"].found


# Its questions.

QUESTIONS = {
    "/v1/incidents": "open incidents",
    "/v1/shared-alerts": "shared alerts",
    "/v1/dead-letters": "dead letters",
    "/v1/hints": "hints",
    "/v1/figures": "figures",
    "/v1/metrics/integrations": "integrations",
    "/v1/metrics/caches": "caches",
}


@pytest.mark.parametrize(("path", "name"), QUESTIONS.items())
@pytest.mark.parametrize(
    ("answer", "words", "advice"),
    [
        ((401, {"error": "who?"}), "the service answers 401 to", "give --token"),
        ((503, {"error": "redis"}), "the service answers 503 to", ""),
        ((200, "<html>"), "a web page instead of JSON", ""),
        ((200, {}), "JSON of another form", ""),
        ((200, []), "JSON of another form", ""),
        ((200, None), "JSON of another form", ""),
    ],
)
async def test_a_question_without_an_answer_is_unknown(
    path: str, name: str, answer: Any, words: str, advice: str
) -> None:
    found = await looked({path: answer})
    assert odd(found) == {name: "unknown"}
    assert words in found[name].found
    assert found[name].advice.startswith(advice)
    assert bool(found[name].advice) is bool(advice)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/incidents", {"total": "many", "incidents": []}),
        ("/v1/incidents", {"total": 1, "incidents": [{}]}),
        ("/v1/dead-letters", {"dead_letters": [{"at": "soon", "reason": "x"}]}),
        ("/v1/dead-letters", {"dead_letters": [{"at": None, "reason": "x"}]}),
        ("/v1/hints", {"hints": [{}]}),
        ("/v1/hints", {"hints": "none"}),
        ("/v1/figures", {"priorities": [{}]}),
        ("/v1/figures", {"priorities": [{"undeliverable": None, "missed": 0, "met": 0}]}),
        ("/v1/metrics/integrations", {"integrations": [{"integration": "x"}]}),
        ("/v1/metrics/caches", {"caches": []}),
        ("/v1/metrics/caches", {"caches": {"x": {}}}),
        ("/v1/shared-alerts", {"total": 1, "shared_alerts": [{}]}),
        (
            "/v1/shared-alerts",
            {
                "total": 1,
                "shared_alerts": [{"alerts": 1, "alertname": "A", "incidents": [{"id": "x"}]}],
            },
        ),
    ],
)
async def test_parts_of_another_form_are_unknown_too(path: str, body: Any) -> None:
    found = await looked({path: body})
    assert odd(found) == {QUESTIONS[path]: "unknown"}


@pytest.mark.parametrize(
    ("totals", "state", "words"),
    [
        ({"P1": 1, "P3": 500}, "ok", "1 P1, 500 P3"),
        ({"P1": 2, "P1_P2": 1}, "warning", "2 P1; nobody has taken 1 of P1 and P2"),
    ],
)
async def test_open_incidents(totals: dict[str, int], state: str, words: str) -> None:
    found = await looked({"/v1/incidents": lambda request: listed(request, **totals)})
    one = found["open incidents"]
    assert (one.state, one.found) == (state, words)
    assert bool(one.advice) is (state != "ok")


@pytest.mark.parametrize(
    ("rows", "stale", "words"),
    [
        (3, 2, "3 P4; 2 not reported any more"),
        (3, 0, "3 P4"),
        (LOOKED_AT, 1, f"1000 P4; 1 of the {LOOKED_AT} most urgent not reported any more"),
    ],
)
async def test_what_nobody_reports_is_counted(rows: int, stale: int, words: str) -> None:
    some = [{"stale_since": "x" if n < stale else None} for n in range(rows)]

    def answer(request: web.Request) -> Any:
        return listed(request, P4=rows) | {"incidents": some}

    assert (await looked({"/v1/incidents": answer}))["open incidents"].found == words


@pytest.mark.parametrize(("hours", "number"), [(1, 1), (23.9, 1), (24.1, 0)])
async def test_dead_letters_of_a_day_are_a_warning(hours: float, number: int) -> None:
    at = datetime.fromtimestamp(time.time(), UTC) - timedelta(hours=hours)
    row = {"at": at.isoformat().replace("+00:00", "Z"), "reason": "not JSON"}
    found = (await looked({"/v1/dead-letters": {"dead_letters": [row]}}))["dead letters"]
    assert found.state == ("warning" if number else "ok")
    last = ", the last one: not JSON" if number else ""
    assert found.found == f"{number} in the last 24 hours{last}"


@pytest.mark.parametrize(("number", "more"), [(1, ""), (HINTED, ""), (HINTED + 3, " and 3 more")])
async def test_hints_name_some_and_count_the_rest(number: int, more: str) -> None:
    rows = [
        {"kind": "unknown_severity", "name": f"s{n}", "configuration": f"write s{n}"}
        for n in range(number)
    ]
    found = await looked({"/v1/hints": {"hints": rows}})
    assert odd(found) == {"severities": "warning"}
    names = ", ".join(f"s{n}" for n in range(min(number, HINTED)))
    assert found["severities"].found.endswith(f"within 7 days: {names}{more}")
    assert found["severities"].advice == "say what it means: write s0"
    assert found["heartbeats"].found == "nothing that always fires goes unwatched"


@pytest.mark.parametrize(
    ("figures", "undeliverable", "deadlines"),
    [
        ({"undeliverable": 1}, "failed", "ok"),
        ({"missed": 1}, "ok", "warning"),
        ({"undeliverable": 1, "missed": 2}, "failed", "warning"),
    ],
)
async def test_one_that_reached_nobody_is_a_failure(
    figures: dict[str, int], undeliverable: str, deadlines: str
) -> None:
    found = await looked({"/v1/figures": {"priorities": [FIGURES, FIGURES | figures]}})
    assert found["undeliverable"].state == undeliverable
    assert found["deadlines"].state == deadlines


def integration(total: int, success: float = 100, p95: float = 0) -> dict[str, Any]:
    return {
        "integration": "slack",
        "requests_total": total,
        "success_rate_percent": success,
        "latency_milliseconds": {"p95": p95},
    }


@pytest.mark.parametrize(
    ("row", "state", "words", "advice"),
    [
        (integration(0, 0, 9_999), "ok", "no request since the start", ""),
        (integration(1, 100, 2_000), "ok", "1 request, 0 % failed, P95 2000 ms", ""),
        (integration(200, 95), "ok", "200 requests, 5 % failed, P95 0 ms", ""),
        (integration(9, 94.5), "warning", "9 requests, 5.5 % failed, P95 0 ms", "HighErrorRate"),
        (
            integration(2, 100, 2_001),
            "warning",
            "2 requests, 0 % failed, P95 2001 ms",
            "HighLatency",
        ),
        (
            integration(2, 50, 9_999),
            "warning",
            "2 requests, 50 % failed, P95 9999 ms",
            "HighErrorRate",
        ),
    ],
)
async def test_an_integration_at_its_limits(
    row: dict[str, Any], state: str, words: str, advice: str
) -> None:
    found = await looked({"/v1/metrics/integrations": {"integrations": [row]}})
    one = found["integration slack"]
    assert (one.state, one.found) == (state, words)
    assert one.advice == (f"runbook {advice}" if advice else "")


@pytest.mark.parametrize(
    ("hits", "misses", "rate", "state", "words"),
    [
        (0, 0, None, "ok", "2 entries, 1.5 KiB, not asked yet"),
        (1, 9_998, 0.0001, "ok", "2 entries, 1.5 KiB, 0% of 9999 look-ups hit"),
        (4_999, 5_001, 0.4999, "warning", "2 entries, 1.5 KiB, 50% of 10000 look-ups hit"),
        (5_000, 5_000, 0.5, "ok", "2 entries, 1.5 KiB, 50% of 10000 look-ups hit"),
    ],
)
async def test_a_cache_that_rarely_hits(
    hits: int, misses: int, rate: float | None, state: str, words: str
) -> None:
    row = {"hits": hits, "misses": misses, "hit_rate": rate, "entries": 2, "size_bytes": 1536}
    found = (await looked({"/v1/metrics/caches": {"caches": {"records": row}}}))["cache records"]
    assert (found.state, found.found) == (state, words)


@pytest.mark.parametrize(("total", "more"), [(1, ""), (4, ", and the like 3 more times")])
async def test_an_alert_in_two_incidents_says_how_to_join_them(total: int, more: str) -> None:
    row = {"alerts": 2, "alertname": "A", "incidents": [{"id": "old"}, {"id": "new"}]}
    body = {"shared_alerts": [row], "total": total}
    one = (await looked({"/v1/shared-alerts": body}))["shared alerts"]
    assert (one.state, one.found) == ("warning", f"2 alerts (A) in old, new{more}")
    assert one.advice.startswith("incident-manager incidents merge new old; ")


async def test_metrics_that_are_none_are_a_failure_and_the_rest_is_told() -> None:
    found = await looked({"/metrics": (404, "x")})
    assert odd(found) == {"metrics": "failed"}
    assert "are they off (observability.prometheus_enabled)" in found["metrics"].found
