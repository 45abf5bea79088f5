"""Which path goes where."""

import msgspec
from aiohttp import web

from receiver.conditions import Conditions, Subject
from receiver.config_types import is_loopback
from receiver.errors import StoreUnavailableError
from receiver.http.error_pages import PAGES, ErrorPages
from receiver.http.same_origin import Browsers
from receiver.http.server import (
    WEBHOOK,
    Handler,
    add_options,
    add_route,
    common,
    refusals,
    to_index,
)
from receiver.intake.alertmanager_webhook import WebhookEndpoint
from receiver.intake.changes import ChangeEndpoint
from receiver.intake.hints import Hints
from receiver.intake.integration_events import IntegrationEventEndpoint
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing
from receiver.pagerduty.on_call import OnCallEndpoint
from receiver.pagerduty.webhook import PagerDutyWebhookEndpoint
from receiver.settings.model import Settings
from receiver.slack.interactions.http_endpoint import SlackEndpoint
from receiver.web.console import ConsoleEndpoint
from receiver.web.damaged import DamagedEndpoint
from receiver.web.health import StatusEndpoint
from receiver.web.incidents_api import ApiEndpoint
from receiver.web.integrations_api import IntegrationEndpoint
from receiver.web.reload import ReloadEndpoint
from receiver.web.runbooks import RunbookEndpoint
from receiver.web.shared_alerts import SharedAlertsEndpoint
from receiver.web.status_page.endpoint import StatusPageEndpoint


class Endpoints(msgspec.Struct, frozen=True):
    """Every endpoint of the service."""

    webhook: WebhookEndpoint
    slack: SlackEndpoint
    pagerduty: PagerDutyWebhookEndpoint
    on_call: OnCallEndpoint
    damaged: DamagedEndpoint
    reload: ReloadEndpoint
    api: ApiEndpoint
    status: StatusEndpoint
    runbooks: RunbookEndpoint
    console: ConsoleEndpoint
    integrations: IntegrationEndpoint
    integration_events: IntegrationEventEndpoint
    hints: Hints
    changes: ChangeEndpoint
    shared_alerts: SharedAlertsEndpoint
    status_page: StatusPageEndpoint
    conditions: Conditions


PATHS = (
    ("POST", WEBHOOK),
    # A slash too many must not cost an alert, and a redirect would.
    ("POST", f"{WEBHOOK}/"),
    ("POST", "/v1/heartbeats/{name}"),
    ("POST", "/v1/slack/actions"),
    ("POST", "/v1/slack/commands"),
    ("POST", "/v1/slack/events"),
    ("POST", "/v1/pagerduty/webhook"),
    ("GET", "/v1/on-call"),
    ("GET", "/v1/incidents"),
    ("POST", "/v1/incidents"),
    ("GET", "/v1/incidents/{id}"),
    ("GET", "/v1/incidents/{id}/review"),
    ("POST", "/v1/incidents/{id}/{action}"),
    ("GET", "/v1/dead-letters"),
    ("GET", "/v1/hints"),
    ("GET", "/v1/shared-alerts"),
    ("GET", "/v1/damaged"),
    ("DELETE", "/v1/damaged"),
    ("GET", "/runbooks"),
    ("GET", "/runbooks/"),
    ("GET", "/runbooks/{name:.+}"),
    ("POST", "/runbooks/{name:.+}"),
    ("GET", "/"),
    ("GET", "/incidents/{id}"),
    ("GET", "/incidents/{id}/review"),
    ("POST", "/incidents/{id}/{action}"),
    ("GET", "/console/{name}"),
    ("GET", "/console/charts/{name}.svg"),
    ("GET", "/v1/figures"),
    ("POST", "/v1/integrations/{name}/events"),
    ("GET", "/v1/metrics/integrations"),
    ("GET", "/v1/metrics/integrations/{name}"),
    ("GET", "/v1/metrics/caches"),
    ("GET", "/v1/health/circuit-breakers"),
    ("GET", "/v1/changes"),
    ("POST", "/v1/changes"),
    ("GET", "/status"),
    ("GET", "/status.json"),
    ("GET", "/status/{name}"),
    ("GET", "/health"),
    ("GET", "/-/healthy"),
    ("GET", "/-/ready"),
    ("POST", "/-/reload"),
    ("GET", "/metrics"),
)
"""(method, path template) of everything on the API port, in the order of ``_handlers``.

HEAD is answered as GET would be, and OPTIONS with what a path takes.
"""


