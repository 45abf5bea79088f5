"""Notifications whose starts move, whose clocks are wrong and that come late, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from routing.fingerprint import fingerprint_of
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

MINUTE = 60
HOUR = 60 * MINUTE
INTEGRATION = "/v1/integrations/sentinel/events"


@pytest.fixture
async def app(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, integrations={"sentinel": {}})
    yield running
    await running.stop()


class Sender:
    """An Alertmanager with one alert; times are seconds from now, by the service's clock."""

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self.name = name
        self.incident = ""

    async def firing(self, since: float | str, summary: str = "") -> None:
        starts = self.time(since)
        more = {"annotations": {"summary": summary}} if summary else {}
        await self._post(alert(self.name, starts=starts, **more))  # type: ignore[arg-type]

    async def resolved(self, since: float | str, end: float | str = 0) -> None:
        times = {"starts": self.time(since), "ends": self.time(end)}
        await self._post(alert(self.name, resolved=True, **times))

    async def _post(self, item: dict[str, Any]) -> None:
        status, answer = await self.app.post(notification(item, group=self.name))
        assert status == 202
        self.incident = (*answer["incidents"], self.incident)[0]

    def time(self, seconds: float | str) -> str:
        if isinstance(seconds, str):
            return seconds
        now = datetime.fromtimestamp(self.app.clock.now() / 1000, UTC)
        return (now + timedelta(seconds=seconds)).isoformat()

    async def shown(self) -> tuple[str, int, int]:
        """Return state, episode and the number of pages."""
        found = await self.app.incident(self.incident)
        paged = sum(entry["kind"] == "paged" for entry in found["timeline"])
        return found["state"], found["episode"], paged

    async def becomes(self, state: str, episode: int, paged: int) -> None:
        async def so() -> bool:
            return await self.shown() == (state, episode, paged)

        await until(so)


async def test_an_end_of_a_copy_that_began_earlier_is_the_end(app: App) -> None:
    sender = Sender(app, "Joined")
    await sender.firing(-15)
    await sender.becomes("triggered", 0, 1)
    await sender.resolved(-45)
    assert await sender.shown() == ("resolved", 0, 1)


async def test_a_firing_copy_of_a_clock_set_back_pages_within_the_echo_window(app: App) -> None:
    sender = Sender(app, "SetBack")
    await sender.firing(-30)
    await sender.resolved(-30)
    await sender.firing(-90)
    assert (await sender.shown())[0] == "resolved"
    await app.pass_time(65)
    await sender.becomes("triggered", 1, 2)


async def test_the_end_of_a_clock_that_was_ahead_swallows_nothing(app: App) -> None:
    sender = Sender(app, "WasAhead")
    await sender.firing(HOUR)
    await sender.resolved(HOUR, HOUR + 1)
    assert (await sender.shown())[0] == "resolved"
    app.clock.move(1)
    await sender.firing(0)
    await sender.becomes("triggered", 1, 2)


async def test_the_newest_notification_is_shown_whatever_its_start(app: App) -> None:
    sender = Sender(app, "Disk")
    await sender.firing(-15, "disk 80 %")
    await sender.firing(-60, "disk 99 %")
    assert (await app.incident(sender.incident))["title"] == "Disk: disk 99 %"


async def test_a_late_copy_of_a_peer_waits_for_the_peer_and_then_counts(app: App) -> None:
    late, only = Sender(app, "Late"), Sender(app, "Only")
    start, end = late.time(-15 * MINUTE), late.time(0)
    for sender in (late, only):
        await sender.firing(start)
        await sender.resolved(start, end)
        app.clock.move(5)
        await sender.firing(start)
    await app.pass_time(75)
    assert [await sender.shown() for sender in (late, only)] == [("resolved", 0, 1)] * 2
    await late.resolved(start, end)
    await app.pass_time(5 * MINUTE)
    assert await late.shown() == ("resolved", 0, 1)
    await only.becomes("triggered", 1, 2)
    kinds = [entry["kind"] for entry in (await app.incident(only.incident))["timeline"]]
    assert kinds[-4:-1] == ["echo_suspected", "echo_believed", "reopened"]


async def test_what_a_person_resolved_stays_quiet_when_only_its_start_moves(app: App) -> None:
    sender = Sender(app, "Moves")
    await sender.firing(-MINUTE)
    await app.post({"by": "ann"}, f"/v1/incidents/{sender.incident}/resolve")
    app.clock.move(30)
    for since in (-5 * MINUTE, -80, -MINUTE):
        await sender.firing(since)
    assert (await sender.shown())[:2] == ("resolved", 0)
    app.clock.move(1)
    await sender.resolved(-MINUTE)
    app.clock.move(1)
    await sender.firing(0)
    assert (await sender.shown())[:2] == ("triggered", 1)


async def test_a_resolve_at_its_own_start_and_a_resolve_alone(app: App) -> None:
    grafana, alone = Sender(app, "Grafana"), Sender(app, "Alone")
    await grafana.firing(-2 * MINUTE)
    await grafana.resolved(0)
    assert (await grafana.shown())[0] == "resolved"
    await grafana.firing(1)
    assert (await grafana.shown())[:2] == ("triggered", 1)
    await alone.resolved(-5 * MINUTE)
    assert alone.incident == ""


async def test_nulls_of_grafana_are_no_times(app: App) -> None:
    item = {
        "status": "firing",
        "labels": {"alertname": "DiskFull", "severity": "critical"},
        **dict.fromkeys(("annotations", "startsAt", "endsAt", "generatorURL", "values")),
    }
    body = {"receiver": "gr", "orgId": 1, "alerts": [item], "groupKey": "g", "groupLabels": None}
    (name,) = (await app.post(body))[1]["incidents"]
    first = await app.incident(name)
    assert (first["title"], first["priority"]) == ("DiskFull", "P1")
    await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    app.clock.move(HOUR)
    await app.post(body)
    again = await app.incident(name)
    assert (again["state"], again["alerts"][0]["starts_at"]) == (
        "resolved",
        first["alerts"][0]["starts_at"],
    )


async def test_an_event_that_is_sent_again_is_no_new_firing(app: App) -> None:
    body = {"title": "Prompt injection", "severity": "critical", "id": "42"}
    (name,) = (await app.post(body, INTEGRATION))[1]["incidents"]
    await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    for minute in range(3):
        app.clock.move(MINUTE)
        await app.post(body | {"description": f"still, {minute}"}, INTEGRATION)
    found = await app.incident(name)
    assert (found["state"], found["episode"]) == ("resolved", 0)
    # Its end says nothing but the id, and it fires again after it.
    end = {"title": "Prompt injection", "id": "42", "status": "resolved"}
    await app.post(end, INTEGRATION)
    assert (await app.incident(name))["firing"] == 0
    app.clock.move(1)
    await app.post(body, INTEGRATION)
    assert (await app.incident(name))["episode"] == 1


async def test_an_alert_without_times_may_end_and_fire_again(app: App) -> None:
    def body(status: str) -> dict[str, Any]:
        labels = {"alertname": "Cron", "severity": "critical"}
        items = [{"status": status, "labels": labels, "fingerprint": fingerprint_of(labels)}]
        return {"receiver": "script", "groupKey": "cron", "alerts": items}

    (name,) = (await app.post(body("firing")))[1]["incidents"]
    app.clock.move(1)
    await app.post(body("resolved"))
    found = await app.incident(name)
    assert (found["state"], found["alerts"][0]["ends_at"]) == ("resolved", None)
    app.clock.move(1)
    await app.post(body("firing"))
    assert (await app.incident(name))["episode"] == 1
