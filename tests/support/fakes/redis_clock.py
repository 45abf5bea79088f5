"""A proxy in front of a Redis that answers TIME by a clock of its own; all else goes through."""

import asyncio
import contextlib
from collections.abc import Callable

_TIME = b"*1\r\n$4\r\nTIME\r\n"


class RedisClock:
    """Listens on loopback for clients of the Redis at a Unix socket.

    A client has one command under way on a connection, as ours does: the answer after TIME is its.
    """

    def __init__(self, socket_path: str, now: Callable[[], float]) -> None:
        """``now()`` returns the seconds since the epoch that Redis is to believe."""
        self._path = socket_path
        self._now = now
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen; return the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        theirs, to_redis = await asyncio.open_unix_connection(self._path)
        asked = asyncio.Event()

        async def commands() -> None:
            while chunk := await reader.read(1 << 16):
                if chunk == _TIME:
                    asked.set()
                to_redis.write(chunk)
                await to_redis.drain()

        async def answers() -> None:
            while chunk := await theirs.read(1 << 16):
                if asked.is_set():
                    asked.clear()
                    chunk = self._answer()
                writer.write(chunk)
                await writer.drain()

        both = [asyncio.create_task(commands()), asyncio.create_task(answers())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # asyncio would print the trace of a handler that was cancelled
        finally:
            for half in both:
                half.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            for end in (writer, to_redis):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    def _answer(self) -> bytes:
        seconds, micros = divmod(int(self._now() * 1_000_000), 1_000_000)
        parts = (str(seconds).encode(), str(micros).encode())
        return b"*2\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
