"""Alerts that vanish: a strict little Alertmanager is asked what became of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from routing.fingerprint import fingerprint_of
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.stale import Alertmanager
from tests.support.waiting import until


@pytest.fixture
async def alertmanager() -> AsyncIterator[Alertmanager]:
    found = Alertmanager()
    runner = await found.start()
    yield found
    await runner.cleanup()


@pytest.fixture
async def asking(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], alertmanager: Alertmanager
) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    urls = [f"http://127.0.0.1:{alertmanager.port}"]
    await running.start(**NO_ACCOUNTS, alertmanagers=[{"urls": urls}])
    yield running
    await running.stop()


async def fire(app: App, alertmanager: Alertmanager, *names: str) -> str:
    items = [alert(name) for name in names]
    for item in items:
        labels = item["labels"]
        alertmanager.labels[labels["alertname"]] = labels
        item["fingerprint"] = fingerprint_of(labels)
    return await app.fire(*items)


async def look(app: App, incident: str, kind: str) -> Any:
    """Let the time pass after which it is asked, and return the incident once it says so."""
    app.clock.move(5 * 3600 + 1)
    app.service.agenda.wake()

    async def said() -> Any:
        found = await app.incident(incident)
        return found if kind in [entry["kind"] for entry in found["timeline"]] else None

    return await until(said)


async def test_what_is_silenced_inhibited_or_gone_is_said_and_the_gone_are_resolved(
    asking: App, alertmanager: Alertmanager
) -> None:
    incident = await fire(asking, alertmanager, "A", "B", "C", "D")
    alertmanager.states = {"A": "active", "B": "silenced", "C": "inhibited"}
    found = await look(asking, incident, "vanished")
    states = {item["labels"]["alertname"]: item for item in found["alerts"]}
    assert states["A"]["vanished"] is None
    assert states["B"]["vanished"] == "silenced by s1"
    assert states["C"]["vanished"] == "inhibited by abc"
    assert states["D"]["status"] == "resolved"
    assert found["state"] == "triggered"


async def test_when_all_are_gone_the_incident_ends(asking: App, alertmanager: Alertmanager) -> None:
    incident = await fire(asking, alertmanager, "A", "B")
    alertmanager.states = {}
    found = await look(asking, incident, "resolved")
    assert (found["state"], found["resolved_by"]["via"]) == ("resolved", "automatic")


async def test_an_alertmanager_that_is_down_ends_nothing(
    asking: App, alertmanager: Alertmanager
) -> None:
    incident = await fire(asking, alertmanager, "A")
    alertmanager.states = None
    found = await look(asking, incident, "stale")
    assert (found["state"], found["alerts"][0]["status"]) == ("triggered", "firing")


async def test_what_is_still_reported_is_not_asked_about(
    asking: App, alertmanager: Alertmanager
) -> None:
    incident = await fire(asking, alertmanager, "A")
    alertmanager.states = {}
    for _ in range(3):
        asking.clock.move(2 * 3600)
        item = alert("A") | {"fingerprint": fingerprint_of(alertmanager.labels["A"])}
        assert (await asking.post(notification(item)))[0] == 202
        asking.service.agenda.wake()
    await until(lambda: _timer(asking, incident))
    assert (await asking.incident(incident))["state"] == "triggered"


async def _timer(app: App, incident: str) -> bool:
    return "stale" in (await app.incident(incident))["timers"]


async def test_a_late_copy_is_asked_about_at_once(asking: App, alertmanager: Alertmanager) -> None:
    for name, state, outcome in (("Late", "", "resolved"), ("News", "active", "triggered")):
        incident = await fire(asking, alertmanager, name)
        item = alert(name, resolved=True)
        item["fingerprint"] = fingerprint_of(item["labels"])
        await asking.fire(item)
        alertmanager.states = {name: state} if state else {}
        assert await fire(asking, alertmanager, name) == incident

        async def decided(incident: str = incident) -> Any:
            found = await asking.incident(incident)
            return not any(one["suspected_echo"] for one in found["alerts"]) and found

        assert (await until(decided))["state"] == outcome
