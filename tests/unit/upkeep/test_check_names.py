"""What names an incident must lead to one; of junk nothing is said, and nothing fails."""

from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.upkeep.check_names import check_names
from routing.group import split_id
from tests.support.many import arrival, open_many

KEYS = Keys(0)
DIGEST = f"{7:016x}"


async def _beside(redis: Any) -> list[str]:
    _, found = await check_names(redis, KEYS)
    return [one.words for one in found if one.kind == "beside"]


@pytest.mark.parametrize("pointer", [b"0", b"3"])
async def test_a_pointer_to_no_record_is_found(redis: Any, pointer: bytes) -> None:
    await redis.set(KEYS.group(DIGEST), pointer)
    assert await _beside(redis) == [f"there is no record of 0-{DIGEST}-{pointer.decode()}"]


async def test_a_pointer_to_a_record_is_well(redis: Any) -> None:
    store = IncidentStore(redis, 1, tombstone_ttl=60_000)
    (incident,) = await open_many(store, [arrival(1)])
    assert await redis.get(KEYS.group(split_id(incident.id)[1])) == b"1"
    assert await _beside(redis) == []


@pytest.mark.parametrize("junk", [b"9" * 5_000, b"9" * 19, b"junk", "²".encode(), b"-1", b""])
async def test_a_pointer_that_says_nothing_is_passed_over(redis: Any, junk: bytes) -> None:
    await redis.set(KEYS.group(DIGEST), junk)
    assert await _beside(redis) == []
