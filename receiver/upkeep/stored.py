"""An incident with everything that is stored of it, read in one step.

A commit changes several keys at once, so they are read by one ``MULTI``: what is seen is always
what some commit left. Only commands that every Redis allows are used.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from receiver.errors import DamagedRecordError, NewerRecordError, StoreUnavailableError
from receiver.store.client import Client, unavailable_is_503
from receiver.store.keys import Keys, member
from receiver.store.record import decode_incident
from routing.incident import Incident

CHUNK = 100
"""Incidents read in one step: it keeps Redis busy for about a millisecond."""
SCANNED = 1_000
_TRIES = 5


class StoredTask(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the agenda: its lane, when it may be claimed (ms), and its state in ``task``."""

    task: str
    lane: str
    due: float
    state: bytes


class StoredIncident(msgspec.Struct, frozen=True, tag="incident", omit_defaults=True):
    """What is stored of one incident, as it is stored in its ``shard``.

    ``expires_at`` (ms, 0: never), ``pointer``: the current generation of its group (b"": none),
    ``scores``: index name -> score, ``seen``: when a payload last repeated it (b"": never),
    ``wrong``: keys that are of another type, which stay behind.
    """

    id: str
    shard: int
    record: bytes
    expires_at: int
    pointer: bytes
    scores: dict[str, float]
    seen: bytes
    timeline: list[bytes]
    receipts: list[tuple[bytes, bytes]]
    tasks: list[StoredTask]
    wrong: list[str] = []


def decoded(name: str, record: bytes) -> tuple[Incident | None, str]:
    """Return the incident of a record, or None and why it cannot be read."""
    try:
        return decode_incident(record, name), ""
    except (DamagedRecordError, NewerRecordError) as error:
        return None, str(error)
    except ValueError:
        return None, "its key is no incident id"


def is_shown(incident: Incident | None) -> bool:
    """Return whether people know of it: of what cannot be read they may, of a watch they do not."""
    return incident is None or bool(incident.opened_at)


async def incident_names(redis: Client, shards: Sequence[Keys]) -> AsyncIterator[list[str]]:
    """Give the ids of all incidents that have a record, ``CHUNK`` at most at a time.

    What is there from the beginning to the end is given once; what comes meanwhile may be.
    """
    for keys in shards:
        start = keys.incident("")
        seen: set[bytes] = set()
        waiting: list[str] = []
        async with unavailable_is_503():
            async for key in redis.scan_iter(match=f"{start}*", count=SCANNED):
                if key in seen:
                    continue
                seen.add(key)
                waiting.append(key.decode("utf-8", "backslashreplace").removeprefix(start))
                if len(waiting) == CHUNK:
                    yield waiting
                    waiting = []
        if waiting:
            yield waiting


async def read_incidents(redis: Client, keys: Keys, names: Iterable[str]) -> list[StoredIncident]:
    """Return what is stored of these incidents of one shard; those that are gone are left out."""
    found: list[StoredIncident] = []
    wanted = list(names)
    known = dict(zip(wanted, await _records(redis, keys, wanted), strict=True))
    for left in range(_TRIES, -1, -1):
        read = await _read(redis, keys, {name: raw for name, raw in known.items() if raw})
        # Another version may have other tasks; one that changes all the time is taken as it was.
        again = [one for one in read if left and one.record != known[one.id]]
        found += [one for one in read if one not in again]
        if not again:
            break
        known = {one.id: one.record for one in again}
    return found


async def _records(redis: Client, keys: Keys, names: Sequence[str]) -> list[bytes | None]:
    if not names:
        return []
    async with unavailable_is_503():
        found: list[bytes | None] = await redis.mget([keys.incident(name) for name in names])
    return found


async def _read(redis: Client, keys: Keys, records: dict[str, bytes]) -> list[StoredIncident]:
    tasks = {name: tasks_of(decoded(name, raw)[0]) for name, raw in records.items()}
    async with unavailable_is_503():
        pipeline = redis.pipeline(transaction=True)
        pipeline.time()
        for name in records:
            _ask(pipeline, keys, name, tasks[name])
        answers = iter(await pipeline.execute(raise_on_error=False))
    first = next(answers)
    if isinstance(first, Exception):
        raise StoreUnavailableError(f"Redis: {first}")
    seconds, micros = first
    now = seconds * 1000 + micros // 1000
    read = [_read_one(answers, keys, name, tasks[name], now) for name in records]
    return [one for one in read if one.record]


def tasks_of(incident: Incident | None) -> list[str]:
    """Return the names of the tasks an incident may have on the agenda."""
    if incident is None:
        return []
    return [*incident.timers, *(f"notify:{name}" for name in incident.pages)]


def _ask(pipeline: Any, keys: Keys, name: str, tasks: Sequence[str]) -> None:
    digest = name.split("-")[1] if name.count("-") > 1 else name
    pipeline.get(keys.incident(name))
    pipeline.pttl(keys.incident(name))
    pipeline.get(keys.group(digest))
    pipeline.hget(keys.seen, name)
    pipeline.lrange(keys.timeline(name), 0, -1)
    pipeline.hgetall(keys.receipts(name))
    for index in keys.indexes.values():
        pipeline.zscore(index, name)
    for task in tasks:
        pipeline.hget(keys.task, member(name, task))
        for due in keys.due.values():
            pipeline.zscore(due, member(name, task))


def _read_one(
    answers: Any, keys: Keys, name: str, tasks: Sequence[str], now: int
) -> StoredIncident:
    record, ttl, pointer, seen, timeline, receipts = (next(answers) for _ in range(6))
    beside = {keys.timeline(name): timeline, keys.receipts(name): receipts}
    wrong = [key for key, answer in beside.items() if isinstance(answer, Exception)]
    scores = {index: next(answers) for index in keys.indexes}
    found = []
    for task in tasks:
        state = _text(next(answers))
        lanes = {lane: next(answers) for lane in keys.due}
        found += [
            StoredTask(task, lane, due, state)
            for lane, due in lanes.items()
            if isinstance(due, float)
        ]
    return StoredIncident(
        id=name,
        shard=keys.shard,
        record=_text(record),
        expires_at=now + ttl if ttl > 0 else 0,
        pointer=_text(pointer),
        scores={index: score for index, score in scores.items() if isinstance(score, float)},
        seen=_text(seen),
        timeline=timeline if isinstance(timeline, list) else [],
        receipts=list(receipts.items()) if isinstance(receipts, dict) else [],
        tasks=found,
        wrong=wrong,
    )


def _text(answer: object) -> bytes:
    return answer if isinstance(answer, bytes) else b""
