"""What is sent to Redis: the same bytes as redis-py would send, whoever packs them."""

from typing import Any

import pytest
from redis.asyncio import Connection
from redis.exceptions import DataError

from receiver.store.redis import connect

COMMANDS: tuple[tuple[Any, ...], ...] = (
    ("GET", "key"),
    ("SET", "ключ", "wert ü \x00"),
    ("SET", b"\xff\x00", b"\r\n$5\r\n"),
    ("EVALSHA", "0" * 40, 2, "{a}1", "{a}2", 1_772_450_000_000, -1, 0.5, ""),
    ("SCRIPT LOAD", "return 1"),
    (b"CONFIG GET", "maxmemory"),
    ("SET", "large", b"x" * 100_000),
)


@pytest.mark.parametrize("command", COMMANDS)
async def test_commands_are_packed_as_redis_py_packs_them(command: tuple[Any, ...]) -> None:
    client = connect("redis://127.0.0.1:1")
    ours = client.connection_pool.make_connection()
    plain = Connection()
    assert b"".join(ours.pack_command(*command)) == b"".join(plain.pack_command(*command))
    several = b"".join(ours.pack_commands([command, ("PING",)]))
    assert several == b"".join(plain.pack_commands([command, ("PING",)]))
    assert isinstance(ours, Connection)


async def test_what_cannot_be_sent_is_refused_before_anything_is(redis: Any) -> None:
    with pytest.raises(DataError):
        await redis.set("key", None)
    assert await redis.exists("key") == 0


async def test_whatever_is_sent_comes_back(redis: Any) -> None:
    for value in (b"", b"\r\n", b"\x00\xff", b"x" * 1_000_000):
        await redis.set("key", value)
        assert await redis.get("key") == value
    pipeline = redis.pipeline(transaction=True)
    for number in range(300):
        pipeline.rpush("list", number, "ü", 0.25)
    await pipeline.execute()
    assert await redis.lrange("list", -3, -1) == [b"299", "ü".encode(), b"0.25"]
    script = redis.register_script("return {KEYS[1], ARGV[1], ARGV[2]}")
    assert await script(keys=["k"], args=[7, b"\x00"]) == [b"k", b"7", b"\x00"]
