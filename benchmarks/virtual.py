"""The whole service in this process, with a clock that stands still until it is moved."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from receiver.clock import Clock
from routing.vocabulary import Lane
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack


class VirtualClock(Clock):
    """The time is what ``at`` says (ms), and passes only when that is changed."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def now(self) -> int:
        return self.at


class Week:
    """A running app whose time goes from one thing that is due to the next."""

    def __init__(self, app: App, clock: VirtualClock) -> None:
        self.app = app
        self.clock = clock

    async def go_to(self, at: int) -> None:
        """Let time pass until ``at`` (ms), stopping at everything that comes due before."""
        while True:
            due = await self._next_due()
            if due is None or due > at:
                break
            self.clock.at = max(self.clock.at, due)
            await self.settle()
        self.clock.at = max(self.clock.at, at)
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is due, claimed or queued any more."""
        await self.app.settle()

    async def _next_due(self) -> int | None:
        tasks = self.app.service.tasks
        found = [await tasks.next_due(0, lane) for lane in Lane]
        return min((due for due in found if due is not None), default=None)


CHANNELS = {"C0ALERTS": "alerts"}


@asynccontextmanager
async def running(
    at: int, settings: dict[str, Any], channels: Mapping[str, str] = CHANNELS
) -> AsyncIterator[Week]:
    """Run the app from ``at`` (ms) on, with strict fakes of Slack and PagerDuty."""
    slack = FakeSlack(channels=dict(channels), wall=lambda: clock.at / 1000)
    pagerduty = FakePagerDuty()
    clock = VirtualClock(at)
    await slack.start()
    await pagerduty.start()
    with TemporaryDirectory() as folder:
        app = App(Path(folder), slack, pagerduty)
        app.clock = clock  # type: ignore[assignment]
        await app.start(**settings)
        try:
            yield Week(app, clock)
        finally:
            await app.stop()
    await slack.stop()
    await pagerduty.stop()
