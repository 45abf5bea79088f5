"""Settles leased tasks together: what comes while one script call is under way waits for the next.

Many deliveries end at once, and each round trip of its own would cost more than what it does.
"""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from receiver.errors import StoreUnavailableError
from receiver.store.keys import Keys
from receiver.store.redis import Client, load_script, unavailable_is_503

BATCH = 64
"""Tasks in one call at most: it bounds how long the script keeps Redis busy (a millisecond)."""


class _Waiting(NamedTuple):
    receipts: str
    args: list[Any]
    done: "asyncio.Future[list[Any]]"


class Settling:
    """One script call at a time for the tasks of one shard."""

    def __init__(self, redis: Client, keys: Keys) -> None:
        self._script = load_script(redis, "settle_tasks")
        self._names = [keys.task, *keys.due.values()]
        self._chain = [keys.audit, keys.chain]
        self._lanes = len(keys.due)
        self._queue: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def settle(self, receipts: str, args: list[Any]) -> list[Any]:
        """Return what the script answers for one task; ``receipts`` is the key of its receipts.

        StoreUnavailableError when the outcome is not known.
        """
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(receipts, args, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                for waiting, answer in zip(batch, await self._answers(batch), strict=True):
                    _answer(waiting.done, answer)
        finally:
            self._running = None

    async def _answers(self, batch: list[_Waiting]) -> list[Any]:
        """Return an answer or an exception for each, whatever happens."""
        try:
            found = await self._call(batch)
        except Exception as error:  # noqa: BLE001 - all must be answered whatever happens
            return [error] * len(batch)
        if isinstance(found, list) and len(found) == len(batch):
            return found
        number = len(found) if isinstance(found, list) else "no"
        # Which of them are answered nobody knows.
        lost = StoreUnavailableError(f"Redis: {number} answers to {len(batch)} tasks")
        return [lost] * len(batch)

    async def _call(self, batch: list[_Waiting]) -> Any:
        names = self._names + [waiting.receipts for waiting in batch] + self._chain
        args = [self._lanes, *(arg for waiting in batch for arg in waiting.args)]
        async with unavailable_is_503():
            return await self._script(keys=names, args=args)


def _answer(done: "asyncio.Future[list[Any]]", found: Any) -> None:
    if done.done():
        return  # whoever asked was cancelled
    if isinstance(found, list):
        done.set_result(found)
    elif isinstance(found, Exception):
        done.set_exception(found)
    else:
        text = found.decode("utf-8", "replace") if isinstance(found, bytes) else repr(found)
        done.set_exception(StoreUnavailableError(f"Redis: {text}"))
