"""Traces of what becomes of a request: ``POST ...``, ``decide``, ``commit``, ``deliver NOTIFIER``.

Everywhere a trace context is the text of the W3C headers: ``traceparent``, then after a space
``tracestate`` where there is one; "" for none. In this form it is handed on in the process
(``logs.trace_context``) and stored: an incident keeps the commit of its last change, a page the
commit that asked for it. So a delivery joins the right trace after a restart, and on any replica.

Parts hold a ``Tracing``, or None where nothing is traced; then nothing is imported or called.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Protocol

from aiohttp import web

from receiver.notify.notifier import Step, View
from receiver.observability.correlation import trace_context
from receiver.observability.trace_context import marked, other_traces, read_context
from receiver.observability.tracing_config import (
    INSTALL,
    PROTOCOL,
    PROTOCOLS,
    TracingConfig,
    is_installed,
    is_wanted,
)
from routing.decision import Decision
from routing.event import AlertsReceived, Event
from routing.incident import Incident

log = logging.getLogger("tracing")

OUTSIDE = ("/v1/slack/", "/v1/pagerduty/")
"""Whose requests are others' business: what they say about their traces is not ours to follow."""


Attributes = dict[str, str | int]


class Span(Protocol):
    """One step under way."""

    context: str

    def set(self, name: str, value: str | int) -> None:
        """Add an attribute."""

    def end(self, error: str = "") -> None:
        """End it; ``error`` is one short word of what went wrong."""


class Tracer(Protocol):
    """Makes spans and sends them away, whenever that works."""

    def start(
        self,
        name: str,
        kind: str,
        parent: str,
        *,
        attributes: Attributes,
        links: Sequence[str] = (),
        began: int = 0,
    ) -> Span:
        """Return a span below ``parent`` ("": the first of a trace).

        ``kind``: server, internal, producer or consumer; ``began``: nanoseconds since the epoch.
        """

    async def stop(self) -> None:
        """Send what is left, for a few seconds at most."""


class Tracing:
    """What is worth a span here, and what it says: never a label's value, never a secret."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def receive(self, request: web.Request) -> Span | None:
        """Begin the span of a request that may change something; it is what the task works for."""
        span: Span | None = None
        if request.method == "POST":
            resource = request.match_info.route.resource
            route = resource.canonical if resource is not None else "other"
            attributes: Attributes = {
                "http.request.method": request.method,
                "http.route": route,
                "url.scheme": request.scheme,
            }
            if request.path == route:
                attributes["url.path"] = route
            outside = any(part in route for part in OUTSIDE)
            parent = "" if outside else read_context(request.headers)
            span = self._tracer.start(f"POST {route}", "server", parent, attributes=attributes)
        trace_context.set(span.context if span is not None else "")
        return span

    @staticmethod
    def answered(span: Span, status: int) -> None:
        """End the span of a request."""
        span.set("http.response.status_code", status)
        span.end(str(status) if status >= web.HTTPInternalServerError.status_code else "")

    def decided(
        self, trace: str, event: Event, before: Incident | None, decision: Decision, began: int
    ) -> tuple[Decision, Span]:
        """Return the decision as it is to be stored, and the span of its commit.

        What came without a trace (a timer) begins one; a link leads to the change before.
        """
        about: Attributes = {"incident_manager.reason": decision.reason}
        incident = decision.incident
        if incident is not None:
            about["incident_manager.incident.id"] = incident.id
            about["incident_manager.incident.priority"] = incident.priority
        what: Attributes = {"incident_manager.event": type(event).__name__}
        if isinstance(event, AlertsReceived):
            what["incident_manager.alerts"] = len(event.alerts)
        links = other_traces(trace, [before.trace] if before is not None else [])
        span = self._tracer.start(
            "decide", "internal", trace, attributes=about | what, links=links, began=began
        )
        span.end()
        commit = self._tracer.start("commit", "producer", trace or span.context, attributes=about)
        return marked(decision, before, commit.context), commit

    @contextlib.contextmanager
    def delivering(
        self, notifier: str, step: Step, views: Sequence[View], failures: int
    ) -> Iterator[Span]:
        """Trace one call of a notifier; of several ``views`` (a digest) the first leads.

        A page belongs to the trace that asked for it, an update to that of the last change.
        ``failures``: calls for the same that failed before.
        """
        first = views[0]
        parent = _cause(first, step)
        others = [_cause(view, step) for view in views[1:]] + [first.incident.trace]
        attributes: Attributes = {
            "incident_manager.notifier": notifier,
            "incident_manager.step": step.what,
            "incident_manager.failures": failures,
        }
        if len(views) == 1:
            attributes["incident_manager.incident.id"] = first.incident.id
            attributes["incident_manager.incident.priority"] = first.incident.priority
            attributes["incident_manager.reason"] = first.page.reason if step.seq else "update"
        else:
            attributes["incident_manager.incidents"] = len(views)
        links = other_traces(parent, others)
        name = f"deliver {notifier}"
        span = self._tracer.start(name, "consumer", parent, attributes=attributes, links=links)
        before = trace_context.set(span.context)
        try:
            yield span
        except BaseException as error:
            span.end(type(error).__name__)
            raise
        finally:
            trace_context.reset(before)
            span.end()

    async def stop(self) -> None:
        """Send what is left, for a few seconds at most."""
        await self._tracer.stop()


class _NoSpan:
    context = ""

    def set(self, name: str, value: str | int) -> None:
        """Do nothing."""

    def end(self, error: str = "") -> None:
        """Do nothing."""


@contextlib.contextmanager
def delivering(
    tracing: Tracing | None, notifier: str, step: Step, views: Sequence[View], failures: int = 0
) -> Iterator[Span]:
    """Trace one call, as ``Tracing.delivering``, where anything is traced."""
    if tracing is None:
        yield _NoSpan()
        return
    with tracing.delivering(notifier, step, views, failures) as span:
        yield span


def build_tracing(config: TracingConfig) -> Tracing | None:
    """Return what traces, None where nothing asks for it. The extra is imported only here.

    Where nothing but the environment asks for it (it may be set for every container of a cluster)
    a missing extra is said and no reason not to page anybody.
    """
    if not is_wanted(config, os.environ):
        return None
    if not is_installed():
        log.warning("no traces are sent: OpenTelemetry is not installed (%s)", INSTALL)
        return None
    from receiver.observability.tracing_otel import OtelTracer  # noqa: PLC0415 - the extra

    protocols = [os.environ[name] for name in PROTOCOLS if os.environ.get(name)]
    if protocols and protocols[0] != PROTOCOL:
        log.warning("traces are sent as %s (port 4318), not as %s", PROTOCOL, protocols[0])
    return Tracing(OtelTracer(config))


def _cause(view: View, step: Step) -> str:
    return (view.page.trace if step.seq else "") or view.incident.trace
