"""Damaged files, and backups: what a power cut leaves is mended, what may be lost is asked about.

Every kind of damage is done to the files of a real service with incidents in them. Then a service
and its server are killed in a storm, with zero bytes behind the last write. Then a backup is made
while webhooks come, and restored to a new place; and one of 100,000 incidents, for its memory.
"""

import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from aiohttp import ClientError

from receiver.errors import StoreUnavailableError
from receiver.store.embedded.append_only import FOLDER
from receiver.store.embedded.append_only_damage import How
from receiver.store.embedded.manifest import MANIFEST
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from receiver.store.redis import connect
from receiver.upkeep.archive import ArchiveWriter, Header, NewFile, read_archive
from receiver.upkeep.check import check
from receiver.upkeep.files import mend_files
from receiver.upkeep.stored import StoredIncident
from tests.support.notification import alert, notification
from tests.support.places import ROOT
from tests.support.rig import Rig, until

Report = Callable[[str, str, str, bool], None]
INCIDENTS = 40
STORM = 200
MANY = 100_000
MEMORY_MIB = 200
COMMANDS = "appendonly.aof.1.incr.aof"
BASE = "appendonly.aof.1.base.rdb"
EXEC = b"*1\r\n$4\r\nEXEC\r\n"
COMMAND = """
import resource, sys
from receiver.__main__ import main
main(standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
OF_THE_SERVER = (b"im:budget:", b"im:clock", b":probe")


async def run(report: Report) -> None:
    """Run all parts on fresh data."""
    logging.getLogger("receiver.store").setLevel(logging.ERROR)  # each mending says so
    with TemporaryDirectory() as name:
        folder = Path(name)
        rig = Rig(folder)
        await rig.start()
        try:
            for number in range(INCIDENTS):
                await rig.post(notification(alert(f"A{number}"), group=f"before-{number}"))
            await rig.service.end()
            await _damages(rig.storage / "valkey", folder, report)
            await rig.start_service()
            await _killed(rig, report)
            await _backed_up(rig, folder, report)
        finally:
            await rig.stop()
        await _many(folder, report)


# -- files ------------------------------------------------------------------------------------


def _cuts(content: bytes) -> dict[str, bytes]:
    last = content.rfind(EXEC, 0, len(content) - len(EXEC)) + len(EXEC)
    places = range(last + 1, len(content), max(1, (len(content) - last) // 12))
    return {f"cut at {place}": content[:place] for place in places}


def _tails(content: bytes) -> dict[str, bytes]:
    """What only a change that nobody was told of can have left."""
    zeros = {f"{number} zeros": content + bytes(number) for number in (1, 4_096, 1_048_576)}
    both = {f"{name} and zeros": cut + bytes(512) for name, cut in _cuts(content).items()}
    return zeros | _cuts(content) | both


def _middles(content: bytes) -> dict[str, bytes]:
    at = content.index(b"$3\r\nSET", len(content) // 2)
    return {
        "garbage at the end": content + b"\xff\x00garbage",
        "zeros in the middle": content[:at] + bytes(64) + content[at + 64 :],
        "garbage in the middle": content[:at] + os.urandom(64) + content[at + 64 :],
        "a length that swallows the rest": content[:at] + b"$999999\r\nSET" + content[at + 7 :],
        "a name that is none": content[: at + 4] + b"\xffET" + content[at + 7 :],
    }


FILES: dict[str, Callable[[Path], Any]] = {
    "no manifest": lambda files: (files / MANIFEST).unlink(),
    "half a manifest": lambda files: (files / MANIFEST).write_bytes(
        (files / MANIFEST).read_bytes()[:50]
    ),
    "no base": lambda files: (files / BASE).unlink(),
    "an empty base": lambda files: (files / BASE).write_bytes(b""),
    "a damaged base": lambda files: (files / BASE).write_bytes(b"VALKEY080" + bytes(80)),
    "no commands": lambda files: (files / COMMANDS).unlink(),
}


async def _damages(data: Path, folder: Path, report: Report) -> None:
    whole = (data / FOLDER / COMMANDS).read_bytes()
    copy = folder / "copy" / "valkey"
    everything = await _names(data)
    mended = lost = 0
    tails = _tails(whole)
    for content in tails.values():
        (_fresh(data, copy) / COMMANDS).write_bytes(content)
        found = await _names(copy)
        # The last change of all is of one incident; no other one may be missing or older.
        lost += len(everything - found)
        mended += len(list((copy / "damaged").iterdir())) == 1
    what = "zero bytes and cut tails: mended, copy kept"
    report(what, f"{mended} of {len(tails)}", "all", mended == len(tails))
    report("incidents lost with the tail", str(lost), "0", lost == 0)

    refused = kept = 0
    middles = _middles(whole)
    for content in middles.values():
        (_fresh(data, copy) / COMMANDS).write_bytes(content)
        refused += await _is_refused(copy, content)
        await asyncio.to_thread(mend_files, copy, How.SKIP)
        kept += len(everything - await _names(copy)) <= 1
    report("damage in the middle: refused, unchanged", f"{refused} of {len(middles)}", "all",
           refused == len(middles))  # fmt: skip
    report("repair --skip: all but the one that was hit", f"{kept} of {len(middles)}", "all",
           kept == len(middles))  # fmt: skip

    refused = 0
    for spoil in FILES.values():
        spoil(_fresh(data, copy))
        refused += await _is_refused(copy, None)
    shutil.rmtree(_fresh(data, copy))
    refused += await _is_refused(copy, None)
    figure = f"{refused} of {len(FILES) + 1}"
    report("files missing or spoilt: no empty beginning", figure, "all", refused == len(FILES) + 1)


def _fresh(data: Path, copy: Path) -> Path:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("*.sock"))
    return copy / FOLDER


async def _is_refused(copy: Path, content: bytes | None) -> bool:
    server = EmbeddedValkey(copy)
    try:
        await server.start()
    except StoreUnavailableError as error:
        same = content is None or (copy / FOLDER / COMMANDS).read_bytes() == content
        return same and ("store repair" in str(error) or "store restore" in str(error))
    finally:
        await server.stop()
    return False


async def _names(data: Path) -> set[str]:
    server = EmbeddedValkey(data)
    await server.start()
    redis = connect(server.url)
    try:
        keys = Keys(0)
        return {row.decode() for row in await redis.zrange(keys.open, 0, -1)}
    finally:
        await redis.aclose(close_connection_pool=True)
        await server.stop()


# -- kill -9, with zero bytes behind the last write -------------------------------------------


async def _killed(rig: Rig, report: Report) -> None:
    accepted: list[str] = []
    storm = [asyncio.create_task(_send(rig, number, accepted)) for number in range(STORM)]
    await until(lambda: len(accepted) >= STORM // 2, 30, "half of the storm is accepted")
    valkey = rig.valkey_pid()
    await rig.service.end(signal.SIGKILL)
    os.kill(valkey, signal.SIGKILL)
    await asyncio.gather(*storm)
    newest = max((rig.storage / "valkey" / FOLDER).glob("*.incr.aof"))
    with newest.open("ab") as file:
        file.write(bytes(4_096))
    await rig.start_service()
    found = {item["id"] for item in await rig.incidents()}
    missing = [name for name in accepted if name not in found]
    figure = f"{len(accepted)}, {len(missing)}"
    report("kill -9 and 4,096 zeros: accepted, missing", figure, "0 missing", not missing)
    async with rig.session.get(f"{rig.url}/health") as answer:
        problems = {item["subject"] for item in (await answer.json())["problems"]}
    report("and /health says so", ", ".join(sorted(problems)), "repaired", "repaired" in problems)


async def _send(rig: Rig, number: int, accepted: list[str]) -> None:
    await asyncio.sleep(number / STORM)
    body = notification(alert(f"Storm{number}"), group=f"storm-{number}")
    try:
        status, answer = await rig.post(body)
    except (ClientError, OSError, ValueError):
        return
    if status == 202:
        accepted.extend(answer["incidents"])


# -- backups ----------------------------------------------------------------------------------


async def _backed_up(rig: Rig, folder: Path, report: Report) -> None:
    before = {item["id"] for item in await rig.incidents()}
    stop = asyncio.Event()

    async def keep_on() -> int:
        number = 0
        while not stop.is_set():
            resolved = number % 3 == 2
            told = alert(f"A{number % 40}", resolved=resolved, starts=_at(number))
            await rig.post(notification(told, group=f"before-{number % 40}"))
            number += 1
        return number

    redis = connect(EmbeddedValkey(rig.storage / "valkey").url)
    await redis.config_set("slowlog-log-slower-than", 1_000)
    await redis.slowlog_reset()
    load = asyncio.create_task(keep_on())
    await asyncio.sleep(0.5)
    await _store("backup", str(folder / "busy"), "--storage.path", str(rig.storage))
    stop.set()
    number = await load
    slow = [row["duration"] / 1000 for row in await redis.slowlog_get(128)]
    await redis.aclose(close_connection_pool=True)
    longest = max(slow, default=1.0)
    await _store("restore", str(folder / "busy"), "--storage.path", str(folder / "new"))
    restored, findings = await _content(folder / "new" / "valkey")
    there = {key.decode().rpartition(":")[2] for key in restored if b":i:" in key}
    figure = f"{len(before - there)} missing, {findings} wrong"
    what = f"backup beside {number} webhooks, restored"
    report(what, figure, "0, 0", before <= there and not findings)
    report("longest command meanwhile", f"{longest:.0f} ms", "< 100 ms", longest < 100)

    await asyncio.sleep(3)  # deliveries end
    await _store("backup", str(folder / "quiet"), "--storage.path", str(rig.storage))
    await rig.service.end()
    old, _ = await _content(rig.storage / "valkey")
    await _store("restore", str(folder / "quiet"), "--storage.path", str(folder / "again"))
    new, _ = await _content(folder / "again" / "valkey")
    differences = sum(old.get(key) != new.get(key) for key in old.keys() | new.keys())
    report("keys of a quiet one that differ", f"{differences} of {len(old)}", "0", not differences)


def _at(number: int) -> str:
    return f"2026-03-02T{12 + number // 3_600:02}:{number // 60 % 60:02}:{number % 60:02}Z"


async def _store(*words: str) -> tuple[float, float]:
    """Run a command; return how long it took (s) and its greatest memory (MiB)."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "store", *words, cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    if process.returncode:
        raise AssertionError(f"store {words[0]}: {errors.decode()}")
    return time.monotonic() - began, int(errors.split()[-1]) / 1024


