"""What is said to a server over its socket, and what is made of any answer, or of none."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hiredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.store.embedded import control
from receiver.store.embedded.config_file import runtime_settings
from receiver.store.embedded.control import (
    ServerAnswer,
    apply_runtime_settings,
    ask,
    is_listening,
    shut_down,
    until_closed,
)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@pytest.fixture
def path() -> Iterator[str]:
    """Where a socket may be: short enough for one."""
    with TemporaryDirectory() as folder:
        yield str(Path(folder) / "s.sock")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_EXCHANGE_WITHIN", 0.05)


@asynccontextmanager
async def served(path: str, serve: Serve) -> AsyncIterator[None]:
    handled: list[asyncio.Task[Any]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.append(asyncio.ensure_future(serve(reader, writer)))
        with contextlib.suppress(OSError):
            await handled[-1]
            await writer.wait_closed()

    server = await asyncio.start_unix_server(handle, path)
    try:
        yield
    finally:
        server.close()
        await asyncio.gather(*handled, return_exceptions=True)
        await asyncio.sleep(0.001)


def saying(answer: bytes, *, heard: list[bytes] | None = None, stays: bool = False) -> Serve:
    """A server that reads once, says this, and hangs up unless it ``stays``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(65536)
        if heard is not None:
            heard.append(data)
        writer.write(answer)
        if stays:
            await reader.read()
        writer.close()

    return serve


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def info(**fields: object) -> bytes:
    lines = ["# Server", *(f"{name}:{value}" for name, value in fields.items())]
    return bulk("\r\n".join(lines).encode())


def directory(name: bytes) -> bytes:
    return b"*2\r\n" + bulk(b"dir") + bulk(name)


WELL = info(process_id=7, loading=0)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (WELL + directory(b"/data"), ServerAnswer(7, "/data", loading=False)),
        (info(process_id=7, loading=1) + directory(b"/d"), ServerAnswer(7, "/d", loading=True)),
        (WELL + directory(b""), ServerAnswer(7, "", loading=False)),
        (WELL + directory(b"/a\nb c"), ServerAnswer(7, "/a\nb c", loading=False)),
        (WELL + directory(b"/\xff"), ServerAnswer(7, os.fsdecode(b"/\xff"), loading=False)),
        (
            info(redis_version="8:0", x="", process_id=2**31, loading=0, run_id="a:b:c")
            + directory(b"/d"),
            ServerAnswer(2**31, "/d", loading=False),
        ),
        (WELL + directory(b"/d" * 40_000), ServerAnswer(7, "/d" * 40_000, loading=False)),
    ],
)
async def test_who_answers_is_told_by_process_and_data(
    path: str, answer: bytes, wanted: ServerAnswer
) -> None:
    async with served(path, saying(answer)):
        assert await ask(path) == wanted


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff" * 100,
        WELL,
        WELL + b"-NOPERM no\r\n",
        WELL + b"*0\r\n",
        WELL + b"*1\r\n" + bulk(b"dir"),
        WELL + b"$-1\r\n",
        WELL + b":5\r\n",
        b"-LOADING loading\r\n" + directory(b"/d"),
        b"-NOAUTH Authentication required.\r\n" * 2,
        b"$-1\r\n" + directory(b"/d"),
        b":5\r\n" + directory(b"/d"),
        info() + directory(b"/d"),
        info(process_id=7) + directory(b"/d"),
        info(loading=0) + directory(b"/d"),
        info(process_id="x", loading=0) + directory(b"/d"),
        info(process_id="", loading=0) + directory(b"/d"),
        b"*1\r\n" * 20 + b":1\r\n",
        b"$999999999999\r\n",
    ],
)
async def test_what_is_no_answer_of_a_server_is_nobody(path: str, answer: bytes) -> None:
    async with served(path, saying(answer)):
        assert await ask(path) is None


@given(answer=st.binary(max_size=200))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_whatever_make_asking_fail(path: str, answer: bytes) -> None:
    async def asked() -> ServerAnswer | None:
        Path(path).unlink(missing_ok=True)
        async with served(path, saying(answer)):
            return await ask(path)

    assert asyncio.run(asked()) is None


