"""Backups: made while everything goes on, restored without a difference, paging nobody again."""

import asyncio
import gzip
import json
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.app.routes import VERSION
from receiver.cli.root import main
from receiver.errors import StoreUnavailableError
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import LAYOUT, Keys, turn
from receiver.store.redis import connect
from receiver.upkeep.archive import ArchiveError, read_archive
from receiver.upkeep.restore import unleased
from receiver.upkeep.stored import StoredTask
from routing.vocabulary import Lane
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
OF_THE_SERVER = (b"im:budget:", b"im:clock", b"im:request:", b":feed", b":fence")
"""Belongs to one server or one moment; nobody restores it."""
TOLERANCE_MS = 2_000


def _invoke(words: tuple[str, ...], path: Path | None) -> Result:
    where = ["--storage.path", str(path)] if path else []
    return CliRunner().invoke(main, ["store", *words, *where])


async def store(path: Path | None, *words: str) -> Result:
    return await asyncio.to_thread(_invoke, words, path)


async def done(path: Path | None, *words: str) -> str:
    result = await store(path, *words)
    assert result.exit_code == 0, result.output
    return result.output


async def content(redis: Any) -> dict[bytes, tuple[str, Any, int]]:
    """Every key with its type, content and end of life (ms of the server's clock, 0: none)."""
    found = {}
    async for key in redis.scan_iter(match="im:*"):
        if any(part in key for part in OF_THE_SERVER):
            continue
        kind = (await redis.type(key)).decode()
        value = {
            "string": lambda key=key: redis.get(key),
            "hash": lambda key=key: redis.hgetall(key),
            "zset": lambda key=key: redis.zrange(key, 0, -1, withscores=True),
            "list": lambda key=key: redis.lrange(key, 0, -1),
            "set": lambda key=key: redis.smembers(key),
        }[kind]
        ends = await redis.pexpiretime(key)
        found[key] = (kind, await value(), max(0, ends))
    return found


