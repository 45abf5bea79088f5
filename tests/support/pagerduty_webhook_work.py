"""Webhooks of PagerDuty."""

from typing import Any

from tests.support.app import App
from tests.support.fakes.pagerduty import PdIncident
from tests.support.fakes.pagerduty_webhooks import (
    INTEGRATION,
    PdWebhooks,
    Webhook,
    deliver,
)
from tests.support.waiting import until

PATH = "/v1/pagerduty/webhook"


PD = "Q1KD0TLXG4S1VO"


CONFIRM = 61


class Work:
    """A service with both vendors, and a PagerDuty that tells it what happens there."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.webhooks = PdWebhooks()

    async def send(self, webhook: Webhook, **more: Any) -> int:
        return (await deliver(self.app.session, self.app.url + PATH, webhook, **more))[0]

    async def tell(self, kind: str, incident: str = PD, **more: Any) -> str:
        """Send an event that is understood; return what became of it."""
        webhook = self.webhooks.make(f"incident.{kind}", incident, **more)
        status, answer = await self.app.post(webhook.body, PATH, headers=webhook.headers)
        assert status == 202, answer
        return str(answer["result"])

    async def page(self, *alerts: dict[str, Any], pd: str = PD, **more: Any) -> str:
        """Fire, wait for the page in PagerDuty, and have PagerDuty tell of its incident."""
        before = len(self.app.pagerduty.incidents)
        name = await self.app.fire(*alerts, **more)
        await until(lambda: len(self.app.pagerduty.incidents) > before)
        assert (
            await self.tell("triggered", pd, by=INTEGRATION, client_url=self.client()) == "learned"
        )
        return name

    def client(self, number: int = -1) -> str:
        return self.app.pagerduty.incidents[number].client_url

    def paged(self, number: int = -1) -> PdIncident:
        return self.app.pagerduty.incidents[number]

    def actions(self) -> list[str]:
        return [event.method for event in self.app.pagerduty.events]

    async def counted(self, outcome: str) -> float:
        name = "incident_manager_pagerduty_webhooks_total"
        return await self.app.metric(f'{name}{{outcome="{outcome}"}}')

    async def acknowledged(self, by: str) -> float:
        """Return how many acknowledgements by people or automation were timed."""
        _, text = await self.app.get("/metrics")
        name = f'incident_acknowledge_duration_seconds_count{{by="{by}"'
        rows = [row for row in str(text).splitlines() if row.startswith(name)]
        return sum(float(row.rpartition(" ")[2]) for row in rows)

    def move(self, seconds: float) -> None:
        self.app.clock.move(seconds)
        self.app.service.agenda.wake()

    async def rest(self) -> None:
        """Let everything settle that is due now or within the next minutes."""
        await self.app.settle()
        for _ in range(4):
            await self.app.pass_time(CONFIRM)
