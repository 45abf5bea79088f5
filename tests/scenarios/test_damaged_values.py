"""Each value of a record, changed to what nobody writes: nothing that shows it fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.faults_in_store import KEYS
from tests.support.notification import alert, notification
from tests.support.status_pages import PAGE
from tests.support.waiting import until

VIEWS = (
    "/v1/incidents?state=all",
    "/v1/incidents/{}",
    "/v1/incidents/{}/review",
    "/",
    "/incidents/{}",
    "/incidents/{}/review",
    "/metrics",
)
Place = tuple[str | int, ...]


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*place, key))
    elif isinstance(value, list):
        for key, item in enumerate(value):
            yield from leaves(item, (*place, key))
    else:
        yield place, value


def others(value: Any) -> tuple[Any, ...]:
    """What stands in the place of a value: of its type, of another one, out of every range."""
    if isinstance(value, bool):
        return (not value, "pondered")
    if isinstance(value, int):
        return (-1, 0, 10**12, 2**62, "pondered")
    return ("pondered", "", 7)


def changes(record: Any) -> Iterator[tuple[Place, Any, Any]]:
    """Give (place, value, record with it); a key that nobody knows is a place as well."""
    for place, known in leaves(record):
        for value in others(known):
            changed = deepcopy(record)
            inside = changed
            for step in place[:-1]:
                inside = inside[step]
            inside[place[-1]] = value
            yield place, value, changed
    for name, found in record.items():
        if isinstance(found, dict) and found:
            changed = deepcopy(record)
            changed[name]["pondered"] = deepcopy(next(iter(found.values())))
            yield (name, "pondered"), "...", changed
        changed = deepcopy(record)
        del changed[name]
        yield (name,), "nothing", changed


@pytest.fixture
async def site(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**PAGE)
    yield running
    await running.stop()


async def full(app: App) -> str:
    """An incident with something in nearly every field."""
    part = await app.fire(alert("Part"), group="part")
    name = await app.fire(alert("Rich"), alert("More", labels={"pod": "a"}), group="rich")
    await until(lambda: len(app.pagerduty.incidents) == 2)
    path = f"/v1/incidents/{name}"
    await app.post({"into": name}, f"/v1/incidents/{part}/merge")
    for action, body in (
        ("acknowledge", {"by": "ann"}),
        ("reassign", {"to": "bob"}),
        ("priority", {"priority": "P2", "reason": "because"}),
        ("action-item", {"text": "tidy", "owner": "ann"}),
        ("status-update", {"status": "identified", "text": "We found it"}),
        ("snooze", {"for": "1h"}),
    ):
        await app.post(body, f"{path}/{action}")
    await app.fire(alert("More", resolved=True, labels={"pod": "a"}), group="rich")
    return name


@pytest.mark.timeout(240)
async def test_no_value_of_one_record_fails_what_shows_it(site: App) -> None:
    name = await full(site)
    redis: Any = site.service.redis
    raw = await redis.get(KEYS.incident(name))
    record = msgspec.json.decode(raw[16:])
    assert len(record) > 25, sorted(record)
    failed = []
    for place, value, changed in changes(record):
        await redis.set(KEYS.incident(name), raw[:16] + msgspec.json.encode(changed))
        site.service.dispatcher.cache.forget(name.rpartition("-")[0])
        answers = await asyncio.gather(*[site.get(view.format(name)) for view in VIEWS])
        bad = [view for view, (status, _) in zip(VIEWS, answers, strict=True) if status != 200]
        try:
            await site.service.status_page.refresh()
        except Exception as error:  # noqa: BLE001 - what fails is told with the others
            bad.append(repr(error))
        if bad:
            failed.append((place, value, bad))
    assert not failed, "\n".join(map(str, failed))


@pytest.mark.timeout(240)
async def test_no_value_of_one_record_keeps_its_group_from_being_taken_in(
    site: App, caplog: pytest.LogCaptureFixture
) -> None:
    name = await full(site)
    redis: Any = site.service.redis
    raw = await redis.get(KEYS.incident(name))
    record = msgspec.json.decode(raw[16:])
    failed = []
    firing = notification(alert("Rich"), alert("Another"), group="rich")
    for number, (place, value, changed) in enumerate(changes(record)):
        if place[0] == "schema":
            continue
        # A version of its own, or what is remembered would stand in for it.
        changed["version"] = 100 + number
        stored = b"%016d" % (100 + number) + msgspec.json.encode(changed)
        await redis.set(KEYS.incident(name), stored)
        await redis.set(KEYS.group(name.split("-")[1]), name.rpartition("-")[2])
        site.service.dispatcher.cache.forget(name.rpartition("-")[0])
        status, _ = await site.post(firing)
        site.clock.move(1)
        # Long enough for what is due to be taken up, and to be told.
        await asyncio.sleep(0.03)
        raised = [str(one.exc_info[1]) for one in caplog.records if one.exc_info]
        caplog.clear()
        if status != 202 or raised:
            failed.append((place, value, status, raised))
    assert not failed, "\n".join(map(str, failed))


@pytest.mark.timeout(240)
async def test_no_value_of_a_receipt_stops_what_is_told(
    site: App, caplog: pytest.LogCaptureFixture
) -> None:
    name = await full(site)
    redis: Any = site.service.redis
    key = KEYS.receipts(name)
    await until(lambda: _has_two(redis, key))
    stored = await redis.hgetall(key)
    failed = []
    for notifier, raw in stored.items():
        receipt = msgspec.json.decode(raw[8:]) | {
            "attempt": {"what": "trigger", "at": site.clock.now(), "seq": 1, "key": f"{name}:0"}
        }
        for place, value, changed in changes(receipt):
            body = msgspec.json.encode(changed)
            await redis.hset(key, notifier, b"%08d" % revision(changed) + body)
            await site.post({"text": f"{place}"}, f"/v1/incidents/{name}/note")
            await asyncio.sleep(0.05)
            raised = [repr(one.exc_info[1]) for one in caplog.records if one.exc_info]
            caplog.clear()
            status, _ = await site.get(f"/v1/incidents/{name}")
            if raised or status != 200:
                failed.append((notifier, place, value, status, raised))
        await redis.hset(key, notifier, raw)
    assert not failed, "\n".join(map(str, failed))


async def _has_two(redis: Any, key: str) -> bool:
    return bool(await redis.hlen(key) == 2)


def revision(receipt: Any) -> int:
    """What the stored form begins with; a revision that is none is another test's damage."""
    found = receipt.get("revision")
    return found if isinstance(found, int) and 0 <= found < 10**8 else 0
