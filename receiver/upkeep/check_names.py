"""Whatever names an incident must lead to one: indexes, agenda, groups, and what lies beside."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from receiver.store.keys import VERSION_DIGITS, Keys, is_id, is_number, split_member
from receiver.store.records.items import split_item
from receiver.store.redis import Client, unavailable_is_503
from receiver.upkeep.finding import Cure, Finding
from receiver.upkeep.stored import CHUNK, SCANNED, decoded

Command = tuple[str | bytes, ...]


async def check_names(redis: Client, keys: Keys) -> tuple[int, list[Finding]]:
    """Return how many tasks are on the agenda, and what leads nowhere."""
    found: list[Finding] = []
    for key in (*keys.indexes.values(), keys.seen):
        async for names in _members(redis, key):
            found += await _check_members(redis, keys, key, names)
    async for names in _members(redis, keys.items):
        found += await _check_items(redis, keys, names)
    tasks = 0
    for key in keys.due.values():
        async for names in _members(redis, key):
            tasks += len(names)
            found += await _check_tasks(redis, keys, key, names)
    async for names in _members(redis, keys.task):
        found += await _check_states(redis, keys, names)
    for start in (keys.timeline(""), keys.receipts(""), keys.group("")):
        found += await _check_beside(redis, keys, start)
    return tasks, found


async def _members(redis: Client, key: str) -> AsyncIterator[list[bytes]]:
    """Give the members of a sorted set or the fields of a hash, some at a time, each once."""
    cursor, seen, waiting = 0, set[bytes](), list[bytes]()
    async with unavailable_is_503():
        scan = redis.hscan if await redis.type(key) == b"hash" else redis.zscan
        while True:
            cursor, rows = await scan(key, cursor, count=SCANNED)
            for row in rows:
                name = row[0] if isinstance(row, tuple) else row
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
            while waiting:
                yield waiting[:CHUNK]
                waiting = waiting[CHUNK:]
            if not cursor:
                return


async def _together(redis: Client, asked: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the answers to commands that are executed at one moment."""
    async with unavailable_is_503():
        pipeline = redis.pipeline(transaction=True)
        for command in asked:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
    return answers


def _is_there(key: str, name: bytes, keys: Keys) -> Command:
    return ("HEXISTS" if key in {keys.seen, keys.task} else "ZSCORE", key, name)


def _drop(key: str, name: bytes, keys: Keys) -> Command:
    return ("HDEL" if key in {keys.seen, keys.task} else "ZREM", key, name)


async def _check_members(
    redis: Client, keys: Keys, key: str, names: Sequence[bytes]
) -> list[Finding]:
    found, asked = [], list[tuple[Any, ...]]()
    known = [name for name in names if is_id(name, keys.shard)]
    for name in known:
        asked += [("EXISTS", keys.incident(name.decode())), _is_there(key, name, keys)]
    answers = await _together(redis, asked) if asked else []
    for name, exists, there in zip(known, answers[::2], answers[1::2], strict=True):
        if not exists and there:
            words = f"it has {name.decode()}, of which there is no record"
            # Of one that a list shows somebody has to hear that it is lost.
            shown = key in {keys.open, keys.closed}
            cure = Cure.PUT_ASIDE if shown else Cure.REMOVE
            commands: tuple[Command, ...] = () if shown else (_drop(key, name, keys),)
            found.append(
                Finding("index", key, words, cure, keys.shard, name.decode(), b"", commands)
            )
    for name in set(names) - set(known):
        words = f"{name!r} is no incident id"
        found.append(
            Finding(
                "index", key, words, Cure.REMOVE, keys.shard, commands=(_drop(key, name, keys),)
            )
        )
    return found


async def _check_items(redis: Client, keys: Keys, names: Sequence[bytes]) -> list[Finding]:
    """Look at members of the index of action items: each is of an incident that there is."""
    key = keys.items
    parts = {name: split_item(name, keys.shard) for name in names}
    asked: list[tuple[Any, ...]] = []
    for name, part in parts.items():
        asked += [("EXISTS", keys.incident(part[0] if part else "")), ("ZSCORE", key, name)]
    answers = await _together(redis, asked)
    found = []
    for (name, part), exists, there in zip(parts.items(), answers[::2], answers[1::2], strict=True):
        if (part is not None and exists) or there is None:
            continue
        shown = name.decode("utf-8", "backslashreplace")
        words = "of which there is no record" if part else "which is no action item"
        words = f"it has {shown}, {words}"
        incident = part[0] if part else ""
        commands = (("ZREM", key, name),)
        found.append(Finding("index", key, words, Cure.REMOVE, keys.shard, incident, b"", commands))
    return found


