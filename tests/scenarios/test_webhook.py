"""What senders get: 2xx only when durable, dead letters for junk, 400 with the place."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert, notification
from tests.support.places import ROOT
from tests.support.waiting import until

BODIES = sorted((ROOT / "tests" / "support" / "payloads").glob("*.json"))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
async def test_every_sender_in_the_wild_is_answered_2xx(plain: App, path: Path) -> None:
    status, answer = await plain.post(path.read_bytes())
    assert status == 202, answer


async def test_sixteen_identical_posts_make_one_incident(plain: App) -> None:
    body = notification(alert())
    answers = await asyncio.gather(*[plain.post(body) for _ in range(16)])
    assert {status for status, _ in answers} == {202}
    assert len({answer["incidents"][0] for _, answer in answers}) == 1
    _, listed = await plain.get("/v1/incidents")
    assert len(listed["incidents"]) == 1
    assert await plain.metric('incident_manager_alerts_processed_total{result="unchanged"}') >= 1


async def test_what_was_answered_2xx_is_there_after_a_restart(plain: App) -> None:
    name = await plain.fire()
    before = await plain.incident(name)
    await plain.stop()
    await plain.start(**NO_ACCOUNTS)
    after = await plain.incident(name)
    for field in ("state", "priority", "opened_at", "alerts", "deadlines"):
        assert after[field] == before[field]


async def test_redis_away_is_503_and_nothing_is_lost_after_it(plain: App) -> None:
    await plain.service.redis.config_set("maxmemory", "1")
    status, answer = await plain.post(notification(alert()))
    assert status == 503
    assert "try again" in answer["detail"]
    ready, _ = await plain.get("/-/ready")
    assert ready == 503
    await plain.service.redis.config_set("maxmemory", "0")
    await plain.fire()
    assert (await plain.get("/-/ready"))[0] == 200


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1"),
        (b"not json", "line 1"),
        (b'{"alerts": [\n{"status": "firing",}]}', "line 2"),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)
async def test_what_is_not_json_is_400_with_the_place(plain: App, body: bytes, place: str) -> None:
    status, answer = await plain.post(body)
    assert status == 400
    assert answer["detail"]
    assert place in answer["place"]


@pytest.mark.parametrize(
    "body", [[], "text", 7, None, {}, {"alerts": "none"}, {"alerts": {}}, {"hello": "world"}]
)
async def test_parseable_junk_is_kept_as_a_dead_letter(plain: App, body: Any) -> None:
    status, answer = await plain.post(body)
    assert status == 202
    assert answer["status"] == "dead_letter"
    _, listed = await plain.get("/v1/dead-letters")
    letter = listed["dead_letters"][0]
    assert letter["reason"]
    assert json.loads(letter["raw"]) == body
    assert await plain.metric('incident_manager_dead_letters_total{reason="payload"}') == 1


async def test_one_bad_alert_does_not_cost_the_others(plain: App) -> None:
    body = notification(alert(), {"status": "firing", "labels": 7})
    status, answer = await plain.post(body)
    assert status == 202
    assert len(answer["incidents"]) == 1
    assert answer["rejected"]
    _, listed = await plain.get("/v1/dead-letters")
    assert listed["dead_letters"][0]["place"] == "$.alerts[1]"


async def test_an_empty_list_of_alerts_is_accepted(plain: App) -> None:
    assert (await plain.post(notification()))[0] == 202


async def test_a_slash_too_many_is_not_redirected(plain: App) -> None:
    status, _ = await plain.post(
        notification(alert()), path="/v1/alerts/webhook/", allow_redirects=False
    )
    assert status == 202


async def test_wrong_method_and_too_large_are_not_redirects_or_429(plain: App) -> None:
    async with plain.session.get(plain.url + "/v1/alerts/webhook", allow_redirects=False) as answer:
        assert answer.status == 405
    status, _ = await plain.post(b"[" + b" " * 17_000_000 + b"]")
    assert status == 413


async def test_absent_and_truncated_alerts_are_not_resolved(plain: App) -> None:
    two = [alert(labels={"instance": str(number)}) for number in (1, 2)]
    name = await plain.fire(*two)
    await plain.fire(two[0])
    await plain.fire(two[0], truncatedAlerts=1)
    found = await plain.incident(name)
    assert [item["status"] for item in found["alerts"]] == ["firing", "firing"]


async def test_an_orphan_resolve_makes_no_incident(plain: App) -> None:
    status, answer = await plain.post(notification(alert(resolved=True)))
    assert (status, answer["incidents"]) == (202, [])
    assert (await plain.get("/v1/incidents?state=all"))[1]["incidents"] == []
    # The firing copy it covers arrives late: a closed incident that pages nobody.
    name = await plain.fire()
    found = await plain.incident(name)
    assert found["state"] == "resolved"
    assert found["deliveries"] == []


async def test_an_echo_does_not_reopen_but_counts_when_nobody_contradicts_it(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    await plain.fire()
    found = await plain.incident(name)
    assert found["state"] == "resolved"
    assert found["alerts"][0]["suspected_echo"]
    plain.clock.move(61)
    plain.service.agenda.wake()
    assert (await plain.incident(name))["state"] == "resolved"  # a peer may take longer
    plain.clock.move(300)
    plain.service.agenda.wake()
    await until(lambda: _state(plain, name, "triggered"))
    assert (await plain.incident(name))["episode"] == 1


async def test_a_contradicted_echo_stays_closed(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    await plain.fire()
    await plain.fire(alert(resolved=True))
    await plain.pass_time(61)
    assert (await plain.incident(name))["state"] == "resolved"


async def _state(app: App, name: str, state: str) -> bool:
    return bool((await app.incident(name))["state"] == state)


async def test_firing_again_reopens_within_the_window_and_is_new_after_it(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    again = await plain.fire(alert(starts="2026-03-02T12:00:00Z"))
    assert again == name
    assert (await plain.incident(name))["episode"] == 1
    await plain.fire(alert(resolved=True, starts="2026-03-02T12:00:00Z"))
    plain.clock.move(31 * 60)
    later = await plain.fire(alert(starts="2026-03-02T13:00:00Z"))
    assert later != name
    assert later.rpartition("-")[0] == name.rpartition("-")[0]


async def test_clusters_and_receivers_are_kept_apart(plain: App) -> None:
    body = notification(alert())
    first = (await plain.post(body, path="/v1/alerts/webhook?cluster=eu"))[1]["incidents"]
    second = (await plain.post(body, path="/v1/alerts/webhook?cluster=us"))[1]["incidents"]
    third = (await plain.post(body | {"receiver": "other"}))[1]["incidents"]
    peer = (await plain.post(body | {"externalURL": "http://peer-2:9093"}))[1]["incidents"]
    assert len({*first, *second, *third}) == 3
    assert (await plain.post(body))[1]["incidents"] == peer


async def test_a_route_may_regroup_by_labels(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(
        **{
            **NO_ACCOUNTS,
            "route": {"group_by": ["service"], "routes": []},
        }
    )
    try:
        first = await app.fire(alert("A"), group="a")
        second = await app.fire(alert("B"), group="b")
        other = await app.fire(alert("B", labels={"service": "search"}), group="b")
        assert first == second
        assert other != first
        names = {item["labels"]["alertname"] for item in (await app.incident(first))["alerts"]}
        assert names == {"A", "B"}
    finally:
        await app.stop()


async def test_credentials_are_asked_for_when_configured(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(
        **{
            **NO_ACCOUNTS,
            "web.credentials": [
                {"name": "eu", "token": "t0ken", "cluster": "eu"},
                {"name": "us", "username": "am", "password": "pässw:ord", "cluster": "us"},
            ],
        }
    )
    try:
        body = notification(alert())
        assert (await app.post(body))[0] == 401
        wrong = {"Authorization": "Bearer t0kem"}
        status, answer = await app.post(body, headers=wrong)
        assert status == 401
        assert "credentials" in answer["detail"]
        right = {"Authorization": "Bearer t0ken"}
        eu = (await app.post(body, headers=right))[1]["incidents"]
        pair = base64.b64encode("am:pässw:ord".encode()).decode()
        basic = {"Authorization": f"Basic {pair}"}
        us = (await app.post(body, headers=basic, path="/v1/alerts/webhook?cluster=eu"))[1]
        assert us["incidents"] != eu
        assert (await app.get("/v1/incidents"))[0] == 401
        assert (await app.get("/-/healthy"))[0] == 200
    finally:
        await app.stop()


async def test_priorities_and_runbooks_come_with_their_reason(plain: App) -> None:
    name = await plain.fire(
        alert(
            "SampleAlert",
            labels={"severity": "warning", "system": "incident-manager"},
        ),
        group="sample",
    )
    found = await plain.incident(name)
    assert (found["priority"], found["priority_reason"]) == ("P3", "severity warning")
    assert found["runbook_url"].endswith("/runbooks/incident-manager/SampleAlert")
    status, text = await plain.get("/runbooks/incident-manager/SampleAlert")
    assert status == 200
    assert "How to resolve" in text
    assert (await plain.get("/runbooks/../../etc/passwd"))[0] == 404
    assert await plain.metric('incident_runbooks_total{source="catalogue"}') == 1
    await plain.fire(alert("NoRunbook"), group="none")
    assert await plain.metric('incident_runbooks_total{source="none"}') == 1


async def test_of_many_alerts_that_are_wrong_the_first_are_kept_and_the_rest_counted(
    plain: App,
) -> None:
    """A body of 60 KB may be 20,000 alerts; each as a dead letter would push out all others."""
    await plain.post({"alerts": "before"})
    status, answer = await plain.post(b'{"alerts": [' + b"{}," * 5_000 + b"{}]}")
    assert (status, len(answer["rejected"]), answer["rejected"][-1]) == (202, 101, "and 4901 more")
    _, found = await plain.get("/v1/dead-letters?limit=1000")
    letters = found["dead_letters"]
    assert len(letters) == 102
    assert any("4901 more alerts" in letter["reason"] for letter in letters)
    line = 'incident_manager_dead_letters_total{reason="alert"}'
    assert await plain.metric(line) == 5_001
