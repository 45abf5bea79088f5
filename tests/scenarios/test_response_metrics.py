"""The response's metrics come from Redis: equal on every replica, and not lost with a process."""

from pathlib import Path
from typing import Any

from receiver.errors import StoreUnavailableError
from receiver.store.commits import Write
from receiver.store.keys import Keys
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.replicas import two_replicas
from tests.support.waiting import until

OPENED = 'incidents_total{priority="P1",severity="critical",source="alertmanager",type="alert"}'
LABELS = 'by="human",priority="P1",severity="critical",team="",type="alert"'
MTTA, MTTR = "incident_acknowledge_duration_seconds", "incident_resolution_duration_seconds"


async def response(app: App) -> dict[str, float]:
    """Every series of the page that decisions count."""
    stored = set(app.service.metrics.response._families)
    _, text = await app.get("/metrics")
    rows = [row.rpartition(" ") for row in str(text).splitlines() if not row.startswith("#")]
    return {
        name: float(number)
        for name, _, number in rows
        if any(name.startswith(family) for family in stored)
    }


async def work(app: App) -> None:
    """An incident that is acknowledged after two minutes and resolved after ten."""
    incident = await app.fire()
    app.clock.move(120)
    await app.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
    app.clock.move(480)
    await app.post({"by": "Ann"}, f"/v1/incidents/{incident}/resolve")


async def test_a_page_says_what_was_done_and_the_next_process_says_it_too(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    first = App(tmp_path, *fakes)
    await first.start()
    try:
        before = await response(first)
        assert before[OPENED] == 0
        await work(first)
        found = await response(first)
        assert found[OPENED] == 1
        assert 119 < found[f"{MTTA}_sum{{{LABELS}}}"] < 125
        assert 599 < found[f"{MTTR}_sum{{{LABELS}}}"] < 610
        bucket = '_bucket{by="human",le="300.0",priority="P1",severity="critical",team="",'
        assert found[f'{MTTA}{bucket}type="alert"}}'] == 1
        assert found[f'{MTTR}{bucket}type="alert"}}'] == 0
        assert found['incident_runbooks_total{source="none"}'] == 1
        assert found.keys() >= before.keys()
    finally:
        await first.stop()
    second = App(tmp_path, *fakes)
    await second.start()
    try:
        again = await response(second)
        assert again == found
    finally:
        await second.stop()


async def test_every_replica_shows_the_same(tmp_path: Path) -> None:
    async with two_replicas(tmp_path, "http") as (one, other):
        incident = await one.fire()
        await other.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
        await one.post({"by": "Ann"}, f"/v1/incidents/{incident}/resolve")
        await other.fire(alert("Other"), group="other")
        found = await response(one)
        assert found == await response(other)
        assert found[OPENED] == 2
        assert found[f"{MTTA}_count{{{LABELS}}}"] == found[f"{MTTR}_count{{{LABELS}}}"] == 1


async def test_what_is_sent_again_after_an_unclear_time_out_counts_once(plain: App) -> None:
    """The commit was made and its answer lost: whoever repeats it is told what is there."""
    store: Any = plain.service.dispatcher.store
    commit, lost = store.commit, []

    async def unclear(shard: int, writes: list[Write], now: int) -> Any:
        found = await commit(shard, writes, now)
        if not lost:
            lost.append(found)
            raise StoreUnavailableError("Redis: no answer")
        return found

    store.commit = unclear
    status, _ = await plain.post(notification(alert()))
    assert status == 503
    assert lost
    status, _ = await plain.post(notification(alert()))
    assert status in (200, 202)
    assert (await response(plain))[OPENED] == 1


async def test_while_redis_is_away_the_last_values_stay(plain: App) -> None:
    await work(plain)
    found = await response(plain)
    figures: Any = plain.service.figures
    totals = figures.totals

    async def away() -> Any:
        raise StoreUnavailableError("Redis: away")

    figures.totals = away
    assert await response(plain) == found
    figures.totals = totals
    await plain.fire(alert("Other"), group="other")
    assert (await response(plain))[OPENED] == found[OPENED] + 1


async def test_junk_in_what_is_counted_harms_neither_the_page_nor_a_webhook(plain: App) -> None:
    await plain.fire()
    key, redis = Keys(0).total, plain.service.redis
    field = "incidents_total|severity=critical|type=alert|source=alertmanager|priority=P1"
    assert await redis.hget(key, field) == b"1"
    assert await plain.metric(OPENED) == 1
    # It begins again, with what was there kept; what was shown does not fall.
    await redis.hset(key, mapping={"nonsense": "x", b"\xff": "1", field: "many"})
    await plain.fire(alert("Other"), group="other")
    assert await redis.hget(key, field) == b"1"
    assert await plain.metric(OPENED) == 1
    await plain.fire(alert("Third"), group="third")
    assert await plain.metric(OPENED) == 2
    # All of it is put aside, and said where damage is said.
    assert {b"nonsense", b"\xff"}.isdisjoint(await redis.hkeys(key))
    assert len(await redis.hgetall(Keys(0).damaged)) == 3


async def test_a_key_of_another_type_is_put_aside_and_nothing_waits(plain: App) -> None:
    key, redis = Keys(0).total, plain.service.redis
    await redis.delete(key)
    await redis.set(key, "of somebody else")
    assert await plain.metric("incident_manager_redis_up") == 1
    await plain.fire()
    assert await redis.type(key) == b"hash"

    async def counted() -> bool:
        return await plain.metric(OPENED) == 1

    await until(counted)
    assert await plain.metric("incident_manager_redis_up") == 1