async def _check_tasks(
    redis: Client, keys: Keys, key: str, names: Sequence[bytes]
) -> list[Finding]:
    """Look at tasks of one lane: each is of an incident, and a timer is one that it has set."""
    parts = {name: split_member(name, keys.shard) for name in names}
    asked = list[tuple[Any, ...]]()
    for name, part in parts.items():
        # What names no task has no record; its key is of the shard like all others.
        record = keys.incident(part[0] if part else "")
        asked += [("GET", record), ("ZSCORE", key, name)]
    answers = await _together(redis, asked)
    found = []
    for (name, part), record, there in zip(parts.items(), answers[::2], answers[1::2], strict=True):
        words = _task_problem(part, record) if there is not None else ""
        if words:
            commands = (("ZREM", key, name), ("HDEL", keys.task, name))
            version = record[:VERSION_DIGITS] if isinstance(record, bytes) else b""
            incident = part[0] if part else ""
            shown = name.decode("utf-8", "backslashreplace")
            words = f"it has {shown}, {words}"
            found.append(
                Finding("agenda", key, words, Cure.REMOVE, keys.shard, incident, version, commands)
            )
    return found


def _task_problem(part: tuple[str, str] | None, record: object) -> str:
    if part is None:
        return "which is no task of an incident"
    name, task = part
    if record is None:
        return "of which there is no record"
    if not isinstance(record, bytes) or task.startswith("notify:"):
        return ""
    incident, _ = decoded(name, record)
    if incident is None or incident.state == "damaged" or task in incident.timers:
        return ""
    return "a timer that is not set"


async def _check_states(redis: Client, keys: Keys, names: Sequence[bytes]) -> list[Finding]:
    """Look at states of tasks: each is of one that is on the agenda."""
    asked = list[tuple[Any, ...]]()
    width = len(keys.due) + 2
    for name in names:
        part = split_member(name, keys.shard)
        asked += [("ZSCORE", due, name) for due in keys.due.values()]
        asked += [("HEXISTS", keys.task, name)]
        asked += [("GETRANGE", keys.incident(part[0] if part else ""), 0, VERSION_DIGITS - 1)]
    answers = await _together(redis, asked)
    found = []
    for at, name in enumerate(names):
        *scores, there, version = answers[at * width : (at + 1) * width]
        if there and all(score is None for score in scores):
            part = split_member(name, keys.shard)
            shown = name.decode("utf-8", "backslashreplace")
            words = f"it has {shown}, which is not on the agenda"
            incident = part[0] if part else ""
            raw = version if isinstance(version, bytes) else b""
            commands = (("HDEL", keys.task, name),)
            found.append(
                Finding(
                    "agenda", keys.task, words, Cure.REMOVE, keys.shard, incident, raw, commands
                )
            )
    return found


async def _check_beside(redis: Client, keys: Keys, start: str) -> list[Finding]:
    """Look at timelines, receipts or groups: each has a record."""
    found: list[Finding] = []
    waiting: list[bytes] = []
    async with unavailable_is_503():
        async for key in redis.scan_iter(match=f"{start}*", count=SCANNED):
            waiting.append(key)
            if len(waiting) == CHUNK:
                found += await _look_beside(redis, keys, start, waiting)
                waiting = []
    return found + await _look_beside(redis, keys, start, waiting)


async def _look_beside(
    redis: Client, keys: Keys, start: str, names: Sequence[bytes]
) -> list[Finding]:
    if not names:
        return []
    of = {name: name.decode("utf-8", "backslashreplace").removeprefix(start) for name in names}
    groups = start == keys.group("")
    said: dict[bytes, bytes | None] = {}
    if groups:
        # Of a group that says nothing readable is judged where its incidents are looked at.
        async with unavailable_is_503():
            said = dict(zip(of, await redis.mget(list(of)), strict=True))
        of = {
            name: f"{keys.shard}-{of[name]}-{int(pointer)}"
            for name, pointer in said.items()
            if pointer is not None and is_number(pointer)
        }
    asked: list[Command] = []
    for name, incident in of.items():
        asked += [("EXISTS", keys.incident(incident)), ("GET" if groups else "EXISTS", name)]
    answers = await _together(redis, asked) if asked else []
    found = []
    for (name, incident), exists, there in zip(
        of.items(), answers[::2], answers[1::2], strict=True
    ):
        if exists or not there or (groups and there != said[name]):
            continue
        cure = Cure.PUT_ASIDE if groups else Cure.REMOVE
        commands: tuple[Command, ...] = () if groups else (("DEL", name),)
        words = f"there is no record of {incident}"
        shown = name.decode("utf-8", "backslashreplace")
        found.append(Finding("beside", shown, words, cure, keys.shard, incident, b"", commands))
    return found