def differences(one: dict[bytes, Any], other: dict[bytes, Any]) -> list[str]:
    found = [f"only in one of them: {key!r}" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        if one[key][:2] != other[key][:2]:
            found.append(f"{key!r}: {one[key]} is not {other[key]}")
        if abs(one[key][2] - other[key][2]) > TOLERANCE_MS:
            found.append(f"{key!r} ends at {one[key][2]} and {other[key][2]}")
    return found


async def stored(path: Path) -> dict[bytes, tuple[str, Any, int]]:
    server = EmbeddedValkey(path / "valkey")
    await server.start()
    redis = connect(server.url)
    try:
        return await content(redis)
    finally:
        await redis.aclose(close_connection_pool=True)
        await server.stop()


async def fill(app: App) -> dict[str, str]:
    """Make one of each kind: open, taken, snoozed, closed, merged, tombstone, dead letter."""
    names = {name: await app.fire(group=name) for name in ("open", "taken", "snoozed", "closed")}
    names |= {name: await app.fire(group=name) for name in ("merged", "flat")}
    act = "/v1/incidents/{}/{}"
    key = {"headers": {"Idempotency-Key": "once"}}
    await app.post({"by": "ann"}, act.format(names["taken"], "acknowledge"), **key)
    await app.post({"by": "ann", "for": "1h"}, act.format(names["snoozed"], "snooze"))
    await app.post({"by": "ann", "into": names["open"]}, act.format(names["merged"], "merge"))
    review = {"by": "ann", "impact": "Nobody could pay.\nAt all."}
    await app.post(review, act.format(names["closed"], "review-save"))
    for text, day in (("a", "2030-01-01"), ("b", ""), ("c", "2020-01-01")):
        item = {"text": text, "due_on": day}
        await app.post(item, act.format(names["closed"], "action-item"))
    await app.post({"number": 3}, act.format(names["closed"], "action-item-done"))
    await app.fire(alert(resolved=True), group="closed")
    await app.fire(alert(resolved=True), group="flat")
    await app.fire(alert(starts="2026-03-02T12:00:00Z"), group="flat")
    await app.post(notification(alert(resolved=True), group="never seen"))
    await app.post({"hello": "world"})
    await app.post({"summary": "a deployment", "labels": {"service": "checkout"}}, "/v1/changes")
    await app.post(notification(alert(), group="open"))  # repeated: seen

    async def told() -> bool:
        for name in names.values():
            for item in (await app.incident(name))["deliveries"]:
                if item["state"] not in ("delivered", "not needed"):
                    return False
        return True

    await until(told)
    return names


@pytest.fixture
async def filled(tmp_path: Path, fakes: Fakes) -> AsyncIterator[tuple[App, dict[str, str]]]:
    app = App(tmp_path / "old", *fakes)
    await app.start(heartbeats={"nightly": {"interval": "1h"}})
    names = await fill(app)
    yield app, names
    if not app.session.closed:
        await app.stop()


async def test_a_running_service_is_backed_up_and_restored_without_a_difference(
    filled: tuple[App, dict[str, str]], tmp_path: Path, fakes: Fakes
) -> None:
    app, names = filled
    slack, pagerduty = fakes
    file, new = tmp_path / "im.backup", tmp_path / "new"
    await app.settle()
    said = await done(app.path, "backup", str(file))
    assert "6 incidents (4 open)" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await app.stop()
    before = await stored(app.path)
    assert {key.split(b":")[2] for key in before if key != LAYOUT.encode()} >= {
        b"i", b"t", b"r", b"g", b"e", b"open", b"closed", b"due", b"active", b"seen", b"dead",
        b"changes", b"day", b"response",
    }  # fmt: skip

    assert "restored the backup" in await done(new, "restore", str(file))
    restored = await stored(new)
    # The end of the service is told after the backup was made.
    keys = Keys(0)
    trail, told = (of.pop(keys.audit.encode())[1] for of in (before, restored))
    before.pop(keys.chain.encode())
    before.pop(turn("audit").encode())
    assert told == trail[:-1]
    assert differences(before, restored) == []

    # The new machine: nobody is paged again, and everything goes on.
    posted, rung = len(slack.calls), len(pagerduty.events)
    again = App(new, *fakes)
    again.clock = app.clock
    await again.start(heartbeats={"nightly": {"interval": "1h"}})
    try:
        await again.settle()
        assert [call for call in slack.calls[posted:] if "post" in call.method] == []
        assert pagerduty.events[rung:] == []
        for name in names.values():
            assert (await again.incident(name))["id"] == name
        status, answer = await again.post({"by": "bob"}, f"/v1/incidents/{names['open']}/resolve")
        assert (status, answer["result"]) == (200, "resolved")
        await until(lambda: len(pagerduty.events) > rung)
    finally:
        await again.stop()


async def test_a_backup_made_while_webhooks_come_has_all_that_was_answered_before(
    plain: App, tmp_path: Path
) -> None:
    before = [await plain.fire(group=f"before{number}") for number in range(120)]
    stop = asyncio.Event()

    async def keep_on() -> int:
        number = 0
        while not stop.is_set():
            await plain.fire(group=f"meanwhile{number % 40}")
            await plain.fire(alert(resolved=True), group=f"before{number % 120}")
            await plain.fire(alert(starts=f"2026-03-02T12:{number % 60:02}:00Z"), group="before1")
            number += 1
        return number

    load = asyncio.create_task(keep_on())
    await asyncio.sleep(0.1)
    file, new = tmp_path / "im.backup", tmp_path / "new"
    await done(plain.path, "backup", str(file))
    stop.set()
    assert await load > 0
    await done(new, "restore", str(file))
    lines = (await done(new, "export")).splitlines()
    found = {row["id"]: row for row in map(json.loads, lines)}
    assert found.keys() >= set(before)
    restored = await stored(new)
    for name, row in found.items():
        # Each is whole: its timeline tells of every version, and it is where its state belongs.
        index = b"im:{0}:open" if row["state"] == "triggered" else b"im:{0}:closed"
        assert name.encode() in {member for member, _ in restored[index][1]}
        opened = [entry for entry in row["timeline"] if entry["kind"] in ("opened", "reopened")]
        ended = [entry for entry in row["timeline"] if entry["kind"] == "resolved"]
        assert len(opened) - len(ended) == (row["state"] == "triggered"), row["timeline"]
    active = sum(int(number) for number in restored[b"im:{0}:active"][1].values())
    assert active == len(restored[b"im:{0}:open"][1])


async def test_from_an_external_server_to_an_embedded_one_and_back(
    filled: tuple[App, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = filled
    await app.settle()
    first, second = tmp_path / "first", tmp_path / "second"
    await done(app.path, "backup", str(first))
    server = EmbeddedValkey(tmp_path / "elsewhere")
    await server.start()
    redis = connect(server.url)
    try:
        with monkeypatch.context() as patch:
            patch.setenv("LLM_IM__REDIS__URL", server.url)
            await done(None, "restore", str(first))
            there = await content(redis)
            not_empty = await store(None, "restore", str(first))
            assert not_empty.exit_code == 2
            assert "the store is not empty" in not_empty.output
            await done(None, "backup", str(second))
    finally:
        await redis.aclose(close_connection_pool=True)
        await server.stop()
    await done(tmp_path / "new", "restore", str(second))
    assert differences(there, await stored(tmp_path / "new")) == []


async def test_what_is_no_whole_backup_is_refused_before_anything_is_written(
    plain: App, tmp_path: Path
) -> None:
    for number in range(3):
        await plain.fire(group=f"g{number}")
    file, new = tmp_path / "im.backup", tmp_path / "new"
    await done(plain.path, "backup", str(file))
    whole = file.read_bytes()
    plain_bytes = bytearray(gzip.decompress(whole))
    flipped, no_text = plain_bytes.copy(), plain_bytes.copy()
    place = plain_bytes.index(b"HighErrorRate")
    flipped[place] ^= 1
    no_text[plain_bytes.index(VERSION.encode())] |= 0x80
    newer = gzip.compress(plain_bytes.replace(b"\xa6format\x01", b"\xa6format\x02", 1))
    for content_, words in (
        (b"", "is not whole"),
        (b"hello", "is no backup"),
        (gzip.compress(b"hello" * 20), "is no backup of incident-manager"),
        (whole[: len(whole) // 2], "is not whole"),
        (gzip.compress(plain_bytes[:-100]), "is not whole"),
        (gzip.compress(flipped), "is damaged: its checksum is another"),
        (gzip.compress(no_text), "is damaged"),
        (gzip.compress(plain_bytes + b"more"), "something follows"),
        (newer, "was written in format 2, this release reads up to 1"),
    ):
        file.write_bytes(content_)
        result = await store(new, "restore", str(file))
        assert (result.exit_code, words in result.output) == (2, True), (words, result.output)
        assert "Traceback" not in result.output
        assert not new.exists()
    missing = await store(new, "restore", str(tmp_path / "nothing"))
    assert "cannot be read" in missing.output


async def test_a_backup_never_overwrites_and_leaves_nothing_behind(
    plain: App, tmp_path: Path
) -> None:
    await plain.fire()
    file = tmp_path / "im.backup"
    file.write_text("last night's")
    refused = await store(plain.path, "backup", str(file))
    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert file.read_text() == "last night's"
    nowhere = await store(plain.path, "backup", str(tmp_path / "no" / "folder"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    empty = await store(tmp_path / "no data", "backup", str(tmp_path / "x"))
    assert "there is no data" in empty.output
    assert not (tmp_path / "no data").exists()


async def test_a_disk_that_fills_up_leaves_no_half_backup(plain: App, tmp_path: Path) -> None:
    for number in range(30):
        await plain.fire(group=f"g{number}")
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from receiver.cli.root import main; main()"
    )
    words = ["store", "backup", "im.backup", "--storage.path", str(plain.path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *words, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2, errors
    assert b"cannot be written: File too large" in errors
    assert not (tmp_path / "im.backup").exists()
    assert not list(tmp_path.glob(".im.backup*"))


async def test_only_an_empty_store_that_nobody_uses_is_restored_to(
    plain: App, tmp_path: Path
) -> None:
    await plain.fire()
    file = tmp_path / "im.backup"
    await done(plain.path, "backup", str(file))
    running = await store(plain.path, "restore", str(file))
    assert (running.exit_code, "stop it first" in running.output) == (2, True)
    other = tmp_path / "other"
    await done(other, "restore", str(file))
    twice = await store(other, "restore", str(file))
    assert "the store is not empty (records of incidents: 1," in twice.output


async def test_a_restore_that_broke_off_is_begun_again(
    plain: App, tmp_path: Path, fakes: Fakes
) -> None:
    name = await plain.fire()
    file, new = tmp_path / "im.backup", tmp_path / "new"
    await done(plain.path, "backup", str(file))
    server = EmbeddedValkey(new / "valkey")
    await server.start()
    redis = connect(server.url)
    await redis.set(LAYOUT, "restoring")
    await redis.set("im:{0}:i:0-0123456789abcdef-1", "half")
    await redis.aclose(close_connection_pool=True)
    await server.stop()

    half = App(new, *fakes)
    with pytest.raises(StoreUnavailableError, match="store restore again"):
        await half.start(**NO_ACCOUNTS)
    again = await store(new, "backup", str(tmp_path / "x"))
    assert "store restore again" in again.output
    await done(new, "restore", str(file))
    await half.start(**NO_ACCOUNTS)
    try:
        assert (await half.incident(name))["state"] == "triggered"
        _, body = await half.get("/v1/incidents?state=all")
        assert len(body["incidents"]) == 1
    finally:
        await half.stop()


async def test_where_the_files_are_gone_a_backup_brings_them_back(
    tmp_path: Path, fakes: Fakes
) -> None:
    app = App(tmp_path / "data", *fakes)
    await app.start(**NO_ACCOUNTS)
    name = await app.fire()
    file = tmp_path / "im.backup"
    await done(app.path, "backup", str(file))
    await app.stop()
    folder = app.path / "valkey"
    (folder / "appendonlydir" / "appendonly.aof.1.base.rdb").write_bytes(b"")
    damaged = await store(app.path, "restore", str(file))
    assert f"mv {folder} {folder}.damaged" in damaged.output
    shutil.rmtree(folder / "appendonlydir")
    with pytest.raises(StoreUnavailableError, match="store restore"):
        await app.start(**NO_ACCOUNTS)
    await done(app.path, "restore", str(file))
    await app.start(**NO_ACCOUNTS)
    try:
        assert (await app.incident(name))["state"] == "triggered"
    finally:
        await app.stop()


async def test_another_number_of_shards_is_refused(
    plain: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plain.fire()
    file = tmp_path / "im.backup"
    await done(plain.path, "backup", str(file))
    monkeypatch.setenv("LLM_IM__REDIS__SHARDS", "4")
    refused = await store(tmp_path / "new", "restore", str(file))
    assert (refused.exit_code, "set it to 1" in refused.output) == (2, True)


def test_nobody_holds_what_is_restored() -> None:
    def left(state: bytes, due: float = 5_000) -> tuple[float, bytes]:
        return unleased(StoredTask("notify:slack", Lane.URGENT, due, state), created_at=3_000)

    assert left(b"7|token|5000|0") == (3_000, b"7||0|0")
    assert left(b"7|token|5000|9000") == (9_000, b"7||0|9000")
    assert left(b"0|token|5000|0") == (3_000, b"")
    assert left(b"7||0|4000") == (5_000, b"7||0|4000")
    assert left(b"") == (5_000, b"")
    assert left(b"junk") == (5_000, b"")


async def test_incidents_are_exported_as_the_api_shows_them(
    filled: tuple[App, dict[str, str]], tmp_path: Path
) -> None:
    app, names = filled
    await app.settle()

    async def same() -> bool:
        rows = [json.loads(line) for line in (await done(app.path, "export")).splitlines()]
        assert {row["id"] for row in rows} == set(names.values())
        # A delivery may be settled between the two.
        return all([row == await app.incident(row["id"]) for row in rows])

    await until(same)
    file = tmp_path / "open.jsonl"
    await done(app.path, "export", "--state", "open", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().splitlines()) == 4
    closed = (await done(app.path, "export", "--state", "closed")).splitlines()
    assert {json.loads(line)["id"] for line in closed} == {names["closed"], names["merged"]}


async def test_a_byte_that_changed_anywhere_is_refused_in_words(plain: App, tmp_path: Path) -> None:
    await plain.fire()
    file = tmp_path / "im.backup"
    await done(plain.path, "backup", str(file))
    whole = file.read_bytes()
    plain_bytes = gzip.decompress(whole)
    damaged = [
        gzip.compress(plain_bytes[:at] + bytes([plain_bytes[at] ^ bit]) + plain_bytes[at + 1 :], 1)
        for at in range(0, len(plain_bytes), 3)
        for bit in (1, 0x80, 0xFF)
    ]
    # What the stream itself says first, its time and its name, is nothing of ours.
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(10, 400)]
    for content_ in damaged:
        file.write_bytes(content_)
        with pytest.raises(ArchiveError, match=r"damaged|not whole|no backup|upgrade it"):
            list(read_archive(file))
