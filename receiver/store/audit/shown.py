"""An entry of the audit trail as programs read it: in the API, and in an export."""

from typing import TypedDict

from receiver.incident_shapes import Count, When
from receiver.store.audit.entry import Numbered
from receiver.text.times import rfc3339


class Entry(TypedDict):
    """What happened, who did it, what came of it, and the entry's place in the chain."""

    shard: Count
    number: Count
    at: When
    action: str
    outcome: str
    principal: str | None
    via: str | None
    credential: str | None
    address: str | None
    incident: str | None
    version: int | None
    correlation_id: str | None
    detail: str | None
    times: Count
    link: str


def as_json(numbered: Numbered) -> Entry:
    """Return an entry with its place in the chain."""
    entry = numbered.entry
    return {
        "shard": numbered.shard,
        "number": numbered.number,
        "at": rfc3339(entry.at),
        "action": entry.action,
        "outcome": entry.outcome,
        "principal": entry.principal or None,
        "via": entry.via or None,
        "credential": entry.credential or None,
        "address": entry.address or None,
        "incident": entry.incident or None,
        "version": entry.version or None,
        "correlation_id": entry.correlation_id or None,
        "detail": entry.detail or None,
        "times": entry.times,
        "link": numbered.link,
    }
