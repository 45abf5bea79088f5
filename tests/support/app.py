"""The whole service in this process, over HTTP, on a real Valkey, with strict fakes and a clock
that tests move."""

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession

from receiver.app.service import Service
from receiver.settings.load import read_settings
from routing.vocabulary import Lane
from tests.support.clocks import MovingClock
from tests.support.described import check_answer
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.waiting import result, until

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


async def _read(answer: ClientResponse, path: str) -> Any:
    """Return parsed JSON or a text; it has to be as the OpenAPI document says."""
    text = await answer.text()
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    check_answer(answer.method, path, answer.status, answer.content_type, body)
    return body


class App:
    """A running service with its fakes."""

    def __init__(self, path: Path, slack: FakeSlack, pagerduty: FakePagerDuty) -> None:
        self.path = path
        self.slack = slack
        self.pagerduty = pagerduty
        self.clock = MovingClock()
        self.file: Path | None = None
        """The configuration's file, below the settings of a test."""
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
        loaded = read_settings(self.file, {}, wanted)
        self.service = Service(
            loaded.settings,
            self.clock,
            lambda: read_settings(self.file, {}, self.wanted),
        )
        self.service.lines = loaded.lines
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
            return answer.status, await _read(answer, path)

    async def get(self, path: str, **more: Any) -> Any:
        async with self.session.get(self.url + path, **more) as answer:
            return answer.status, await _read(answer, path)

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
            if found := await result(check):
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


async def accepted(app: App, number: int) -> str:
    """Send an alert until it is taken, as Alertmanager does; return its incident."""
    body = notification(alert(f"A{number}"), group=f"g{number}")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, answer = await app.post(body)
            if status == 202:
                return str(answer["incidents"][0])
            assert status == 503, answer
            await asyncio.sleep(0.1)
