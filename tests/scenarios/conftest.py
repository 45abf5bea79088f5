"""The whole service in this process, over HTTP, on a real Valkey, with strict fakes and a clock
that tests move."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from receiver.app.service import Service
from receiver.clock import Clock
from receiver.settings.load import load_settings, read_settings
from receiver.slack.interactions import workspace
from routing.vocabulary import Lane
from tests.fakes import slack_views
from tests.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.fakes.slack import FakeSlack
from tests.patience import PATIENCE_S

START = "2026-03-02T10:00:00Z"
NO_ACCOUNTS: dict[str, Any] = {
    "slack.token": None,
    "slack.channel": None,
    "pagerduty.routing_key": None,
}


NO_BUDGETS: dict[str, Any] = {
    "budgets.slack_channel_per_minute": 0,
    "budgets.slack_update_per_minute": 0,
    "budgets.pagerduty_per_minute": 0,
}
"""Real time would pass while tests wait for a channel's next second."""


@pytest.fixture(autouse=True)
def patient_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give answers longer: a machine under test may stand still for the 2 s they have."""
    monkeypatch.setattr(workspace, "OPEN_WITHIN_S", PATIENCE_S)
    monkeypatch.setattr(workspace, "ANSWER_WITHIN_S", PATIENCE_S)
    monkeypatch.setattr(slack_views, "TRIGGER_S", PATIENCE_S)


class MovingClock(Clock):
    """Real time plus whatever a test has moved it by."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_ms = 0

    def now(self) -> int:
        return super().now() + self.moved_ms

    def move(self, seconds: float) -> None:
        self.moved_ms += int(seconds * 1000)


