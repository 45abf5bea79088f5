"""The daily look at Prometheus, the systems and Alertmanager, by what they answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.finding import Finding
from receiver.cli.checks.health.neighbours import check_alertmanager, check_prometheus
from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import OWN, SystemRules
from tests.support.checks import asked

RECORDED = {
    "shop:error_ratio": "x",
    "shop:latency_seconds:p95": "x",
    "shop:request_rate:5m": "x",
    "shop:board_only": "x",
}
ALERTS = {
    "Errors": "shop:error_ratio > 1",
    "Slow": "shop:latency_seconds:p95 > shop:request_rate:5m",
}
OURS = SystemRules(OWN, "im", ("im-recording", "im"), {}, {})
SHOP = SystemRules("shop", "shop", ("shop",), RECORDED, ALERTS)


def group(name: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"name": name, "interval": 30, "lastEvaluation": now, "rules": [], **more}


def target(job: str, health: str = "up", **more: Any) -> dict[str, Any]:
    return {"labels": {"job": job}, "health": health, "scrapeUrl": f"http://{job}/", **more}


GROUPS = [group(name) for name in (*OURS.groups, *SHOP.groups)]
TARGETS = [target("im"), target("shop")]
SENDS = [{"url": "http://am/"}]


def sample(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [0, value]}


async def looked(
    groups: Any = GROUPS,
    *,
    targets: Any = TARGETS,
    sends: Any = SENDS,
    firing: Any = (),
    recorded: Any = (),
    counted: Any = (),
    also_alertmanager: Any = False,
    **changed: Any,
) -> dict[str, Finding]:
    def queried(request: web.Request) -> Any:
        query = request.query["query"]
        rows = firing if "ALERTS" in query else counted if "count(" in query else recorded
        mine = rows if 'system="shop"' in query else ()
        return {"status": "success", "data": {"resultType": "vector", "result": list(mine)}}

    answers = {
        "/api/v1/targets": {"status": "success", "data": {"activeTargets": targets}},
        "/api/v1/rules": {"status": "success", "data": {"groups": groups}},
        "/api/v1/alertmanagers": {"status": "success", "data": {"activeAlertmanagers": sends}},
        "/api/v1/query": queried,
    }
    async with asked(answers | changed, "Prometheus") as source:
        found = await check_prometheus(
            Prometheus(source), [OURS, SHOP], alertmanager_asked=also_alertmanager
        )
    return {f"{one.area}/{one.name}": one for one in found}


def state(found: Mapping[str, Finding], name: str) -> tuple[str, str]:
    return found[name].state, found[name].found


async def test_all_is_well() -> None:
    found = await looked(recorded=[sample("0.5", __name__="shop:error_ratio")])
    assert state(found, "Prometheus/prometheus") == ("ok", "2 targets")
    assert state(found, "Prometheus/rules") == ("ok", "3 groups are loaded and evaluated")
    assert state(found, "Prometheus/sends to") == ("ok", "1 Alertmanager")
    assert state(found, "system shop/targets") == ("ok", "1 of 1 up")
    assert state(found, "system shop/alerts") == ("ok", "none fires")


async def test_without_its_targets_nothing_else_is_asked() -> None:
    odd: dict[str, Any] = {"/api/v1/targets": (401, {"error": "who?"})}
    found = await looked(**odd)
    assert list(found) == ["Prometheus/prometheus"]
    assert found["Prometheus/prometheus"].state == "failed"


@pytest.mark.parametrize(("path", "name"), [("rules", "rules"), ("alertmanagers", "sends to")])
async def test_what_one_question_hides_does_not_hide_the_rest(path: str, name: str) -> None:
    for answer in ((503, {"error": "busy"}), (200, "<html>"), (200, {"status": "success"})):
        odd: dict[str, Any] = {f"/api/v1/{path}": answer}
        found = await looked(**odd)
        assert found[f"Prometheus/{name}"].state == "unknown"
        assert found["system shop/alerts"].state == "ok"


@pytest.mark.parametrize(
    ("late", "state_of"), [({"lastEvaluation": 119}, "ok"), ({"lastEvaluation": 125}, "warning")]
)
async def test_a_group_that_missed_four_intervals_is_late(
    late: dict[str, int], state_of: str
) -> None:
    at = datetime.now(UTC) - timedelta(seconds=late["lastEvaluation"])
    groups = [*GROUPS, group("slow", lastEvaluation=at.isoformat())]
    one = (await looked(groups))["Prometheus/rules"]
    assert one.state == state_of
    assert ("not evaluated in time: slow" in one.found) is (state_of == "warning")


@pytest.mark.parametrize(
    "more",
    [
        {"lastEvaluation": "0001-01-01T00:00:00Z"},
        {"lastEvaluation": "soon"},
        {"lastEvaluation": None},
        {"interval": None, "lastEvaluation": "2026-01-01T00:00:00Z"},
        {"interval": "often", "lastEvaluation": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_group_of_which_that_is_not_known_is_not_late(more: dict[str, Any]) -> None:
    assert (await looked([*GROUPS, group("x", **more)]))["Prometheus/rules"].state == "ok"


@pytest.mark.parametrize(
    ("loaded", "state_of", "words"),
    [
        (["im-recording", "im"], "ok", "2 groups are loaded and evaluated; not loaded: shop"),
        (["im", "shop"], "warning", "not loaded: im-recording"),
        ([], "warning", "not loaded: im-recording, im, shop"),
    ],
)
async def test_our_own_rules_have_to_be_loaded(
    loaded: list[str], state_of: str, words: str
) -> None:
    found = await looked([group(name) for name in loaded])
    assert state(found, "Prometheus/rules") == (state_of, words)


async def test_of_many_groups_five_are_named() -> None:
    old = "2026-03-02T10:00:00Z"
    groups = [group(f"g{n}", lastEvaluation=old) for n in range(8)]
    words = (await looked(groups))["Prometheus/rules"].found
    assert words == "not evaluated in time: g0, g1, g2, g3, g4 and 3 more"


async def test_a_rule_that_fails_is_named_before_anything_else() -> None:
    rules = [{"name": "A", "health": "ok"}, {"name": "B", "health": "err", "lastError": "1 != 2"}]
    found = await looked([group("g", rules=rules, lastEvaluation="2026-03-02T10:00:00Z")])
    assert state(found, "Prometheus/rules") == ("failed", "B fails: 1 != 2")


@pytest.mark.parametrize("rules", [None, 7, ["x"], [None]])
async def test_rules_of_another_form_are_unknown(rules: Any) -> None:
    found = await looked([*GROUPS, group("x", rules=rules)])
    assert found["Prometheus/rules"].state == "unknown"
    assert found["system shop/alerts"].state == "ok"


@pytest.mark.parametrize(("also", "state_of"), [(True, "failed"), (False, "warning")])
async def test_without_an_alertmanager_no_alert_arrives(also: bool, state_of: str) -> None:
    found = await looked(sends=[], also_alertmanager=also)
    words = "no Alertmanager: no alert arrives"
    assert state(found, "Prometheus/sends to") == (state_of, words)


@pytest.mark.parametrize(
    ("targets", "own", "shop"),
    [
        ([], "warning", "skipped"),
        ([target("shop")], "warning", "ok"),
        ([target("im"), target("other")], "ok", "skipped"),
        ([target("im", "down"), target("shop", "unknown")], "failed", "unknown"),
        ([target("im"), target("im", "down"), {"health": "up"}], "warning", "skipped"),
        ([target("im"), {"labels": None, "health": "up"}], "ok", "skipped"),
        ([target("im"), {"labels": [], "health": "up"}], "ok", "skipped"),
    ],
)
async def test_targets_of_each_system(targets: Any, own: str, shop: str) -> None:
    found = await looked(targets=targets)
    assert found[f"system {OWN}/targets"].state == own
    assert found["system shop/targets"].state == shop
    assert ("system shop/alerts" in found) is (shop != "skipped")


async def test_a_target_that_is_down_is_named() -> None:
    down = target("shop", "down", lastError="connection refused")
    found = await looked(targets=[*TARGETS, down])
    assert state(found, "system shop/targets") == (
        "warning",
        "1 of 2 up; http://shop/: connection refused",
    )


def fires(name: str, severity: str) -> dict[str, Any]:
    return sample("1", alertname=name, severity=severity)


@pytest.mark.parametrize(
    ("firing", "state_of", "words"),
    [
        ([fires("A", "warning")], "warning", "1 firing: A (warning)"),
        (
            [fires("A", "warning"), fires("B", "critical")],
            "failed",
            "2 firing: B (critical), A (warning)",
        ),
        ([fires("A", "high")] * 3, "failed", "3 firing: A (high)"),
        ([sample("1")], "warning", "1 firing: None (None)"),
        (
            [fires(f"A{n}", "info") for n in range(7)],
            "warning",
            "7 firing: A0 (info), A1 (info), A2 (info), A3 (info), A4 (info) and 2 more",
        ),
    ],
)
async def test_what_fires_the_urgent_first(firing: Any, state_of: str, words: str) -> None:
    assert state(await looked(firing=firing), "system shop/alerts") == (state_of, words)


def record(name: str, value: str, **more: str) -> dict[str, Any]:
    return sample(value, __name__=f"shop:{name}", **more)


@pytest.mark.parametrize(
    ("recorded", "counted", "state_of", "words"),
    [
        (
            [
                record("error_ratio", "0.0123"),
                record("latency_seconds:p95", "0.25"),
                record("request_rate:5m", "12.345"),
            ],
            [],
            "ok",
            "error 1.23%, latency p95 250 ms, request rate 12.3",
        ),
        # The worst of several, and what no alert looks at is left out.
        (
            [
                record("error_ratio", "0.1", pod="a"),
                record("error_ratio", "0.2", pod="b"),
                record("board_only", "9"),
            ],
            [],
            "ok",
            "error 20.00%; no data: 2 of 3",
        ),
        ([], [], "unknown", "nothing is recorded"),
        ([record("error_ratio", "NaN")], [sample("3")], "ok", "no traffic now"),
        ([record("board_only", "9")], [sample("0")], "unknown", "nothing is recorded"),
    ],
)
async def test_figures_that_are_recorded(
    recorded: Any, counted: Any, state_of: str, words: str
) -> None:
    found = await looked(recorded=recorded, counted=counted)
    assert state(found, "system shop/figures") == (state_of, words)


# Alertmanager.

CONFIG = """
route: {receiver: im}
receivers:
  - name: im
    webhook_configs: [{url: "http://im:8080/v1/alerts/webhook"}]
