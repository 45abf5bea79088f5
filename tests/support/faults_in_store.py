"""Junk for every key there is in Redis, for a test and a proof of what it costs."""

from collections.abc import Callable
from typing import Any

from receiver.store.daily_figures import day_of
from receiver.store.keys import HINTS, LAYOUT, REFERENCE, Keys, budget_key, member
from routing.vocabulary import Lane

KEYS = Keys(0)
BYTES = b"\x80\x03\xff\x00|junk\xfe"
LISTS = (
    "/v1/incidents?state=open",
    "/v1/incidents?state=closed",
    "/v1/incidents?state=all",
    "/v1/dead-letters",
    "/v1/changes",
    "/v1/damaged",
    "/v1/hints",
    "/v1/figures",
    "/v1/operations",
    "/v1/heartbeats",
    "/operations",
    "/v1/response",
    "/health",
    "/",
    "/metrics",
)
EVERY: dict[str, Callable[[str, int], str]] = {
    "g": lambda name, _: KEYS.group(name.split("-")[1]),
    "i": lambda name, _: KEYS.incident(name),
    "t": lambda name, _: KEYS.timeline(name),
    "r": lambda name, _: KEYS.receipts(name),
    "e": lambda name, _: KEYS.event(f"api:{name}:acknowledge:again"),
    "open": lambda *_: KEYS.open,
    "closed": lambda *_: KEYS.closed,
    "published": lambda *_: KEYS.published,
    "unreached": lambda *_: KEYS.unreached,
    "due:urgent": lambda *_: KEYS.due[Lane.URGENT],
    "due:normal": lambda *_: KEYS.due[Lane.NORMAL],
    "due:background": lambda *_: KEYS.due[Lane.BACKGROUND],
    "task": lambda *_: KEYS.task,
    "seen": lambda *_: KEYS.seen,
    "active": lambda *_: KEYS.active,
    "dead": lambda *_: KEYS.dead,
    "changes": lambda *_: KEYS.changes,
    "pd": lambda *_: KEYS.pagerduty("Q1"),
    "budget": lambda *_: budget_key("slack:x"),
    "day": lambda _, now: KEYS.figures(day_of(now)),
    "response": lambda _, now: KEYS.response(day_of(now)),
    "total": lambda *_: KEYS.total,
    "damaged": lambda *_: KEYS.damaged,
    "heal": lambda *_: KEYS.heal,
    "layout": lambda *_: LAYOUT,
    "clock": lambda *_: REFERENCE,
    "hints": lambda *_: HINTS,
}
"""Key type -> its key for an incident's id and a time (ms)."""


async def set_bytes(redis: Any, key: str, _name: str) -> None:
    await redis.set(key, BYTES)


async def make_it_another_type(redis: Any, key: str, _name: str) -> None:
    kind = await redis.type(key)
    # At once: the service may write the key in between.
    async with redis.pipeline(transaction=True) as both:
        both.delete(key)
        if kind == b"list":
            both.hset(key, "junk", BYTES)
        else:
            both.rpush(key, BYTES)
        await both.execute()


async def put_junk_into_it(redis: Any, key: str, name: str) -> None:
    kind = await redis.type(key)
    if kind == b"zset":
        for junk in (BYTES, b"junk", b"0-aaaaaaaaaaaaaaaa-1", member(name, "teleport"), b"|", b""):
            await redis.zadd(key, {junk: float("-inf")})
        await redis.zadd(key, {b"7-aaaaaaaaaaaaaaaa-1|notify:slack": 5, b"later": float("inf")})
    elif kind == b"hash":
        for field in (*await redis.hkeys(key), BYTES, b"junk", b"slack"):
            await redis.hset(key, field, BYTES)
    elif kind == b"list":
        await redis.lset(key, 0, BYTES)
        await redis.rpush(key, BYTES, b"{}", b"")
    elif kind == b"set":
        await redis.sadd(key, BYTES)
    else:
        await redis.set(key, b"0")


WAYS = (set_bytes, make_it_another_type, put_junk_into_it)
