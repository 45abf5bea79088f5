"""``store check`` finds whatever does not fit together, ``store repair`` mends it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.store.embedded.append_only import FOLDER
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
S = "im:{0}:"


async def store(path: Path, *words: str) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, ["store", *words, "--storage.path", str(path)])

    return await asyncio.to_thread(call)


async def found(path: Path) -> list[dict[str, Any]]:
    result = await store(path, "check", "-o", "json")
    body = json.loads(result.stdout)
    assert result.exit_code == (1 if body["findings"] or body["files"] else 0), result.output
    findings: list[dict[str, Any]] = body["findings"]
    return findings


@pytest.fixture
async def names(tmp_path: Path, fakes: Fakes) -> list[str]:
    """Ids of an open, an acknowledged and a closed incident in data at rest."""
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    ids = [await app.fire(group=name) for name in ("open", "taken", "closed")]
    await app.post({"by": "ann"}, f"/v1/incidents/{ids[1]}/acknowledge")
    await app.fire(alert(resolved=True), group="closed")

    async def told() -> bool:
        shown = [await app.incident(name) for name in ids]
        states = [item["state"] for one in shown for item in one["deliveries"]]
        return all(state in ("delivered", "not needed") for state in states)

    await until(told)
    assert await found(tmp_path) == []  # of a service that runs
    await app.stop()
    return ids


Spoil = Callable[[Any, list[str]], Awaitable[Any]]
SPOILT: dict[str, tuple[Spoil, list[str]]] = {
    "an open one is in no list": (
        lambda redis, ids: redis.zrem(f"{S}open", ids[0]),
        ["index enter again"],
    ),
    "a closed one is among the open": (
        lambda redis, ids: redis.zadd(f"{S}open", {ids[2]: 5}),
        ["index remove"],
    ),
    "a published one that is none": (
        lambda redis, ids: redis.zadd(f"{S}published", {ids[2]: 5}),
        ["index remove"],
    ),
    "an index of nobody": (
        lambda redis, ids: redis.zadd(f"{S}published", {"0-0123456789abcdef-1": 5, "junk": 1}),
        ["index remove", "index remove"],
    ),
    "a list of nobody": (
        lambda redis, ids: redis.zadd(f"{S}open", {"0-0123456789abcdef-1": 5}),
        ["index put aside"],
    ),
    "a timer that is gone": (
        lambda redis, ids: redis.zrem(f"{S}due:urgent", f"{ids[0]}|acknowledge"),
        ["agenda enter again"],
    ),
    "a timer in the wrong lane": (
        lambda redis, ids: _move(redis, f"{ids[0]}|acknowledge"),
        ["agenda remove"],
    ),
    "a timer that is not set": (
        lambda redis, ids: redis.zadd(f"{S}due:urgent", {f"{ids[0]}|snooze": 5}),
        ["agenda remove"],
    ),
    "tasks of nobody": (
        lambda redis, ids: redis.zadd(
            f"{S}due:normal", {"0-0123456789abcdef-1|resolve": 5, "junk": 1}
        ),
        ["agenda remove", "agenda remove"],
    ),
    "a state of no task": (
        lambda redis, ids: redis.hset(f"{S}task", f"{ids[0]}|notify:gone", "3||0|0"),
        ["agenda remove"],
    ),
    "wrong numbers": (
        lambda redis, ids: redis.hset(f"{S}active", "critical|triggered|P1", "-7"),
        ["count count again"],
    ),
    "numbers that are gone": (
        lambda redis, ids: redis.delete(f"{S}active"),
        ["count count again", "count count again"],
    ),
    "a group that leads nowhere": (
        lambda redis, ids: redis.delete(f"{S}g:{ids[0].split('-')[1]}"),
        ["group lead again"],
    ),
    "a record that cannot be read": (
        lambda redis, ids: redis.setrange(f"{S}i:{ids[0]}", 30, "\0\0\0\0"),
        ["count count again", "record put aside"],
    ),
    "a record of another type": (
        lambda redis, ids: _retype(redis, f"{S}i:{ids[0]}"),
        ["count count again", "record put aside"],
    ),
    "a record that is gone": (
        lambda redis, ids: redis.delete(f"{S}i:{ids[0]}"),
        [],
    ),
    "a timeline of another type": (
        lambda redis, ids: _retype(redis, f"{S}t:{ids[0]}"),
        ["type put aside"],
    ),
    "a line that cannot be read": (
        lambda redis, ids: redis.lset(f"{S}t:{ids[0]}", 0, "\0junk"),
        ["timeline put aside"],
    ),
    "a receipt that cannot be read": (
        lambda redis, ids: redis.hset(f"{S}r:{ids[0]}", "log", "junk"),
        ["agenda enter again", "receipt put aside"],
    ),
    "an index of another type": (
        lambda redis, ids: _retype(redis, f"{S}closed"),
        ["type put aside"],
    ),
    "what lies beside no record": (
        lambda redis, ids: redis.rpush(f"{S}t:0-0123456789abcdef-1", "{}"),
        ["beside remove"],
    ),
}


async def _move(redis: Any, name: str) -> None:
    score = await redis.zscore(f"{S}due:urgent", name)
    await redis.zrem(f"{S}due:urgent", name)
    await redis.zadd(f"{S}due:normal", {name: score})


async def _retype(redis: Any, key: str) -> None:
    await redis.delete(key)
    await redis.sadd(key, "what is this")


async def spoil(path: Path, how: Spoil, ids: list[str]) -> None:
    server = EmbeddedValkey(path / "valkey")
    await server.start()
    redis = connect(server.url)
    try:
        await how(redis, ids)
    finally:
        await redis.aclose(close_connection_pool=True)
        await server.stop()


@pytest.mark.parametrize("what", SPOILT)
async def test_what_does_not_fit_is_found_and_mended(
    names: list[str], tmp_path: Path, what: str
) -> None:
    how, expected = SPOILT[what]
    await spoil(tmp_path, how, names)
    findings = await found(tmp_path)
    if expected:
        assert sorted(f"{one['kind']} {one['repair']}" for one in findings) == expected, findings
    assert findings
    tried = await store(tmp_path, "repair")
    assert (tried.exit_code, "Nothing was changed" in tried.output) == (1, True)
    assert await found(tmp_path) == findings

    done = await store(tmp_path, "repair", "--yes")
    assert done.exit_code == 0, done.output
    assert await found(tmp_path) == []


async def test_after_a_repair_every_incident_is_listed_again(
    names: list[str], tmp_path: Path, fakes: Fakes
) -> None:
    for what in ("a record that cannot be read", "an index of another type", "wrong numbers"):
        await spoil(tmp_path, SPOILT[what][0], names)
    assert (await store(tmp_path, "repair", "--yes")).exit_code == 0
    again = App(tmp_path, *fakes)
    await again.start(**NO_ACCOUNTS)
    try:
        _, body = await again.get("/v1/incidents?state=all")
        states = {row["id"]: row["state"] for row in body["incidents"]}
        assert [states[name] for name in names] == ["damaged", "acknowledged", "resolved"]
    finally:
        await again.stop()


async def test_a_timer_that_was_lost_rings_again_after_the_repair(
    names: list[str], tmp_path: Path, fakes: Fakes
) -> None:
    await spoil(tmp_path, SPOILT["a timer that is gone"][0], names)
    await store(tmp_path, "repair", "--yes")
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    try:
        app.clock.move(6 * 60)

        async def missed() -> bool:
            return bool((await app.incident(names[0]))["deadlines"]["acknowledge"]["missed_at"])

        await until(missed)
    finally:
        await app.stop()


async def test_what_is_well_is_said_and_nothing_is_changed(
    names: list[str], tmp_path: Path
) -> None:
    files = tmp_path / "valkey" / FOLDER
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    result = await store(tmp_path, "check")
    assert result.exit_code == 0
    assert "3 incidents (2 open)" in result.output
    assert "nothing wrong" in result.output
    repaired = await store(tmp_path, "repair", "--yes")
    assert (repaired.exit_code, "nothing wrong" in repaired.output) == (0, True)
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


async def test_files_that_are_damaged_are_not_started(names: list[str], tmp_path: Path) -> None:
    with next((tmp_path / "valkey" / FOLDER).glob("*.incr.aof")).open("ab") as file:
        file.write(bytes(10))
    result = await store(tmp_path, "check")
    assert (result.exit_code, "10 zero bytes" in result.output) == (1, True)
    body = json.loads((await store(tmp_path, "check", "-o", "json")).stdout)
    assert len(body["files"]) == 1
    assert not (tmp_path / "valkey" / "damaged").exists()
    mended = await store(tmp_path, "repair", "--yes")
    assert mended.exit_code == 0, mended.output
    assert await found(tmp_path) == []


async def test_a_store_that_cannot_be_looked_at_is_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = await store(tmp_path / "nothing", "check")
    assert (nothing.exit_code, "there is no data" in nothing.output) == (2, True)
    monkeypatch.setenv("LLM_IM__REDIS__URL", "redis://127.0.0.1:9/0")
    away = await store(tmp_path, "check")
    assert (away.exit_code, away.output.startswith("Error: Redis:")) == (2, True)


async def test_a_check_beside_a_busy_service_takes_no_change_for_a_fault(plain: App) -> None:
    stop = asyncio.Event()

    async def keep_on() -> None:
        number = 0
        while not stop.is_set():
            group = f"g{number % 30}"
            resolved = number % 3 == 2
            told = alert(resolved=resolved, starts=_at(number))
            assert (await plain.post(notification(told, group=group)))[0] == 202
            number += 1

    load = asyncio.create_task(keep_on())
    try:
        for _ in range(4):
            wrong = [one for one in await found(plain.path) if one["kind"] != "count"]
            assert wrong == []
    finally:
        stop.set()
        await load


def _at(number: int) -> str:
    return f"2026-03-02T{10 + number // 3_600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
