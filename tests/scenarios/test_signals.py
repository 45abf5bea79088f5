"""What readiness, health, metrics and the outgoing heartbeat say is what webhooks are answered."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.engine import commit_health, server_watch
from receiver.engine.dispatcher import WAITING_MAX
from receiver.errors import StoreUnavailableError
from receiver.store.server import probe as probing
from tests.support.app import NO_ACCOUNTS, App
from tests.support.external import DURABLE, External, external
from tests.support.notification import alert, notification
from tests.support.rig import free_port
from tests.support.waiting import until

UP = "incident_manager_redis_up"
STORE = 'incident_manager_condition{subject="store"}'


async def signals(app: App) -> tuple[int, int, str, float, float, bool]:
    """Everything that says how the store is: ready, health and what it names, metrics, checks."""
    ready, _ = await app.get("/-/ready")
    status, health = await app.get("/health")
    named = [item["problem"] for item in health["problems"] if item["subject"] == "store"]
    assert bool(named) == (health["components"]["redis"] != "ok")
    up, condition = await app.metric(UP), await app.metric(STORE)
    checks = app.service.outgoing_heartbeat._checks
    return ready, status, named[0] if named else "", up, condition, bool(await checks["redis"]())


async def agree(app: App, webhook: int, words: str = "") -> None:
    """Every signal says what this answer to a webhook says."""
    ready, status, named, up, condition, withheld = await signals(app)
    good = webhook == 202
    assert (ready, status) == ((200, 200) if good else (503, 503))
    assert (up, condition, withheld) == ((1, 0, False) if good else (0, 1, True))
    assert words in named
    assert bool(named) == (not good)


async def post(app: App, name: str) -> int:
    return int((await app.post(notification(alert(name), group=name)))[0])


@asynccontextmanager
async def running(folder: Path, fakes: Any, server: External, **more: Any) -> AsyncIterator[App]:
    app = App(folder / "own", *fakes)
    await app.start(**NO_ACCOUNTS, **{"redis.url": server.url}, **more)
    try:
        yield app
    finally:
        await app.stop()


TROUBLES = {
    "memory": ("maxmemory", "1", "0", "its memory is full: raise maxmemory"),
    "replicas": ("min-replicas-to-write", "1", "0", "replicas are missing"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_refuses_commits_is_told_at_once_and_its_end_too(
    tmp_path: Path, fakes: Any, trouble: str
) -> None:
    setting, bad, good, words = TROUBLES[trouble]
    async with (
        external(tmp_path / "server", *DURABLE) as server,
        running(tmp_path, fakes, server) as app,
    ):
        assert await post(app, "A") == 202
        await agree(app, 202)
        await server.client.config_set(setting, bad)
        # The failure of a real commit counts although a probe worked a moment ago.
        assert await post(app, "B") == 503
        await agree(app, 503, words)
        since = (await app.get("/health"))[1]["problems"][0]["since"]
        await asyncio.sleep(commit_health.FRESH_S)
        await agree(app, 503, words)
        assert (await app.get("/health"))[1]["problems"][0]["since"] == since
        await server.client.config_set(setting, good)
        assert await post(app, "B") == 202
        await agree(app, 202)


async def test_without_webhooks_a_probe_finds_out(tmp_path: Path, fakes: Any) -> None:
    async with (
        external(tmp_path / "server", *DURABLE) as server,
        running(tmp_path, fakes, server) as app,
    ):
        await server.client.config_set("min-replicas-to-write", "1")
        await app.until_ready(503)
        await agree(app, 503, "replicas are missing")
        await server.client.config_set("min-replicas-to-write", "0")
        await app.until_ready(200)
        await agree(app, 202)


async def test_too_few_replicas_for_a_commit_are_too_few_for_readiness(
    tmp_path: Path, fakes: Any
) -> None:
    port = str(free_port())
    async with (
        external(tmp_path / "server", *DURABLE, "--port", port) as server,
        running(tmp_path, fakes, server, **{"redis.wait_replicas": 1}) as app,
    ):
        words = "only 0 of 1 replicas have the commit"
        await agree(app, 503, words)
        assert await post(app, "A") == 503
        await agree(app, 503, words)
        async with external(tmp_path / "replica", "--replicaof", f"127.0.0.1 {port}"):
            await app.until_ready()
            assert await post(app, "A") == 202
            await agree(app, 202)
        assert await post(app, "B") == 503
        await agree(app, 503, words)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("only root mounts")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode:
        # In CI nothing is left out.
        assert not os.environ.get("CI"), "a small disk could not be mounted"
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    file = folder / "full"
    with file.open("wb", buffering=0) as out:
        for size in (65_536, 4_096, 1):
            try:
                while out.write(b"x" * size):
                    pass
            except OSError:
                continue
    return file


async def test_a_full_disk_of_an_external_server(
    tmp_path: Path, fakes: Any, small_disk: Path
) -> None:
    async with (
        external(small_disk / "server", "--appendonly", "yes") as server,
        running(tmp_path, fakes, server) as app,
    ):
        assert await post(app, "A") == 202
        file = fill(small_disk)
        number = 0
        # With everysec the first that does not fit is still acknowledged: what it may lose.
        while await post(app, f"B{number}") == 202:
            number += 1
        await agree(app, 503, "it cannot write to its disk")
        file.unlink()
        await app.until_ready()
        assert await post(app, "C") == 202
        await agree(app, 202)


async def test_a_full_disk_of_the_embedded_server(
    tmp_path: Path, fakes: Any, small_disk: Path
) -> None:
    app = App(small_disk / "own", *fakes)
    await app.start(**NO_ACCOUNTS)
    try:
        kept = [name for name in ("A", "B") if await post(app, name) == 202]
        assert len(kept) == 2
        file = fill(small_disk)
        refused = 0
        while await post(app, f"C{refused}") == 202:
            kept.append(f"C{refused}")
            refused += 1
        assert (await app.get("/-/ready"))[0] == 503
        assert await app.metric(UP) == 0
        await until(lambda: "disk" in subjects(app))
        assert " of 8.0 MiB are free" in str(app.service.conditions.present())
        file.unlink()
        await until(lambda: _accepts(app))
        kept.append("D")
        await agree(app, 202)
        _, found = await app.get("/v1/incidents?state=all&limit=100")
        titles = {item["labels"]["alertname"] for item in found["incidents"]}
        assert titles >= set(kept)
        await until(lambda: not subjects(app))
    finally:
        await app.stop()


async def _accepts(app: App) -> bool:
    return await post(app, "D") == 202


async def test_little_space_is_told_before_it_is_none(
    tmp_path: Path, fakes: Any, small_disk: Path
) -> None:
    app = App(small_disk / "own", *fakes)
    await app.start(**NO_ACCOUNTS)
    try:
        assert await app.metric('incident_manager_disk_bytes{state="total"}') == 8 * 1024 * 1024
        file = small_disk / "much"
        file.write_bytes(b"x" * (7 * 1024 * 1024 + 500_000))
        await until(lambda: "disk" in subjects(app))
        status, health = await app.get("/health")
        assert (status, health["status"]) == (200, "degraded")
        assert " of 8.0 MiB are free at storage.path" in health["problems"][0]["problem"]
        assert await app.metric('incident_manager_disk_bytes{state="free"}') < 1_000_000
        file.unlink()
        await until(lambda: not subjects(app))
    finally:
        await app.stop()


def subjects(app: App) -> list[str]:
    return [item.subject for item in app.service.conditions.present()]


async def test_memory_that_is_nearly_full_is_told_before_it_is_full(plain: App) -> None:
    redis = plain.service.redis
    await redis.setrange("x", 20_000_000, "x")
    used: float = int((await redis.info("memory"))["used_memory"])
    await redis.config_set("maxmemory", int(used / 0.94))
    await until(lambda: "memory" in subjects(plain))
    assert (await plain.get("/health"))[1]["status"] == "degraded"
    used, most = [
        await plain.metric(f"incident_manager_storage_{name}_bytes") for name in ("used", "max")
    ]
    assert 0.85 < used / most < 1
    await redis.config_set("maxmemory", int(10 * used))
    await until(lambda: not subjects(plain))


async def test_the_embedded_server_keeps_to_its_memory_and_loses_nothing(
    tmp_path: Path, fakes: Any
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, **{"storage.max_memory": "64mb"})
    redis = app.service.redis
    assert await post(app, "A") == 202
    await redis.setrange("half", 50 << 20, "x")
    await until(lambda: "memory" in subjects(app))
    assert "storage.max_memory" in await words_of(app, "memory")
    assert (await app.get("/-/ready"))[0] == 200
    await redis.setrange("rest", 40 << 20, "x")
    await until(lambda: _refused(app, "B"))
    await app.stop()
    with pytest.raises(StoreUnavailableError, match=r"memory is full.*storage\.max_memory"):
        await app.start(**NO_ACCOUNTS, **{"storage.max_memory": "64mb"})
    await app.start(**NO_ACCOUNTS, **{"storage.max_memory": "1gb"})
    try:
        assert len((await app.get("/v1/incidents"))[1]["incidents"]) == 1
        assert await post(app, "B") == 202
        assert "memory" not in subjects(app)
    finally:
        await app.stop()


async def _refused(app: App, name: str) -> bool:
    return await post(app, name) == 503


async def words_of(app: App, subject: str) -> str:
    problems = (await app.get("/health"))[1]["problems"]
    return "".join(one["problem"] for one in problems if one["subject"] == subject)


async def test_an_agenda_that_nobody_works_on_is_told(plain: App) -> None:
    await plain.fire()
    await plain.service.agenda.stop()
    await plain.service.server_watch.look()
    assert subjects(plain) == []
    plain.clock.move(300)
    await plain.service.server_watch.look()
    (found,) = plain.service.conditions.present()
    assert found.subject == "agenda"
    assert found.problem.startswith("urgent work has waited ")
    assert not found.unready


async def test_strangers_cost_one_probe_a_second(plain: App) -> None:
    await asyncio.sleep(commit_health.FRESH_S)
    before, began = await commands(plain), time.monotonic()
    asked = [plain.get(path) for _ in range(100) for path in ("/-/ready", "/health")]
    assert {status for status, _ in await asyncio.gather(*asked)} == {200}
    probes = await commands(plain) - before
    # A machine that others use too may take seconds for two hundred answers.
    assert probes <= 3 * (1 + (time.monotonic() - began) // commit_health.FRESH_S)


async def commands(app: App) -> int:
    """How many commits the server has run: nothing else calls this script."""
    stats = await app.service.redis.info("commandstats")
    return sum(
        int(row["calls"]) for name, row in stats.items() if name in ("cmdstat_set", "cmdstat_del")
    )


async def test_a_probe_leaves_nothing_behind(plain: App) -> None:
    store = plain.service.dispatcher.store
    before = await stored(plain)
    await probing.probe(store, 0, plain.clock.now())
    assert await stored(plain) == before
    # A record that a script left half way is removed, and is in nobody's way for ever.
    await store.commit(0, probing.writes(0)[:1], plain.clock.now())
    assert len(await stored(plain)) == len(before) + 1
    with pytest.raises(StoreUnavailableError, match="an earlier probe was in the way"):
        await probing.probe(store, 0, plain.clock.now())
    await probing.probe(store, 0, plain.clock.now())
    assert await stored(plain) == before


async def stored(app: App) -> dict[bytes, Any]:
    """Return all that is stored but the fence, which counts every commit."""
    redis, fences = app.service.redis, {keys.fence.encode() for keys in app.service.tasks.keys}
    return {key: await redis.dump(key) for key in await redis.keys("*") if key not in fences}


async def test_a_server_that_hangs_is_no_server(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_health, "PROBE_WITHIN_S", 0.3)
    monkeypatch.setattr(server_watch, "LOOK_EVERY_S", 60)
    await asyncio.sleep(commit_health.FRESH_S)
    await plain.service.redis.client_pause(3_000)
    status, text = await plain.get("/-/ready")
    assert (status, text) == (503, "not ready: Redis: no answer within 0.3 s\n")
    await plain.service.redis.client_unpause()
    await plain.until_ready()


async def test_a_replica_with_too_much_waiting_is_not_ready(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WAITING_MAX > 0
    monkeypatch.setattr("receiver.engine.dispatcher.WAITING_MAX", 0)
    assert await post(plain, "A") == 503
    assert "overloaded" in (await plain.get("/-/ready"))[1]
    monkeypatch.undo()
    assert await post(plain, "A") == 202
    await agree(plain, 202)


async def test_what_stops_is_not_ready_and_serves_all_the_same(plain: App) -> None:
    plain.service.retire()
    assert await plain.get("/-/ready") == (503, "not ready: stopping\n")
    assert (await plain.get("/health"))[0] == 503
    assert await post(plain, "A") == 202
    assert await plain.metric(UP) == 1


async def test_a_page_of_metrics_that_is_kept_never_says_up_when_it_is_down(plain: App) -> None:
    plain.service.status.fresh_s = 60.0
    assert await plain.metric(UP) == 1
    await plain.service.redis.config_set("maxmemory", "1")
    assert await post(plain, "refused") == 503
    assert await plain.metric(UP) == 0
    await plain.service.redis.config_set("maxmemory", "0")
    assert await post(plain, "taken") == 202
    assert await plain.metric(UP) == 1
