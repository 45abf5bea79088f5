"""Questions and answers between two processes of one machine, over a pair of connected sockets.

A frame is its length (4 bytes) and a MessagePack array: number of the question, what it is, name,
body. The end of either process is seen at once by the other, as the end of the stream.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from receiver.aio.background import end

log = logging.getLogger("processes")

Handler = Callable[[Any], Awaitable[Any]]
FRAME_MAX = 256 * 1024 * 1024
_Kind = Literal["ask", "answer", "failed", "tell"]
_Frame = tuple[int, _Kind, str, msgspec.Raw]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Frame).decode
_body = msgspec.msgpack.Decoder().decode


def frame(number: int, kind: _Kind, name: str, body: Any) -> bytes:
    """Return a frame as it is sent."""
    content = _encode((number, kind, name, body))
    return len(content).to_bytes(4, "big") + content


class GoneError(Exception):
    """The other process does not answer: it ended, or something in it failed."""


class Messages:
    """One end of the pair."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        """``handlers``: what answers, by name; bodies and answers are plain values."""
        self.handlers = handlers
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, pair: socket.socket) -> None:
        """Answer until the other end is gone."""
        reader, self._writer = await asyncio.open_unix_connection(sock=pair)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                self._take(await reader.readexactly(min(size, FRAME_MAX)))
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self._close()

    async def ask(self, name: str, body: Any = None, within: float = 5.0) -> Any:
        """Return the answer; GoneError also after ``within`` seconds."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(number, "ask", name, body)
            return await asyncio.wait_for(self._waiting[number], within)
        except TimeoutError:
            raise GoneError(f"no answer within {within:g} s") from None
        finally:
            self._waiting.pop(number, None)

    def tell(self, name: str, body: Any = None) -> None:
        """Say something that needs no answer; nobody may be there to hear it."""
        with contextlib.suppress(GoneError):
            self._send(next(self._numbers), "tell", name, body)

    async def sent(self) -> None:
        """Return when what was said is on its way."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                await self._writer.drain()

    async def close(self) -> None:
        """Answer nothing more."""
        await end(list(self._tasks))
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(GoneError("it has ended"))

    def _send(self, number: int, kind: _Kind, name: str, body: Any) -> None:
        if self._writer is None or self._writer.is_closing():
            raise GoneError("it has ended")
        self._writer.write(frame(number, kind, name, body))

    def _take(self, received: bytes) -> None:
        number, kind, name, raw = _decode(received)
        if kind in ("ask", "tell"):
            task = asyncio.get_running_loop().create_task(self._handle(number, kind, name, raw))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            return
        if kind == "answer":
            waiting.set_result(_body(raw))
        else:
            waiting.set_exception(GoneError(_body(raw)))

    async def _handle(self, number: int, kind: _Kind, name: str, raw: msgspec.Raw) -> None:
        try:
            answer = await self.handlers[name](_body(raw))
        except Exception as error:
            log.exception("what another process asked (%s) failed", name)
            answer, outcome = f"{type(error).__name__}: {error}", "failed"
        else:
            outcome = "answer"
        if kind == "ask":
            with contextlib.suppress(GoneError):
                self._send(number, "answer" if outcome == "answer" else "failed", name, answer)