async def test_an_answer_in_pieces_is_put_together(path: str) -> None:
    answer = WELL + directory(b"/data")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for at in range(len(answer)):
            writer.write(answer[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async with served(path, serve):
        assert await ask(path) == ServerAnswer(7, "/data", loading=False)


@pytest.mark.usefixtures("hurried")
async def test_one_that_says_nothing_or_half_is_nobody_after_a_while(path: str) -> None:
    for answer in (b"", WELL, WELL + b"*2\r\n"):
        async with served(path, saying(answer, stays=True)):
            assert await ask(path) is None


@pytest.mark.parametrize("kind", ["missing", "file", "folder", "dead", "too long"])
async def test_where_no_server_is_nobody_answers(path: str, kind: str) -> None:
    at = put(path, kind)
    assert await ask(at) is None
    assert not is_listening(at)
    await until_closed(at)
    await shut_down(at)
    with pytest.raises(OSError, match=r".+"):
        await apply_runtime_settings(at, 0)


def put(path: str, kind: str) -> str:
    if kind == "file":
        Path(path).write_text("no socket")
    elif kind == "folder":
        Path(path).mkdir()
    elif kind == "dead":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
    elif kind == "too long":
        return f"{path}/{'x' * 200}"
    return path


async def test_any_process_that_listens_is_seen_whatever_it_speaks(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        assert not is_listening(path), "bound is not listening"
        bound.listen(0)
        assert is_listening(path)
        assert is_listening(path), "its queue is full by now"
    assert not is_listening(path)


async def test_settings_are_given_to_a_server_that_runs(redis: Any) -> None:
    at = redis.connection_pool.connection_kwargs["path"]
    await redis.config_set("appendfsync", "no")
    await apply_runtime_settings(at, 100 << 20)
    found = await redis.config_get()
    # The server tells a size in bytes, however it was told.
    wanted = runtime_settings(100 << 20) | {"auto-aof-rewrite-min-size": str(64 << 20)}
    assert {name: found[name] for name in wanted} == wanted
    assert (found["appendfsync"], found["maxmemory"]) == ("always", str(100 << 20))


async def test_a_server_that_refuses_a_setting_is_said_in_its_words(path: str) -> None:
    async with served(path, saying(b"-ERR Unknown option or number of arguments\r\n")):
        with pytest.raises(hiredis.ReplyError, match="Unknown option"):
            await apply_runtime_settings(path, 0)


@pytest.mark.parametrize(("answer", "error"), [(b"", OSError), (b"?\r\n", hiredis.ProtocolError)])
async def test_settings_that_nobody_confirmed_are_an_error(
    path: str, answer: bytes, error: type[Exception]
) -> None:
    async with served(path, saying(answer)):
        with pytest.raises(error):
            await apply_runtime_settings(path, 0)


@pytest.mark.parametrize("answer", [b"", b"-ERR Errors trying to SHUTDOWN\r\n", b"junk\r\n"])
async def test_a_server_is_asked_to_end_without_a_snapshot_whatever_it_answers(
    path: str, answer: bytes
) -> None:
    heard: list[bytes] = []
    async with served(path, saying(answer, heard=heard)):
        await shut_down(path)
    assert heard == [b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n"]


@pytest.mark.usefixtures("hurried")
async def test_a_server_that_does_not_answer_an_end_is_not_waited_for(path: str) -> None:
    async with served(path, saying(b"", stays=True)):
        await asyncio.wait_for(shut_down(path), 30)


async def test_a_closed_connection_is_noticed_and_words_on_it_are_not(path: str) -> None:
    close = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+hello\r\n")
        await close.wait()
        writer.close()

    async with served(path, serve):
        waiting = asyncio.create_task(until_closed(path))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        close.set()
        await asyncio.wait_for(waiting, 30)


async def test_a_connection_that_is_torn_is_a_closed_one(path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with served(path, serve):
        await asyncio.wait_for(until_closed(path), 30)
