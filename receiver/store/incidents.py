"""Incidents in Redis: commit decisions by version, and read them back.

``commit`` writes a batch in one script call. The script compares and writes; it decides nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from receiver.errors import NewerRecordError, StoreUnavailableError
from receiver.incident_json import Whole
from receiver.store.commits import Conflict, Duplicate, Refused, Write, Written
from receiver.store.daily_figures import KEPT_MS, day_of
from receiver.store.fence import Call, Fence
from receiver.store.keys import VERSION_DIGITS, Keys, is_generation, time_of
from receiver.store.lists.read import IncidentLists
from receiver.store.records.counted import Sums
from receiver.store.records.read import RecordReader
from receiver.store.records.record import stored_form
from receiver.store.records.standing import encode_decision
from receiver.store.records.whole import ENTRIES_SHOWN, read_whole
from receiver.store.redis import Client, load_script, unavailable_is_503
from receiver.store.repair.mending import mended
from receiver.store.repair.register import wall_ms
from receiver.store.script_keys import FIXED, fixed
from routing.group import split_id

_packer = msgspec.msgpack.Encoder()
EVENT_TTL = 600_000
"""Milliseconds an applied event is remembered: Slack accepts signatures for 5 minutes."""
LONG_EVENT_TTL = 3 * 86_400_000
"""The same for events of PagerDuty, which sends again for up to 48 hours."""
LONG_EVENT = "pagerduty:"
"""What the ids of such events begin with."""
REPLICA_TIMEOUT = 1_000
"""Milliseconds to wait for replicas before the sender is told to try again."""


Result = Written | Conflict | Duplicate | Refused
COMMIT = "commit_decisions"
FIGURES = tuple(FIXED[COMMIT].index(name) for name in ("day", "response"))
"""Places of the figures of the day among the commit's keys."""
GROUP, BASE = 1, 2
"""Numbers of a decision's keys, as the commit's script counts them; 4 is its timeline."""


