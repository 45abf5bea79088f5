"""Something that is asked for often, and made once for all who ask within a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Spared(Generic[T]):
    """What ``make()`` gives, no older than ``fresh_s`` seconds when it is asked for.

    One call at a time; whoever goes away while it is made does not end it for the others. A call
    that raises is nobody's but theirs who waited for it.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._made: asyncio.Task[T] | None = None
        self._at = float("-inf")

    async def get(self, fresh_s: float) -> T:
        """Return it, made anew if need be."""
        made = self._made
        failed = made is not None and made.done() and (made.cancelled() or made.exception())
        old = made is not None and made.done() and time.monotonic() - self._at >= fresh_s
        if made is None or failed or old:
            made = self._made = asyncio.create_task(self._once())
        return await asyncio.shield(made)

    async def _once(self) -> T:
        found = await self._make()
        self._at = time.monotonic()
        return found
