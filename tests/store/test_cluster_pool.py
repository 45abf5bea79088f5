"""Connections to a primary that is none any more: none stays open, whenever it was made."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from receiver.store.redis import connect
from receiver.store.server.cluster_pool import ClusterPool, RetiredError


class Gate:
    """Connections that wait before they connect, and are remembered."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self.made: list[Any] = []
        gate = self

        class Slow(UnixDomainSocketConnection):
            async def _connect(self) -> None:
                gate.made.append(self)
                gate.reached.set()
                await gate.opened.wait()
                await super()._connect()

        self.kind = Slow

    @property
    def open(self) -> list[Any]:
        return [one for one in self.made if one.is_connected]


@pytest.fixture
def gate() -> Gate:
    return Gate()


def pool_of(redis: Any, gate: Gate, most: int = 4) -> ClusterPool:
    path = redis.connection_pool.connection_kwargs["path"]
    return ClusterPool(connection_class=gate.kind, path=path, max_connections=most, protocol=2)


async def test_one_that_is_connecting_when_its_pool_retires_is_closed(
    redis: Any, gate: Gate
) -> None:
    pool = pool_of(redis, gate)
    call = asyncio.create_task(pool.get_connection())
    await gate.reached.wait()
    await pool.retire()
    gate.opened.set()
    with pytest.raises(RetiredError):
        await call
    assert len(gate.made) == 1
    assert not gate.open


async def test_who_waits_for_one_meanwhile_leaves_none_open(redis: Any, gate: Gate) -> None:
    gate.opened.set()
    pool = pool_of(redis, gate, most=1)
    taken = await pool.get_connection()
    call = asyncio.create_task(pool.get_connection())
    await asyncio.sleep(0)
    await pool.retire()
    await pool.release(taken)
    with pytest.raises(RetiredError):
        await call
    assert not gate.open


async def test_one_that_reconnects_on_its_way_back_is_closed(redis: Any, gate: Gate) -> None:
    gate.opened.set()
    pool = pool_of(redis, gate)
    taken = await pool.get_connection()
    await pool.retire()
    # As redis-py does for a command that was about to be sent.
    await taken.connect()
    assert gate.open
    await pool.release(taken)
    assert not gate.open


async def test_a_closed_client_of_a_cluster_opens_nothing_more(redis: Any, gate: Gate) -> None:
    client = connect("redis+cluster://127.0.0.1:1")
    client._pool = lambda _place: pool_of(redis, gate)
    place = ("127.0.0.1", 1)
    ping = client._client(place).ping()
    call = asyncio.create_task(ping)
    await gate.reached.wait()
    closing = asyncio.create_task(client.aclose(close_connection_pool=True))
    await asyncio.sleep(0.01)
    gate.opened.set()
    await closing
    with pytest.raises(RedisConnectionError):
        await call
    assert gate.made
    assert not gate.open
    for work in (client.get("im:x"), client.ping()):
        with pytest.raises(RedisConnectionError, match="closed"):
            await work
    with pytest.raises(RedisConnectionError, match="closed"):
        client._client(place)
