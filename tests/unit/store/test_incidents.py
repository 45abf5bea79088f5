"""Whom nobody could be told of: since when, whatever stands in the index beside it."""

from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from receiver.store.keys import TIME_MAX, Keys
from tests.support.builders import NOW

ONE, OTHER = "0-aaaaaaaaaaaaaaaa-1", "0-bbbbbbbbbbbbbbbb-1"
UNREACHED = Keys(0).unreached


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


async def test_the_longest_unreached_is_told(store: IncidentStore, redis: Any) -> None:
    assert await store.unreached() == (0, 0, "")
    await redis.zadd(UNREACHED, {ONE: NOW + 1, OTHER: NOW})
    assert await store.unreached() == (2, NOW, OTHER)


@pytest.mark.parametrize(
    ("score", "since"), [(float("inf"), TIME_MAX), (1e18, TIME_MAX), (float("-inf"), 0), (-5, 0)]
)
async def test_a_time_without_a_date_is_the_nearest_that_has_one(
    store: IncidentStore, redis: Any, score: float, since: int
) -> None:
    await redis.zadd(UNREACHED, {ONE: score})
    assert await store.unreached() == (1, since, ONE)


async def test_what_is_no_incident_says_nothing_of_the_time(
    store: IncidentStore, redis: Any
) -> None:
    await redis.zadd(UNREACHED, {ONE: NOW, "junk": 5, b"\xff": float("-inf")})
    assert await store.unreached() == (1, NOW, ONE)
