"""However many ask, it is made once in a while."""

import asyncio

import pytest

from receiver.aio.spared import Spared


class Made:
    def __init__(self) -> None:
        self.times = 0
        self.fails = False
        self.takes = 0.0

    async def __call__(self) -> int:
        self.times += 1
        await asyncio.sleep(self.takes)
        if self.fails:
            raise ValueError("no")
        return self.times


async def test_all_who_ask_at_once_get_the_same() -> None:
    made = Made()
    made.takes = 0.05
    spared = Spared(made)
    assert await asyncio.gather(*(spared.get(10) for _ in range(50))) == [1] * 50
    assert await spared.get(10) == 1
    assert await spared.get(0) == 2


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    made = Made()
    made.takes = 0.1
    spared = Spared(made)
    first = asyncio.create_task(spared.get(10))
    second = asyncio.create_task(spared.get(10))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == 1


async def test_a_failure_is_not_kept() -> None:
    made = Made()
    made.fails = True
    spared = Spared(made)
    with pytest.raises(ValueError, match="no"):
        await spared.get(10)
    made.fails = False
    assert await spared.get(10) == 2
