"""Which server of a Cluster has what: how the answer is read, and who is asked for it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    NoPermissionError,
    ResponseError,
)

from receiver.errors import ConfigError
from receiver.store.redis import connect
from receiver.store.server import cluster_map
from receiver.store.server.cluster_commands import key_of, slot_of
from receiver.store.server.cluster_map import ClusterMap, read_slots

A, B, C = ("a", 1), ("b", 2), ("c", 3)
WHOLE = [[0, 8191, [b"a", 1, b"x"], [b"c", 3, b"z"]], [8192, 16383, [b"b", 2, b"y"]]]
AWAY = ConnectionError("away")


class Server:
    """Answers as it is told, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = 0
        self.closed = False

    async def execute_command(self, *words: str) -> Any:
        assert words == ("CLUSTER", "SLOTS")
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self, *, close_connection_pool: bool) -> None:
        self.closed = close_connection_pool


class Cluster:
    """Servers by address, and a map that asks them."""

    def __init__(self, *seeds: tuple[str, int], **answers: Any) -> None:
        self.servers = {place: Server(answers.get(place[0], AWAY)) for place in (A, B, C)}
        self.changes = 0
        self.map = ClusterMap(seeds, self.servers.__getitem__, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def asked(self) -> tuple[int, ...]:
        return tuple(server.asked for server in self.servers.values())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody asks by himself, and whoever is woken asks soon."""
    monkeypatch.setattr(cluster_map, "ASKED_EVERY_S", 1_000)
    monkeypatch.setattr(cluster_map, "AGAIN_S", 0.0)
    return iter(())


def test_slots_are_of_whom_the_map_names() -> None:
    slots = read_slots(WHOLE, A)
    assert [slots.of(slot) for slot in (0, 8191, 8192, 16383)] == [A, A, B, B]
    assert (slots.servers, slots.missing()) == ((A, B, C), 0)
    part = read_slots([[5, 6, [b"a", 1, b"x"]]], A)
    assert [part.of(slot) for slot in (4, 5, 6, 7)] == [None, A, A, None]
    assert part.missing() == 16_382


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_one_without_an_address_is_at_the_one_that_was_asked(host: Any) -> None:
    assert read_slots([[0, 1, [host, 7, b"x"]]], ("asked", 1)).of(0) == ("asked", 7)


async def test_whoever_answers_is_asked_again_and_the_others_are_not() -> None:
    cluster = Cluster(A, B, b=WHOLE, c=WHOLE)
    await cluster.map.known()
    assert (cluster.asked(), cluster.map.primaries) == ((1, 1, 0), [A, B])
    cluster.map.moved(1, C)
    await _until(lambda: cluster.asked() == (1, 2, 0))
    await cluster.map.stop()
    assert cluster.servers[B].closed


async def test_after_a_failure_somebody_else_is_asked_first() -> None:
    """What answers may be cut off from the rest, and never learn of a takeover."""
    cluster = Cluster(B, b=WHOLE, a=AWAY, c=[[0, 16383, [b"c", 3, b"z"]]])
    await cluster.map.known()
    assert cluster.map.of(0) == A
    cluster.map.doubt()
    await _until(lambda: cluster.map.of(0) == C)
    assert cluster.changes == 2
    await cluster.map.stop()


async def test_what_a_server_said_of_a_slot_counts_until_the_next_map() -> None:
    cluster = Cluster(A, a=WHOLE)
    await cluster.map.known()
    cluster.map.moved(3, C)
    assert (cluster.map.of(3), cluster.map.of(4)) == (C, A)
    await _until(lambda: cluster.map.of(3) == A)
    await cluster.map.stop()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (AWAY, ConnectionError, "away"),
        (OSError("no route"), ConnectionError, "no route"),
        (TimeoutError(), ConnectionError, "TimeoutError"),
        ([], ClusterDownError, "no server has any slot"),
        (NoPermissionError("User x"), ConfigError, r"\+cluster\|slots \(User x\)"),
        (
            ResponseError("ERR This instance has cluster support disabled"),
            ConfigError,
            "no part of a Cluster: write redis://",
        ),
    ],
)
async def test_why_nobody_answers_is_said(answer: Any, error: type[Exception], words: str) -> None:
    cluster = Cluster(A, a=answer)
    with pytest.raises(error, match=words):
        await cluster.map.known()
    cluster.servers[A].answer = WHOLE
    await cluster.map.known()
    assert cluster.map.of(0) == A
    await cluster.map.stop()


async def test_a_map_with_holes_is_waited_for() -> None:
    cluster = Cluster(A, a=WHOLE[:1])
    with pytest.raises(ClusterDownError, match="8192 of its 16384 slots are no server's"):
        await cluster.map.whole()
    cluster.servers[A].answer = WHOLE
    await _until(lambda: cluster.map.of(9_000) == B)
    await cluster.map.whole()
    await cluster.map.stop()


def test_a_command_goes_by_its_first_key() -> None:
    assert key_of(("EVALSHA", "0" * 40, 2, "im:{1}:open", "im:{1}:closed", 7)) == "im:{1}:open"
    assert key_of(("MGET", b"im:{1}:x", b"im:{1}:y")) == b"im:{1}:x"
    assert [key_of((name,)) for name in ("PING", "TIME", "SCAN", "WAIT")] == [None] * 4
    assert slot_of("im:{1}:open") == slot_of(b"im:{1}:e:x{2}")


@pytest.mark.parametrize(("scheme", "tls"), [("redis+cluster", False), ("rediss+cluster", True)])
async def test_connections_of_a_cluster_are_packed_and_by_tls_where_asked(
    scheme: str, *, tls: bool
) -> None:
    client = connect(f"{scheme}://u:p@a,b:7000", connections=5)
    made = client._pool(A).make_connection()
    assert (made.host, made.port, made.username, made.password) == ("a", 1, "u", "p")
    assert type(made).__name__ == "PackingConnection"
    assert hasattr(made, "ssl_context") == tls
    asking = client._map._client(B).connection_pool.make_connection()
    assert (asking.port, asking.socket_timeout, hasattr(asking, "ssl_context")) == (2, 1.0, tls)
    await client.aclose(close_connection_pool=True)


async def _until(check: Any) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.01)
