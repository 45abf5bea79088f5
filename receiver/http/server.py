"""The HTTP surface: which path goes where, and what every request has in common."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from receiver.audit.notes import Audit
from receiver.errors import (
    NoAlertmanagerError,
    PayloadError,
    SilenceError,
    StoreUnavailableError,
    TooManyError,
)
from receiver.http.addresses import behind_proxies
from receiver.http.asked.body import bounded
from receiver.http.error_pages import TRY_AGAIN, ErrorPages
from receiver.http.limits import Limits
from receiver.http.login_config import Network
from receiver.http.same_origin import Browsers
from receiver.observability.correlation import (
    Caller,
    caller,
    correlation_id,
    correlation_id_of,
)
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing
from receiver.problem import problem

log = logging.getLogger("http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WEBHOOK = "/v1/alerts/webhook"
STREAMS: web.RequestKey[bool] = web.RequestKey("streams", bool)
"""The answer went on for as long as somebody listened, which says nothing of how fast it was."""


def to_index(link_path: str) -> Handler:
    """Lead people who left the last slash out to the console; nothing that is posted comes here."""

    async def redirect(request: web.Request) -> web.StreamResponse:
        asked = f"?{request.rel_url.raw_query_string}" if request.rel_url.query else ""
        return web.Response(status=302, headers={"Location": f"{link_path}/{asked}"})

    return redirect


def add_route(application: web.Application, method: str, path: str, handler: Handler) -> str:
    """Add a route; return its template as aiohttp names it."""
    resource = application.router.add_route(method, path, handler).resource
    if method == "GET":
        # Whoever watches a page from outside asks so.
        application.router.add_route("HEAD", path, handler)
    return resource.canonical if resource is not None else path


def add_options(application: web.Application) -> None:
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


def refusals(audit: Audit) -> Middleware:
    """Return the middleware that puts what is refused into the audit."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        _note_caller(request)
        try:
            return await handler(request)
        except web.HTTPException as error:
            audit.refusal(request, error)
            raise

    return handle


def common(  # noqa: PLR0913, PLR0917 - what every request has to do with
    metrics: Metrics,
    pages: ErrorPages,
    audit: Audit,
    tracing: Tracing | None = None,
    browsers: Browsers | None = None,
    templates: Mapping[str, str] = {},
    trusted: Sequence[Network] = (),
) -> Middleware:
    """Return the middleware: correlation id, trace, timing, and errors in words.

    ``templates``: what metrics call a route, where a path stands before it; ``trusted``: the
    proxies that say whom they ask for.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        correlation_id.set(correlation_id_of(request.headers))
        request = behind_proxies(bounded(request, WEBHOOK), trusted)
        _note_caller(request)
        span = tracing.receive(request) if tracing is not None else None
        status = 500
        try:
            if browsers is not None:
                browsers.check(request)
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            audit.refusal(request, error)
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
            failed = problem(500, "internal error", correlation_id=correlation_id.get())
            response = await pages.answer(request, failed)
        finally:
            template = _template(request, templates)
            took = 0.0 if request.get(STREAMS) else time.perf_counter() - started
            metrics.request(request.method, template, status, took)
            if tracing is not None and span is not None:
                tracing.answered(span, status)
            if template.endswith("/integrations/{name}/events"):
                metrics.exchanged(request.match_info["name"], status, took)
        return response

    return handle


def _note_caller(request: web.Request) -> None:
    """Note where a request comes from, and nobody's name yet.

    A connection that stays open has one context for all its requests: mostly it is known.
    """
    known, address = caller.get(), request.remote or ""
    if known.name or known.address != address:
        caller.set(Caller("", address))


def limiting(limits: Limits, intake: Collection[str]) -> Middleware:
    """Return the middleware that bounds what one address asks for.

    ``intake``: the routes of alerts and of what services send, which is never refused so.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is None or resource.canonical not in intake:
            limits.address(request)
        return await handler(request)

    return handle


def _template(request: web.Request, names: Mapping[str, str]) -> str:
    """Return what metrics call the route of a request."""
    resource = request.match_info.route.resource
    template = resource.canonical if resource is not None else "other"
    return names.get(template, template)


def _refused(error: StoreUnavailableError | PayloadError | SilenceError) -> web.Response:
    if isinstance(error, SilenceError):
        status = 400 if isinstance(error, NoAlertmanagerError) else 502
        log.warning("no silence: %s", error, extra={"status": status})
        return problem(status, str(error))
    if isinstance(error, TooManyError):
        log.warning("refused: %s", error, extra={"status": 429})
        return problem(429, error.message, {"Retry-After": str(error.seconds)})
    if isinstance(error, PayloadError):
        log.warning("refused: %s", error, extra={"status": 400})
        return problem(400, error.message, place=error.position)
    log.warning("try again: %s", error, extra={"status": 503})
    return problem(503, f"{TRY_AGAIN}{error}", {"Retry-After": "1"})
