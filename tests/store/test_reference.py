"""The reference of time on a real server: who writes it, and what is made of junk."""

import time
from typing import Any

import pytest

from receiver.clock import Reference
from receiver.store.time_reference import ReferenceStore


async def test_the_time_is_measured_and_the_reference_is_read_back(redis: Any) -> None:
    store = ReferenceStore(redis)
    first = await store.measure()
    assert first.known is None
    assert abs(first.redis - time.time() * 1000) < 2_000
    assert await store.store(first, Reference(-300_000, 17, "one"))
    assert (await store.measure()).known == Reference(-300_000, 17, "one")


async def test_of_two_that_write_at_once_one_is_refused(redis: Any) -> None:
    one, two = ReferenceStore(redis), ReferenceStore(redis)
    seen, same = await one.measure(), await two.measure()
    assert await one.store(seen, Reference(1, 1, "one"))
    assert not await two.store(same, Reference(2, 2, "two"))
    assert (await two.measure()).known == Reference(1, 1, "one")


@pytest.mark.parametrize("junk", [b"", b"\xff|1|a", b"1|2", b"x" * 500])
async def test_junk_is_written_anew(redis: Any, junk: bytes) -> None:
    await redis.set("im:clock", junk)
    store = ReferenceStore(redis)
    found = await store.measure()
    assert found.known is None
    assert await store.store(found, Reference(5, 6, "one"))


async def test_another_type_is_written_anew(redis: Any) -> None:
    await redis.lpush("im:clock", "x")
    store = ReferenceStore(redis)
    found = await store.measure()
    assert found.known is None
    assert await store.store(found, Reference(5, 6, "one"))
    assert (await store.measure()).known == Reference(5, 6, "one")