class IncidentStore(RecordReader):
    """All incidents of all shards: how they are written, and (``RecordReader``) read."""

    def __init__(
        self,
        redis: Client,
        shards: int,
        tombstone_ttl: int,
        wait_replicas: int = 0,
        now: Callable[[], int] = wall_ms,
    ) -> None:
        """``tombstone_ttl`` in ms; ``wait_replicas`` replicas must have a commit to count.

        ``now()`` returns the time in ms.
        """
        super().__init__(redis, [Keys(shard) for shard in range(shards)], now)
        self.lists = IncidentLists(self)
        self._wait = wait_replicas
        self._tombstone_ttl = tombstone_ttl
        self._commit = load_script(redis, COMMIT)
        self.fence = Fence(redis, self.keys, now)
        self.on_commit: Callable[[int, str], None] = lambda _shard, _problem: None
        """Called after each commit of a shard with "", or with why it failed."""

    async def commit(
        self, shard: int, writes: Sequence[Write], now: int, *, lasts: bool = True
    ) -> list[Result]:
        """Write a batch of one shard atomically, each decision checked on its own.

        Returns one result per write. StoreUnavailableError: the outcome of all is unknown.
        ``lasts``: it is missed when the server loses it (see ``fence``).
        """
        keys = self.keys[shard]
        day = day_of(now)
        names = fixed(COMMIT, keys, day=keys.figures(day), response=keys.response(day))
        payload, sums = [], Sums(now)
        stored = [write.record or stored_form(write.decision) for write in writes]
        for write, form in zip(writes, stored, strict=True):
            names += self._key_names(keys, write)
            payload.append(
                encode_decision(
                    write.decision,
                    sums,
                    pointer=write.pointer,
                    events=[
                        0 if event in write.undone else _remembered(event)
                        for event in write.event_ids
                    ],
                    tombstone_ttl=self._tombstone_ttl,
                    size=form.size,
                    told=len(write.audit),
                )
            )
        bodies = [form.body for form in stored]
        call = self.fence.begin(keys, lasts=lasts)
        batch = _packer.encode((*sums.fields, payload, (self.fence.process, *call[:2])))
        told = [part for write in writes for part in write.audit]
        raw = await self._written(keys, names, [batch, now, KEPT_MS, *bodies, *told], call)
        return [
            Written(b"" if write.decision.forget else form.remembered)
            if item == 1
            else await self._refused(write, item)
            for write, item, form in zip(writes, raw, stored, strict=True)
        ]

    async def _written(self, keys: Keys, names: list[str], args: list[Any], call: Call) -> Any:
        """Run the commit, with what is of a wrong type mended; tell how it ended."""

        async def mend() -> None:
            self.fence.forget(keys)
            await self.mending.shared([keys])
            for place in FIGURES:
                await self.mending.of_type(keys, names[place], "hash")

        try:
            async with unavailable_is_503():
                raw = await mended(lambda: self._run(keys, names, args, call), mend)
        except StoreUnavailableError as error:
            self.on_commit(keys.shard, str(error))
            raise
        self.fence.acknowledged(keys, call)
        self.on_commit(keys.shard, "")
        return raw

    async def _run(self, keys: Keys, names: list[str], args: list[Any], call: Call) -> Any:
        """Run the commit, and where replicas are to have it wait for them."""
        if self._wait:
            raw, replicas = await self._commit.waited_for(names, args, self._wait, REPLICA_TIMEOUT)
        else:
            raw, replicas = await self._commit(names, args), 0
        self.fence.answered(keys, call, raw.pop())
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

    async def _refused(self, write: Write, raw: Any) -> Conflict | Duplicate | Refused:
        if raw[0] == 2:  # noqa: PLR2004 - the script's header lists its answers
            return Duplicate(tuple(raw[1]))
        decision = write.decision
        if decision.incident is None:
            raise ValueError("a decision without an incident has nothing to commit")
        name = decision.base.id if decision.base else decision.incident.id
        keys, stem = self.of(name), name.rpartition("-")[0]
        record, generation = b"", b""
        try:
            if raw[0] == 0:
                record, generation = raw[2], raw[1]
            elif raw[1] == GROUP:
                generation = str(await self.mending.pointer(keys, split_id(name)[1])).encode()
            elif raw[1] != BASE:
                await self.mending.timeline(keys, decision.incident.id)
            if write.pointer and is_generation(generation):
                name = f"{stem}-{int(generation)}"
            record = await self.readable(name, record or await self.record(name))
            return Conflict(record, split_id(name)[2])
        except NewerRecordError as error:
            return Refused(error)

    async def whole(self, name: str, most: int = ENTRIES_SHOWN, before: int = 0) -> Whole | None:
        """Return everything stored of an incident as of one moment; see ``read_whole``."""
        return await read_whole(self, name, most, before)

    async def was_applied(self, name: str, event_id: str) -> bool:
        """Return whether an event of an incident was applied within ``EVENT_TTL``."""
        async with unavailable_is_503():
            return bool(await self.redis.exists(self.of(name).event(event_id)))

    async def published(self, since: int, limit: int) -> dict[str, bytes]:
        """Return id -> version of what is on the status page and was not over there at ``since``.

        ``limit`` at most, what goes on first, then what ended last: a shard's two round trips.
        """
        found: list[tuple[float, str, bytes]] = []
        for keys in self.keys:
            rows = await self._published_since(keys, since, limit)
            names = await self.mending.members(keys, keys.published, [name for name, _ in rows])
            scores = {name.decode("ascii", "replace"): score for name, score in rows}
            async with unavailable_is_503():
                pipeline = self.redis.pipeline(transaction=False)
                for name in names:
                    pipeline.getrange(keys.incident(name), 0, VERSION_DIGITS - 1)
                versions = await pipeline.execute(raise_on_error=False)
            found += [
                # A key of another type has no version, and is looked at for that.
                (-scores[name], name, version if isinstance(version, bytes) else b"")
                for name, version in zip(names, versions, strict=True)
            ]
        return {name: version for _, name, version in sorted(found)[:limit]}

    async def unreached(self) -> tuple[int, int, str]:
        """Return how many open incidents nobody could be told of, since when (ms), and the oldest.

        (0, 0, "") when there is none.
        """
        number, since, first = 0, 0, ""
        for keys in self.keys:
            rows = await self._unreached(keys)
            names = await self.mending.members(keys, keys.unreached, [name for name, _ in rows])
            number += len(names)
            # The first of the rows may be none of an incident.
            began = time_of(dict(rows)[names[0].encode()]) if names else 0
            if names and (not since or began < since):
                since, first = began, names[0]
        return number, since, first

    async def _unreached(self, keys: Keys) -> list[tuple[bytes, float]]:
        async with unavailable_is_503():
            found: list[tuple[bytes, float]] = await mended(
                lambda: self.redis.zrange(keys.unreached, 0, -1, withscores=True),
                lambda: self.mending.shared([keys]),
            )
        return found

    async def _published_since(
        self, keys: Keys, since: int, limit: int
    ) -> list[tuple[bytes, float]]:
        more: dict[str, Any] = {"byscore": True, "offset": 0, "num": limit, "withscores": True}
        async with unavailable_is_503():
            found: list[tuple[bytes, float]] = await mended(
                lambda: self.redis.zrange(keys.published, "+inf", str(since), desc=True, **more),
                lambda: self.mending.shared([keys]),
            )
        return found


def _remembered(event: str) -> int:
    return LONG_EVENT_TTL if event.startswith(LONG_EVENT) else EVENT_TTL
