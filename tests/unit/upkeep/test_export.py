"""Exported incidents: a line each, whatever lies beside the record."""

import json
from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from receiver.store.keys import TIME_MAX, Keys
from receiver.upkeep.export import export
from tests.support.builders import NOW
from tests.support.many import arrival, open_many

KEYS = Keys(0)


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        (b"%d" % (NOW + 1_000), "2026-03-02T10:00:01.000Z"),
        (b"%d" % TIME_MAX, "9999-12-31T23:59:59.999Z"),
        (b"%d" % (TIME_MAX + 1), "2026-03-02T10:00:00.000Z"),
        (b"9" * 18, "2026-03-02T10:00:00.000Z"),
        (b"9" * 5_000, "2026-03-02T10:00:00.000Z"),
        (b"soon", "2026-03-02T10:00:00.000Z"),
    ],
)
async def test_a_time_that_is_none_is_left_out(redis: Any, seen: bytes, shown: str) -> None:
    store = IncidentStore(redis, 1, tombstone_ttl=60_000)
    (incident,) = await open_many(store, [arrival(1)])
    await redis.hset(KEYS.seen, incident.id, seen)
    lines: list[bytes] = []
    done = await export(redis, [KEYS], "all", lines.append)
    assert (done.incidents, done.unreadable) == (1, [])
    assert json.loads(lines[0])["last_seen_at"] == shown
