"""Tasks settled together: whatever the script answers, nobody waits for ever."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.keys import Keys
from receiver.store.records.settling import BATCH, Settling
from receiver.store.redis import connect

WITHIN_S = 2
Outcomes = list[Any]


async def _settle(answers: Sequence[Any], number: int) -> Outcomes:
    """Settle tasks while the script answers this, one an entry a call, then well."""
    client = connect("unix:///nowhere/at/all.sock")
    settling, left = Settling(client, Keys(0)), list(answers)

    async def script(*, keys: list[str], args: list[Any]) -> Any:
        await asyncio.sleep(0)
        if not left:
            return [[1, 1, b""]] * (len(args) - 1)
        if isinstance(left[0], Exception):
            raise left.pop(0)
        return left.pop(0)

    settling._script = script
    try:
        async with asyncio.timeout(WITHIN_S):
            wanted = [settling.settle(f"r{at}", [at]) for at in range(number)]
            return await asyncio.gather(*wanted, return_exceptions=True)
    finally:
        await client.aclose(close_connection_pool=True)


HELD = [1, 1, b""]


async def test_each_gets_its_own_answer() -> None:
    assert await _settle([[HELD, [0, 1, b""]]], 2) == [HELD, [0, 1, b""]]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([HELD], "Redis: 1 answers to 3 tasks"),
        ([HELD] * 4, "Redis: 4 answers to 3 tasks"),
        ([], "Redis: 0 answers to 3 tasks"),
        (None, "Redis: no answers to 3 tasks"),
        (b"OK", "Redis: no answers to 3 tasks"),
    ],
)
async def test_too_few_or_too_many_answers_are_said_to_everybody(answer: Any, words: str) -> None:
    found = await _settle([answer], 3)
    assert [(type(one), str(one)) for one in found] == [(StoreUnavailableError, words)] * 3


async def test_an_answer_that_is_none_is_the_trouble_of_one() -> None:
    first, second, third, last = await _settle([[HELD, 7, b"\xff why", None]], 4)
    assert first == HELD
    assert [str(one) for one in (second, third, last)] == [
        "Redis: 7",
        "Redis: \ufffd why",
        "Redis: None",
    ]


@pytest.mark.parametrize("bad", [[HELD], ValueError("ours")])
async def test_those_that_came_meanwhile_are_settled_after_it(bad: Any) -> None:
    found = await _settle([bad], BATCH + 5)
    assert all(isinstance(one, Exception) for one in found[:BATCH])
    assert found[BATCH:] == [HELD] * 5
