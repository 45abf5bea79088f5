"""SIGHUP: the configuration is read anew, as programs of this kind do."""

import asyncio
from collections.abc import Awaitable, Callable

from receiver.errors import ConfigError
from receiver.observability.audit import note_reload


class Hangups:
    """Reloads for each SIGHUP while the service runs; many at once are one.

    Before that the file is being read anyway, and after it nothing is decided any more: the signal
    never ends the process.
    """

    def __init__(self, reload: Callable[[], Awaitable[tuple[list[str], tuple[str, ...]]]]) -> None:
        """``reload()`` as ``Service.reload``."""
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
                later, warnings = await self._reload()
            except ConfigError as error:
                note_reload("SIGHUP", problems=error.problems)
            else:
                note_reload("SIGHUP", later=later, warnings=warnings)