async def _content(data: Path) -> tuple[dict[bytes, Any], int]:
    """Return every key with its type and content, and how much is wrong with them."""
    server = EmbeddedValkey(data)
    await server.start()
    redis = connect(server.url)
    found = {}
    try:
        async for key in redis.scan_iter(match="im:*", count=1_000):
            if not any(part in key for part in OF_THE_SERVER):
                found[key] = await _value(redis, key)
        checked = await check(redis, [Keys(0)])
        return found, len(checked.findings)
    finally:
        await redis.aclose(close_connection_pool=True)
        await server.stop()


async def _value(redis: Any, key: bytes) -> Any:
    read = {
        b"string": lambda: redis.get(key),
        b"hash": lambda: redis.hgetall(key),
        b"list": lambda: redis.lrange(key, 0, -1),
        b"set": lambda: redis.smembers(key),
        b"zset": lambda: redis.zrange(key, 0, -1, withscores=True),
    }
    return await read[await redis.type(key)]()


async def _many(folder: Path, report: Report) -> None:
    file = folder / "many"
    pieces = list(read_archive(folder / "quiet"))
    head = next(piece for piece in pieces if isinstance(piece, Header))
    model = next(
        piece
        for piece in pieces
        if isinstance(piece, StoredIncident) and "open" in piece.scores and len(piece.tasks) > 2
    )
    with NewFile(file) as target:
        writer = ArchiveWriter(target.file, head)
        for number in range(MANY):
            writer.add(_copy_of(model, f"0-{number:016x}-1"))
        writer.close()
    took, used = await _store("restore", str(file), "--storage.path", str(folder / "many-data"))
    report(f"restore of {MANY:,} incidents", f"{took:.0f} s, {used:.0f} MiB",
           f"< {MEMORY_MIB} MiB", used < MEMORY_MIB)  # fmt: skip
    server = EmbeddedValkey(folder / "many-data" / "valkey")
    await server.start()
    try:
        took, used = await _store(
            "backup", str(folder / "many-again"), "--storage.path", str(folder / "many-data")
        )
        report(f"backup of {MANY:,} incidents", f"{took:.0f} s, {used:.0f} MiB",
               f"< {MEMORY_MIB} MiB", used < MEMORY_MIB)  # fmt: skip
        took, used = await _store("check", "--storage.path", str(folder / "many-data"))
        report(
            f"check of {MANY:,} incidents", f"{took:.0f} s, {used:.0f} MiB", "nothing wrong", True
        )
    finally:
        await server.stop()


def _copy_of(model: StoredIncident, name: str) -> StoredIncident:
    record = model.record.replace(model.id.encode(), name.encode())
    return msgspec.structs.replace(model, id=name, record=record)
