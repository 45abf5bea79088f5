"""SIGHUP: the configuration is read anew, as programs of this kind do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from receiver.errors import ConfigError

log = logging.getLogger("app")


class Hangups:
    """Reloads for each SIGHUP while the service runs; many at once are one.

    Before that the file is being read anyway, and after it nothing is decided any more: the signal
    never ends the process.
    """

    def __init__(self, reload: Callable[[str], Awaitable[object]]) -> None:
        """``reload(by whom)`` says itself what came of it; ConfigError."""
        self._reload = reload
        self._runs = False
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The service answers: what was asked for meanwhile is done now."""
        self._runs = True
        if self._wanted:
            self.hang_up()

    def end(self) -> None:
        """The service stops."""
        self._runs = False

    def hang_up(self) -> None:
        """Take a signal."""
        self._wanted = True
        if self._runs and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._wanted and self._runs:
            self._wanted = False
            try:
                await self._reload("SIGHUP")
            except ConfigError:
                continue
            except Exception:
                # Nobody waits for this task, who would be told.
                log.exception("the configuration could not be read anew")
