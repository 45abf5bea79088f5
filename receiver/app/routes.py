"""Every endpoint, and the applications of the three ports made of their rows."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from receiver.audit.notes import Audit
from receiver.config.types import is_loopback
from receiver.http.config import WebConfig
from receiver.http.error_pages import PAGES, ErrorPages
from receiver.http.routes import API, INTAKE, METRICS, STATUS, Guard, Route, Who, rows_of, table_of
from receiver.http.same_origin import Browsers
from receiver.http.server import (
    Handler,
    add_options,
    add_route,
    common,
    limiting,
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
from receiver.web.audit import AuditEndpoint
from receiver.web.console import ConsoleEndpoint
from receiver.web.explain.endpoint import ExplainEndpoint
from receiver.web.explain.page import RoutingEndpoint
from receiver.web.health import StatusEndpoint
from receiver.web.history.page import HistoryEndpoint
from receiver.web.incident.endpoint import IncidentPageEndpoint
from receiver.web.incidents_api import ApiEndpoint
from receiver.web.integrations_api import IntegrationEndpoint
from receiver.web.listing.bulk import BulkEndpoint
from receiver.web.listing.events import EventsEndpoint
from receiver.web.login import LoginEndpoint
from receiver.web.login_oidc import OidcEndpoint
from receiver.web.maintenance.endpoint import MaintenanceEndpoint
from receiver.web.openapi.endpoint import OpenApiEndpoint
from receiver.web.operations.damaged import DamagedEndpoint
from receiver.web.operations.dead_letters import DeadLetterEndpoint
from receiver.web.operations.endpoint import OperationsEndpoint
from receiver.web.operations.page import OperationsPage
from receiver.web.operations.reload import ReloadEndpoint
from receiver.web.response.page import ResponseEndpoint
from receiver.web.reviews.action_items import ActionItemsEndpoint
from receiver.web.reviews.document import ReviewDocumentEndpoint
from receiver.web.reviews.pages import ReviewPagesEndpoint
from receiver.web.runbooks import RunbookEndpoint
from receiver.web.shared_alerts import SharedAlertsEndpoint
from receiver.web.status_page.endpoint import StatusPageEndpoint
from receiver.web.status_page.incident import StatusIncidentEndpoint

T = TypeVar("T")
VERSION = version("llm-incident-manager")

ENDPOINTS: tuple[type, ...] = (
    WebhookEndpoint,
    SlackEndpoint,
    PagerDutyWebhookEndpoint,
    OnCallEndpoint,
    # Before the actions, of whose form its path is.
    ExplainEndpoint,
    ApiEndpoint,
    DeadLetterEndpoint,
    OperationsEndpoint,
    OperationsPage,
    RoutingEndpoint,
    Hints,
    SharedAlertsEndpoint,
    DamagedEndpoint,
    RunbookEndpoint,
    ConsoleEndpoint,
    IncidentPageEndpoint,
    BulkEndpoint,
    EventsEndpoint,
    HistoryEndpoint,
    ReviewDocumentEndpoint,
    ReviewPagesEndpoint,
    ActionItemsEndpoint,
    ResponseEndpoint,
    AuditEndpoint,
    LoginEndpoint,
    OidcEndpoint,
    IntegrationEventEndpoint,
    IntegrationEndpoint,
    ChangeEndpoint,
    MaintenanceEndpoint,
    StatusIncidentEndpoint,
    StatusPageEndpoint,
    StatusEndpoint,
    ReloadEndpoint,
    OpenApiEndpoint,
)
ROUTES = table_of(ENDPOINTS)
"""The table: whatever is answered on any port is a row of it, and says who may ask.

HEAD is answered as GET would be, and OPTIONS with what a path takes.
"""
PATHS = tuple((row.method, row.path) for row in ROUTES if row.port == API)
"""(method, path template) of everything on the API's port."""


