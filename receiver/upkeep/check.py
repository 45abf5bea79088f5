"""Reads everything that is stored and says what does not fit together. Changes nothing.

It may run beside the service: what belongs together is read in one ``MULTI``, so a change that
comes meanwhile is never taken for a fault.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from receiver.store.keys import VERSION_DIGITS, Keys, is_generation, member
from receiver.store.records.items import items_of
from receiver.store.records.receipts import read_receipts
from receiver.store.records.record import decode_entries
from receiver.store.records.standing import count_field, standing_of
from receiver.store.redis import Client, unavailable_is_503
from receiver.upkeep.check_names import check_names
from receiver.upkeep.finding import Checked, Cure, Finding
from receiver.upkeep.stored import (
    StoredIncident,
    decoded,
    incident_names,
    is_shown,
    read_incidents,
)
from routing.group import split_id
from routing.incident import Incident
from routing.vocabulary import Lane

_COUNTS = 3
"""How often the numbers of open incidents are compared while they change."""


async def check(redis: Client, shards: Sequence[Keys]) -> Checked:
    """Return what was looked at and what is wrong with it."""
    checked = Checked()
    for keys in shards:
        wrong = await _wrong_types(redis, keys)
        checked.findings += wrong
        if not wrong:
            await _check_shard(redis, keys, checked)
    return checked


async def _wrong_types(redis: Client, keys: Keys) -> list[Finding]:
    """Return which of the keys that all incidents share are of another type."""
    async with unavailable_is_503():
        types = [(await redis.type(key)).decode() for key in keys.shared()]
    return [
        Finding("type", key, f"it is a {kind}, not a {must}", Cure.PUT_ASIDE, keys.shard)
        for (key, must), kind in zip(keys.shared().items(), types, strict=True)
        if kind not in {must, "none"}
    ]


async def _check_shard(redis: Client, keys: Keys, checked: Checked) -> None:
    async with unavailable_is_503():
        known = set(await redis.hkeys(keys.damaged))
    looker = _Looker(keys, known)
    async for names in incident_names(redis, [keys]):
        read = await read_incidents(redis, keys, names)
        for stored in read:
            checked.findings += looker.look(stored)
        gone = set(names) - {stored.id for stored in read}
        checked.findings += await _no_strings(redis, keys, gone)
    checked.incidents += looker.incidents
    checked.open += sum(looker.counted.values())
    checked.findings += await _compare_counts(redis, keys, looker.counted)
    tasks, findings = await check_names(redis, keys)
    checked.tasks += tasks
    checked.findings += findings


async def _no_strings(redis: Client, keys: Keys, names: Iterable[str]) -> list[Finding]:
    found = []
    for name in names:
        async with unavailable_is_503():
            kind = (await redis.type(keys.incident(name))).decode()
        if kind not in {"none", "string"}:
            words = f"it is a {kind}, not a record"
            found.append(
                Finding("record", keys.incident(name), words, Cure.PUT_ASIDE, keys.shard, name)
            )
    return found


async def _compare_counts(redis: Client, keys: Keys, counted: Counter[str]) -> list[Finding]:
    """Compare with what was counted, and count again while that changes."""
    for left in range(_COUNTS, 0, -1):
        async with unavailable_is_503():
            stored = await redis.hgetall(keys.active)
        said = {field.decode("utf-8", "replace"): number for field, number in stored.items()}
        fields = {
            field
            for field in said.keys() | counted.keys()
            if said.get(field, b"0") != str(counted[field]).encode()
        }
        if not fields:
            return []
        if left > 1:
            counted = await _count(redis, keys)
    return [
        Finding(
            "count",
            f"{keys.active} {field}",
            f"it says {said.get(field, b'nothing').decode('utf-8', 'replace')}, and there are"
            f" {counted[field]} such incidents",
            Cure.RECOUNT,
            keys.shard,
        )
        for field in sorted(fields)
    ]


async def _count(redis: Client, keys: Keys) -> Counter[str]:
    looker = _Looker(keys, set())
    async for names in incident_names(redis, [keys]):
        for stored in await read_incidents(redis, keys, names):
            looker.look(stored)
    return looker.counted


class _Looker:
    """Looks at one incident after another."""

    def __init__(self, keys: Keys, known: set[bytes]) -> None:
        """``known``: places of what is known to be unreadable."""
        self._keys = keys
        self._known = known
        self.counted: Counter[str] = Counter()
        self.incidents = 0

    def look(self, stored: StoredIncident) -> list[Finding]:
        """Return what is wrong with an incident and with what is beside it."""
        keys, name = self._keys, stored.id
        incident, problem = decoded(name, stored.record)
        self.incidents += is_shown(incident)
        if incident is None:
            return [self._of(stored, "record", keys.incident(name), problem, Cure.PUT_ASIDE)]
        field = count_field(incident)
        if field:
            self.counted[field] += 1
        found = [
            self._of(stored, "type", key, "it is of another type", Cure.PUT_ASIDE)
            for key in stored.wrong
        ]
        found += self._look_beside(stored)
        found += self._look_at_indexes(stored, incident)
        found += self._look_at_items(stored, incident)
        if incident.state != "damaged":  # what stands for one that could not be read
            found += self._look_at_group(stored)
            found += self._look_at_agenda(stored, incident)
        return found

    def _of(self, stored: StoredIncident, kind: str, key: str, words: str, cure: Cure) -> Finding:
        version = stored.record[:VERSION_DIGITS]
        return Finding(kind, key, words, cure, self._keys.shard, stored.id, version)

    def _remove(
        self, stored: StoredIncident, kind: str, key: str, words: str, *commands: tuple[Any, ...]
    ) -> Finding:
        version = stored.record[:VERSION_DIGITS]
        shard = self._keys.shard
        return Finding(kind, key, words, Cure.REMOVE, shard, stored.id, version, commands)

    def _look_beside(self, stored: StoredIncident) -> list[Finding]:
        """Look at its timeline and receipts."""
        key = self._keys.timeline(stored.id)
        place = self._keys.place(key)
        damaged = [
            number + 1
            for number in decode_entries(stored.timeline)[1]
            if f"{place}#{number + 1}".encode() not in self._known
        ]
        found = [
            self._of(stored, "timeline", key, f"line {number} cannot be read", Cure.PUT_ASIDE)
            for number in damaged
        ]
        key = self._keys.receipts(stored.id)
        for field, why in read_receipts(dict(stored.receipts))[1].items():
            words = f"the receipt of {field.decode('utf-8', 'replace')} cannot be read: {why}"
            found.append(self._of(stored, "receipt", key, words, Cure.PUT_ASIDE))
        return found

    def _look_at_indexes(self, stored: StoredIncident, incident: Incident) -> list[Finding]:
        standing = standing_of(incident)
        belongs = {
            "open": standing.opened,
            "closed": standing.closed,
            "published": standing.published,
            "unreached": standing.unreached,
        }
        found = []
        for index, wanted in belongs.items():
            key, name = self._keys.indexes[index], stored.id
            if wanted and index not in stored.scores:
                words = f"it lacks {name}, which is {incident.state}"
                found.append(self._of(stored, "index", key, words, Cure.REINDEX))
            elif not wanted and index in stored.scores:
                words = f"it has {name}, which is {incident.state}"
                found.append(self._remove(stored, "index", key, words, ("ZREM", key, name)))
        return found

    def _look_at_items(self, stored: StoredIncident, incident: Incident) -> list[Finding]:
        key, wanted = self._keys.items, items_of(incident)
        found = []
        for name in wanted.keys() | stored.items.keys():
            right, there = wanted.get(name), stored.items.get(name)
            if right == there:
                continue
            if right is None:
                words = f"it has {name}, which is no open action item"
                command: tuple[Any, ...] = ("ZREM", key, name)
            else:
                words = f"it lacks {name}" if there is None else f"it has {name} in another place"
                command = ("ZADD", key, str(right), name)
            found.append(self._remove(stored, "index", key, words, command))
        return found

    def _look_at_group(self, stored: StoredIncident) -> list[Finding]:
        _, digest, generation = split_id(stored.id)
        if not generation:  # a watched heartbeat
            return []
        key = self._keys.group(digest)
        if not is_generation(stored.pointer):
            words = f"it leads to none, though there is {stored.id}"
            return [self._of(stored, "group", key, words, Cure.POINTER)]
        if int(stored.pointer) >= generation:
            return []
        words = f"it leads to generation {int(stored.pointer)}, though there is {stored.id}"
        return [self._remove(stored, "group", key, words, ("SET", key, str(generation)))]

    def _look_at_agenda(self, stored: StoredIncident, incident: Incident) -> list[Finding]:
        lanes: dict[str, dict[Lane, float]] = {}
        for one in stored.tasks:
            lanes.setdefault(one.task, {})[one.lane] = one.due
        found = [
            self._misplaced(stored, task, lane, incident.lane_of_task(task), there)
            for task, there in lanes.items()
            for lane in there
            if lane != incident.lane_of_task(task)
        ]
        for task in _wanted(stored, incident):
            if task not in lanes:
                key = self._keys.due[incident.lane_of_task(task)]
                words = f"it lacks {member(stored.id, task)}"
                found.append(self._of(stored, "agenda", key, words, Cure.REINDEX))
        return found

    def _misplaced(
        self, stored: StoredIncident, task: str, lane: Lane, right: Lane, there: dict[Lane, float]
    ) -> Finding:
        key, name = self._keys.due[lane], member(stored.id, task)
        words = f"it has {name}, which belongs to {right}"
        add = [] if right in there else [("ZADD", self._keys.due[right], repr(there[lane]), name)]
        return self._remove(stored, "agenda", key, words, ("ZREM", key, name), *add)


def _wanted(stored: StoredIncident, incident: Incident) -> list[str]:
    """Return the tasks that must be on the agenda: timers, and pages nobody has yet."""
    receipts = read_receipts(dict(stored.receipts))[0]
    tasks = list(incident.timers)
    for name, page in incident.pages.items():
        receipt = receipts.get(name)
        had = max(receipt.paged_seq, receipt.failed_seq) if receipt is not None else 0
        if incident.wants(page) and page.seq > max(had, page.failed_seq):
            tasks.append(f"notify:{name}")
    return tasks
