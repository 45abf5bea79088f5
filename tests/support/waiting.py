"""Waiting for what has to happen."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.patience import PATIENCE_S


async def result(check: Callable[[], Any]) -> Any:
    found = check()
    return await found if isinstance(found, Awaitable) else found


async def until(check: Callable[[], Any], timeout: float = PATIENCE_S) -> Any:
    """Wait until ``check`` (plain or async) gives something true, and return it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        if found := await result(check):
            return found
        if loop.time() > end:
            raise AssertionError("it did not happen in time")
        await asyncio.sleep(0.02)
