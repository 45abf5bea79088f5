"""Exporting incidents for other tools: one JSON object a line, as the API answers it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from receiver import incident_json
from receiver.incident_json import Whole
from receiver.pagerduty.receipt import STATE as ALERTS
from receiver.slack.receipt import STATE as MESSAGE
from receiver.store.keys import Keys, is_time
from receiver.store.records.receipts import read_receipts
from receiver.store.records.record import decode_entries
from receiver.store.redis import Client
from receiver.upkeep.stored import StoredIncident, decoded, incident_names, read_incidents
from routing.incident import Incident
from routing.receipt import Receipt


class Exported(msgspec.Struct):
    """How many were exported, and the ids of those of which something cannot be read."""

    incidents: int = 0
    unreadable: list[str] = []


def _kept(_name: str, receipt: Receipt) -> dict[str, Any]:
    """Return what its notifier would show, whichever it was: none is configured here."""
    return {
        name: value
        for state in (MESSAGE, ALERTS)
        if state.reads(receipt)
        for name, value in state.shown(receipt).items()
    }


async def export(
    redis: Client, shards: Sequence[Keys], state: str, write: Callable[[bytes], object]
) -> Exported:
    """Write each incident of ``state`` (open, closed or all) as a line; in no order."""
    done = Exported()
    for keys in shards:
        async for names in incident_names(redis, [keys]):
            for stored in await read_incidents(redis, keys, names):
                incident, problem = decoded(stored.id, stored.record)
                if incident is None:
                    done.unreadable.append(f"{stored.id}: {problem}")
                elif incident.opened_at and _is_wanted(incident, state):
                    _write_one(done, stored, incident, write)
    return done


def _is_wanted(incident: Incident, state: str) -> bool:
    return state == "all" or incident.is_open == (state == "open")


def _write_one(
    done: Exported, stored: StoredIncident, incident: Incident, write: Callable[[bytes], object]
) -> None:
    timeline, damaged = decode_entries(stored.timeline)
    receipts, lost = read_receipts(dict(stored.receipts))
    if damaged or lost:
        done.unreadable.append(f"{stored.id}: lines of its timeline or receipts")
    seen = int(stored.seen) if is_time(stored.seen) else 0
    seen_at = max(incident.seen_at, seen)
    whole = Whole(incident, receipts, tuple(timeline), 1, len(timeline), seen_at)
    body = incident_json.details(whole, _kept)
    write(json.dumps(body, ensure_ascii=False).encode() + b"\n")
    done.incidents += 1
