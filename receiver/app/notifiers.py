"""Makes the configured notifiers."""

import hashlib

from pydantic import BaseModel

from receiver.app.pagerduty import PagerDuty
from receiver.notify.config import IntegrationConfig, NotifierConfig
from receiver.notify.log import LogNotifier
from receiver.notify.notifier import Notifier
from receiver.notify.webhook import WebhookNotifier
from receiver.pagerduty.config import PagerDutyNotifierConfig
from receiver.settings.model import Settings
from receiver.settings.schema import secret_values
from receiver.slack.config import SlackNotifierConfig


def build_notifiers(settings: Settings, pagerduty: PagerDuty) -> dict[str, Notifier]:
    """Return the configured notifiers by name."""
    made: dict[str, Notifier] = {}
    budgets = settings.budgets
    for name, config in settings.notifiers.items():
        # Imported only when used: each brings an HTTP library that takes a while to load.
        if isinstance(config, SlackNotifierConfig) and config.token and config.channel:
            from receiver.slack.notifier import SlackNotifier  # noqa: PLC0415

            made[name] = SlackNotifier(
                name,
                token=config.token.get_secret_value(),
                channel=config.channel,
                base_url=config.base_url or "",
                per_minute=(budgets.slack_channel_per_minute, budgets.slack_update_per_minute),
            )
        elif isinstance(config, PagerDutyNotifierConfig) and config.routing_key:
            from receiver.pagerduty.notifier import PagerDutyNotifier  # noqa: PLC0415

            made[name] = PagerDutyNotifier(
                name,
                routing_key=config.routing_key.get_secret_value(),
                base_url=config.base_url or "",
                nobody=pagerduty.nobody(name),
                per_minute=budgets.pagerduty_per_minute,
            )
        else:
            made[name] = LogNotifier(name)
    for name, integration in settings.integrations.told.items():
        token = integration.url_token
        made[name] = WebhookNotifier(
            name,
            url=integration.url or "",
            token=token.get_secret_value() if token else "",
            timeout=integration.timeout_secs,
            connections=settings.integrations.max_connections,
        )
    return made


def config_of(settings: Settings, name: str) -> NotifierConfig | IntegrationConfig | None:
    """Return the configuration of a notifier, or of an integration that is told."""
    return settings.notifiers.get(name) or settings.integrations.told.get(name)


def digest_of(*parts: object) -> str:
    """Return a digest of texts and configurations, secrets and all: of those nothing is shown."""
    texts = [repr(part.model_dump() if isinstance(part, BaseModel) else part) for part in parts]
    texts += [secret for part in parts for secret in secret_values(part)]
    body = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(body, digest_size=16).hexdigest()
