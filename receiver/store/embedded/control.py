"""The few words exchanged with the embedded server outside the store's own connections.

They are said without a client library's greeting, which a server that is still loading refuses.
"""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Any, cast

import hiredis

from receiver.store.embedded.config_file import runtime_settings

# Seconds for one exchange. A loading server answers between two chunks of its file.
_EXCHANGE_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What a server says about itself; ``directory`` is where its data is."""

    pid: int
    directory: str
    loading: bool


async def ask(socket_path: str) -> ServerAnswer | None:
    """Who answers at the socket; None when no server does (not yet, or not any more)."""
    try:
        info, directory = await _exchange(
            socket_path, ("INFO", "server", "persistence"), ("CONFIG", "GET", "dir")
        )
        fields = dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)
        return ServerAnswer(
            pid=int(fields[b"process_id"]),
            directory=os.fsdecode(directory[1]),
            loading=fields[b"loading"] != b"0",
        )
    except (OSError, hiredis.HiredisError, LookupError, TypeError, ValueError, AttributeError):
        # Silence, a refusal, or words that are no Valkey's.
        return None


async def apply_runtime_settings(socket_path: str, max_memory: int) -> None:
    """Give a running server our settings. Errors: ``OSError``, ``hiredis.HiredisError``."""
    pairs = [part for pair in runtime_settings(max_memory).items() for part in pair]
    (reply,) = await _exchange(socket_path, ("CONFIG", "SET", *pairs))
    if isinstance(reply, hiredis.ReplyError):
        raise reply


async def shut_down(socket_path: str) -> None:
    """Ask the server to write what it holds and to end; says nothing about whether it will.

    NOSAVE means no snapshot; the append-only file is written to its end all the same.
    """
    with contextlib.suppress(OSError, hiredis.HiredisError):
        await _exchange(socket_path, ("SHUTDOWN", "NOSAVE"))


async def until_closed(socket_path: str) -> None:
    """Return when the server closes a connection on which nothing is said, or none opens."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_unix_connection(socket_path)
        try:
            await reader.read()
        finally:
            writer.close()


def is_listening(socket_path: str) -> bool:
    """Whether any process accepts connections there, whatever it speaks."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(socket_path)
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
        return True


async def _exchange(socket_path: str, *commands: tuple[str, ...]) -> list[Any]:
    """Send the commands on one new connection and return their replies, errors as values.

    Errors: ``OSError`` (a time-out too) when the other side is away or hangs up,
    ``hiredis.ProtocolError`` when it speaks something else.
    """
    async with asyncio.timeout(_EXCHANGE_WITHIN):
        reader, writer = await asyncio.open_unix_connection(socket_path)
        try:
            writer.write(b"".join(_pack(command) for command in commands))
            parser = hiredis.Reader()
            replies: list[Any] = []
            while len(replies) < len(commands):
                data = await reader.read(65536)
                if not data:
                    raise ConnectionResetError(f"{socket_path} was closed")
                parser.feed(data)
                while (reply := parser.gets()) is not False:
                    replies.append(reply)
            return replies
        finally:
            writer.close()


def _pack(command: tuple[str, ...]) -> bytes:
    # hiredis declares its argument as a tuple of one.
    packed: bytes = hiredis.pack_command(cast("Any", command))
    return packed
