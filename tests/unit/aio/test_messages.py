"""Questions and answers between two processes: what is asked is answered, or fails soon."""

import asyncio
import socket
from typing import Any

import pytest

from receiver.aio.messages import GoneError, Handler, Messages


async def pair(
    mine: dict[str, Handler], theirs: dict[str, Handler]
) -> tuple[Messages, Messages, list[asyncio.Task[None]]]:
    ends = [Messages(mine), Messages(theirs)]
    runs = [
        asyncio.create_task(end.run(one))
        for end, one in zip(ends, socket.socketpair(), strict=True)
    ]
    await asyncio.sleep(0.01)
    return ends[0], ends[1], runs


async def test_both_ask_and_answer_at_once() -> None:
    async def twice(number: Any) -> Any:
        await asyncio.sleep(0.01)
        return number * 2

    async def through(number: Any) -> Any:
        return await theirs.ask("twice", number)

    mine, theirs, _ = await pair({"twice": twice}, {"through": through})
    found = await asyncio.gather(*(mine.ask("through", number) for number in range(20)))
    assert found == [number * 2 for number in range(20)]
    assert await mine.ask("through", [b"x" * 1_000_000]) == [b"x" * 1_000_000] * 2
    await mine.close()
    await theirs.close()


async def test_what_fails_or_takes_too_long_is_said() -> None:
    async def fails(_body: Any) -> Any:
        raise ValueError("no")

    async def hangs(_body: Any) -> Any:
        await asyncio.sleep(10)

    mine, theirs, _ = await pair({}, {"fails": fails, "hangs": hangs})
    with pytest.raises(GoneError, match="ValueError: no"):
        await mine.ask("fails")
    with pytest.raises(GoneError, match=r"within 0\.05 s"):
        await mine.ask("hangs", within=0.05)
    with pytest.raises(GoneError, match="KeyError"):
        await mine.ask("unknown")
    await theirs.close()
    await mine.close()


async def test_the_end_of_one_is_seen_by_the_other() -> None:
    async def hangs(_body: Any) -> Any:
        await asyncio.sleep(10)

    mine, theirs, runs = await pair({}, {"hangs": hangs})
    waiting = asyncio.create_task(mine.ask("hangs"))
    await asyncio.sleep(0.02)
    await theirs.close()
    with pytest.raises(GoneError, match="ended"):
        await waiting
    await asyncio.wait_for(runs[0], 2)
    with pytest.raises(GoneError, match="ended"):
        await mine.ask("hangs")
    mine.tell("anything")
