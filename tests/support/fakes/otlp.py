"""A strict OTLP/HTTP collector: it takes what the specification allows, and keeps every span.

opentelemetry.io, "OTLP Specification": POST /v1/traces, protobuf, gzip or not. Anything else is
refused with 400 and kept in `violations`. Faults strike the method "traces".
"""

import gzip
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.fakes.server import Call, FakeServer, Json

PROTOBUF = "application/x-protobuf"
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass
class Exported:
    """One span as it came in. Ids in hex; `links` are (trace id, span id)."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    state: str
    service: str
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    began: int
    ended: int
    failed: bool
    resource: dict[str, Any] = field(default_factory=dict)


class FakeCollector(FakeServer):
    """Takes traces."""

    def __init__(self) -> None:
        self.spans: list[Exported] = []
        self.calls: list[Call] = []
        self.headers: list[dict[str, str]] = []
        self.violations: list[str] = []
        super().__init__(time.time)

    def named(self, name: str, trace_id: str = "") -> list[Exported]:
        """Return the spans of a name, of one trace or of all."""
        return [
            span for span in self.spans if span.name == name and trace_id in ("", span.trace_id)
        ]

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/traces", self._traces)
        app.router.add_route("*", "/{path:.*}", self._elsewhere)

    def state(self, *, brief: bool) -> Json:
        return {"spans": len(self.spans) if brief else [vars(span) for span in self.spans]}

    def reset(self) -> None:
        self.spans.clear()
        self.calls.clear()
        self.violations.clear()

    def rate_limited(self, retry_after: str | None) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": retry_after} if retry_after else {})

    def refused(self, name: str) -> web.Response:
        return web.Response(status=400, text=name)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return self._refuse(f"{request.method} {request.path} is not where traces go")

    async def _traces(self, request: web.Request) -> web.Response:
        body = await request.read()
        call = Call("traces", self.clock(), {"bytes": len(body)})
        self.calls.append(call)
        self.headers.append(dict(request.headers))

        def apply() -> web.Response:
            call.outcome = "ok"
            return self._take(request.headers.get("Content-Type", ""), body)

        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)  # aiohttp has done that already where it could
        return await self.answer(request, call, apply)

    def _take(self, content_type: str, body: bytes) -> web.Response:
        if content_type != PROTOBUF:
            return self._refuse(f"content type {content_type!r}")
        try:
            message = ExportTraceServiceRequest.FromString(body)
        except DecodeError as error:
            return self._refuse(f"not protobuf: {error}")
        found = []
        for part in message.resource_spans:
            resource = _attributes(part.resource.attributes)
            for scope in part.scope_spans:
                found += [_exported(span, resource) for span in scope.spans]
        problems = [problem for span in found for problem in _problems(span)]
        if problems or not found:
            return self._refuse("; ".join(problems) or "a request without spans")
        self.spans += found
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type=PROTOBUF
        )

    def _refuse(self, problem: str) -> web.Response:
        self.violations.append(problem)
        return web.Response(status=400, text=problem)


def _exported(span: Any, resource: dict[str, Any]) -> Exported:
    return Exported(
        name=span.name,
        kind=KINDS.get(span.kind, "unspecified"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        state=span.trace_state,
        service=str(resource.get("service.name", "")),
        attributes=_attributes(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        resource=resource,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _problems(span: Exported) -> list[str]:
    """What the specification forbids: ids of the wrong size or zero, ends before beginnings."""
    found = []
    if len(span.trace_id) != 32 or not int(span.trace_id, 16):
        found.append(f"trace id {span.trace_id!r}")
    if len(span.span_id) != 16 or not int(span.span_id, 16):
        found.append(f"span id {span.span_id!r}")
    if span.parent and (len(span.parent) != 16 or not int(span.parent, 16)):
        found.append(f"parent {span.parent!r}")
    if not span.name or span.kind == "unspecified":
        found.append(f"span {span.name!r} of kind {span.kind}")
    if not 0 < span.began <= span.ended:
        found.append(f"{span.name} from {span.began} to {span.ended}")
    if not span.service or span.service.startswith("unknown_service"):
        found.append("no service.name")
    return found
