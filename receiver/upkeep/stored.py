"""An incident with everything that is stored of it, read in one step.

A commit changes several keys at once, so they are read by one ``MULTI``: what is seen is always
what some commit left. Only commands that every Redis allows are used.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from receiver.errors import DamagedRecordError, NewerRecordError, StoreUnavailableError
from receiver.store.keys import Keys, member
from receiver.store.records.items import members_of
from receiver.store.records.record import decode_incident
from receiver.store.redis import Client, unavailable_is_503
from routing.incident import Incident
from routing.vocabulary import Lane

CHUNK = 100
"""Incidents read in one step: it keeps Redis busy for about a millisecond."""
SCANNED = 1_000
_TRIES = 5


class StoredTask(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the agenda: its lane, when it may be claimed (ms), and its state in ``task``."""

    task: str
    lane: Lane
    due: float
    state: bytes


class StoredIncident(msgspec.Struct, frozen=True, tag="incident", omit_defaults=True):
    """What is stored of one incident, as it is stored in its ``shard``.

    ``expires_at`` (ms, 0: never), ``pointer``: the current generation of its group (b"": none),
    ``scores``: index name -> score, ``seen``: when a payload last repeated it (b"": never),
    ``wrong``: keys that are of another type, which stay behind. ``items``: its members in the index
    of action items, with their scores.
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
    items: dict[str, float] = {}


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
    if not records:
        return []
    names = list(records)
    tasks = {name: tasks_of(decoded(name, raw)[0]) for name, raw in records.items()}
    members = [member(name, task) for name in names for task in tasks[name]]
    items = [one for name, raw in records.items() for one in members_of(decoded(name, raw)[0])]
    async with unavailable_is_503():
        pipeline = redis.pipeline(transaction=True)
        _ask(pipeline, keys, names, members)
        if items:
            pipeline.zmscore(keys.items, items)
        answers = await pipeline.execute(raise_on_error=False)
    if isinstance(answers[0], Exception):
        raise StoreUnavailableError(f"Redis: {answers[0]}")
    read = _read_all(iter(answers), keys, names, tasks, members)
    scores = _by(items, answers[-1]) if items else {}
    return [_with_items(one, scores) for one in read if one.record]


def _with_items(stored: StoredIncident, scores: dict[str, float]) -> StoredIncident:
    own = {name: score for name, score in scores.items() if name.startswith(f"{stored.id}|")}
    return msgspec.structs.replace(stored, items=own) if own else stored


def tasks_of(incident: Incident | None) -> list[str]:
    """Return the names of the tasks an incident may have on the agenda."""
    if incident is None:
        return []
    return [*incident.timers, *(f"notify:{name}" for name in incident.pages)]


def _ask(pipeline: Any, keys: Keys, names: Sequence[str], members: Sequence[str]) -> None:
    """Ask for all of them at once where one command can: that is a tenth of the commands."""
    pipeline.time()
    pipeline.mget([keys.incident(name) for name in names])
    pipeline.mget([keys.group(_digest(name)) for name in names])
    pipeline.hmget(keys.seen, names)
    for index in keys.indexes.values():
        pipeline.zmscore(index, names)
    if members:
        pipeline.hmget(keys.task, members)
        for due in keys.due.values():
            pipeline.zmscore(due, members)
    for name in names:
        pipeline.pttl(keys.incident(name))
        pipeline.lrange(keys.timeline(name), 0, -1)
        pipeline.hgetall(keys.receipts(name))


def _digest(name: str) -> str:
    return name.split("-")[1] if "-" in name else name


def _read_all(
    answers: Iterator[Any],
    keys: Keys,
    names: Sequence[str],
    tasks: dict[str, list[str]],
    members: Sequence[str],
) -> list[StoredIncident]:
    seconds, micros = next(answers)
    now = seconds * 1000 + micros // 1000
    records, pointers, seen = (_by(names, next(answers)) for _ in range(3))
    scores = {index: _by(names, next(answers)) for index in keys.indexes}
    states = _by(members, next(answers)) if members else {}
    lanes = {lane: _by(members, next(answers)) for lane in keys.due} if members else {}
    read = []
    for name in names:
        ttl, timeline, receipts = (next(answers) for _ in range(3))
        beside = {keys.timeline(name): timeline, keys.receipts(name): receipts}
        places = [(task, member(name, task)) for task in tasks[name]]
        read.append(
            StoredIncident(
                id=name,
                shard=keys.shard,
                record=records.get(name, b""),
                expires_at=now + ttl if ttl > 0 else 0,
                pointer=pointers.get(name, b""),
                scores={index: known[name] for index, known in scores.items() if name in known},
                seen=seen.get(name, b""),
                timeline=timeline if isinstance(timeline, list) else [],
                receipts=list(receipts.items()) if isinstance(receipts, dict) else [],
                tasks=[
                    StoredTask(task, lane, known[place], states.get(place, b""))
                    for task, place in places
                    for lane, known in lanes.items()
                    if place in known
                ],
                wrong=[key for key, answer in beside.items() if isinstance(answer, Exception)],
            )
        )
    return read


def _by(names: Sequence[str], answers: Any) -> dict[str, Any]:
    """Return the answers by name, without those that are none; a key of another type has none."""
    if isinstance(answers, Exception):
        return {}
    return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}
