"""What is stored and cannot be read: it is shown, put aside, and stops nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from receiver.store.keys import Keys
from routing.incident import SCHEMA
from tests.scenarios.conftest import App, alert, notification, until

KEYS = Keys(0)
CHANNEL = "C0ALERTS"


def redis_of(app: App) -> Any:
    return app.service._redis


async def paged(app: App, name: str) -> None:
    """Wait until PagerDuty and Slack have the page of an incident."""
    await until(lambda: f"{name}:0" in [item.dedup_key for item in app.pagerduty.incidents])
    await until(lambda: any(name in str(item.blocks) for item in app.slack.top_level(CHANNEL)))


def following(name: str) -> str:
    """Return the id of the group's next incident."""
    stem, _, generation = name.rpartition("-")
    return f"{stem}-{int(generation) + 1}"


async def write(redis: Any, name: str, raw: bytes) -> None:
    await redis.set(KEYS.incident(name), raw)


async def make_list(redis: Any, name: str, raw: bytes) -> None:
    await redis.delete(KEYS.incident(name))
    await redis.rpush(KEYS.incident(name), raw)


async def take_away(redis: Any, name: str, raw: bytes) -> None:
    await redis.delete(KEYS.incident(name))


def changed(raw: bytes, **fields: Any) -> bytes:
    return raw[:16] + msgspec.json.encode(msgspec.json.decode(raw[16:]) | fields)


Damage = Callable[[Any, str, bytes], Awaitable[None]]
RECORDS: dict[str, Damage] = {
    "random bytes": lambda redis, name, raw: write(redis, name, b"\x80\x03\xff\x00junk"),
    "empty": lambda redis, name, raw: write(redis, name, b" "),
    "truncated": lambda redis, name, raw: write(redis, name, raw[: len(raw) // 2]),
    "no version": lambda redis, name, raw: write(redis, name, raw[16:]),
    "another version": lambda redis, name, raw: write(redis, name, b"%016d" % 77 + raw[16:]),
    "not UTF-8": lambda redis, name, raw: write(
        redis, name, raw.replace(b"checkout", b"check\xff")
    ),
    "another shape": lambda redis, name, raw: write(redis, name, raw[:16] + b'{"id": 5}'),
    "a list": make_list,
    "missing": take_away,
    "an unknown state": lambda redis, name, raw: write(redis, name, changed(raw, state="lost")),
    "no priority": lambda redis, name, raw: write(redis, name, changed(raw, priority="P9")),
    "no time": lambda redis, name, raw: write(redis, name, changed(raw, opened_at=10**18)),
    "another id": lambda redis, name, raw: write(
        redis, name, changed(raw, id="0-aaaaaaaaaaaaaaaa-1")
    ),
}


@pytest.mark.parametrize("kind", RECORDS)
async def test_a_damaged_record_is_shown_and_its_group_begins_anew(app: App, kind: str) -> None:
    other = await app.fire(alert("Other"), group="other")
    name = await app.fire(alert("Broken"), group="broken")
    await paged(app, name)
    redis = redis_of(app)
    raw = await redis.get(KEYS.incident(name))
    await RECORDS[kind](redis, name, raw)
    status, listed = await app.get("/v1/incidents?state=open")
    assert status == 200
    shown = {item["id"]: item for item in listed["incidents"]}
    assert shown[other]["state"] == "triggered"
    assert shown[name]["state"] == "damaged"
    assert shown[name]["priority"] == "P1"
    assert "Broken" in shown[name]["title"]
    assert (await app.incident(name))["state"] == "damaged"
    answers = [await app.fire(alert("Broken"), group="broken") for _ in range(2)]
    assert answers == [following(name)] * 2
    await paged(app, following(name))


async def test_a_record_of_a_newer_release_is_left_alone(app: App) -> None:
    name = await app.fire(alert("Broken"), group="broken")
    redis = redis_of(app)
    raw = changed(await redis.get(KEYS.incident(name)), schema=SCHEMA + 1, state="pondered")
    raw = b"%016d" % 99 + raw[16:]
    await redis.set(KEYS.incident(name), raw)
    status, answer = await app.post(notification(alert("Broken"), alert("New"), group="broken"))
    assert status == 503
    assert "newer release" in answer["error"]
    _, listed = await app.get("/v1/incidents?state=open")
    assert [item["state"] for item in listed["incidents"]] == ["newer"]
    await paged(app, await app.fire(alert("Other"), group="other"))
    assert await redis.get(KEYS.incident(name)) == raw
