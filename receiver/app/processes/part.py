"""What one process is of the whole, and what it asks the others (by way of the parent).

A service of one process is a whole by itself: it asks nobody.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from receiver.aio.background import end
from receiver.aio.messages import GoneError, Handler, Messages, frame
from receiver.errors import ConfigError
from receiver.http.handed_over import opened, take_over
from receiver.observability.metrics.whole import Figures
from receiver.web.standing import Standing

VARIABLE = "INCIDENT_MANAGER_PROCESS"
"""Tells a child what it is; the parent sets it, and nobody else."""
ANSWER_S = 3.0
"""How long the others are waited for; one that hangs counts as it was when it last answered."""
RELOAD_S = 60.0


class Share(msgspec.Struct, frozen=True):
    """Child ``number`` of ``of``; ``channel`` and ``sockets`` are inherited descriptors.

    ``redis_url``: of the embedded server, which is the parent's; "" where there is none.
    """

    number: int
    of: int
    channel: int
    sockets: dict[str, list[int]]
    redis_url: str
    program: str
    """What the parent was started as, for people."""


class State(msgspec.Struct, frozen=True):
    """How many processes answer, of how many there should be, and what is wrong with them."""

    running: int
    wanted: int
    words: str = ""


class Part:
    """One process, and its way to the others."""

    def __init__(
        self, share: Share | None = None, handed: Mapping[str, list[socket.socket]] = {}
    ) -> None:
        """``share`` None: the service is this process alone; ``handed``: sockets it was given."""
        self._share = share
        self.handed = handed
        self._messages: Messages | None = None
        self._task: asyncio.Task[None] | None = None
        self.state = State(1, 1)
        self.redis_url = share.redis_url if share else ""
        self.program = share.program if share else sys.argv[0]

    @property
    def alone(self) -> bool:
        """Whether there are no others."""
        return self._share is None

    @property
    def number(self) -> int:
        """Which process this is, from 1; 0 where it is the only one."""
        return self._share.number if self._share else 0

    async def sockets(self, port: str, address: str) -> list[socket.socket]:
        """Return what listens for one of ``PORTS``: the parent's, or our own; ConfigError."""
        if self._share is None:
            return await asyncio.to_thread(opened, port, address, self.handed)
        return [socket.socket(fileno=number) for number in self._share.sockets[port]]

    def join(self, handlers: Mapping[str, Handler], gone: Callable[[], None]) -> None:
        """Answer the others from now on; ``gone()`` is called when the parent has ended."""
        if self._share is None:
            return
        messages = self._messages = Messages({**handlers, "state": self._heard})
        # A copy: what is said after the loop has ended needs one, too.
        pair = socket.socket(fileno=os.dup(self._share.channel))

        async def run() -> None:
            await messages.run(pair)
            gone()

        self._task = asyncio.create_task(run())

    async def leave(self, last: Callable[[], Figures]) -> None:
        """Tell the parent what was counted to the end, and nothing more."""
        if self._messages is None:
            return
        self._messages.tell("last", last())
        await self._messages.sent()
        await end([self._task])
        await self._messages.close()

    def say(self, name: str, body: Any) -> None:
        """Tell the parent something."""
        if self._messages is not None:
            self._messages.tell(name, body)

    def fail(self, problem: str) -> bool:
        """Tell the parent why this process cannot start; False: there is none to tell."""
        if self._share is None:
            return False
        with contextlib.suppress(OSError), socket.socket(fileno=self._share.channel) as pair:
            pair.setblocking(True)
            pair.sendall(frame(0, "tell", "failed", problem))
        return True

    async def whole(self, own: Callable[[], Figures]) -> Figures | None:
        """Return the figures of all processes, None where this one is all there is."""
        if self._messages is None:
            return None
        mine = await asyncio.to_thread(own)
        with contextlib.suppress(GoneError):
            found = await self._messages.ask("page", mine, 2 * ANSWER_S)
            return msgspec.convert(found, Figures)
        return mine

    async def others(self) -> Sequence[Standing]:
        """Return how the other processes are; of one that does not answer the parent knows."""
        if self._messages is None:
            return ()
        with contextlib.suppress(GoneError):
            found = await self._messages.ask("standings", None, 2 * ANSWER_S)
            return msgspec.convert(found, list[Standing])
        return ()

    async def reload(
        self, here: Callable[[str], Awaitable[tuple[Sequence[str], Sequence[str]]]], by: str
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Reload in all processes; as ``here`` does it in this one alone. ConfigError."""
        if self._messages is None:
            return await here(by)
        try:
            problems, later, warnings = await self._messages.ask("reload", by, RELOAD_S)
        except GoneError as error:
            raise ConfigError(f"the other processes could not be asked: {error}") from None
        if problems:
            raise ConfigError(*problems)
        return later, warnings

    async def _heard(self, body: Any) -> None:
        self.state = msgspec.convert(body, State)


def part_of_environment() -> Part:
    """Return what the parent says that this process is."""
    raw = os.environ.pop(VARIABLE, "")
    handed = take_over(os.environ)
    return Part(msgspec.json.decode(raw, type=Share) if raw else None, handed)
