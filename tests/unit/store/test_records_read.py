"""When an incident was last spoken of: a time that is none is put aside, and counts as now."""

from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from receiver.store.keys import TIME_MAX, Keys
from routing.incident import Incident
from tests.support.builders import NOW
from tests.support.many import arrival, open_many

SEEN = Keys(0).seen
LATER = NOW + 7
JUNK = (b"soon", b"-5", b"9" * 5_000, b"9" * 18, b"%d" % (TIME_MAX + 1), "²".encode())


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000, now=lambda: LATER)


@pytest.fixture
async def incident(store: IncidentStore) -> Incident:
    (found,) = await open_many(store, [arrival(1, "P1")])
    return found


async def _seen(store: IncidentStore, incident: Incident, way: str) -> int:
    if way == "last_seen":
        return await store.last_seen(incident)
    whole = await store.whole(incident.id)
    assert whole is not None
    return whole.seen_at


@pytest.mark.parametrize("way", ["last_seen", "whole"])
@pytest.mark.parametrize("junk", JUNK)
async def test_junk_is_put_aside_and_counts_as_now(
    store: IncidentStore, redis: Any, incident: Incident, junk: bytes, way: str
) -> None:
    await redis.hset(SEEN, incident.id, junk)
    assert await _seen(store, incident, way) == LATER
    assert await redis.hget(SEEN, incident.id) == b"%d" % LATER
    (entry,) = await store.mending.register.listed()
    assert (entry.key, entry.why, entry.size) == (SEEN, "it is no time", len(junk))


@pytest.mark.parametrize("way", ["last_seen", "whole"])
@pytest.mark.parametrize("at", [NOW + 1, TIME_MAX])
async def test_a_time_is_left_as_it_is(
    store: IncidentStore, redis: Any, incident: Incident, at: int, way: str
) -> None:
    await redis.hset(SEEN, incident.id, at)
    assert await _seen(store, incident, way) == at
    assert await store.mending.register.listed() == []
