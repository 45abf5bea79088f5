"""Which of our alerts a PagerDuty incident holds, on a real server."""

from typing import Any

import pytest

from receiver.errors import StoreUnavailableError
from receiver.pagerduty.incident_map import KEPT_MS, KEYS_MAX, PagerDutyMap
from receiver.store.keys import Keys
from receiver.store.redis import connect

ONE, TWO = "0-aaaaaaaaaaaaaaaa-1:0", "0-bbbbbbbbbbbbbbbb-1:0@pagerduty"
KEY = Keys(0).pagerduty("Q1")


@pytest.fixture
def known(redis: Any) -> PagerDutyMap:
    return PagerDutyMap(redis)


async def test_what_is_learned_is_known_and_kept_apart(known: PagerDutyMap) -> None:
    assert await known.claims("Q1") == set()
    await known.learn("Q1", [ONE])
    await known.learn("Q1", [ONE, TWO])
    await known.learn("Q2", [TWO])
    assert await known.claims("Q1") == {ONE, TWO}
    assert await known.claims("Q2") == {TWO}


async def test_it_is_kept_longer_than_an_incident_can_be_reopened(
    known: PagerDutyMap, redis: Any
) -> None:
    await known.learn("Q1", [ONE])
    await redis.pexpire(KEY, 5_000)
    await known.learn("Q1", [TWO])
    assert KEPT_MS - 60_000 < await redis.pttl(KEY) <= KEPT_MS


async def test_nothing_learned_leaves_nothing(known: PagerDutyMap, redis: Any) -> None:
    await known.learn("Q1", [])
    await known.learn("Q1", iter(()))
    assert await redis.exists(KEY) == 0


@pytest.mark.parametrize(("number", "kept"), [(KEYS_MAX, KEYS_MAX), (KEYS_MAX + 5, KEYS_MAX)])
async def test_as_many_as_an_incident_can_hold(known: PagerDutyMap, number: int, kept: int) -> None:
    await known.learn("Q1", (f"0-aaaaaaaaaaaaaaaa-1:{n}" for n in range(number)))
    found = await known.claims("Q1")
    assert len(found) == kept
    assert f"0-aaaaaaaaaaaaaaaa-1:{kept - 1}" in found


async def test_what_is_no_text_is_none_of_ours(known: PagerDutyMap, redis: Any) -> None:
    await known.learn("Q1", [ONE])
    await redis.sadd(KEY, b"\xff\xfe", "é".encode())
    assert await known.claims("Q1") == {ONE}


@pytest.mark.parametrize("kind", ["string", "hash", "list"])
async def test_a_key_of_another_type_is_put_aside(
    known: PagerDutyMap, redis: Any, kind: str
) -> None:
    async def spoil() -> None:
        await redis.delete(KEY)
        if kind == "string":
            await redis.set(KEY, "junk")
        elif kind == "hash":
            await redis.hset(KEY, "a", "b")
        else:
            await redis.rpush(KEY, "a")

    await spoil()
    assert await known.claims("Q1") == set()
    await spoil()
    await known.learn("Q1", [ONE])
    assert await known.claims("Q1") == {ONE}


async def test_without_redis_neither_works() -> None:
    nowhere = connect("redis://127.0.0.1:9")
    known = PagerDutyMap(nowhere)
    with pytest.raises(StoreUnavailableError):
        await known.claims("Q1")
    with pytest.raises(StoreUnavailableError):
        await known.learn("Q1", [ONE])
    # Nothing to learn asks nobody.
    await known.learn("Q1", [])
    await nowhere.aclose()
