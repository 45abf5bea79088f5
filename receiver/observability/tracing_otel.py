"""Spans by OpenTelemetry's SDK, sent to a collector by OTLP/HTTP from a thread of its own.

What cannot be sent is dropped: the queue is bounded, and nobody ever waits for it. The SDK reports
every failure anew; here the first is a line, and the next one is that it works again.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from importlib.metadata import version

import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from receiver.http_client import follow_proxies
from receiver.observability.tracing_config import TRACES_PATH, TracingConfig

log = logging.getLogger("tracing")

SERVICE_NAME = "incident-manager"
FLUSH_WITHIN_S = 3.0
"""How long a stop waits for the last spans to be sent."""

_KINDS = {
    "server": SpanKind.SERVER,
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_FROM_ELSEWHERE = ("server", "consumer")
"""Kinds whose parent is another process's, or may be."""
_EXPORT_LOGGERS = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal")


class OtelSpan:
    """A span of the SDK, known by its context in the form of the W3C headers."""

    __slots__ = ("_ended", "_span", "context")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._ended = False
        found = span.get_span_context()
        text = f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
        state = found.trace_state.to_header() if found.trace_state else ""
        self.context = f"{text} {state}" if state else text

    def set(self, name: str, value: str | int) -> None:
        """Add an attribute."""
        self._span.set_attribute(name, value)

    def end(self, error: str = "") -> None:
        """End it, once: whoever ends it first knows what happened."""
        if self._ended:
            return
        self._ended = True
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class _Unsampled:
    """What stands for a span where somebody decided before that this trace is not sent."""

    __slots__ = ("context",)

    def __init__(self, context: str) -> None:
        self.context = context

    def set(self, name: str, value: str | int) -> None:
        pass

    def end(self, error: str = "") -> None:
        pass


class OtelTracer:
    """A tracer of its own, not the process's global one."""

    def __init__(self, config: TracingConfig) -> None:
        endpoint = None
        if config.endpoint is not None:
            endpoint = config.endpoint.removesuffix(TRACES_PATH) + TRACES_PATH
        _notices.listen()
        self._provider = TracerProvider(
            sampler=_sampler(config), resource=_resource(config), shutdown_on_exit=False
        )
        self._heeds_parents = isinstance(self._provider.sampler, ParentBased)
        session = requests.Session()
        follow_proxies(session)
        exporter = _Exporter(OTLPSpanExporter(endpoint=endpoint, session=session))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("llm-incident-manager", _version())

    def start(
        self,
        name: str,
        kind: str,
        parent: str,
        *,
        attributes: dict[str, str | int],
        links: Sequence[str] = (),
        began: int = 0,
    ) -> OtelSpan | _Unsampled:
        """Return a span below ``parent``; see ``tracing.Tracer``."""
        if parent and self._heeds_parents and not _flags(parent) & TraceFlags.SAMPLED:
            # The SDK would take as long to decide so as to make half a span.
            return _Unsampled(parent)
        span = self._tracer.start_span(
            name,
            # Without a context the SDK would take the thread's.
            trace.set_span_in_context(_other(parent, remote=kind in _FROM_ELSEWHERE), Context()),
            _KINDS[kind],
            attributes,
            [trace.Link(_other(link).get_span_context()) for link in links],
            began or None,
        )
        return OtelSpan(span)

    async def stop(self) -> None:
        """Send what is left; a collector that hangs is left behind with its thread."""
        # Not an executor: the interpreter would wait for its threads at the end.
        flush = threading.Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        loop = asyncio.get_running_loop()
        give_up = loop.time() + FLUSH_WITHIN_S
        while flush.is_alive() and loop.time() < give_up:  # noqa: ASYNC110 - a thread, no event
            await asyncio.sleep(0.01)


def _other(context: str, *, remote: bool = True) -> trace.Span:
    """Return a context as the span that somebody else made; "" is none."""
    if not context:
        return trace.INVALID_SPAN
    text, _, state = context.partition(" ")
    known = SpanContext(
        int(text[3:35], 16),
        int(text[36:52], 16),
        is_remote=remote,
        trace_flags=TraceFlags(_flags(text)),
        trace_state=TraceState.from_header([state]) if state else None,
    )
    return trace.NonRecordingSpan(known)


def _flags(context: str) -> int:
    return int(context[53:55], 16)


def _sampler(config: TracingConfig) -> Sampler | None:
    """None: by OTEL_TRACES_SAMPLER. Whoever sent a context has decided already."""
    if config.sample_ratio is None:
        return None
    return ParentBased(TraceIdRatioBased(config.sample_ratio))


def _resource(config: TracingConfig) -> Resource:
    """Name the service; attributes of OTEL_RESOURCE_ATTRIBUTES are added by the SDK."""
    attributes = {"service.version": _version()}
    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if config.service_name:
        attributes["service.name"] = config.service_name
    elif not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in given:
        attributes["service.name"] = SERVICE_NAME
    return Resource.create(attributes)


def _version() -> str:
    return version("llm-incident-manager")


class _Exporter(SpanExporter):
    """An exporter that tells the notices when it works."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            _notices.worked()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Notices(logging.Handler):
    """Takes the SDK's own lines: one for a collector that fails, and none for each span."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._failing = False

    def listen(self) -> None:
        """Take them from now on."""
        sdk = logging.getLogger("opentelemetry")
        sdk.propagate = False
        if self not in sdk.handlers:
            sdk.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_EXPORT_LOGGERS):
            # Of the API's (a malformed tracestate) anybody could cause any number.
            if record.name.startswith("opentelemetry.sdk"):
                log.warning("%s", record.getMessage())
            return
        if not self._failing:
            self._failing = True
            log.warning("spans are late or lost, pages are not: %s", record.getMessage())

    def worked(self) -> None:
        """Say so when it did not before."""
        if self._failing:
            self._failing = False
            log.warning("spans are sent again")


_notices = _Notices()
