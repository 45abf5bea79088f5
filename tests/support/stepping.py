"""The whole service in a world whose clocks step: true time passes only when it is told to.

Redis is real and answers TIME through a proxy; each replica has an elapsed time, which is true, and
a wall clock that can be wrong. Slack and PagerDuty live in true time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from receiver.clock import Clock
from receiver.store.embedded.server import EmbeddedValkey
from routing.vocabulary import Lane
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.redis_clock import RedisClock
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
T0 = 1_772_445_600.0
HOP_S = 5.0
SETTLED_WITHIN_S = 30.0
SETTINGS: dict[str, Any] = {
    "escalations": {
        "urgent": {
            "steps": [{"notify": ["pagerduty", "slack"]}, {"notify": ["pagerduty"]}],
            "repeat": 0,
        }
    },
    "priorities": {"P1": {"escalation": "urgent", "update_within": "off"}},
    "budgets.pagerduty_per_minute": 60,
    "log.level": "error",
}


class World:
    """True time (s) since ``T0``, and by how much (s) the clocks are off."""

    def __init__(self) -> None:
        self.at = 0.0
        self.redis_off = 0.0
        self.machine_off = 0.0

    def true(self) -> float:
        return T0 + self.at

    def clock(self) -> Clock:
        """A new replica's clock."""
        return Clock(self.true, lambda: self.true() + self.machine_off)


class Stepping:
    """Replicas that run in a world."""

    def __init__(self, world: World, slack: FakeSlack, pagerduty: FakePagerDuty, url: str) -> None:
        self.world = world
        self.slack = slack
        self.pagerduty = pagerduty
        self._url = url
        self.replicas: list[App] = []

    async def start(self) -> App:
        """Start another replica."""
        app = App(Path("unused"), self.slack, self.pagerduty)
        app.clock = self.world.clock()  # type: ignore[assignment]
        await app.start(**SETTINGS, **{"redis.url": self._url})
        self.replicas.append(app)
        return app

    async def stop(self, app: App) -> None:
        """Stop a replica."""
        self.replicas.remove(app)
        await app.stop()

    async def go_to(self, at: float) -> None:
        """Let true time pass until ``at`` (s), stopping at everything that comes due before."""
        while self.world.at < at:
            await self.settle()
            hop = min(HOP_S, at - self.world.at, *[await self._next(app) for app in self.replicas])
            self.world.at += max(hop, 0.001)
            for app in self.replicas:
                await app.service.timekeeper.measure()
        await self.settle()

    async def _next(self, app: App) -> float:
        """Return in how many seconds something comes due at a replica, as it sees the time."""
        tasks, now = app.service.tasks, app.clock.now()
        due = [await tasks.next_due(0, lane) for lane in Lane]
        return min([(at - now) / 1000 for at in due if at is not None and at > now], default=HOP_S)

    def set_clocks(self, *, redis: float | None = None, machine: float | None = None) -> None:
        """Let clocks be off by so much (s) from now on."""
        if redis is not None:
            self.world.redis_off = redis
        if machine is not None:
            self.world.machine_off = machine

    @asynccontextmanager
    async def unclaimed(self) -> AsyncIterator[None]:
        """Let nobody claim urgent work meanwhile."""
        async with AsyncExitStack() as held:
            for app in self.replicas:
                claiming = app.service.agenda._claiming[Lane.URGENT]
                await held.enter_async_context(claiming)
            yield

    async def settle(self) -> None:
        """Wait until nothing is due, claimed or queued any more at any replica."""
        loop = asyncio.get_running_loop()
        end, quiet = loop.time() + SETTLED_WITHIN_S, 0
        while quiet < 2:
            busy = 0
            for app in self.replicas:
                service = app.service
                waiting = await service.tasks.waiting(app.clock.now())
                busy += sum(due for _, due in waiting.values()) + service.dispatcher._busy
                busy += sum(map(len, service.agenda._running.values()))
                if busy:
                    service.agenda.wake()
            quiet = 0 if busy else quiet + 1
            if loop.time() > end:
                raise AssertionError(f"it does not come to rest: {busy}")
            if busy:
                await asyncio.sleep(0.01)

    # What happens in the world, and what came of it.

    async def fire(self, name: str, app: App | None = None) -> str:
        """Open a P1; return its id."""
        return await (app or self.replicas[0]).fire(alert(name), group=name)

    async def take(self, incident: str) -> None:
        """Press Acknowledge in Slack, and see that it was taken."""
        message = next(m for m in self.slack.top_level(CHANNEL) if incident in str(m.metadata))
        body, headers = self.slack.click(message, "acknowledge")
        app = self.replicas[0]
        url = f"{app.url}/v1/slack/actions"
        async with app.session.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        assert (await app.incident(incident))["state"] == "acknowledged"

    async def resolve(self, incident: str) -> None:
        """Resolve an incident by the API."""
        status, answer = await self.replicas[0].post(
            {"by": "ann"}, f"/v1/incidents/{incident}/resolve"
        )
        assert status == 200, answer

    def pages(self, incident: str) -> list[float]:
        """Return when (s) PagerDuty was told of each page of an incident; doubles count twice."""
        first: dict[str, float] = {}
        for event in self.pagerduty.events:
            key = str(event.dedup_key)
            if event.method == "trigger" and "ok" in event.outcome and key.startswith(incident):
                first.setdefault(key, event.at - T0)
        rung = [
            first[found.dedup_key] for found in self.pagerduty.incidents if found.dedup_key in first
        ]
        return sorted(rung)

    def posts(self, incident: str) -> int:
        """Return how many messages of their own an incident has in Slack."""
        return sum(incident in str(m.metadata) for m in self.slack.top_level(CHANNEL))

    async def missed(self, incident: str) -> set[str]:
        """Return the deadlines of an incident that were missed."""
        deadlines = (await self.replicas[0].incident(incident))["deadlines"]
        return {name for name, known in deadlines.items() if known["missed_at"]}

    def waits(self) -> int:
        """Return how many calls have waited for their budget."""
        family = self.replicas[0].service.metrics.registry
        name = "incident_manager_budget_waits_total"
        return int(family.get_sample_value(name, {"channel": "pagerduty"}) or 0)

    async def go_to_event(self, number: int) -> None:
        """Wait until PagerDuty was asked more often than that."""
        await until(lambda: len(self.pagerduty.events) > number)


@asynccontextmanager
async def stepping() -> AsyncIterator[Stepping]:
    """Run a Redis behind a clock that can be set, and strict fakes; no replica yet."""
    world = World()
    slack = FakeSlack(channels={CHANNEL: "alerts"}, clock=world.true, wall=world.true)
    pagerduty = FakePagerDuty(clock=world.true)
    await slack.start()
    await pagerduty.start()
    with TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        await server.start()
        proxy = RedisClock(str(server.socket_path), lambda: world.true() + world.redis_off)
        run = Stepping(world, slack, pagerduty, await proxy.start())
        try:
            yield run
        finally:
            for app in list(run.replicas):
                await run.stop(app)
            await proxy.stop()
            await server.stop()
            await slack.stop()
            await pagerduty.stop()
