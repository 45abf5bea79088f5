"""Listens where TLS is spoken."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

from aiohttp import web

from receiver.http.tls.handshake import Door, Handshake, Tls

log = logging.getLogger("tls")

AT_ONCE = 64
"""Accepted in one turn of the loop; the rest in the next, after what is under way."""
PAUSE_S = 0.5
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class TlsSite(web.BaseSite):
    """One listening socket whose connections begin with a handshake."""

    def __init__(
        self,
        runner: web.BaseRunner,
        listening: socket.socket,
        tls: Tls,
        door: Door,
        make: Callable[[Handshake], asyncio.Protocol],
    ) -> None:
        super().__init__(runner)
        self._listening = listening
        self._tls = tls
        self._door = door
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._under_way: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """Return where it listens."""
        host, port = self._listening.getsockname()[:2]
        return f"https://{host}:{port}"

    async def start(self) -> None:
        """Accept from now on."""
        await super().start()
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening, self._accept)

    async def stop(self) -> None:
        """Accept nothing more; what has no keys yet ends."""
        await super().stop()
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                # What waits would wake us for ever.
                log.error("no connection can be accepted: %s", error.strerror)  # noqa: TRY400 - no place of ours
                self._loop.remove_reader(self._listening)
                self._pause = self._loop.call_later(PAUSE_S, self._resume)
                return
            accepted.setblocking(False)
            one = Handshake(self._door, self._tls, self._make)
            task = one.begin(accepted, str(peer[0]))
            if task is not None:
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    def _resume(self) -> None:
        self._loop.add_reader(self._listening, self._accept)
