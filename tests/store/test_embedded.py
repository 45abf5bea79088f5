"""The embedded server: its lifetimes, its locks and what survives, on real processes."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from receiver.aio.background import end
from receiver.errors import ConfigError, StorageLockedError, StoreUnavailableError
from receiver.store.embedded import config_file as valkey_config
from receiver.store.embedded import process as valkey_process
from receiver.store.embedded import server as embedded
from receiver.store.embedded.server import EmbeddedValkey
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT

SERVICE = """
import asyncio, sys
from pathlib import Path
from receiver.store.embedded.server import EmbeddedValkey

async def main():
    server = EmbeddedValkey(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""

Make = Callable[..., EmbeddedValkey]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Build servers on a path below the test's directory; all are stopped at the end."""
    made: list[EmbeddedValkey] = []

    def build(name: str = "data") -> EmbeddedValkey:
        made.append(EmbeddedValkey(tmp_path / name))
        return made[-1]

    yield build
    for server in made:
        await server.stop()


@pytest.fixture
def processes() -> Iterator[list[int]]:
    """Processes the test leaves behind on purpose, ended after it."""
    left: list[int] = []
    yield left
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_service(data_dir: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a service process with an embedded server; return it and the server's pid."""
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdout is not None
    return service, int(service.stdout.readline())


def end_service(service: subprocess.Popen[str], *, kill: bool) -> None:
    if kill:
        service.kill()
    service.communicate()


def leave_orphan(data_dir: Path, processes: list[int]) -> int:
    """Start a service and kill it with -9; return the pid of the server it leaves."""
    service, pid = run_service(data_dir)
    processes.append(pid)
    end_service(service, kill=True)
    return pid


def spawn_stranger(directory: Path, socket_path: str, *options: str) -> subprocess.Popen[bytes]:
    """Start a Valkey that no service started, and wait until it listens."""
    directory.mkdir(exist_ok=True)
    binary = str(valkey_process.find_binary())
    command = [binary, "--port", "0", "--save", "", "--dir", str(directory)]
    stranger = subprocess.Popen(
        [*command, "--unixsocket", socket_path, *options], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + PATIENCE_S
    # The file is there a moment before anybody listens.
    while not _listens(socket_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    return stranger


def _listens(socket_path: str) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        return client.connect_ex(socket_path) == 0


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie that its parent has not collected does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # where there is no /proc, a signal is all there is
    return status.rpartition(")")[2].split()[0] != "Z"


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def connected(server: EmbeddedValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(server.url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


@contextlib.asynccontextmanager
async def watched(server: EmbeddedValkey) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(server.watch())
    try:
        async with connected(server) as client:
            while await _connections(client) < 2:  # ours and that of the watch
                await asyncio.sleep(0.01)
        yield task
    finally:
        await end([task])


async def _connections(client: Redis) -> int:
    return len(await client.client_list(_type="normal"))


async def restarted(server: EmbeddedValkey, times: int) -> None:
    await eventually(lambda: server.restarts == times)


async def write_twenty(server: EmbeddedValkey) -> None:
    async with connected(server) as client:
        for number in range(20):
            await client.set(f"key{number}", number)


async def has_twenty(server: EmbeddedValkey) -> bool:
    async with connected(server) as client:
        values = await client.mget([f"key{number}" for number in range(20)])
    return values == [str(number) for number in range(20)]


async def test_data_survives_stop_and_start(make: Make) -> None:
    first = make()
    await first.start()
    await write_twenty(first)
    pid = first.pid
    await first.stop()
    assert not is_alive(pid)
    await first.stop()

    second = make()
    await second.start()
    assert not second.adopted
    assert second.pid != pid
    assert await has_twenty(second)


async def test_it_is_durable_and_for_this_user_alone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_IM__SLACK__TOKEN", "secret")
    server = make('a "quoted" back\\slash and ünïcode')
    await server.start()
    async with connected(server) as client:
        await client.set("key", "value")
        config = await client.config_get("*")
    assert config["port"] == "0"
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "always"
    assert config["save"] == ""
    assert config["maxmemory-policy"] == "noeviction"
    assert config["hash-max-listpack-value"] == "8192"
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(server.socket_path).stat().st_mode) == 0o700
    for file in (server.data_dir / "appendonlydir").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # Ctrl-C goes to the terminal's foreground group; the server is in a session of its own.
    assert os.getsid(server.pid) == server.pid
    if sys.platform == "linux":
        assert b"secret" not in Path(f"/proc/{server.pid}/environ").read_bytes()


async def test_start_is_idempotent(make: Make) -> None:
    server = make()
    await asyncio.gather(server.start(), server.start())
    pid = server.pid
    await server.start()
    assert server.pid == pid
    assert not server.adopted


async def test_a_server_that_outlives_a_killed_service_is_adopted(
    make: Make, tmp_path: Path, processes: list[int]
) -> None:
    service, orphan = run_service(tmp_path / "data")
    processes.append(orphan)
    server = make()
    with pytest.raises(StorageLockedError, match=f"process {service.pid} on"):
        await server.start()
    end_service(service, kill=True)
    assert is_alive(orphan)

    await server.start()
    assert server.adopted
    assert server.pid == orphan
    await write_twenty(server)
    async with watched(server):
        os.kill(orphan, signal.SIGKILL)
        await eventually(lambda: server.pid != orphan)
        assert not server.adopted
        assert await has_twenty(server)


async def test_an_adopted_server_gets_our_settings_and_ends_with_stop(
    make: Make, tmp_path: Path, processes: list[int]
) -> None:
    orphan = leave_orphan(tmp_path / "data", processes)
    server = make()
    async with connected(server) as client:
        await client.config_set("appendfsync", "everysec")
        await server.start()
        assert (await client.config_get("appendfsync"))["appendfsync"] == "always"
    await server.stop()
    assert not is_alive(orphan)


async def test_an_orphan_on_its_way_out_is_waited_for(
    make: Make, tmp_path: Path, processes: list[int]
) -> None:
    orphan = leave_orphan(tmp_path / "data", processes)
    os.kill(orphan, signal.SIGTERM)
    server = make()
    await server.start()
    assert server.pid != orphan
    assert not server.adopted
    await write_twenty(server)


async def test_a_server_that_loads_is_waited_for(
    make: Make, tmp_path: Path, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make()
    await server.start()
    async with connected(server) as client:
        pipe = client.pipeline(transaction=False)
        for number in range(6_000):
            pipe.set(f"key{number}", "x" * 100)
        await pipe.execute()
    await server.stop()
    monkeypatch.setitem(valkey_config.START_SETTINGS, "key-load-delay", "500")  # microseconds
    # Shorter than the loading, longer than 1,024 commands, between which it answers.
    monkeypatch.setattr(embedded, "ANSWER_WITHIN", 2.0)
    before = time.monotonic()
    await server.start()
    assert time.monotonic() - before > 2.0
    async with connected(server) as client:
        assert await client.dbsize() == 6_000


async def test_a_service_that_exits_without_stop_takes_its_server_along(tmp_path: Path) -> None:
    service, pid = run_service(tmp_path / "data")
    end_service(service, kill=False)
    assert not is_alive(pid)


async def test_a_killed_server_is_replaced_and_nothing_answered_is_lost(make: Make) -> None:
    server = make()
    await server.start()
    async with watched(server) as task:
        for killed in (1, 2):
            pid = server.pid
            await write_twenty(server)
            os.kill(pid, signal.SIGKILL)
            await restarted(server, killed)
            assert server.pid != pid
            assert await has_twenty(server)
        await server.stop()
        async with asyncio.timeout(PATIENCE_S):
            await task


async def test_a_lost_connection_is_not_a_lost_server(make: Make) -> None:
    server = make()
    await server.start()
    pid = server.pid
    async with watched(server) as task:
        async with connected(server) as client:
            assert await client.client_kill_filter(_type="normal", skipme=True) == 1
        await asyncio.sleep(0.1)
        assert not task.done()
        assert (server.pid, server.restarts) == (pid, 0)


async def test_of_two_services_on_one_path_the_second_is_refused(make: Make) -> None:
    first, second = make(), make()
    results = await asyncio.gather(first.start(), second.start(), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], StorageLockedError)
    text = str(results[1])
    assert str(first.data_dir) in text
    assert str(os.getpid()) in text
    assert "--storage.path" in text
    await second.stop()  # leaves the first one's server alone
    await write_twenty(first)

    await first.stop()
    await second.start()
    assert await has_twenty(second)


async def test_a_server_on_other_data_is_refused_and_left_alone(make: Make, tmp_path: Path) -> None:
    server = make()
    server.data_dir.mkdir()
    stranger = spawn_stranger(tmp_path / "other", server.socket_path)
    try:
        with pytest.raises(StorageLockedError, match=f"other data.*process {stranger.pid}"):
            await server.start()
        await server.stop()
        assert stranger.poll() is None
    finally:
        stranger.terminate()
        stranger.wait()
    await server.start()


async def test_a_server_started_by_hand_on_our_data_is_refused(make: Make) -> None:
    server = make()
    stranger = spawn_stranger(server.data_dir, server.socket_path, "--appendonly", "yes")
    try:
        with pytest.raises(StorageLockedError, match="did not start"):
            await server.start()
        assert stranger.poll() is None
    finally:
        stranger.terminate()
        stranger.wait()


async def test_a_socket_that_speaks_something_else_is_refused(make: Make) -> None:
    server = make()
    server.data_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(server.socket_path)
        listener.listen(0)

        def hang_up() -> None:
            listener.accept()[0].close()

        answering = asyncio.create_task(asyncio.to_thread(hang_up))
        with pytest.raises(StorageLockedError, match="no server of ours"):
            await server.start()
        await answering
        assert Path(server.socket_path).exists()


async def test_a_socket_without_a_process_is_no_obstacle(make: Make) -> None:
    server = make()
    server.data_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(server.socket_path)
    await server.start()
    await write_twenty(server)


async def test_an_orphan_without_its_socket_is_never_doubled(
    make: Make, tmp_path: Path, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = leave_orphan(tmp_path / "data", processes)
    server = make()
    Path(server.socket_path).unlink()
    monkeypatch.setattr(embedded, "ANSWER_WITHIN", 0.2)
    with pytest.raises(StoreUnavailableError, match=f"kill {orphan}"):
        await server.start()
    assert is_alive(orphan)

    os.kill(orphan, signal.SIGTERM)
    await eventually(lambda: not is_alive(orphan))
    await server.start()
    assert not server.adopted


async def test_a_deep_path_gets_a_short_private_socket(
    make: Make, tmp_path: Path, processes: list[int]
) -> None:
    deep = "/".join(["deep" * 10] * 4)
    orphan = leave_orphan(tmp_path / deep, processes)
    server = make(deep)
    assert len(os.fsencode(server.socket_path)) <= 100
    await server.start()
    assert server.pid == orphan
    directory = Path(server.socket_path).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert server.socket_path != make(deep + "er").socket_path
    await server.stop()
    assert not directory.exists()

    directory.symlink_to(tmp_path)
    try:
        with pytest.raises(ConfigError, match="not a directory"):
            await server.start()
    finally:
        directory.unlink()


async def test_a_private_directory_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to the user with id"):
        valkey_config.ensure_private_directory(tmp_path, "storage.path")


async def test_a_half_written_last_command_is_dropped(make: Make) -> None:
    server = make()
    await server.start()
    await write_twenty(server)
    os.kill(server.pid, signal.SIGKILL)
    (file,) = (server.data_dir / "appendonlydir").glob("*.incr.aof")
    with file.open("ab") as appended:
        appended.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$100\r\nwrit")
    await server.start()
    assert await has_twenty(server)
    async with connected(server) as client:
        assert await client.dbsize() == 20


async def test_damaged_data_is_reported_with_the_servers_own_words(make: Make) -> None:
    server = make()
    await server.start()
    await write_twenty(server)
    await server.stop()
    (file,) = (server.data_dir / "appendonlydir").glob("*.incr.aof")
    # Well-formed, and no command: it is the server alone that can tell.
    file.write_bytes(file.read_bytes().replace(b"SET", b"SES", 1))
    with pytest.raises(StoreUnavailableError, match="unknown command 'SES'"):
        await server.start()
    assert server.pid == 0
    with pytest.raises(StoreUnavailableError):  # and not: locked
        await make().start()


async def test_a_long_log_is_put_aside(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_process, "MAX_LOG_BYTES", 5000)
    server = make()
    server.data_dir.mkdir()
    log = server.data_dir / "valkey.log"
    log.write_text("old " * 2000)
    await server.start()
    assert "old" not in log.read_text()
    assert "Ready to accept connections" in log.read_text()
    assert log.with_suffix(".log.old").read_text().startswith("old old")
