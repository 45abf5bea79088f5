"""Incidents in Redis: commit decisions by version, and read them back.

``commit`` writes a batch in one script call. The script compares and writes; it decides nothing.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.client import Client, load_script, unavailable_is_503
from receiver.store.figures import KEPT_MS, day_of
from receiver.store.keys import LAYOUT, VERSION_DIGITS, Keys
from receiver.store.record import decode_entry, decode_incident, encode_decision, encode_incident
from routing.decision import Decision
from routing.group import split_id
from routing.incident import Incident
from routing.incident_parts import Entry

_packer = msgspec.msgpack.Encoder()
EVENT_TTL = 600_000
"""Milliseconds an applied event is remembered: Slack accepts signatures for 5 minutes."""
LONG_EVENT_TTL = 3 * 86_400_000
"""The same for events of PagerDuty, which sends again for up to 48 hours."""
LONG_EVENT = "pagerduty:"
"""What the ids of such events begin with."""
REPLICA_TIMEOUT = 1_000
"""Milliseconds to wait for replicas before the sender is told to try again."""
BODY_LIMIT = 64
"""Records read in one round trip."""


class Write(msgspec.Struct, frozen=True):
    """A decision to commit. ``pointer``: the group's current generation must match too."""

    decision: Decision
    pointer: bool
    event_ids: tuple[str, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """The decision is durable; ``record`` is what was stored, b"" if nothing had to be."""

    record: bytes


class Conflict(msgspec.Struct, frozen=True):
    """Something else is there now: ``record`` is the truth to decide from, b"" for nothing."""

    record: bytes


class Duplicate(msgspec.Struct, frozen=True):
    """Some of the events were applied before; their places in ``Write.event_ids``."""

    places: tuple[int, ...]


Result = Written | Conflict | Duplicate


class IncidentStore:
    """All incidents of all shards."""

    def __init__(
        self, redis: Client, shards: int, tombstone_ttl: int, wait_replicas: int = 0
    ) -> None:
        """``tombstone_ttl`` in ms; ``wait_replicas`` replicas must have a commit to count."""
        self.redis = redis
        self._wait = wait_replicas
        self.keys = [Keys(shard) for shard in range(shards)]
        self._tombstone_ttl = tombstone_ttl
        self._commit = load_script(redis, "commit_decisions")

    def of(self, incident: str) -> Keys:
        """Return the keys of an incident's shard; ValueError for an id of no shard of ours."""
        return self.keys[self.shard_of(incident)]

    def shard_of(self, incident: str) -> int:
        """Return the number of an incident's shard; ValueError for an id of no shard of ours."""
        shard, _, _ = split_id(incident)
        if shard >= len(self.keys):
            raise ValueError(f"not an incident id: {incident!r}")
        return shard

    async def check_layout(self) -> None:
        """Refuse data written with another number of shards; StoreUnavailableError names both."""
        async with unavailable_is_503():
            await self.redis.set(LAYOUT, str(len(self.keys)), nx=True)
            stored = int(await self.redis.get(LAYOUT) or 0)
        if stored != len(self.keys):
            raise StoreUnavailableError(
                f"this data was written with redis.shards: {stored}, the configuration says "
                f"{len(self.keys)}; set it back to {stored}"
            )

    async def commit(self, shard: int, writes: Sequence[Write], now: int) -> list[Result]:
        """Write a batch of one shard atomically, each decision checked on its own.

        Returns one result per write. StoreUnavailableError: the outcome of all is unknown.
        """
        keys = self.keys[shard]
        names = [keys.open, keys.closed, keys.due["urgent"], keys.due["normal"]]
        names += [keys.task, keys.seen, keys.active, keys.figures(day_of(now))]
        names += [keys.published, keys.due["background"], keys.unreached]
        payload = []
        bodies = []
        for write in writes:
            names += self._key_names(keys, write)
            payload.append(
                encode_decision(
                    write.decision,
                    pointer=write.pointer,
                    events=[_remembered(event) for event in write.event_ids],
                    tombstone_ttl=self._tombstone_ttl,
                )
            )
            incident = write.decision.incident
            changed = write.decision.changed and incident is not None
            bodies.append(encode_incident(incident) if changed and incident else b"")
        async with unavailable_is_503():
            raw = await self._run(names, [_packer.encode(payload), now, KEPT_MS, *bodies])
        return [
            Written(b"" if write.decision.forget else body)
            if item == 1
            else await self._refused(write, item)
            for write, item, body in zip(writes, raw, bodies, strict=True)
        ]

    async def _run(self, names: list[str], args: list[Any]) -> Any:
        """Run the commit; with replicas to wait for, in one pipeline and so on one connection."""
        if not self._wait:
            return await self._commit(keys=names, args=args)
        pipeline = self.redis.pipeline(transaction=False)
        await self._commit(keys=names, args=args, client=pipeline)
        pipeline.wait(self._wait, REPLICA_TIMEOUT)
        raw, replicas = await pipeline.execute()
        if replicas < self._wait:
            raise StoreUnavailableError(f"only {replicas} of {self._wait} replicas have the commit")
        return raw

    @staticmethod
    def _key_names(keys: Keys, write: Write) -> list[str]:
        decision = write.decision
        incident = decision.incident
        if incident is None:
            raise ValueError("a decision without an incident has nothing to commit")
        base = decision.base.id if decision.base else incident.id
        return [
            keys.group(incident.id.split("-")[1]),
            keys.incident(base),
            keys.incident(incident.id),
            keys.timeline(incident.id),
            keys.receipts(incident.id),
            *(keys.event(event) for event in write.event_ids),
        ]

    async def _refused(self, write: Write, raw: Any) -> Conflict | Duplicate:
        if raw[0] == 2:  # noqa: PLR2004 - the script's header lists its answers
            return Duplicate(tuple(raw[1]))
        incident = write.decision.incident
        if raw[2] or raw[1] == b"0" or incident is None or not write.pointer:
            return Conflict(raw[2])
        current = f"{incident.id.rpartition('-')[0]}-{raw[1].decode()}"
        return Conflict(await self._record(current))

    async def load(self, incident: str) -> Incident | None:
        """Return an incident, or None; ValueError when the id is malformed."""
        raw = await self._record(incident)
        return decode_incident(raw) if raw else None

    async def find(self, text: str) -> Incident | None:
        """Return an incident for people; None for a text that names none."""
        try:
            incident = await self.load(text)
        except ValueError:
            return None
        return incident if incident is not None and incident.opened_at else None

    async def load_records(self, incidents: Sequence[str]) -> dict[str, bytes]:
        """Return the stored records of those that exist (``decode_incident`` reads one).

        ValueError for a malformed id. One round trip for each shard.
        """
        places: dict[int, list[str]] = {}
        for incident in incidents:
            places.setdefault(self.shard_of(incident), []).append(incident)
        found: dict[str, bytes] = {}
        async with unavailable_is_503():
            for shard, names in places.items():
                rows = await self.redis.mget([self.keys[shard].incident(name) for name in names])
                found.update((name, raw) for name, raw in zip(names, rows, strict=True) if raw)
        return found

    async def _record(self, incident: str) -> bytes:
        key = self.of(incident).incident(incident)
        async with unavailable_is_503():
            return await self.redis.get(key) or b""

    async def timeline(self, incident: str, start: int = 0) -> list[Entry]:
        """Return the timeline entries from number ``start`` + 1 on, oldest first."""
        key = self.of(incident).timeline(incident)
        async with unavailable_is_503():
            lines = await self.redis.lrange(key, start, -1)
        return [decode_entry(line) for line in lines]

    async def last_seen(self, incident: Incident) -> int:
        """Return when a payload last spoke of the incident (ms).

        A payload that changed something is in the record, one that repeated it beside it.
        """
        async with unavailable_is_503():
            repeated = await self.redis.hget(self.of(incident.id).seen, incident.id)
        return max(incident.seen_at, int(repeated or 0))

    async def newest(self, state: str, limit: int, before: float | None) -> list[Incident]:
        """Return incidents of ``state`` (open, closed or all), newest first.

        ``before``: only those opened (open) or ended (closed) before this time (ms).
        """
        async with unavailable_is_503():
            found: list[tuple[float, Incident]] = []
            for keys in self.keys:
                for index in {"open": [keys.open], "closed": [keys.closed]}.get(
                    state, [keys.open, keys.closed]
                ):
                    found += await self._newest(index, limit, before, keys)
        found.sort(key=lambda pair: (-pair[0], pair[1].id))
        return [incident for _, incident in found[:limit]]

    async def _newest(
        self, index: str, limit: int, before: float | None, keys: Keys
    ) -> list[tuple[float, Incident]]:
        top = f"({before:.0f}" if before is not None else "+inf"
        rows = await self.redis.zrange(
            index, top, "-inf", desc=True, byscore=True, offset=0, num=limit, withscores=True
        )
        found = []
        for at in range(0, len(rows), BODY_LIMIT):
            part = rows[at : at + BODY_LIMIT]
            bodies = await self.redis.mget([keys.incident(name.decode()) for name, _ in part])
            found += [
                (score, decode_incident(body))
                for (_, score), body in zip(part, bodies, strict=True)
                if body
            ]
        return found

    async def published(self, since: int, limit: int) -> dict[str, bytes]:
        """Return id -> version of what is on the status page and was not over there at ``since``.

        ``limit`` at most, what goes on first, then what ended last: a shard's two round trips.
        """
        found: list[tuple[float, str, bytes]] = []
        async with unavailable_is_503():
            for keys in self.keys:
                rows = await self.redis.zrange(
                    keys.published,
                    "+inf",
                    str(since),
                    desc=True,
                    byscore=True,
                    offset=0,
                    num=limit,
                    withscores=True,
                )
                pipeline = self.redis.pipeline(transaction=False)
                for name, _ in rows:
                    pipeline.getrange(keys.incident(name.decode()), 0, VERSION_DIGITS - 1)
                versions = await pipeline.execute()
                found += [
                    (-score, name.decode(), version)
                    for (name, score), version in zip(rows, versions, strict=True)
                ]
        return {name: version for _, name, version in sorted(found)[:limit]}

    async def unreached(self) -> tuple[int, int, str]:
        """Return how many open incidents nobody could be told of, since when (ms), and the oldest.

        (0, 0, "") when there is none.
        """
        number, found = 0, []
        async with unavailable_is_503():
            for keys in self.keys:
                number += await self.redis.zcard(keys.unreached)
                found += await self.redis.zrange(keys.unreached, 0, 0, withscores=True)
        since, name = min(((score, name) for name, score in found), default=(0, b""))
        return number, int(since), name.decode()

    async def active(self) -> dict[tuple[str, str, str], int]:
        """Return the number of open incidents by (severity, state, priority)."""
        counts: dict[tuple[str, str, str], int] = {}
        async with unavailable_is_503():
            for keys in self.keys:
                for field, number in (await self.redis.hgetall(keys.active)).items():
                    severity, state, priority = field.decode().split("|")
                    place = (severity, state, priority)
                    counts[place] = counts.get(place, 0) + int(number)
        return counts

    async def used_bytes(self) -> int:
        """Return how much memory the server uses."""
        async with unavailable_is_503():
            found = await self.redis.info("memory")
        return int(found.get("used_memory", 0))

    async def probe(self, now: int) -> None:
        """Write something; StoreUnavailableError when Redis cannot."""
        async with unavailable_is_503():
            for keys in self.keys:
                await self.redis.set(keys.probe, now)


def _remembered(event: str) -> int:
    return LONG_EVENT_TTL if event.startswith(LONG_EVENT) else EVENT_TTL
