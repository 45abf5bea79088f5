"""Pointers of groups that say what no release has written: they lead to what is there again."""

from typing import Any

import pytest

from receiver.store.commits import Conflict, Write, Written
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from routing.decide import decide
from routing.group import split_id
from routing.incident import Incident
from tests.support.builders import NOW, rules
from tests.support.many import arrival, open_many

KEYS = Keys(0)
LONG = b"9" * 5_000
JUNK = (LONG, b"9" * 19, b"007", "²".encode())


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


@pytest.fixture
async def incident(store: IncidentStore) -> Incident:
    (found,) = await open_many(store, [arrival(1, "P1")])
    return found


@pytest.mark.parametrize("junk", JUNK)
async def test_a_pointer_that_is_junk_is_put_aside_and_made_anew(
    store: IncidentStore, redis: Any, incident: Incident, junk: bytes
) -> None:
    _, digest, _ = split_id(incident.id)
    await redis.set(KEYS.group(digest), junk)
    assert await store.newest([incident.id.rpartition("-")[0]]) == []
    assert await store.mending.pointer(KEYS, digest) == 1
    assert await redis.get(KEYS.group(digest)) == b"1"
    (entry,) = await store.mending.register.listed()
    assert await redis.get(entry.kept) == junk


@pytest.mark.parametrize("junk", JUNK)
async def test_a_key_like_a_record_counts_for_no_generation(
    store: IncidentStore, redis: Any, incident: Incident, junk: bytes
) -> None:
    _, digest, _ = split_id(incident.id)
    await redis.set(KEYS.incident(f"0-{digest}-").encode() + junk, b"{}")
    await redis.delete(KEYS.group(digest))
    assert await store.mending.pointer(KEYS, digest) == 1


@pytest.mark.parametrize("junk", JUNK)
async def test_a_commit_mends_it_and_the_next_one_goes_through(
    store: IncidentStore, redis: Any, incident: Incident, junk: bytes
) -> None:
    _, digest, _ = split_id(incident.id)
    await redis.set(KEYS.group(digest), junk)
    write = Write(decide(incident, arrival(1, "P2"), NOW + 1, rules()), pointer=True)
    (first,) = await store.commit(0, [write], NOW + 1)
    assert isinstance(first, Conflict)
    assert first.generation == 1
    (second,) = await store.commit(0, [write], NOW + 1)
    assert isinstance(second, Written)