"""
STATUS: dict[str, Any] = {
    "versionInfo": {"version": "0.28"},
    "config": {"original": CONFIG},
    "cluster": {"status": "ready", "peers": [{}, {}]},
}


def counts(sent: int, failed: int) -> str:
    return "".join(
        f"# TYPE alertmanager_{name} counter\n"
        f'alertmanager_{name}{{integration="webhook",reason="a"}} {number}\n'
        f'alertmanager_{name}{{integration="email",reason="a"}} 999\n'
        for name, number in (
            ("notifications_total", sent),
            ("notifications_failed_total", failed),
        )
    )


async def at_alertmanager(status: Any = STATUS, metrics: Any = None) -> dict[str, Finding]:
    page = counts(100, 0) if metrics is None else metrics
    answers = {"/api/v2/status": status, "/metrics": page}
    async with asked(answers, "Alertmanager") as source:
        found = await check_alertmanager(source)
        assert {one.area for one in found} == {f"Alertmanager {source.url}"}
    return {one.name: one for one in found}


async def test_an_alertmanager_that_is_well() -> None:
    found = await at_alertmanager()
    assert [(one.name, one.state) for one in found.values()] == [
        ("alertmanager", "ok"),
        ("routes", "ok"),
        ("webhook", "ok"),
    ]
    assert found["alertmanager"].found == "version 0.28, ready, 2 peers"
    assert found["webhook"].found == "100 notifications since its start, 0 failed"


@pytest.mark.parametrize(
    ("cluster", "state_of", "words"),
    [
        ({"status": "disabled"}, "ok", "version 0.28, disabled, 0 peers"),
        ({"status": "settling", "peers": None}, "warning", "version 0.28, settling, 0 peers"),
        ({}, "warning", "version 0.28, None, 0 peers"),
    ],
)
async def test_a_cluster_that_settles(cluster: Any, state_of: str, words: str) -> None:
    found = await at_alertmanager(STATUS | {"cluster": cluster})
    assert state(found, "alertmanager") == (state_of, words)


@pytest.mark.parametrize(
    "status",
    [
        (200, "<html>"),
        (404, {"error": "x"}),
        {},
        [],
        STATUS | {"versionInfo": None},
        STATUS | {"config": {}},
        STATUS | {"cluster": []},
        STATUS | {"cluster": "ready"},
        STATUS | {"cluster": None},
        STATUS | {"cluster": {"status": "ready", "peers": 3}},
        STATUS | {"config": {"original": 7}},
    ],
)
async def test_what_is_no_alertmanager_is_one_line(status: Any) -> None:
    found = await at_alertmanager(status)
    assert list(found) == ["alertmanager"]
    assert found["alertmanager"].state == "failed"


@pytest.mark.parametrize(
    ("original", "state_of"),
    [
        ("route: {receiver: x}\nreceivers: [{name: x}]", "failed"),
        (CONFIG.replace("receiver: im}", "receiver: other}"), "failed"),
        ("a: [", "unknown"),
        ("", "unknown"),
    ],
)
async def test_whether_a_route_leads_here(original: str, state_of: str) -> None:
    found = await at_alertmanager(STATUS | {"config": {"original": original}})
    assert found["routes"].state == state_of
    assert found["webhook"].state == "ok"


@pytest.mark.parametrize(
    ("sent", "failed", "state_of"),
    [(0, 0, "ok"), (100, 1, "ok"), (100, 2, "warning"), (0, 1, "warning"), (1_000, 10, "ok")],
)
async def test_one_of_a_hundred_may_fail(sent: int, failed: int, state_of: str) -> None:
    one = (await at_alertmanager(metrics=counts(sent, failed)))["webhook"]
    assert (one.state, bool(one.advice)) == (state_of, state_of == "warning")


async def test_without_its_metrics_the_rest_is_told() -> None:
    found = await at_alertmanager(metrics=(500, "x"))
    assert found["webhook"].state == "unknown"
    assert found["routes"].state == "ok"
    none_sent = await at_alertmanager(metrics="# TYPE up gauge\nup 1\n")
    assert state(none_sent, "webhook") == ("ok", "0 notifications since its start, 0 failed")
