"""A Cluster of three primaries and three replicas: everything is spread over them and works."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from redis.exceptions import ClusterCrossSlotError, ResponseError

import receiver.upkeep.reshard
from receiver.cli.root import main
from receiver.errors import ConfigError, StoreUnavailableError
from receiver.notify.rate_budget import Budget
from receiver.store.budgets import BudgetStore
from receiver.store.floods import FloodStore
from receiver.store.keys import Keys, session_key
from receiver.store.layout import check_layout
from receiver.store.logins.sessions import LoginSession, SessionStore
from receiver.store.redis import connect, load_script, unavailable_is_503
from receiver.store.server.cluster_commands import slot_of
from routing.group import Group
from tests.support.app import App, accepted
from tests.support.clusters import Cluster, cluster
from tests.support.external import DURABLE
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.sentinels import Server
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHARDS = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Cluster]:
    """One Cluster for all, as its start takes seconds."""
    with TemporaryDirectory() as folder:
        async with cluster(Path(folder) / "servers") as found:
            yield found


@pytest_asyncio.fixture(loop_scope="module")
async def servers(running: Cluster) -> Cluster:
    """The Cluster, whole and empty."""
    for server in running.servers:
        server.send(signal.SIGCONT)
        if server.process.poll() is not None:
            await server.start()
    await until(running.is_whole)
    for number in range(3):
        await (await running.primary(number)).client.flushall()
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def client(servers: Cluster) -> AsyncIterator[Any]:
    client = connect(servers.url)
    yield client
    await client.aclose(close_connection_pool=True)


@pytest_asyncio.fixture(loop_scope="module")
async def fakes() -> AsyncIterator[tuple[FakeSlack, FakePagerDuty]]:
    made = (FakeSlack(), FakePagerDuty())
    for fake in made:
        await fake.start()
    yield made
    for fake in made:
        await fake.stop()


async def started(folder: Path, fakes: Any, servers: Any, **redis: Any) -> App:
    app = App(folder / "own", *fakes)
    settings = {f"redis.{name}": value for name, value in redis.items()}
    await app.start(**{"redis.url": servers.url}, **settings)
    return app


async def test_alerts_pages_and_lists_of_all_shards(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    app = await started(tmp_path, fakes, servers, wait_replicas=1)
    try:
        await app.until_ready()
        taken = [await accepted(app, number) for number in range(40)]
        assert len({name.partition("-")[0] for name in taken}) > SHARDS // 2
        pages = fakes[1].events
        await until(lambda: len({page.dedup_key for page in pages}) == len(taken))
        done = await app.post({"by": "ann"}, f"/v1/incidents/{taken[0]}/acknowledge")
        assert done[0] == 200, done
        done = await app.post({"by": "ann"}, f"/v1/incidents/{taken[1]}/resolve")
        assert done[0] == 200, done
        await app.settle()
        found = (await app.get("/v1/incidents?state=all&limit=100"))[1]["incidents"]
        assert sorted(one["id"] for one in found) == sorted(taken)
        assert (await app.incident(taken[0]))["state"] == "acknowledged"
        _, health = await app.get("/health")
        assert (health["status"], health["components"]["durability"]) == ("ok", "ok")
        held = [await server.client.dbsize() for server in servers.servers]
        assert all(held), "every server has some of it"
    finally:
        await app.stop()


async def test_what_is_said_of_durability_is_the_worst_of_all(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    one = await servers.primary(1)
    await one.client.config_set("appendfsync", "everysec")
    try:
        app = await started(tmp_path, fakes, servers)
        try:
            said = (await app.get("/health"))[1]["components"]["durability"]
            assert said.startswith(f"127.0.0.1:{one.port}: a power cut may lose the last 2 seconds")
            assert "no replica is waited for" in said
            await one.client.config_set("appendonly", "no")
            await app.until_ready(503)
            assert (await app.post(notification(alert("B"), group="b")))[0] == 503
        finally:
            await app.stop()
        with pytest.raises(ConfigError, match=f"127.0.0.1:{one.port}: it keeps snapshots alone"):
            await started(tmp_path, fakes, servers)
    finally:
        await one.client.config_set("appendonly", "yes")
        await one.client.config_set("appendfsync", "always")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP, 0])
async def test_a_replica_takes_over_and_nothing_is_lost_or_doubled(
    tmp_path: Path, fakes: Any, servers: Cluster, how: int
) -> None:
    app = await started(tmp_path, fakes, servers, wait_replicas=1)
    try:
        await app.until_ready()
        taken = [await accepted(app, number) for number in range(20)]
        primary = await servers.primary()
        if how:
            primary.send(how)
        else:
            await servers.call(await servers.replica(primary), "FAILOVER")
        # Without its replica nothing of its slots is durable: others are taken all the time.
        await until(lambda: _others(servers, primary))
        primary.send(signal.SIGCONT)
        if how == signal.SIGKILL:
            await primary.start()
        taken += [await accepted(app, number) for number in range(20, 40)]
        await app.until_ready()
        found = (await app.get("/v1/incidents?limit=100"))[1]["incidents"]
        assert sorted(one["id"] for one in found) == sorted(set(taken))
        pages = fakes[1].events
        await until(lambda: len({page.dedup_key for page in pages}) == len(taken))
        assert len(fakes[1].incidents) == len(taken), "a page that comes twice opens nothing"
    finally:
        await app.stop()


@pytest.mark.parametrize("lost", [0, 24])
async def test_what_a_takeover_has_lost_is_said_with_its_number(
    tmp_path: Path, fakes: Any, servers: Cluster, lost: int
) -> None:
    app = await started(tmp_path, fakes, servers)
    fence = app.service.dispatcher.store.fence
    metric = "incident_manager_store_lost_commits_total"
    primary = await servers.primary()
    replica = await servers.replica(primary)
    place = f"127.0.0.1:{primary.port}"
    try:
        for number in range(24):
            await accepted(app, number)
        await app.settle()
        await until(servers.is_whole)
        own = [keys for keys in fence._known if app.service.redis.place_of(keys.open) == place]
        had = {keys: fence._known[keys].acknowledged for keys in own}
        await primary.lose(replica)
        taken = [await accepted(app, number) for number in range(24, 24 + lost)]
        await app.settle()
        gone = {keys.shard: fence._known[keys].acknowledged - had[keys] for keys in own}
        await servers.call(replica, "FAILOVER", "TAKEOVER")
        await until(partial(_is_another, servers, 0, primary))
        await app.until_ready()
        # Asked also where nothing is committed.
        await app.service.lost_commits.look()
        await app.service.lost_commits.look()
        assert await app.metric(metric) == sum(gone.values())
        said = [one["problem"] for one in (await app.get("/health"))[1]["problems"]]
        assert (f"Redis has lost {sum(gone.values())} commits" in "; ".join(said)) == (lost > 0)
        found = (await app.get("/v1/incidents?state=all&limit=100"))[1]["incidents"]
        missing = set(taken) - {one["id"] for one in found}
        assert bool(missing) == (lost > 0)
        assert len(missing) <= sum(gone.values())
        assert [await accepted(app, number) for number in range(24, 24 + lost)] == taken
    finally:
        for server in servers.servers:
            await server.hear()
        await app.stop()


async def test_agenda_and_budgets_outlive_a_takeover_of_every_primary(
    tmp_path: Path, fakes: Any, servers: Cluster, client: Any
) -> None:
    app = await started(tmp_path, fakes, servers, wait_replicas=1)
    try:
        for number in range(24):
            await accepted(app, number)
        await until(lambda: len(fakes[1].incidents) == 24)
        await app.settle()
        budgets, now = BudgetStore(client), app.clock.now()
        limits = [Budget(f"b{number}", 1) for number in range(20)]
        assert [await budgets.take(one, 1, now) for one in limits] == [0] * 20
        agenda = await app.service.tasks.waiting(now)
        assert sum(total for total, _ in agenda.values()) >= 24
        for number in range(3):
            former = await servers.primary(number)
            await servers.call(await servers.replica(former), "FAILOVER")
            await until(partial(_is_another, servers, number, former))
        await app.until_ready()
        assert await app.service.tasks.waiting(now) == agenda
        assert all([await budgets.take(one, 1, now) > now for one in limits])
        await app.pass_time(301)
        found = (await app.get("/v1/incidents?limit=100"))[1]["incidents"]
        assert all(one["deadlines"]["acknowledge"]["missed_at"] for one in found)
    finally:
        await app.stop()


async def _is_another(servers: Cluster, number: int, former: Any) -> bool:
    return await servers.primary(number) is not former


async def _others(servers: Cluster, primary: Any) -> bool:
    try:
        return await servers.primary() is not primary
    except AssertionError:
        return False


async def test_one_that_cannot_reach_a_primary_is_unready_and_says_which(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    app, other = [await started(tmp_path / name, fakes, servers) for name in ("a", "b")]
    try:
        await app.until_ready()
        primary = await servers.primary(2)
        lost = ("127.0.0.1", primary.port)
        pool = app.service.redis._pools[lost]
        kind = pool.connection_class

        class Apart(kind):  # type: ignore[valid-type]
            async def _connect(self) -> None:
                raise OSError("no route")

        pool.connection_class = Apart
        await pool.disconnect()
        pool._available_connections.clear()
        await app.until_ready(503)
        said = (await app.get("/health"))[1]["components"]["redis"]
        assert f"127.0.0.1:{primary.port}" in said
        assert (await other.get("/-/ready"))[0] == 200
        taken = {await accepted(other, number) for number in range(12)}
        assert len(taken) == 12
        pool.connection_class = kind
        await pool.disconnect()
        pool._available_connections.clear()
        await app.until_ready()
    finally:
        await app.stop()
        await other.stop()


async def test_a_transaction_is_of_one_slot(client: Any) -> None:
    pipeline = client.pipeline()
    for shard in (0, 3):
        pipeline.zadd(Keys(shard).open, {"a": 1})
    with pytest.raises(ClusterCrossSlotError):
        await pipeline.execute()
    assert [key async for key in client.scan_iter(match="im:*")] == []


async def test_what_spans_primaries_is_answered_in_its_order(client: Any) -> None:
    names = [Keys(shard).group("x") for shard in range(SHARDS)]
    pipeline = client.pipeline(transaction=False)
    for number, name in enumerate(names):
        pipeline.set(name, number)
        pipeline.get(name)
        pipeline.hget(name, "x")
    found = await pipeline.execute(raise_on_error=False)
    assert [int(raw) for raw in found[1::3]] == list(range(SHARDS))
    assert all("WRONGTYPE" in str(error) for error in found[2::3])
    scanned = [key.decode() async for key in client.scan_iter(match="im:*")]
    assert sorted(scanned) == sorted(names)


async def test_a_slot_that_moves_is_followed(servers: Cluster, client: Any) -> None:
    """By hand, as redis-cli does it: commands are asked of both while it moves."""
    keys = Keys(0)
    taken, new = keys.group("old"), keys.group("new")
    await client.set(taken, "1")
    script = load_script(client, "take_turn")
    source, target = await servers.primary(2), await servers.primary(0)
    slot = slot_of(taken)
    names = [(await servers.call(one, "MYID")).decode() for one in (source, target)]
    await servers.call(target, "SETSLOT", slot, "IMPORTING", names[0])
    await servers.call(source, "SETSLOT", slot, "MIGRATING", names[1])
    try:
        assert await client.get(taken) == b"1"
        await client.set(new, "2")
        pipeline = client.pipeline(transaction=False)
        for name in (taken, new, Keys(3).group("elsewhere")):
            pipeline.get(name)
        assert await pipeline.execute() == [b"1", b"2", None]
        args = ["me", 0, 10, 20]
        assert await script([keys.event("turn")], args) == [1, 10]
        assert await script.waited_for([keys.event("turn")], args, 1, 1_000) == ([1, 10], 1)
        with pytest.raises(Exception, match=r"try again|TRYAGAIN|Multiple keys request"):
            await client.mget([taken, new])
        await source.client.execute_command("MIGRATE", "127.0.0.1", target.port, taken, 0, 1_000)
    finally:
        for one in (target, source):
            await servers.call(one, "SETSLOT", slot, "NODE", names[1])
    pipeline = client.pipeline()
    pipeline.get(taken)
    pipeline.get(new)
    assert await pipeline.execute() == [b"1", b"2"]
    # Back, so that the next test finds it as it was.
    await servers.call(source, "SETSLOT", slot, "IMPORTING", names[1])
    await servers.call(target, "SETSLOT", slot, "MIGRATING", names[0])
    for one in [key async for key in client.scan_iter(match="im:{0}:*")]:
        await target.client.execute_command("MIGRATE", "127.0.0.1", source.port, one, 0, 1_000)
    for one in (source, target):
        await servers.call(one, "SETSLOT", slot, "NODE", names[0])
    assert await client.get(taken) == b"1"


async def test_the_rights_that_the_docs_name_and_one_more_are_enough(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    found = re.search(r"ACL SETUSER \w+ on >\S+ ([^`]+)`", text)
    assert found is not None
    named = SimpleNamespace(url=servers.url.replace("://", "://service:secret@"))
    rights = ("reset", "on", ">secret", *found[1].split())
    for server in servers.servers:
        await server.client.execute_command("ACL", "SETUSER", "service", *rights)
    with pytest.raises(ConfigError, match=r"permit its user \+cluster\|slots"):
        await started(tmp_path, fakes, named)
    for server in servers.servers:
        await server.client.execute_command("ACL", "SETUSER", "service", "+cluster|slots")
        await server.client.execute_command("ACL", "LOG", "RESET")
    app = await started(tmp_path, fakes, named, wait_replicas=1)
    try:
        taken = [await accepted(app, number) for number in range(20)]
        await until(lambda: len(fakes[1].incidents) == len(taken))
        await app.settle()
        assert (await app.get("/health"))[1]["status"] == "ok"
        for server in servers.servers:
            assert await server.client.execute_command("ACL", "LOG") == []
    finally:
        await app.stop()
    one = await servers.primary(1)
    await one.client.execute_command("ACL", "SETUSER", "service", "-zadd")
    with pytest.raises(ConfigError, match=f"127.0.0.1:{one.port} of the Cluster .*: ZADD"):
        await started(tmp_path, fakes, named)


async def test_a_cluster_is_checked_backed_up_and_restored(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    env = {"LLM_IM__REDIS__URL": servers.url}

    async def store(*words: str) -> str:
        run = partial(CliRunner().invoke, main, ["store", *words], env=env)
        result = await asyncio.to_thread(run)
        assert result.exit_code == 0, result.output
        return result.output

    app = await started(tmp_path, fakes, servers)
    taken = [await accepted(app, number) for number in range(30)]
    await until(lambda: len(fakes[1].incidents) == len(taken))
    await app.settle()
    await app.stop()
    assert "30 incidents (30 open)" in await store("check")
    file = str(tmp_path / "im.backup")
    assert "30 incidents (30 open)" in await store("backup", file)
    for number in range(3):
        await (await servers.primary(number)).client.flushall()
    assert "30 incidents (30 open)" in await store("restore", file)
    assert "nothing wrong" in await store("check")
    app = await started(tmp_path, fakes, servers)
    try:
        assert [await accepted(app, number) for number in range(30)] == taken
        assert len(fakes[1].incidents) == 30
    finally:
        await app.stop()


async def test_more_shards_later(
    tmp_path: Path, fakes: Any, servers: Cluster, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.upkeep.reshard, "FRESH_MS", -1)
    app = await started(tmp_path, fakes, servers, shards=2)
    before = [await accepted(app, number) for number in range(20)]
    await app.stop()
    done = await receiver.upkeep.reshard.reshard(client, SHARDS)
    assert (done.before, done.after) == (2, SHARDS)
    assert 0 < done.kept <= done.groups
    app = await started(tmp_path, fakes, servers)
    try:
        assert [await accepted(app, number) for number in range(20)] == before
        new = [await accepted(app, number) for number in range(20, 60)]
        assert len({name.partition("-")[0] for name in new}) > SHARDS // 2
        await until(lambda: len(fakes[1].incidents) == 60)
    finally:
        await app.stop()


async def test_a_slot_that_moves_whole_refuses_nobody(servers: Cluster, client: Any) -> None:
    keys = Keys(0)
    slot = slot_of(keys.open)
    source, target = await servers.primary(2), await servers.primary(0)
    try:
        for former, new in ((source, target), (target, source)):
            name = (await servers.call(new, "MYID")).decode()
            await servers.call(former, "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", name)
            written = 0
            async with asyncio.timeout(PATIENCE_S):
                while client.place_of(keys.open) != f"127.0.0.1:{new.port}":
                    pipeline = client.pipeline()
                    pipeline.zadd(keys.open, {str(written): written})
                    pipeline.zcard(keys.open)
                    written += 1
                    assert (await pipeline.execute())[1] >= written
            assert await client.zcard(keys.open) >= written
    except ResponseError as error:
        if "unknown subcommand" not in str(error):
            raise
        pytest.skip("this server moves slots key by key alone")


async def test_sessions_of_one_person_are_on_several_servers(client: Any) -> None:
    store = SessionStore(client)
    session = LoginSession(name="ann", method="password", created=1, seen=1, until=10**9)
    digests = [f"{number:064x}" for number in range(60)]
    for digest in digests:
        await store.begin(digest, session, 10**6)
    known = await store.of("ann")
    assert len(known) == 50
    assert len({slot_of(session_key(digest)) % 3 for digest in known}) > 1
    assert await store.end("ann") == 50
    assert await store.of("ann") == {}
    assert [key async for key in client.scan_iter(match="im:session:*")] == []


async def test_floods_fold_groups_that_are_anywhere(client: Any) -> None:
    store = FloodStore(client)
    stems = [f"0-{number:016x}" for number in range(100)]
    flood = Group(cluster="", receiver="", group_key="flood")
    assert await store.fold(stems, flood) == 100
    assert await store.folded(stems) == dict.fromkeys(stems, flood)


async def test_a_layout_that_cannot_be_read_is_kept_in_its_slot(client: Any) -> None:
    await client.set("im:layout", "junk")
    await check_layout(client, SHARDS)
    assert await client.get("im:layout") == str(SHARDS).encode()
    assert await client.get("{im:layout}:unreadable") == b"junk"


async def test_a_server_of_a_cluster_and_one_that_is_none_are_named_as_such(
    tmp_path: Path, fakes: Any, servers: Cluster
) -> None:
    app = App(tmp_path / "own", *fakes)
    with pytest.raises(ConfigError, match=r"part of a Cluster: write redis\+cluster://"):
        await app.start(**{"redis.url": f"redis://127.0.0.1:{servers.servers[0].port}"})
    alone = Server(tmp_path / "alone", *DURABLE)
    await alone.start()
    try:
        with pytest.raises(ConfigError, match=r"no part of a Cluster: write redis://HOST:PORT"):
            await app.start(**{"redis.url": f"redis+cluster://127.0.0.1:{alone.port}"})
    finally:
        await alone.client.aclose(close_connection_pool=True)
        alone.send(signal.SIGKILL)


async def test_while_nobody_answers_it_is_said(tmp_path: Path) -> None:
    client = connect("redis+cluster://127.0.0.1:1")
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1"):
        async with unavailable_is_503():
            await client.get("im:x")
    await client.aclose(close_connection_pool=True)