class StillClock(MovingClock):
    """Time that passes only when a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = super().now()

    def now(self) -> int:
        return self._at + self.moved_ms


def alert(name: str = "HighErrorRate", *, resolved: bool = False, **more: Any) -> dict[str, Any]:
    """One alert of a notification; ``labels``, ``annotations``, ``starts``, ``ends``."""
    labels = {"alertname": name, "severity": "critical", "service": "checkout"}
    labels |= more.get("labels", {})
    found = {
        "status": "resolved" if resolved else "firing",
        "labels": labels,
        "annotations": {"summary": f"{name} on checkout"} | more.get("annotations", {}),
        "startsAt": more.get("starts", START),
        "endsAt": more.get("ends", "2026-03-02T11:00:00Z") if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
    }
    if "fingerprint" in more:
        found["fingerprint"] = more["fingerprint"]
    return found


def notification(*alerts: dict[str, Any], group: str = "g1", **more: Any) -> dict[str, Any]:
    """A notification of Alertmanager, version 4."""
    firing = any(item["status"] == "firing" for item in alerts)
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{group}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "incident-manager",
        "groupLabels": {"alertname": group},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
    } | more


class App:
    """A running service with its fakes."""

    def __init__(self, path: Path, slack: FakeSlack, pagerduty: FakePagerDuty) -> None:
        self.path = path
        self.slack = slack
        self.pagerduty = pagerduty
        self.clock = MovingClock()
        self.service: Service
        self.session: ClientSession
        self.wanted: dict[str, Any]
        """Changed by a test, it is what a reload reads."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.api_port}"

    async def start(self, **settings: Any) -> None:
        flags: dict[str, Any] = {
            "web.listen_address": "127.0.0.1:0",
            "web.metrics_address": "127.0.0.1:0",
            "storage.path": str(self.path),
            "slack.token": "xoxb-test",
            "slack.signing_secret": "secret",
            "slack.channel": "C0ALERTS",
            "slack.base_url": self.slack.base_url,
            "pagerduty.routing_key": DEFAULT_ROUTING_KEY,
            "pagerduty.base_url": self.pagerduty.base_url,
            # Tests count what is called.
            "observability.check_notifiers_every": "0s",
            **NO_BUDGETS,
        }
        flags |= {name.replace("__", "."): value for name, value in settings.items()}
        wanted = {name: value for name, value in flags.items() if value is not None}
        self.wanted = wanted
        self.service = Service(
            load_settings(None, {}, wanted),
            self.clock,
            lambda: read_settings(None, {}, self.wanted),
        )
        await self.service.start()
        # What a test just did has to be on the page.
        self.service.status.fresh_s = 0.0
        self.session = ClientSession()

    async def stop(self) -> None:
        await self.session.close()
        await self.service.stop()

    async def post(self, body: Any, path: str = "/v1/alerts/webhook", **more: Any) -> Any:
        """Post and return (status, parsed JSON or text)."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        async with self.session.post(self.url + path, data=data, **more) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    async def get(self, path: str, **more: Any) -> Any:
        async with self.session.get(self.url + path, **more) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    async def fire(self, *alerts: dict[str, Any], **more: Any) -> str:
        """Post alerts and return the id of the one incident."""
        status, answer = await self.post(notification(*(alerts or (alert(),)), **more))
        assert status == 202, answer
        assert len(answer["incidents"]) == 1, answer
        return str(answer["incidents"][0])

    async def settle(self) -> None:
        """Wait until nothing is due, claimed or queued any more."""
        service = self.service
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        quiet = 0
        while quiet < 2:
            service.agenda.wake()
            waiting = await service.tasks.waiting(self.clock.now())
            due = sum(ready for _, ready in waiting.values())
            busy = any(service.agenda._running.values()) or service.dispatcher._busy
            quiet = 0 if due or busy else quiet + 1
            if loop.time() > end:
                raise AssertionError(f"it does not come to rest: {waiting}")
            await asyncio.sleep(0.03 if quiet else 0.005)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, stopping at everything that comes due until all of it is done."""
        end = self.clock.now() + int(seconds * 1000)
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.move(max(0, due - self.clock.now() + 1) / 1000)
            await self.settle()
        self.clock.move(max(0, end - self.clock.now() + 1) / 1000)
        await self.settle()

    async def _next_due(self) -> int | None:
        tasks = self.service.tasks
        found = [
            await tasks.next_due(shard, lane) for shard in range(len(tasks.keys)) for lane in Lane
        ]
        return min((due for due in found if due is not None), default=None)

    async def pass_until(self, check: Callable[[], Any], seconds: float, most: int = 100) -> Any:
        """Let time pass in steps until ``check`` gives something true, after ``most`` of them."""
        for _ in range(most):
            if found := await _result(check):
                return found
            await self.pass_time(seconds)
        raise AssertionError(
            f"it did not happen within {most * seconds:.0f} s of the service's time"
        )

    async def incident(self, name: str) -> Any:
        status, answer = await self.get(f"/v1/incidents/{name}")
        assert status == 200, answer
        return answer

    async def click(self, action: str, user: str = "U1", **more: Any) -> int:
        """Click a button of the newest top-level message; return the status."""
        message = self.slack.top_level("C0ALERTS")[-1]
        body, headers = self.slack.click(
            message, action, user, timestamp=int(self.clock.now() / 1000), **more
        )
        async with self.session.post(
            f"{self.url}/v1/slack/actions", data=body, headers=headers
        ) as answer:
            return answer.status

    async def until_ready(self, status: int = 200) -> None:
        """Wait until /-/ready answers so: what a commit showed counts for a second."""

        async def answered() -> bool:
            return bool((await self.get("/-/ready"))[0] == status)

        await until(answered)

    async def metric(self, line: str) -> float:
        """Return the value of a series of /metrics, named as it is printed."""
        _, text = await self.get("/metrics")
        for row in str(text).splitlines():
            if row.startswith(f"{line} "):
                return float(row.rpartition(" ")[2])
        raise AssertionError(f"no series {line}")


async def _result(check: Callable[[], Any]) -> Any:
    found = check()
    return await found if isinstance(found, Awaitable) else found


async def until(check: Callable[[], Any], timeout: float = PATIENCE_S) -> Any:
    """Wait until ``check`` (plain or async) gives something true, and return it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        if found := await _result(check):
            return found
        if loop.time() > end:
            raise AssertionError("it did not happen in time")
        await asyncio.sleep(0.02)


@pytest.fixture
async def fakes() -> AsyncIterator[tuple[FakeSlack, FakePagerDuty]]:
    slack = FakeSlack(channels={"C0ALERTS": "alerts"})
    pagerduty = FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    yield slack, pagerduty
    await slack.stop()
    await pagerduty.stop()


@pytest.fixture
async def app(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """A service with Slack and PagerDuty configured."""
    running = App(tmp_path, *fakes)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def plain(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """A service with no account configured: pages are printed."""
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS)
    yield running
    await running.stop()
