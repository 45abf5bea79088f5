"""What of a new configuration can hold while the service runs. Pure: it compares, and makes values.

What decides holds as a whole, and so do credentials, secrets and where notifiers deliver. A part
that something else was sized or bound by at the start (ports, shards, which notifiers there are,
how long a call may take) stays as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from receiver.notify.config import IntegrationConfig, IntegrationsConfig, NotifierConfig
from receiver.settings.model import Settings
from routing.config.base import Section

WHOLE = (
    "route",
    "classify",
    "priorities",
    "escalations",
    "calendars",
    "roles",
    "permissions",
    "enrichment",
    "links",
)
"""Sections that hold as a whole."""
FIELDS = {
    "web": ("credentials", "login", "limits", "metrics_token"),
    "slack": ("token", "signing_secret", "channel", "base_url", "command"),
    "pagerduty": ("routing_key", "base_url", "webhook_secret", "webhook_secret_previous"),
}
"""Fields that hold, of sections of which others do not."""
_Config = TypeVar("_Config", bound=Section)


def held(running: Settings, new: Settings) -> Settings:
    """Return what runs with everything of the new settings that can hold now."""
    found: dict[str, Any] = {name: getattr(new, name) for name in WHOLE}
    for name, fields in FIELDS.items():
        wanted = getattr(new, name)
        changes = {field: getattr(wanted, field) for field in fields}
        found[name] = getattr(running, name).model_copy(update=changes)
    found["notifiers"] = _each(running.notifiers, new.notifiers, is_alike)
    found["integrations"] = _integrations(running.integrations, new.integrations)
    return running.model_copy(update=found)


def later(held: Settings, new: Settings) -> tuple[str, ...]:
    """Return the sections that do not hold as they are wanted: those need a restart."""
    return tuple(
        name for name in Settings.model_fields if getattr(held, name) != getattr(new, name)
    )


def is_alike(running: NotifierConfig, new: NotifierConfig) -> bool:
    """Return whether a notifier can take another's place: what sized the agenda stays the same."""
    policies = [getattr(config, "escalation_policy", None) for config in (running, new)]
    lacks = [any(config.lacks()) for config in (running, new)]
    return running.type == new.type and lacks[0] == lacks[1] and policies[0] == policies[1]


def _integrations(running: IntegrationsConfig, new: IntegrationsConfig) -> IntegrationsConfig:
    named = _each(running.named, new.named, _same_calls)
    return IntegrationsConfig.model_validate({"max_connections": running.max_connections, **named})


def _same_calls(running: IntegrationConfig, new: IntegrationConfig) -> bool:
    told = (running.url is None) == (new.url is None)
    # A lease of the agenda is as long as the slowest call; one that outlasts it is made twice.
    return told and running.timeout_secs == new.timeout_secs


def _each(
    running: Mapping[str, _Config],
    new: Mapping[str, _Config],
    alike: Callable[[_Config, _Config], bool],
) -> dict[str, _Config]:
    """Return for each that runs the new one of its name, where that can take its place."""
    return {
        name: new[name] if name in new and alike(config, new[name]) else config
        for name, config in running.items()
    }
