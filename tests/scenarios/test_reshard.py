"""More shards for data there is: what is open stays one incident, what is new is spread."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import receiver.upkeep.reshard
from receiver.cli.root import main
from receiver.errors import StoreUnavailableError
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.floods import FloodStore
from receiver.store.keys import KEPT, LAYOUT
from receiver.store.redis import connect
from routing.group import Group, Shards, group_stem
from tests.support.app import App
from tests.support.notification import alert, notification
from tests.support.waiting import until

OLD, NEW = 30, 60
HEARTBEAT = {"heartbeats.backup": {"interval": "1h"}}


@pytest.fixture(autouse=True)
def stopped_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service said of the time a moment ago stops nobody in these tests."""
    monkeypatch.setattr(receiver.upkeep.reshard, "FRESH_MS", -1)


@pytest.fixture
async def app(tmp_path: Path, fakes: Any) -> App:
    """A service of one shard with incidents of each kind; the tests stop and start it."""
    app = App(tmp_path / "own", *fakes)
    await app.start(**HEARTBEAT)
    await app.post(b"", "/v1/heartbeats/backup")
    for number in range(OLD):
        await fire(app, number)
    await over(app, 0)
    await until(lambda: len(app.pagerduty.incidents) == OLD)
    await app.settle()
    return app


async def fire(app: App, number: int) -> str:
    return await app.fire(alert(f"A{number}"), group=f"g{number}")


async def over(app: App, number: int) -> None:
    gone = alert(f"A{number}", resolved=True)
    assert (await app.post(notification(gone, group=f"g{number}")))[0] == 202


async def store(path: Path, *words: str) -> Result:
    where = ["store", *words, "--storage.path", str(path)]
    return await asyncio.to_thread(CliRunner().invoke, main, where)


async def ids(app: App) -> set[str]:
    found = (await app.get("/v1/incidents?state=all&limit=1000"))[1]["incidents"]
    return {one["id"] for one in found}


async def test_what_is_there_stays_and_what_is_new_is_spread(app: App, fakes: Any) -> None:
    before = await ids(app)
    await app.stop()
    result = await store(app.path, "reshard", "8")
    assert result.exit_code == 0, result.output
    assert "from 1 shards to 8" in result.output
    await app.start(**HEARTBEAT, redis__shards=8)
    try:
        for number in range(OLD):
            await fire(app, number)
        assert await ids(app) == before, "each goes on where it began"
        new = {await fire(app, number) for number in range(OLD, NEW)}
        assert len({name.partition("-")[0] for name in new}) > 4
        assert not new & before
        await until(lambda: len(fakes[1].incidents) == NEW)
        await over(app, 1)
        await over(app, OLD)
        await app.settle()
        resolved = (await app.get("/v1/incidents?state=closed"))[1]["incidents"]
        titles = {one["title"].partition(":")[0] for one in resolved}
        assert {"A1", f"A{OLD}"} <= titles
        await app.post(b"", "/v1/heartbeats/backup")
        await app.pass_time(3_700)
        missing = (await app.get("/v1/incidents?text=heartbeat"))[1]["incidents"]
        assert len(missing) == 1, "one watch, not two"
        checked = await store(app.path, "check")
        assert checked.exit_code == 0, checked.output
    finally:
        await app.stop()


async def test_it_is_done_again_for_more_and_goes_into_a_backup(app: App, tmp_path: Path) -> None:
    await app.stop()
    assert (await store(app.path, "reshard", "3")).exit_code == 0
    await app.start(**HEARTBEAT, redis__shards=3)
    for number in range(OLD, NEW):
        await fire(app, number)
    before = await ids(app)
    await app.stop()
    assert (await store(app.path, "reshard", "7")).exit_code == 0
    file = tmp_path / "one.backup"
    assert (await store(app.path, "backup", str(file))).exit_code == 0
    app.path = tmp_path / "restored"
    settings = tmp_path / "im.yml"
    settings.write_text("redis: {shards: 7}\n")
    done = await store(app.path, "restore", str(file), "--config.file", str(settings))
    assert done.exit_code == 0, done.output
    await app.start(**HEARTBEAT, redis__shards=7)
    try:
        for number in range(NEW):
            await fire(app, number)
        assert await ids(app) == before
    finally:
        await app.stop()


async def test_the_configuration_has_to_say_the_same(app: App) -> None:
    await app.stop()
    with pytest.raises(StoreUnavailableError, match=r"or incident-manager store reshard 4 first"):
        await app.start(redis__shards=4)
    assert (await store(app.path, "reshard", "4")).exit_code == 0
    with pytest.raises(StoreUnavailableError, match=r"redis.shards: 4, the configuration says 1"):
        await app.start()


async def test_what_stands_in_the_way_is_said_and_changes_nothing(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.upkeep.reshard, "FRESH_MS", 6_000)
    running = await store(app.path, "reshard", "8")
    assert (running.exit_code, "a service uses this store" in running.output) == (2, True)
    monkeypatch.setattr(receiver.upkeep.reshard, "FRESH_MS", -1)
    await app.stop()
    assert (await store(app.path, "reshard", "4")).exit_code == 0
    fewer = await store(app.path, "reshard", "2")
    assert (fewer.exit_code, "give a number from 4 to 1024" in fewer.output) == (2, True)
    nothing = await store(tmp_path / "none", "reshard", "2")
    assert nothing.exit_code == 2
    await app.start(redis__shards=4)
    await app.stop()


@pytest.mark.parametrize("junk", [None, b"junk", b"\x00" * 8 + b"\xff\xff"])
async def test_what_it_wrote_and_cannot_be_read_is_made_anew(app: App, junk: bytes | None) -> None:
    before = await ids(app)
    await app.stop()
    assert (await store(app.path, "reshard", "5")).exit_code == 0
    server = EmbeddedValkey(app.path / "valkey")
    await server.start()
    client = connect(server.url)
    await (client.delete(KEPT) if junk is None else client.set(KEPT, junk))
    await client.aclose(close_connection_pool=True)
    await server.stop()
    with pytest.raises(StoreUnavailableError, match=r"store reshard 5 makes it anew"):
        await app.start(redis__shards=5)
    assert (await store(app.path, "reshard", "5")).exit_code == 0
    await app.start(redis__shards=5)
    try:
        for number in range(OLD):
            await fire(app, number)
        assert await ids(app) == before
    finally:
        await app.stop()


async def test_groups_that_a_flood_took_stay_its(redis: Any) -> None:
    group = Group(cluster="", receiver="r", group_key="taken")
    flood = Group(cluster="", receiver="", group_key="x", flood=True)
    await redis.set(LAYOUT, "1")
    floods = FloodStore(redis)
    await floods.fold([group_stem(group, 1)], flood)
    await receiver.upkeep.reshard.reshard(redis, 16)
    stem = group_stem(group, Shards(16, await redis.get(KEPT)))
    assert await floods.folded([stem]) == {stem: flood}
    assert await redis.get(LAYOUT) == b"16 2"