class Endpoints:
    """One of each kind, behind the guard that asks what their rows say."""

    def __init__(self, endpoints: Iterable[object], guard: Guard) -> None:
        """Raise ValueError when a kind is missing: its paths would be unknown to everybody."""
        self._of = {type(endpoint): endpoint for endpoint in endpoints}
        self._guard = guard
        self.access = guard.access
        missing = [kind.__name__ for kind in ENDPOINTS if kind not in self._of]
        if missing:
            raise ValueError(f"not built: {', '.join(missing)}")

    def one(self, kind: type[T]) -> T:
        """Return the endpoint of this kind."""
        endpoint = self._of[kind]
        assert isinstance(endpoint, kind)  # noqa: S101 - by construction
        return endpoint

    def on(self, port: str) -> Iterator[tuple[Route, Handler]]:
        """Return the rows of a port, each with its guarded handler."""
        for kind in ENDPOINTS:
            for row in rows_of(kind):
                if row.port == port:
                    yield row, self._guard.before(row, getattr(self._of[kind], row.name))


def build_application(
    settings: Settings,
    endpoints: Endpoints,
    metrics: Metrics,
    audit: Audit,
    tracing: Tracing | None = None,
) -> web.Application:
    """Return the application of the API port."""
    config = settings.web
    browsers = Browsers(config.base_url, lambda: not endpoints.access.open, config.allowed_hosts)
    pages = ErrorPages(config.link_path, config.served_under)
    templates: dict[str, str] = {}
    intake: set[str] = set()
    application = web.Application(
        client_max_size=config.max_body_bytes,
        middlewares=[
            common(metrics, pages, audit, tracing, browsers, templates, config.trusted_proxies),
            limiting(endpoints.access.limits, intake),
        ],
    )
    application[PAGES] = pages
    _stay_with_https(application, config)
    enabled = settings.observability.prometheus_enabled
    for prefix in config.served_under:
        for row, handler in endpoints.on(API):
            if row.who is Who.SCRAPER and not enabled:
                continue
            template = add_route(application, row.method, prefix + row.path, handler)
            templates[template] = row.path
            if row.who in INTAKE:
                intake.add(template)
        if prefix:
            templates[add_route(application, "GET", prefix, to_index(config.link_path))] = "/"
    add_options(application)
    return application


def _stay_with_https(application: web.Application, config: WebConfig) -> None:
    """Tell browsers to come by https alone (RFC 6797), where that is wanted."""
    if not config.hsts_max_age or urlsplit(config.base_url).scheme != "https":
        return
    words = f"max-age={config.hsts_max_age // 1000}"

    async def say(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Strict-Transport-Security"] = words

    application.on_response_prepare.append(say)


def build_metrics_application(
    settings: Settings, endpoints: Endpoints, status: StatusEndpoint, audit: Audit
) -> web.Application:
    """Return the application of the metrics port: /metrics alone; the other may be public.

    A page of another site must not read it through a browser whose host's name it makes lead here.
    Where it can be reached from elsewhere, scrapers call it by names that only they know.
    """
    config = settings.web
    browsers = Browsers(config.base_url, lambda: bool(status.token), config.allowed_hosts)
    wide = not is_loopback(settings.web.metrics_address)

    @web.middleware
    async def hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (
            not wide
            or config.allowed_hosts
            or request.headers.get("User-Agent", "").startswith("Mozilla/")
        ):
            browsers.check(request)
        return await handler(request)

    application = web.Application(middlewares=[refusals(audit), hosts])
    for row, handler in endpoints.on(METRICS):
        add_route(application, row.method, row.path, handler)
    add_options(application)
    return application


def build_status_application(
    settings: Settings,
    endpoints: Endpoints,
    page: StatusPageEndpoint,
    metrics: Metrics,
    audit: Audit,
) -> web.Application:
    """Return the application of the status page's own port, which may be public.

    It is for everybody, by whatever name they call it, unless some are named.
    """
    config = settings.web
    browsers = Browsers(config.base_url, lambda: True, config.allowed_hosts)
    pages = ErrorPages(public=True)
    handle = common(metrics, pages, audit, browsers=browsers, trusted=config.trusted_proxies)
    middlewares = [handle, limiting(endpoints.access.limits, ())]
    application = web.Application(client_max_size=1024, middlewares=middlewares)
    _stay_with_https(application, config)
    # Also of what is refused: which server this is, in which version, is nobody's business.
    application.on_response_prepare.append(page.dress)
    for row, handler in endpoints.on(STATUS):
        add_route(application, row.method, row.path, handler)
    add_options(application)
    return application
