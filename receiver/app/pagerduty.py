"""PagerDuty beside the pages: its webhooks, its REST API, and who is on call."""

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from receiver.clock import Clock
from receiver.engine.dispatcher import Dispatcher
from receiver.notify.notifier import Person
from receiver.observability.metrics.registry import Metrics
from receiver.pagerduty.config import PagerDutyConfig, PagerDutyNotifierConfig
from receiver.pagerduty.incident_map import PagerDutyMap
from receiver.pagerduty.incident_match import PagerDutyOrigin
from receiver.pagerduty.on_call import OnCallEndpoint, OnCallWatch
from receiver.pagerduty.rest_api import NoAnswer, PagerDutyRest
from receiver.pagerduty.webhook import PagerDutyWebhookEndpoint
from receiver.settings.model import Settings
from receiver.store.changes import Change
from receiver.store.dead_letters import DeadLetterStore
from receiver.store.redis import Client
from receiver.store.tasks import TaskStore


class PagerDuty:
    """What the settings say of PagerDuty, made into parts."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        config = settings.pagerduty
        self._config = config
        self._clock = clock
        ours = {
            name: of
            for name, of in settings.notifiers.items()
            if isinstance(of, PagerDutyNotifierConfig)
        }
        self._notifiers = tuple(ours)
        token = config.rest_token
        self._rest = (
            PagerDutyRest(config.rest_url, token.get_secret_value(), clock) if token else None
        )
        policies = {name: of.escalation_policy for name, of in ours.items() if of.escalation_policy}
        self.watch = OnCallWatch(self._rest, policies, clock) if self._rest else None
        self._webhook: PagerDutyWebhookEndpoint | None = None

    def nobody(self, notifier: str) -> Callable[[], Awaitable[bool]] | None:
        """Return what tells whether a page of this notifier would ring nobody; None: unknown."""
        return functools.partial(self.watch.is_nobody, notifier) if self.watch else None

    def people(self, notifiers: Iterable[str]) -> tuple[Person, ...]:
        """Return whom these notifiers ring first, () where that is not known."""
        return self.watch.people(notifiers) if self.watch else ()

    async def user_id(self, email: str) -> str | None:
        """Return the id of whoever has this e-mail address, "" for nobody, None: not known."""
        found = await self._rest.user_id(email) if self._rest else NoAnswer("no REST key")
        return None if isinstance(found, NoAnswer) else found

    @property
    def changes(self) -> Callable[[int, int], Awaitable[list[Change] | str]] | None:
        """Return what tells the change events of a time (ms), or why not; None: nothing does."""
        return self._changes if self._rest else None

    async def _changes(self, since: int, until: int) -> list[Change] | str:
        answer = await self._rest.changes(since, until) if self._rest else NoAnswer("no REST key")
        return f"PagerDuty: {answer.reason}" if isinstance(answer, NoAnswer) else answer

    def shown(self) -> list[dict[str, Any]]:
        """Return what is known of who is on call, one object a policy."""
        return self.watch.shown() if self.watch else []

    def webhook(
        self,
        dispatcher: Dispatcher,
        tasks: TaskStore,
        dead_letters: DeadLetterStore,
        redis: Client,
        metrics: Metrics,
    ) -> PagerDutyWebhookEndpoint:
        """Return the endpoint of webhooks, which ``close`` closes."""
        origin = PagerDutyOrigin(
            PagerDutyMap(redis), dispatcher.store, tasks, self._clock, self._notifiers, self._rest
        )
        self._webhook = PagerDutyWebhookEndpoint(
            dispatcher, origin, dead_letters, _secrets(self._config), self._clock, metrics
        )
        return self._webhook

    def trust(self, config: PagerDutyConfig) -> None:
        """Believe webhooks that are signed with the secrets of this configuration."""
        if self._webhook is not None:
            self._webhook.trust(_secrets(config))

    def on_call(self) -> OnCallEndpoint:
        """Return the endpoint that tells who is on call."""
        return OnCallEndpoint(self.watch)

    def start(self) -> None:
        """Begin to ask who is on call."""
        if self.watch is not None:
            self.watch.start()

    async def close(self) -> None:
        """Finish what is under way and close the connections; the dispatcher must still run."""
        if self._webhook is not None:
            await self._webhook.close()
        if self.watch is not None:
            await self.watch.close()
        if self._rest is not None:
            await self._rest.close()


def _secrets(config: PagerDutyConfig) -> list[str]:
    both = (config.webhook_secret, config.webhook_secret_previous)
    return [secret.get_secret_value() for secret in both if secret is not None]
