"""Turns at what one does for all, on a real server: one has it, and nobody has it for ever."""

from typing import Any

import pytest

from receiver.notify.notifier import Tried
from receiver.store.replicas.tries import Tries
from receiver.store.replicas.turns import Turns

KEY = "im:turn:x"


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


async def test_the_first_has_it_and_goes_on_with_it(redis: Any, time: Time) -> None:
    one, two = Turns(redis, "one", time), Turns(redis, "two", time)
    assert (await one.take("x", 1000)).ours
    time.now += 900
    assert (await one.take("x", 1000)).ours
    found = await two.take("x", 1000)
    assert (found.ours, found.until) == (False, time.now + 1000)
    assert (await two.take("y", 1000)).ours


async def test_one_that_hangs_is_followed_when_its_turn_ends(redis: Any, time: Time) -> None:
    one, two = Turns(redis, "one", time), Turns(redis, "two", time)
    await one.take("x", 1000)
    time.now += 999
    assert not (await two.take("x", 1000)).ours
    time.now += 1
    assert (await two.take("x", 1000)).ours
    assert not (await one.take("x", 1000)).ours


async def test_what_is_given_up_is_anybodys_and_of_others_nothing_is(
    redis: Any, time: Time
) -> None:
    one, two = Turns(redis, "one", time), Turns(redis, "two", time)
    await one.take("x", 1000)
    await two.give_up("x")
    assert not (await two.take("x", 1000)).ours
    await one.give_up("x")
    assert await two.last("x") == time.now
    assert (await two.take("x", 1000)).ours


async def test_a_turn_of_a_wrong_clock_is_none(redis: Any, time: Time) -> None:
    one, two = Turns(redis, "one", time), Turns(redis, "two", time)
    time.now += 3_600_000
    await one.take("x", 1000)
    time.now -= 3_600_000
    assert (await two.take("x", 1000)).ours


@pytest.mark.parametrize("junk", [b"", b"\xff", b"1|", b"x|one", b"9" * 500 + b"|one"])
async def test_junk_is_nobodys(redis: Any, time: Time, junk: bytes) -> None:
    await redis.set(KEY, junk)
    turns = Turns(redis, "two", time)
    assert await turns.last("x") in (0, 1)
    assert (await turns.take("x", 1000)).ours


async def test_another_type_is_nobodys(redis: Any, time: Time) -> None:
    await redis.lpush(KEY, "x")
    assert (await Turns(redis, "two", time).take("x", 1000)).ours


async def test_a_result_is_others_for_as_long_as_they_want(redis: Any, time: Time) -> None:
    tries, result = Tries(redis, time), Tried(works=True, untried="a message")
    assert await tries.read("d", 1000) is None
    await tries.tell("d", result)
    time.now += 1000
    kept = await tries.read("d", 1000)
    assert kept is not None
    assert (kept.tried, kept.at) == (result, time.now - 1000)
    assert await tries.read("d", 999) is None
    assert await tries.read("e", 1000) is None
    await redis.set("im:tried:d", b"\xff{")
    assert await tries.read("d", 1000) is None
