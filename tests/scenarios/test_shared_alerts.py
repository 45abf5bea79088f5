"""One alert that comes by two ways, and a group that is told of no more because it was renamed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert, notification
from tests.support.stale import Alertmanager
from tests.support.waiting import until

HOURS_5 = 5 * 3600


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.web.shared_alerts.FRESH_S", 0.0)
    monkeypatch.setattr("receiver.web.shared_alerts.REST", 0)


def of(name: str, severity: str = "critical") -> dict[str, Any]:
    return alert(name, labels={"severity": severity})


async def shared(app: App) -> Any:
    status, body = await app.get("/v1/shared-alerts")
    assert status == 200
    assert body["total"] == len(body["shared_alerts"])
    return body["shared_alerts"]


async def looked_at(app: App, name: str, kind: str) -> Any:
    """Let the old group be looked at; return its incident once the timeline says ``kind``."""
    app.service.agenda.wake()

    async def said() -> Any:
        found = await app.incident(name)
        return found if kind in [entry["kind"] for entry in found["timeline"]] else None

    return await until(said)


async def test_the_same_alert_by_two_routes_is_said_and_the_merge_helps(plain: App) -> None:
    first = await plain.fire(of("A"), of("B"), group="one")
    await plain.fire(of("C"), group="alone")
    second = await plain.fire(of("A"), group="two")
    assert first != second
    (found,) = await shared(plain)
    assert (found["alerts"], found["alertname"]) == (1, "A")
    assert [one["id"] for one in found["incidents"]] == [first, second]
    await plain.post({"by": "ann", "into": first}, f"/v1/incidents/{second}/merge")
    await plain.settle()
    assert await shared(plain) == []


async def test_what_a_scan_comes_by_twice_is_no_two_incidents(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = plain.service.dispatcher.store.lists
    scan = lists.scan

    async def twice(keys: Any, digest: str = "") -> AsyncIterator[dict[str, float]]:
        async for part in scan(keys, digest):
            yield part
            yield part

    monkeypatch.setattr(lists, "scan", twice)
    first = await plain.fire(of("A"), group="one")
    assert await shared(plain) == []
    second = await plain.fire(of("A"), of("B"), group="two")
    third = await plain.fire(of("B"), of("A"), group="three")
    several, pair = sorted(await shared(plain), key=lambda one: -len(one["incidents"]))
    assert [one["id"] for one in several["incidents"]] == [first, second, third]
    assert [one["id"] for one in pair["incidents"]] == [second, third]
    assert (several["alertname"], pair["alertname"]) == ("A", "B")


async def test_another_cluster_has_alerts_of_its_own(plain: App) -> None:
    for cluster in ("eu", "us"):
        path = f"/v1/alerts/webhook?cluster={cluster}"
        assert (await plain.post(notification(of("A")), path))[0] == 202
    assert await shared(plain) == []


@pytest.fixture(params=["nobody to ask", "an Alertmanager"])
async def moving(request: pytest.FixtureRequest, tmp_path: Path, fakes: Any) -> AsyncIterator[App]:
    """A service that asks an Alertmanager, or has none; for that one A and B are active."""
    peer = Alertmanager()
    runner = await peer.start()
    peer.labels = {name: item["labels"] for name, item in (("A", of("A")), ("B", of("B")))}
    peer.states = {"A": "active", "B": "active"}
    app = App(tmp_path, *fakes)
    asks = request.param == "an Alertmanager"
    more = {"alertmanagers": [{"urls": [f"http://127.0.0.1:{peer.port}"]}]} if asks else {}
    await app.start(**NO_ACCOUNTS, **more)
    yield app
    await app.stop()
    await runner.cleanup()


async def test_a_group_that_was_renamed_while_it_fires_does_not_stay_for_ever(moving: App) -> None:
    app, alerts = moving, (of("A"), of("B"))
    old = await app.fire(*alerts, group="old")
    # group_by is changed: each alert has a group of its own from now on.
    new = [await app.fire(item, group=f"new{at}") for at, item in enumerate(alerts)]
    app.clock.move(HOURS_5 - 60)
    for at, item in enumerate(alerts):
        await app.fire(item, group=f"new{at}")
    app.clock.move(61)
    found = await looked_at(app, old, "continued")
    assert found["state"] == "resolved"
    assert found["resolved_by"]["via"] == "automatic"
    said = [entry["text"] for entry in found["timeline"] if entry["kind"] == "continued"]
    places = sorted(zip(new, "AB", strict=True))
    assert said == [f"Reported in {at} now: {name}: {name} on checkout" for at, name in places]
    assert {(await app.incident(name))["state"] for name in new} == {"triggered"}
    # The change is taken back: what is told of the old group counts again.
    again = await app.fire(*alerts, group="old")
    app.clock.move(3600)
    app.service.agenda.wake()
    await until(lambda: _is_open(app, again))


async def _is_open(app: App, name: str) -> bool:
    return bool((await app.incident(name))["state"] != "resolved")


async def test_what_is_not_reported_elsewhere_stays(moving: App) -> None:
    app = moving
    old = await app.fire(of("A"), of("B"), group="old")
    app.clock.move(HOURS_5 - 60)
    new = await app.fire(of("A"), group="new")
    app.clock.move(61)
    found = await looked_at(app, old, "continued")
    assert found["state"] == "triggered"
    states = {item["labels"]["alertname"]: item["status"] for item in found["alerts"]}
    assert states == {"A": "resolved", "B": "firing"}
    assert (await app.incident(new))["state"] == "triggered"


@pytest.mark.parametrize("trouble", ["less urgent", "reported earlier", "resolved by a person"])
async def test_what_pages_nobody_elsewhere_is_kept(plain: App, trouble: str) -> None:
    if trouble == "reported earlier":
        new = await plain.fire(of("A"), group="new")
        plain.clock.move(60)
    old = await plain.fire(of("A"), group="old")
    plain.clock.move(HOURS_5 - 60)
    if trouble != "reported earlier":
        new = await plain.fire(of("A"), group="new")
        if trouble == "less urgent":
            body = {"by": "ann", "priority": "P3", "reason": "a test"}
            assert (await plain.post(body, f"/v1/incidents/{new}/priority"))[0] == 200
        else:
            assert (await plain.post({"by": "ann"}, f"/v1/incidents/{new}/resolve"))[0] == 200
    plain.clock.move(61)
    found = await looked_at(plain, old, "stale")
    assert found["state"] == "triggered"
    assert "continued" not in [entry["kind"] for entry in found["timeline"]]
