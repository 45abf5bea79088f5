"""The context of a trace, as it comes in and goes on."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from routing.decision import Decision
from routing.incident import Incident

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KNOWN_FLAGS = 0x03  # sampled, random
TRACESTATE_MAX = 512
"""W3C Trace Context, 3.3.1.5: a service should hand on at least so many characters."""
LINKS_MAX = 64


def read_context(headers: Mapping[str, str]) -> str:
    """Return the trace context a request came with, "" where there is none that is well-formed.

    W3C Trace Context, 3.2: one ``traceparent``; of a later version as much as is known here.
    """
    given = getattr(headers, "getall")("traceparent", [])  # noqa: B009 - of aiohttp's, not Mapping
    found = _TRACEPARENT.fullmatch(given[0].strip(" \t")) if len(given) == 1 else None
    if found is None:
        return ""
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return ""
    state = ",".join(getattr(headers, "getall")("tracestate", []))  # noqa: B009 - as above
    parent = f"00-{trace}-{span}-{int(flags, 16) & _KNOWN_FLAGS:02x}"
    return f"{parent} {state}" if 0 < len(state) <= TRACESTATE_MAX else parent


def trace_id(context: str) -> str:
    """Return the trace's id of a context, "" of none."""
    return context[3:35]


def other_traces(own: str, contexts: Iterable[str]) -> list[str]:
    """Return the contexts that belong to other traces, each once."""
    found = {
        context: None for context in contexts if context and trace_id(context) != trace_id(own)
    }
    return list(found)[:LINKS_MAX]


def marked(decision: Decision, before: Incident | None, context: str) -> Decision:
    """Return the decision with the trace that its change, and the pages it asks for, belong to."""
    incident = decision.incident
    if incident is None or not decision.changed:
        return decision
    known = before.pages if before is not None and before.id == incident.id else {}
    pages = {
        name: page
        if name in known and known[name].seq == page.seq
        else msgspec.structs.replace(page, trace=context)
        for name, page in incident.pages.items()
    }
    marked: Any = msgspec.structs.replace(incident, trace=context, pages=pages)
    return msgspec.structs.replace(decision, incident=marked)
