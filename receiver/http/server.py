"""The HTTP surface: which path goes where, and what every request has in common."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.conditions import Conditions, Subject
from receiver.config_types import is_loopback
from receiver.engine.damaged import DamagedRecords
from receiver.errors import NoAlertmanagerError, PayloadError, SilenceError, StoreUnavailableError
from receiver.http.auth import bounded
from receiver.http.error_pages import PAGES, TRY_AGAIN, ErrorPages
from receiver.http.same_origin import Browsers
from receiver.intake.alertmanager_webhook import WebhookEndpoint
from receiver.intake.changes import ChangeEndpoint
from receiver.intake.hints import Hints
from receiver.observability.audit import note_refusal
from receiver.observability.logs import correlation_id, correlation_id_of
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing
from receiver.pagerduty.on_call import OnCallEndpoint
from receiver.pagerduty.webhook import PagerDutyWebhookEndpoint
from receiver.settings.model import Settings
from receiver.slack.interactions.http_endpoint import SlackEndpoint
from receiver.web.console import ConsoleEndpoint
from receiver.web.health import StatusEndpoint
from receiver.web.incidents_api import ApiEndpoint
from receiver.web.integrations_api import IntegrationEndpoint
from receiver.web.runbooks import RunbookEndpoint
from receiver.web.shared_alerts import SharedAlertsEndpoint
from receiver.web.status_page.endpoint import StatusPageEndpoint

log = logging.getLogger("http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WEBHOOK = "/v1/alerts/webhook"


class Endpoints(msgspec.Struct, frozen=True):
    """Every endpoint of the service."""

    webhook: WebhookEndpoint
    slack: SlackEndpoint
    pagerduty: PagerDutyWebhookEndpoint
    on_call: OnCallEndpoint
    damaged: DamagedRecords
    api: ApiEndpoint
    status: StatusEndpoint
    runbooks: RunbookEndpoint
    console: ConsoleEndpoint
    integrations: IntegrationEndpoint
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
        durable(endpoints.integrations.event),
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
        middlewares=[_common(metrics, pages, tracing, browsers, templates)],
    )
    application[PAGES] = pages
    enabled = settings.observability.prometheus_enabled
    for prefix in config.served_under:
        for (method, path), handler in zip(PATHS, _handlers(endpoints), strict=True):
            if path == "/metrics" and not enabled:
                continue
            templates[_route(application, method, prefix + path, handler)] = path
        if prefix:
            templates[_route(application, "GET", prefix, _to_index(config.link_path))] = "/"
    _add_options(application)
    return application


def _to_index(link_path: str) -> Handler:
    """Lead people who left the last slash out to the console; nothing that is posted comes here."""

    async def redirect(request: web.Request) -> web.StreamResponse:
        asked = f"?{request.rel_url.raw_query_string}" if request.rel_url.query else ""
        return web.Response(status=302, headers={"Location": f"{link_path}/{asked}"})

    return redirect


def _route(application: web.Application, method: str, path: str, handler: Handler) -> str:
    """Add a route; return its template as aiohttp names it."""
    resource = application.router.add_route(method, path, handler).resource
    if method == "GET":
        # Whoever watches a page from outside asks so.
        application.router.add_route("HEAD", path, handler)
    return resource.canonical if resource is not None else path


def _add_options(application: web.Application) -> None:
    """Answer OPTIONS on every path with the methods it takes."""
    methods: dict[str, list[str]] = {}
    for route in application.router.routes():
        resource = route.resource
        if resource is not None:
            methods.setdefault(resource.canonical, []).append(route.method)
    for resource in list(application.router.resources()):
        allowed = ", ".join(sorted({*methods[resource.canonical], "OPTIONS"}))
        if isinstance(resource, web.Resource):
            resource.add_route("OPTIONS", _options(allowed))


def _options(allowed: str) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=204, headers={"Allow": allowed})

    return answer


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

    application = web.Application(middlewares=[_refusals])
    _route(application, "GET", "/metrics", metrics)
    _add_options(application)
    return application


def build_status_application(endpoints: Endpoints, metrics: Metrics) -> web.Application:
    """Return the application of the status page's own port, which may be public."""
    application = web.Application(
        client_max_size=1024, middlewares=[_common(metrics, ErrorPages(public=True))]
    )
    # Also of what is refused: which server this is, in which version, is nobody's business.
    application.on_response_prepare.append(endpoints.status_page.dress)
    page = endpoints.status_page
    for path in ("/", "/status"):
        _route(application, "GET", path, page.page)
    _route(application, "GET", "/status.json", page.data)
    _route(application, "GET", "/status/{name}", page.asset)
    _add_options(application)
    return application


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        note_refusal(request, error)
        raise


def _common(
    metrics: Metrics,
    pages: ErrorPages,
    tracing: Tracing | None = None,
    browsers: Browsers | None = None,
    templates: Mapping[str, str] = {},
) -> Middleware:
    """Return the middleware: correlation id, trace, timing, and errors in words.

    ``templates``: what metrics call a route, where a path stands before it.
    """

    @web.middleware
    async def common(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        correlation_id.set(correlation_id_of(request.headers))
        request = bounded(request, WEBHOOK)
        span = tracing.receive(request) if tracing is not None else None
        status = 500
        try:
            if browsers is not None:
                browsers.check(request)
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            note_refusal(request, error)
            answer = await pages.answer(request, error)
            if answer is error:
                raise
            error.__traceback__ = None  # as of all that are answered: see ``connections``
            response = answer
        except (StoreUnavailableError, PayloadError, SilenceError) as error:
            response = await pages.answer(request, _refused(error))
            status = response.status
        except Exception as error:
            if isinstance(error, ConnectionError) and request.transport is None:
                # Whoever asked left before all was sent: there is nobody to answer.
                status = 400
                return web.Response(status=status)
            log.exception("%s %s failed", request.method, request.path)
            failed = {"error": "internal error", "correlation_id": correlation_id.get()}
            response = await pages.answer(request, web.json_response(failed, status=500))
        finally:
            resource = request.match_info.route.resource
            template = resource.canonical if resource is not None else "other"
            template = templates.get(template, template)
            took = time.perf_counter() - started
            metrics.request(request.method, template, status, took)
            if tracing is not None and span is not None:
                tracing.answered(span, status)
            if template.endswith("/integrations/{name}/events"):
                metrics.exchanged(request.match_info["name"], status, took)
        return response

    return common


def _refused(error: StoreUnavailableError | PayloadError | SilenceError) -> web.Response:
    if isinstance(error, SilenceError):
        status = 400 if isinstance(error, NoAlertmanagerError) else 502
        log.warning("no silence: %s", error, extra={"status": status})
        return web.json_response({"error": str(error)}, status=status)
    if isinstance(error, PayloadError):
        log.warning("refused: %s", error, extra={"status": 400})
        return web.json_response({"error": error.message, "place": error.position}, status=400)
    log.warning("try again: %s", error, extra={"status": 503})
    return web.json_response(
        {"error": f"{TRY_AGAIN}{error}"}, status=503, headers={"Retry-After": "1"}
    )