def _handlers(endpoints: Endpoints) -> list[Handler]:
    api, status = endpoints.api, endpoints.status

    def durable(handler: Handler) -> Handler:
        return _durable(handler, endpoints.conditions)

    return [
        durable(endpoints.webhook.handle),
        durable(endpoints.webhook.handle),
        durable(endpoints.webhook.beat),
        endpoints.slack.actions,
        endpoints.slack.commands,
        endpoints.slack.events,
        durable(endpoints.pagerduty.handle),
        endpoints.on_call.handle,
        api.incidents,
        api.open,
        api.one,
        api.review,
        api.act,
        api.dead_letters,
        endpoints.hints.listed,
        endpoints.shared_alerts.listed,
        endpoints.damaged.listed,
        endpoints.damaged.discard,
        endpoints.runbooks.index,
        endpoints.runbooks.index,
        endpoints.runbooks.show,
        endpoints.runbooks.answer,
        endpoints.console.index,
        endpoints.console.one,
        endpoints.console.review,
        endpoints.console.act,
        endpoints.console.asset,
        endpoints.console.chart,
        endpoints.console.figures,
        durable(endpoints.integration_events.event),
        endpoints.integrations.all,
        endpoints.integrations.one,
        endpoints.integrations.caches,
        endpoints.integrations.breakers,
        endpoints.changes.newest,
        durable(endpoints.changes.add),
        endpoints.status_page.page,
        endpoints.status_page.data,
        endpoints.status_page.asset,
        status.health,
        status.healthy,
        status.ready,
        endpoints.reload.handle,
        status.metrics_beside,
    ]


def _durable(handler: Handler, conditions: Conditions) -> Handler:
    """Return a handler whose 2xx means durable: while the server may forget, it is 503.

    For programs, which forget what was acknowledged and repeat what was not. What people do is
    taken all the same: an acknowledgement that is refused would page again for certain.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        if conditions.refuses(Subject.DURABILITY):
            raise StoreUnavailableError("what is accepted now may be lost")
        return await handler(request)

    return handle


def build_application(
    settings: Settings, endpoints: Endpoints, metrics: Metrics, tracing: Tracing | None = None
) -> web.Application:
    """Return the application of the API port."""
    config = settings.web
    browsers = Browsers(config.base_url, guarded=bool(config.credentials))
    pages = ErrorPages(config.link_path, config.served_under)
    templates: dict[str, str] = {}
    application = web.Application(
        client_max_size=config.max_body_bytes,
        middlewares=[common(metrics, pages, tracing, browsers, templates)],
    )
    application[PAGES] = pages
    enabled = settings.observability.prometheus_enabled
    for prefix in config.served_under:
        for (method, path), handler in zip(PATHS, _handlers(endpoints), strict=True):
            if path == "/metrics" and not enabled:
                continue
            templates[add_route(application, method, prefix + path, handler)] = path
        if prefix:
            templates[add_route(application, "GET", prefix, to_index(config.link_path))] = "/"
    add_options(application)
    return application


def build_metrics_application(settings: Settings, endpoints: Endpoints) -> web.Application:
    """Return the application of the metrics port: /metrics alone; the other may be public.

    A page of another site must not read it through a browser whose host's name it makes lead here.
    Where it can be reached from elsewhere, scrapers call it by names that only they know.
    """
    browsers = Browsers(settings.web.base_url, guarded=settings.web.metrics_token is not None)
    wide = not is_loopback(settings.web.metrics_address)

    async def metrics(request: web.Request) -> web.StreamResponse:
        if not wide or request.headers.get("User-Agent", "").startswith("Mozilla/"):
            browsers.check(request)
        return await endpoints.status.metrics(request)

    application = web.Application(middlewares=[refusals])
    add_route(application, "GET", "/metrics", metrics)
    add_options(application)
    return application


def build_status_application(endpoints: Endpoints, metrics: Metrics) -> web.Application:
    """Return the application of the status page's own port, which may be public."""
    application = web.Application(
        client_max_size=1024, middlewares=[common(metrics, ErrorPages(public=True))]
    )
    # Also of what is refused: which server this is, in which version, is nobody's business.
    application.on_response_prepare.append(endpoints.status_page.dress)
    page = endpoints.status_page
    for path in ("/", "/status"):
        add_route(application, "GET", path, page.page)
    add_route(application, "GET", "/status.json", page.data)
    add_route(application, "GET", "/status/{name}", page.asset)
    add_options(application)
    return application
