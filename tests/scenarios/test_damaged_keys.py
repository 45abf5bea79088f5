"""Junk in each key there is: no list fails, everybody's alerts page, and so do the key's own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import receiver.damaged
from receiver.store.figures import day_of
from receiver.store.keys import LAYOUT, REFERENCE, Keys, budget_key, member
from tests.scenarios.conftest import App, alert, until

KEYS = Keys(0)
BYTES = b"\x80\x03\xff\x00|junk\xfe"
LISTS = (
    "/v1/incidents?state=open",
    "/v1/incidents?state=closed",
    "/v1/incidents?state=all",
    "/v1/dead-letters",
    "/v1/changes",
    "/v1/damaged",
    "/v1/figures",
    "/health",
    "/",
    "/metrics",
)
EVERY: dict[str, Callable[[App, str], str]] = {
    "g": lambda _, name: KEYS.group(name.split("-")[1]),
    "i": lambda _, name: KEYS.incident(name),
    "t": lambda _, name: KEYS.timeline(name),
    "r": lambda _, name: KEYS.receipts(name),
    "e": lambda _, name: KEYS.event(f"api:{name}:acknowledge:again"),
    "open": lambda *_: KEYS.open,
    "closed": lambda *_: KEYS.closed,
    "published": lambda *_: KEYS.published,
    "unreached": lambda *_: KEYS.unreached,
    "due:urgent": lambda *_: KEYS.due["urgent"],
    "due:normal": lambda *_: KEYS.due["normal"],
    "due:background": lambda *_: KEYS.due["background"],
    "task": lambda *_: KEYS.task,
    "seen": lambda *_: KEYS.seen,
    "active": lambda *_: KEYS.active,
    "dead": lambda *_: KEYS.dead,
    "changes": lambda *_: KEYS.changes,
    "pd": lambda *_: KEYS.pagerduty("Q1"),
    "budget": lambda *_: budget_key("slack:x"),
    "day": lambda app, _: KEYS.figures(day_of(app.clock.now())),
    "damaged": lambda *_: KEYS.damaged,
    "heal": lambda *_: KEYS.heal,
    "layout": lambda *_: LAYOUT,
    "clock": lambda *_: REFERENCE,
}


async def set_bytes(redis: Any, key: str, _name: str) -> None:
    await redis.set(key, BYTES)


async def make_it_another_type(redis: Any, key: str, _name: str) -> None:
    kind = await redis.type(key)
    await redis.delete(key)
    if kind == b"list":
        await redis.hset(key, "junk", BYTES)
    else:
        await redis.rpush(key, BYTES)


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


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.damaged, "EVERY_S", 0.1)


def paged(app: App, stem: str) -> int:
    """How many pages PagerDuty has of a group."""
    return sum(item.dedup_key.startswith(f"{stem}-") for item in app.pagerduty.incidents)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", EVERY)
async def test_junk_in_a_key_costs_nobody_a_page(app: App, kind: str, way: Any) -> None:
    minor = alert("Minor", labels={"severity": "error"})
    name = await app.fire(minor, group="own")
    stem = name.rpartition("-")[0]
    await until(lambda: paged(app, stem) == 1 and len(app.slack.top_level("C0ALERTS")) == 1)
    redis = app.service._redis
    await way(redis, EVERY[kind](app, name), name)

    bodies = [app.fire(alert(f"Other{n}"), group=f"other{n}") for n in range(3)]
    others = [found.rpartition("-")[0] for found in await asyncio.gather(*bodies)]
    await app.fire(minor, alert("Major"), group="own")
    for path in LISTS:
        status, _ = await app.get(path)
        assert status == 200, path
    for other in (*others, stem):
        await until(lambda other=other: paged(app, other) == (2 if other == stem else 1), 20)

    async def told_the_truth() -> bool:
        _, listed = await app.get("/v1/incidents?state=open")
        known = [one for one in listed["incidents"] if one["state"] != "damaged"]
        _, text = await app.get("/metrics")
        rows = [row for row in text.splitlines() if row.startswith("incidents_active{")]
        return len(known) == 4 == sum(float(row.rpartition(" ")[2]) for row in rows)

    await until(told_the_truth, 20)
    await app.post({"by": "ann"}, f"/v1/incidents/{await newest(app, stem)}/acknowledge")
    assert (await app.incident(await newest(app, stem)))["state"] == "acknowledged"
    assert not await redis.zcount(KEYS.due["urgent"], "-inf", app.clock.now() - 60_000)


async def newest(app: App, stem: str) -> str:
    _, listed = await app.get("/v1/incidents?state=open")
    return max(one["id"] for one in listed["incidents"] if one["id"].startswith(stem))
