"""The console in Chromium."""

import asyncio
from collections.abc import Callable
from typing import Any


async def do(work: Callable[..., Any], *arguments: Any) -> Any:
    """Drive the browser in a thread: the fakes answer in this loop."""
    return await asyncio.to_thread(work, *arguments)
