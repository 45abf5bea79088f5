"""What a server has lost is counted by its process, to the commit, and nothing else is."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from receiver.engine.dispatcher import Dispatcher
from receiver.errors import StoreUnavailableError
from receiver.store.commits import Write
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.fence import MEANT_MS, Loss
from receiver.store.incidents import IncidentStore
from receiver.store.redis import connect
from receiver.store.server.probe import probe
from routing.decide import decide
from tests.support.audit import audit_of
from tests.support.builders import NOW, alert, received, rules
from tests.support.clocks import StillClock
from tests.support.external import DURABLE, External, external
from tests.support.processes import is_alive

EVERY_SECOND = ("--appendonly", "yes", "--appendfsync", "everysec")


class Process:
    """One that commits, and what it was told of losses."""

    def __init__(self, url: str, shards: int = 1) -> None:
        self.client: Any = connect(url)
        self.now = NOW
        self.store = IncidentStore(self.client, shards, 60_000, now=lambda: self.now)
        self.losses: list[Loss] = []
        self.store.fence.on_loss = self.losses.append

    async def commit(self, times: int = 1, shard: int = 0) -> None:
        for _ in range(times):
            decision = decide(None, received(alert()), self.now, rules())
            await self.store.commit(shard, [Write(decision, pointer=True)], self.now)

    async def commit_unanswered(self) -> None:
        """Have one carried out of which the answer is lost."""

        def lost(*_: Any) -> None:
            raise OSError("reset by peer")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.store.fence, "answered", lost)
            with pytest.raises(StoreUnavailableError):
                await self.commit()


@pytest_asyncio.fixture(params=[DURABLE, EVERY_SECOND], ids=["always", "everysec"])
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[External]:
    async with external(tmp_path / "server", *request.param) as found:
        yield found


@pytest_asyncio.fixture
async def processes(server: External) -> AsyncIterator[list[Process]]:
    found = [Process(server.url, shards=2) for _ in range(2)]
    yield found
    for one in found:
        await one.client.aclose(close_connection_pool=True)


async def test_each_process_counts_what_it_lost_whatever_others_write_since(
    server: External, processes: list[Process]
) -> None:
    one, other = processes
    await one.commit(3)
    await other.commit(4)
    await one.commit(2, shard=1)
    kept = await server.written()
    await one.commit(5)
    await other.commit(2)
    await server.go_back(kept)
    # So many that a number which all share would be past where it was.
    await other.commit(20)
    assert other.losses == [Loss(0, 2)]
    await one.commit(20)
    assert one.losses == [Loss(0, 5)], "of the other shard nothing is lost"
    await one.commit(1, shard=1)
    for _ in range(3):
        await one.store.fence.look()
        await one.commit()
    assert one.losses == [Loss(0, 5)], "it is told once"
    kept = await server.written()
    await one.commit(2)
    await server.go_back(kept)
    await one.commit()
    assert one.losses == [Loss(0, 5), Loss(0, 2)]


async def test_a_process_that_commits_nothing_sees_it_too(
    server: External, processes: list[Process]
) -> None:
    one, other = processes
    await one.commit()
    kept = await server.written()
    await one.commit(3)
    await server.go_back(kept)
    await one.store.fence.look()
    await other.store.fence.look()
    assert one.losses == [Loss(0, 3)]
    assert other.losses == [], "it has nothing to compare with"


async def test_a_server_that_is_killed_and_has_everything_has_lost_nothing(
    server: External, processes: list[Process]
) -> None:
    one = processes[0]
    await one.commit(5)
    server.end()
    with pytest.raises(StoreUnavailableError):
        await one.commit()
    await server.start()
    await one.store.fence.look()
    await one.commit(3)
    assert one.losses == []


async def test_one_whose_answer_was_lost_is_not_counted_and_hides_nothing(
    server: External, processes: list[Process]
) -> None:
    one = processes[0]
    await one.commit(2)
    kept = await server.written()
    await one.commit(2)
    await one.commit_unanswered()
    await one.commit(1)
    await server.go_back(kept)
    # Carried out by the server that has lost others, and nobody hears of it.
    await one.commit_unanswered()
    await one.commit_unanswered()
    await one.commit()
    assert one.losses == [Loss(0, 3)]
    await one.commit_unanswered()
    await one.commit()
    server.end()
    await server.start()
    await one.store.fence.look()
    assert one.losses == [Loss(0, 3)]


async def test_what_a_probe_wrote_is_missed_by_nobody(
    server: External, processes: list[Process]
) -> None:
    one = processes[0]
    await one.commit()
    kept = await server.written()
    await probe(one.store, 0, NOW)
    await server.go_back(kept)
    await probe(one.store, 0, NOW)
    assert one.losses == []
    kept = await server.written()
    await one.commit()
    await server.go_back(kept)
    await probe(one.store, 0, NOW)
    assert one.losses == [Loss(0, 1)], "but it sees what is lost"


async def test_data_that_was_emptied_is_said_to_be_other_data(
    server: External, processes: list[Process]
) -> None:
    one, other = processes
    await one.commit(5)
    await other.commit(1, shard=1)
    await server.client.flushall()
    await one.store.fence.look()
    await one.commit(3)
    await other.commit(1, shard=1)
    await other.commit()
    await one.store.fence.look()
    assert one.losses == [Loss(0, 0)]
    assert other.losses == [Loss(1, 0)]


async def test_what_is_no_fence_is_put_aside_and_the_next_one_counts(
    server: External, processes: list[Process]
) -> None:
    one = processes[0]
    await one.commit(2)
    key = one.store.keys[0].fence
    await server.client.delete(key)
    await server.client.set(key, "junk")
    await one.commit(2)
    assert one.losses == []
    await server.client.hset(key, one.store.fence.process, "junk")
    await one.store.fence.look()
    await one.commit(2)
    assert one.losses == []
    assert (await server.client.hget(key, one.store.fence.process)).startswith(b"6|")


async def test_those_that_ended_are_removed_by_one_that_begins(
    server: External, processes: list[Process]
) -> None:
    one, other = processes
    await one.commit()
    key = one.store.keys[0].fence
    old, new = NOW - 2 * MEANT_MS - 1, NOW - MEANT_MS
    await server.client.hset(key, mapping={f"old{n}": f"7|{old}" for n in range(150)})
    await server.client.hset(key, mapping={f"new{n}": f"7|{new}" for n in range(60)})
    await one.commit()
    assert await server.client.hlen(key) == 212
    await other.commit()
    assert await server.client.hlen(key) == 63
    # A process that was idle for so long as to be removed compares with nothing.
    await server.client.hdel(key, one.store.fence.process)
    one.now += MEANT_MS
    await one.commit()
    assert one.losses == []


async def test_a_server_that_is_away_is_asked_again(
    server: External, processes: list[Process]
) -> None:
    one = processes[0]
    await one.commit()
    server.end()
    with pytest.raises(StoreUnavailableError):
        await one.store.fence.look()
    await server.start()
    await one.store.fence.look()
    assert one.losses == []


async def test_of_the_embedded_server_too(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    await server.start()
    one = Process(server.url)
    try:
        await one.commit(3)
        file = next(tmp_path.rglob("*.incr.aof"))
        kept = file.stat().st_size
        await one.commit(4)
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(until_gone, server.pid)
        os.truncate(file, kept)
        await server.start()
        await one.commit()
        assert one.losses == [Loss(0, 4)]
    finally:
        await one.client.aclose(close_connection_pool=True)
        await server.stop()


def until_gone(pid: int) -> None:
    while is_alive(pid):
        time.sleep(0.01)


async def test_who_decided_from_what_is_lost_overwrites_nothing(tmp_path: Path) -> None:
    """Another process has gone on since: its version has the number of the one that is lost."""
    async with external(tmp_path / "other", *EVERY_SECOND) as server:
        one, other = Process(server.url), Process(server.url)
        dispatchers = []
        for process in (one, other):
            clock = StillClock()
            made = Dispatcher(
                process.store, clock, lambda _: rules(), audit_of(process.store, clock)
            )
            made.start(lambda: None)
            dispatchers.append(made)
        try:
            for made in dispatchers:
                await made.submit(received(alert("a")))
            kept = await server.written()
            await dispatchers[0].submit(received(alert("a"), alert("b")))
            await server.go_back(kept)
            await dispatchers[1].submit(received(alert("a"), alert("c")))
            await dispatchers[0].submit(received(alert("a"), alert("b"), alert("d")))
            (name,) = await other.store.lists.open_ids()
            found = await other.store.load(name)
            assert found is not None
            assert sorted(found.alerts) == ["a", "b", "c", "d"]
        finally:
            for process, made in zip((one, other), dispatchers, strict=True):
                await made.stop()
                await process.client.aclose(close_connection_pool=True)
