"""What senders do that the configuration knows nothing of is loud, counted, and said once a day."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from receiver.intake.hints import REMEMBERED
from receiver.store.hints import KEPT
from receiver.store.keys import HINTS
from tests.support.app import NO_ACCOUNTS, App
from tests.support.checks import checks
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

WATCHDOG = alert("Watchdog", labels={"severity": "none"})


def blocker(word: str = "Blocker") -> dict[str, object]:
    return alert(labels={"severity": word})


async def test_a_severity_nobody_listed_is_p2_counted_and_listed(plain: App) -> None:
    incident = await plain.fire(blocker())
    shown = await plain.incident(incident)
    assert (shown["priority"], shown["severity"]) == ("P2", "blocker")
    assert shown["priority_reason"] == 'severity "Blocker" is not known: at least P2'
    counted = 'incident_manager_unknown_severity_alerts_total{source="alertmanager"}'
    assert await plain.metric(counted) == 1
    assert (
        await plain.metric(
            'incidents_total{priority="P2",severity="other",source="alertmanager",type="alert"}'
        )
        == 1
    )
    _, answer = await plain.get("/v1/hints")
    (hint,) = answer["hints"]
    assert (hint["kind"], hint["name"]) == ("unknown_severity", "Blocker")
    assert yaml.safe_load(hint["configuration"]) == {"classify": {"severities": {"Blocker": "P3"}}}
    code, found = await checks("health-check", "--url", plain.url)
    assert code == 1
    assert "Blocker" in found["severities"]["found"]
    assert found["heartbeats"]["state"] == "ok"


async def test_a_known_word_counts_as_what_it_means(plain: App) -> None:
    incident = await plain.fire(blocker("CRIT"))
    shown = await plain.incident(incident)
    assert (shown["priority"], shown["severity"]) == ("P1", "critical")
    assert (
        await plain.metric('incidents_active{priority="P1",severity="critical",state="triggered"}')
        == 1
    )
    assert (await plain.get("/v1/hints"))[1] == {"hints": []}


async def test_a_watchdog_makes_no_incident_and_is_offered_as_a_heartbeat(plain: App) -> None:
    for _ in range(3):
        status, answer = await plain.post(notification(WATCHDOG, group="w"))
        assert (status, answer["incidents"]) == (202, [])
        assert answer["unwatched_heartbeats"] == ["Watchdog"]
    _, listed = await plain.get("/v1/incidents?state=all")
    assert listed["incidents"] == []
    _, answer = await plain.get("/v1/hints")
    (hint,) = answer["hints"]
    assert yaml.safe_load(hint["configuration"]) == {
        "heartbeats": {"watchdog": {"interval": "5m", "matchers": ['alertname="Watchdog"']}}
    }
    code, found = await checks("health-check", "--url", plain.url)
    assert code == 1
    assert "Watchdog" in found["heartbeats"]["found"]
    assert "heartbeats: {watchdog:" in found["heartbeats"]["advice"]


@pytest.fixture
async def watched(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        heartbeats={"watchdog": {"interval": "5m", "matchers": ['alertname="Watchdog"']}},
        classify={"severities": {"blocker": "P1"}},
        **NO_ACCOUNTS,
    )
    yield running
    await running.stop()


async def test_what_was_configured_since_is_no_hint(watched: App) -> None:
    names = ["unknown_severity|Blocker", "unwatched_heartbeat|Watchdog", "unknown_severity|bad"]
    now = watched.clock.now()
    await watched.service.redis.zadd(HINTS, dict.fromkeys(names, now))
    _, answer = await watched.get("/v1/hints")
    assert [hint["name"] for hint in answer["hints"]] == ["bad"]
    await watched.service.redis.zadd(HINTS, {"unknown_severity|bad": now - 8 * 86_400_000})
    assert (await watched.get("/v1/hints"))[1] == {"hints": []}


async def test_made_up_words_fill_nothing(plain: App) -> None:
    words = [f"word {number}" for number in range(REMEMBERED + KEPT)]
    for start in range(0, len(words), 50):
        alerts = [
            alert(f"A{word}", labels={"severity": word}) for word in words[start : start + 50]
        ]
        status, _ = await plain.post(notification(*alerts, group=f"g{start}"))
        assert status == 202
    assert 0 < await plain.service.redis.zcard(HINTS) <= KEPT
    counted = 'incident_manager_unknown_severity_alerts_total{source="alertmanager"}'
    assert await plain.metric(counted) == len(words)


async def test_junk_in_place_of_the_hints_costs_no_alert(plain: App) -> None:
    await plain.service.redis.set(HINTS, b"junk")
    assert (await plain.get("/v1/hints"))[1] == {"hints": []}
    await plain.fire(blocker())
    _, answer = await plain.get("/v1/hints")
    assert [hint["name"] for hint in answer["hints"]] == ["Blocker"]


async def test_an_event_of_an_integration_with_an_unknown_severity(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(integrations={"sentinel": {}}, **NO_ACCOUNTS)
    try:
        body = {"title": "Late", "severity": "blocker"}
        status, answer = await app.post(body, "/v1/integrations/sentinel/events")
        assert status == 202
        shown = await app.incident(answer["incidents"][0])
        assert shown["priority"] == "P2"
        assert [hint["name"] for hint in (await app.get("/v1/hints"))[1]["hints"]] == ["blocker"]
    finally:
        await app.stop()
