"""What is stored and cannot be read: it is shown, put aside, and stops nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from receiver.store.records.large import NEWEST_SCHEMA
from routing.vocabulary import Lane
from tests.support.app import App
from tests.support.damage import CHANNEL, KEYS, damage_record, following, paged, redis_of
from tests.support.notification import alert, notification
from tests.support.waiting import until

ELSE = b"%016d" % 999


async def write(redis: Any, name: str, raw: bytes) -> None:
    await redis.set(KEYS.incident(name), raw)


async def make_list(redis: Any, name: str, raw: bytes) -> None:
    await redis.delete(KEYS.incident(name))
    await redis.rpush(KEYS.incident(name), raw)


async def take_away(redis: Any, name: str, raw: bytes) -> None:
    await redis.delete(KEYS.incident(name))


def changed(raw: bytes, **fields: Any) -> bytes:
    """A record with other fields, in a version that nobody has made a decision from."""
    body = msgspec.json.decode(raw[16:]) | {"version": int(ELSE)} | fields
    return ELSE + msgspec.json.encode(body)


Damage = Callable[[Any, str, bytes], Awaitable[None]]
RECORDS: dict[str, Damage] = {
    "random bytes": lambda redis, name, raw: write(redis, name, b"\x80\x03\xff\x00junk"),
    "empty": lambda redis, name, raw: write(redis, name, b" "),
    "truncated": lambda redis, name, raw: write(redis, name, b"0" * 16 + raw[16 : len(raw) // 2]),
    "no version": lambda redis, name, raw: write(redis, name, raw[16:]),
    "another version": lambda redis, name, raw: write(redis, name, b"%016d" % 77 + raw[16:]),
    "not UTF-8": lambda redis, name, raw: write(
        redis, name, raw.replace(b"checkout", b"check\xff")
    ),
    "another shape": lambda redis, name, raw: write(redis, name, ELSE + b'{"id": 5}'),
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
    raw = changed(await redis.get(KEYS.incident(name)), schema=NEWEST_SCHEMA + 1, state="pondered")
    await redis.set(KEYS.incident(name), raw)
    status, answer = await app.post(notification(alert("Broken"), alert("New"), group="broken"))
    assert status == 503
    assert "newer release" in answer["detail"]
    _, listed = await app.get("/v1/incidents?state=open")
    assert [item["state"] for item in listed["incidents"]] == ["newer"]
    for path in (f"/v1/incidents/{name}", f"/incidents/{name}", f"/v1/incidents/{name}/review"):
        assert (await app.get(path))[0] == 200, path
    assert (await app.post({}, f"/v1/incidents/{name}/acknowledge"))[0] == 503
    await paged(app, await app.fire(alert("Other"), group="other"))
    assert await redis.get(KEYS.incident(name)) == raw


async def listed(app: App) -> Any:
    status, answer = await app.get("/v1/damaged")
    assert status == 200
    return answer["damaged"]


async def test_what_was_put_aside_is_said_everywhere_until_it_is_forgotten(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    raw = await redis_of(app).get(KEYS.incident(name))
    await damage_record(app, name)
    (entry,) = await listed(app)
    assert (entry["kind"], entry["incident"]) == ("incident", name)
    assert entry["size_bytes"] == len(raw) // 2
    assert (await redis_of(app).get(entry["kept_in"]))[16:] == raw[16 : len(raw) // 2]
    shown = (await app.incident(name))["damaged"]
    assert shown["kept_in"] == entry["kept_in"]
    assert "incidents forget" in shown["what_to_do"]
    status, health = await app.get("/health")
    assert (status, health["status"]) == (200, "degraded")
    (problem,) = [item for item in health["problems"] if item["subject"] == "damaged_records"]
    assert "1 incident" in problem["problem"]
    assert await app.metric('incident_manager_damaged_records{kind="incident"}') == 1
    for path in (f"/incidents/{name}", f"/incidents/{name}/review", "/"):
        status, page = await app.get(path)
        assert (status, "Broken" in page) == (200, True), path
    status, answer = await app.post({}, f"/v1/incidents/{name}/acknowledge")
    assert (status, answer["result"]) == (409, "damaged")
    assert (await app.post({}, f"/v1/incidents/{name}/forget"))[1]["result"] == "forgotten"

    async def gone() -> bool:
        return await app.metric('incident_manager_damaged_records{kind="incident"}') == 0

    await until(gone, 15)
    assert await listed(app) == []
    assert not await redis_of(app).exists(entry["kept_in"])
    assert await app.fire(alert("Broken")) == name
    assert (await app.get("/health"))[1]["status"] == "ok"


async def test_one_may_be_closed_and_its_group_still_begins_anew(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await damage_record(app, name)
    status, answer = await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    assert (status, answer["result"]) == (200, "resolved")
    assert (await app.get("/v1/incidents?state=open"))[1]["incidents"] == []
    assert await app.fire(alert("Broken")) == following(name)
    await paged(app, following(name))


async def test_a_resolve_alone_opens_nothing_for_a_damaged_one(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await damage_record(app, name)
    _, answer = await app.post(notification(alert("Broken", resolved=True)))
    assert answer["incidents"] == []
    assert [key.decode() async for key in redis_of(app).scan_iter(match=KEYS.incident("*"))] == [
        KEYS.incident(name)
    ]


async def test_a_click_on_a_damaged_one_says_so(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await damage_record(app, name)
    assert await app.click("acknowledge") == 200
    await until(lambda: any("cannot be read" in text for text in _whispers(app)))


def _whispers(app: App) -> list[str]:
    said = [str(call.args) for call in app.slack.calls if call.method == "chat.postEphemeral"]
    return said + [str(answer) for answer in app.slack.responses]


async def test_what_was_merged_into_a_damaged_one_stands_for_itself_again(app: App) -> None:
    target = await app.fire(alert("Target"), group="target")
    source = await app.fire(alert("Source"), group="source")
    await paged(app, source)
    await app.post({"into": target}, f"/v1/incidents/{source}/merge")
    await until(lambda: _merged(app, target))
    await damage_record(app, target)
    await app.fire(alert("Source"), alert("Worse"), group="source")

    async def alone() -> bool:
        found = await app.incident(source)
        return found["state"] == "triggered" and not found["merged_into"]

    await until(alone)
    await until(lambda: f"{source}:1" in [item.dedup_key for item in app.pagerduty.incidents])


async def _merged(app: App, target: str) -> bool:
    return bool((await app.incident(target))["merged"])


async def test_an_unreadable_line_of_a_timeline_stays_in_its_place(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await app.post({"text": "one"}, f"/v1/incidents/{name}/note")
    before = [entry["text"] for entry in (await app.incident(name))["timeline"]]
    redis = redis_of(app)
    await redis.lset(KEYS.timeline(name), 1, b"\xff{")
    newer = {"at": app.clock.now(), "kind": "pondered", "text": "Thought about", "depth": 3}
    await redis.rpush(KEYS.timeline(name), msgspec.json.encode(newer))
    found = (await app.incident(name))["timeline"]
    assert [entry["number"] for entry in found] == list(range(1, len(before) + 2))
    assert found[1]["kind"] == "unreadable"
    assert "(2 bytes)" in found[1]["text"]
    assert found[-1]["kind"] == "pondered", "what a newer release writes is shown as it is"
    for path in (f"/incidents/{name}", f"/incidents/{name}/review", f"/v1/incidents/{name}/review"):
        assert (await app.get(path))[0] == 200
    assert [entry["kind"] for entry in await listed(app)] == ["timeline"]
    await app.post({"text": "two"}, f"/v1/incidents/{name}/note")
    root = app.slack.top_level(CHANNEL)[0]
    await until(lambda: any("two" in reply.text for reply in app.slack.replies(root.ts)))


@pytest.mark.parametrize("junk", ["garbled", "another type"])
@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_receipt_that_cannot_be_read_doubles_and_loses_nothing(
    app: App, junk: str, acknowledged: bool
) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await until(lambda: _delivered(app, name))
    key = KEYS.receipts(name)
    redis = redis_of(app)
    if junk == "garbled":
        await redis.hset(key, mapping={"slack": b"00000009{", "pagerduty": b"\xff"})
    else:
        await redis.set(key, b"junk")
    if acknowledged:
        await app.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    await app.post({"text": "after the damage"}, f"/v1/incidents/{name}/note")
    root = app.slack.top_level(CHANNEL)[0]
    await until(lambda: "after the damage" in str([r.text for r in app.slack.replies(root.ts)]))
    await until(lambda: _recovered(app, name))
    assert len(app.slack.top_level(CHANNEL)) == 1
    assert not any(reply.reply_broadcast for reply in app.slack.replies(root.ts))
    assert [item.dedup_key for item in app.pagerduty.incidents] == [f"{name}:0"]
    if acknowledged:
        app.clock.move(6)
        app.service.agenda.wake()
        await until(lambda: app.pagerduty.incidents[0].status == "acknowledged")
    await app.fire(alert("Broken", resolved=True))
    app.clock.move(6)
    app.service.agenda.wake()
    await until(lambda: app.pagerduty.incidents[0].status == "resolved")


async def _recovered(app: App, name: str) -> bool:
    """Whether the timeline says of both that they were looked up or told again."""
    app.clock.move(6)
    app.service.agenda.wake()
    found = [entry["text"] for entry in (await app.incident(name))["timeline"]]
    return sum("cannot be read" in text for text in found) == 2


async def _delivered(app: App, name: str) -> bool:
    """Whether both have what there is to tell, and nothing is on its way."""
    found = await app.incident(name)
    waits = [
        row async for row in redis_of(app).zscan_iter(KEYS.due[Lane.URGENT], match="*|notify:*")
    ]
    return not waits and [one["state"] for one in found["deliveries"]] == ["delivered"] * 2


async def test_a_receipt_that_cannot_be_read_does_not_swallow_a_page(app: App) -> None:
    app.slack.faults.add("error:internal_error", times=None, method="chat.postMessage")
    name = await app.fire(alert("Broken"))
    await until(lambda: app.slack.calls)
    await redis_of(app).hset(KEYS.receipts(name), "slack", b"00000009{")
    app.slack.faults.clear()
    app.clock.move(120)
    app.service.agenda.wake()
    await paged(app, name)


async def test_what_a_newer_release_put_on_the_agenda_is_left_to_it(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    redis = redis_of(app)
    raw = await redis.get(KEYS.incident(name))
    timers = msgspec.json.decode(raw[16:])["timers"] | {"ponder": app.clock.now()}
    await redis.set(KEYS.incident(name), changed(raw, timers=timers))
    await redis.zadd(KEYS.due[Lane.URGENT], {f"{name}|ponder": app.clock.now()})
    app.service.dispatcher.cache.forget(name.rpartition("-")[0])
    app.service.agenda.wake()

    async def left() -> bool:
        score = await redis.zscore(KEYS.due[Lane.URGENT], f"{name}|ponder")
        state = await redis.hget(KEYS.task, f"{name}|ponder")
        assert score is not None
        return state is not None and b"||" in state and score > app.clock.now()

    await until(left)
    await paged(app, await app.fire(alert("Other"), group="other"))


async def test_a_receipt_of_a_newer_release_is_read(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await until(lambda: _delivered(app, name))
    redis = redis_of(app)
    raw = await redis.hget(KEYS.receipts(name), "slack")
    more = raw[:8] + msgspec.json.encode(msgspec.json.decode(raw[8:]) | {"mood": {"a": [1]}})
    await redis.hset(KEYS.receipts(name), "slack", more)
    assert await _delivered(app, name)
    assert await listed(app) == []


async def test_a_place_is_dropped_when_somebody_says_so(app: App) -> None:
    await app.fire(alert("Broken"))
    await redis_of(app).zadd(KEYS.open, {b"junk": 5})
    await app.get("/v1/incidents")
    (entry,) = await listed(app)
    assert (entry["kind"], entry["incident"]) == ("index", None)
    path = "/v1/damaged"
    async with app.session.delete(app.url + path, params={"place": "nowhere"}) as answer:
        assert answer.status == 404
    async with app.session.delete(app.url + path, params={"place": entry["place"]}) as answer:
        assert answer.status == 200
    assert await listed(app) == []
    assert not await redis_of(app).exists(entry["kept_in"])


async def test_a_replica_that_remembers_the_record_writes_it_anew(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    redis = redis_of(app)
    raw = await redis.get(KEYS.incident(name))
    await redis.set(KEYS.incident(name), raw[: len(raw) // 2])
    # Its version says that it is the one remembered, so nothing is lost.
    assert await app.fire(alert("Broken"), alert("More")) == name
    assert (await app.incident(name))["state"] == "triggered"
    assert await listed(app) == []


async def test_the_tasks_of_a_damaged_one_end(app: App) -> None:
    name = await app.fire(alert("Broken"))
    await paged(app, name)
    await damage_record(app, name)
    redis = redis_of(app)

    async def none_left() -> bool:
        app.clock.move(3_600)
        app.service.agenda.wake()
        return not await _tasks_of(redis, name)

    await until(none_left)
    assert not [field async for field in redis.hscan_iter(KEYS.task, match=f"{name}|*")]


async def _tasks_of(redis: Any, name: str) -> list[Any]:
    return [
        row for due in KEYS.due.values() async for row in redis.zscan_iter(due, match=f"{name}|*")
    ]
