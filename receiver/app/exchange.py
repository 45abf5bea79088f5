"""Puts what is made of a new configuration in the place of what runs, in one turn of the loop.

Whatever began with the old part ends with it: a delivery holds its notifier, and the lease of its
task keeps everybody else from it, so that a notifier beside it pages nobody twice.
"""

from typing import TYPE_CHECKING

from receiver.app.notifiers import build_notifiers, config_of
from receiver.notify.notifier import Notifier
from receiver.settings.load import Loaded
from receiver.settings.model import Settings

if TYPE_CHECKING:
    from receiver.app.service import Service

SLACK_ANSWERS_S = 10.0
"""What people ask in Slack is answered, or given up, within this."""
LOGIN_WITHIN_S = 30.0
"""What a login asks of a provider, all calls of it, is answered or given up by then."""
_OF_SLACK = ("slack", "permissions", "notifiers")


def exchange(service: "Service", settings: Settings, loaded: Loaded) -> None:
    """Have these settings hold; what they replace is closed later. ConfigError: nothing changed."""
    before = service.settings
    notifiers = _changed_notifiers(service, settings)
    router = service.new_router(settings) if _differ(before, settings, _OF_SLACK) else None
    same = before.enrichment == settings.enrichment
    enrichment = None if same else service.new_enrichment(settings)
    service.hold(settings, loaded.lines)
    # All is made: from here on nothing can fail.
    service.exposed = loaded.exposed
    token = settings.web.metrics_token
    service.access.use(settings.web.credentials, logs_in=settings.web.logs_in)
    service.access.limits.use(settings.web.limits)
    single_sign_on = service.login.use(settings.web)
    if single_sign_on is not None:
        provider = single_sign_on.provider
        service.retired.add("single sign-on", provider.close, LOGIN_WITHIN_S)
    service.status.token = token.get_secret_value() if token else ""
    service.pagerduty.trust(settings.pagerduty)
    service.integration_events.configs = settings.integrations.named
    for name, notifier in notifiers.items():
        old, service.notifiers[name] = service.notifiers[name], notifier
        service.retired.add(f"notifier {name}", old.close, 2 * old.timeout)
    if notifiers:
        service.notifier_checks.again(notifiers)
    if router is not None:
        service.retired.add("slack", service.router.close, SLACK_ANSWERS_S)
        service.router = router
        service.slack.use(router, settings.slack.signing_secret)
        if service.slack_socket is not None:
            service.slack_socket.router = router
    service.ports.reread()
    if enrichment is not None:
        longest = before.enrichment.timeout_secs + before.enrichment.summary.timeout_secs
        service.retired.add("enrichment", service.enrichment.close, 2 * longest)
        service.enrichment = service.timer_events.enrichment = enrichment


def _changed_notifiers(service: "Service", settings: Settings) -> dict[str, Notifier]:
    """Return the notifiers whose configuration is another, made anew."""
    made = build_notifiers(settings, service.pagerduty)
    return {
        name: made[name]
        for name in service.notifiers
        if config_of(service.settings, name) != config_of(settings, name)
    }


def _differ(before: Settings, after: Settings, sections: tuple[str, ...]) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in sections)
