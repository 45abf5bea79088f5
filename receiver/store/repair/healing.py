"""Makes anew from the records what is made of them: indexes, agenda, and numbers of open incidents.

``mending`` leaves jobs for this in Redis, so that a crash forgets none. Everything may be done
twice and by several replicas at once. It also looks through the open incidents, a few at a time: a
record that nobody happens to read must not stay unreadable unnoticed.
"""

import logging
from collections.abc import Sequence

import msgspec

from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys, is_id
from receiver.store.records.items import items_of
from receiver.store.records.receipts import read_receipts
from receiver.store.records.record import version_text
from receiver.store.records.standing import Standing, standing_of
from receiver.store.redis import load_script, unavailable_is_503
from receiver.store.repair.mending import RECOUNT, REINDEX, RESUME
from receiver.store.script_keys import fixed
from routing.incident import Incident
from routing.receipt import Receipt
from routing.vocabulary import Lane

log = logging.getLogger("store")

CHUNK = 64
"""Records read at once: some milliseconds of decoding at most."""
SCANNED = 1_000
LOOKED_THROUGH = 256
"""Open incidents that one round reads."""
ROUNDS = 200
"""How often a count is tried while incidents change all the time; then it is tried later."""
JOBS = (REINDEX, RECOUNT, RESUME)
"""In this order: what is counted is what an index names."""
_packer = msgspec.msgpack.Encoder()


class Healing:
    """Does the jobs of all shards."""

    def __init__(self, store: IncidentStore) -> None:
        self._store = store
        self._redis = store.redis
        self._reindex = load_script(store.redis, "reindex")
        self._recount = load_script(store.redis, "recount")
        self._with_items: set[int] = set()
        self._looked_at = dict.fromkeys((keys.shard for keys in store.keys), 0)

    async def round(self) -> bool:
        """Look for damage, and do what is to be done.

        Returns whether a watched heartbeat is to be resumed. StoreUnavailableError: try again.
        """
        await self._store.mending.shared(self._store.keys)
        resume = False
        for keys in self._store.keys:
            await self._look_through(keys)
            await self._begin_items(keys)
            jobs = await self._jobs(keys)
            if REINDEX in jobs:
                await self.reindex(keys)
            if RECOUNT in jobs:
                await self.recount(keys)
            resume |= RESUME in jobs
        await self._drop_forgotten()
        return resume

    async def resumed(self) -> None:
        """Heartbeats whose watch was damaged are awaited again."""
        async with unavailable_is_503():
            for keys in self._store.keys:
                await self._redis.srem(keys.heal, RESUME)

    async def _begin_items(self, keys: Keys) -> None:
        """Have the index of action items made of what an earlier release stored, once."""
        if keys.shard in self._with_items:
            return
        if await begin_items(self._store, keys):
            self._with_items.add(keys.shard)
            return
        async with unavailable_is_503():
            await self._redis.sadd(keys.heal, REINDEX)

    async def _jobs(self, keys: Keys) -> set[str]:
        await self._store.mending.of_type(keys, keys.heal, "set")
        await self._store.mending.of_type(keys, keys.damaged, "hash")
        async with unavailable_is_503():
            found = await self._redis.smembers(keys.heal)
        return {job.decode("utf-8", "replace") for job in found} & set(JOBS)

    async def _look_through(self, keys: Keys) -> None:
        """Read the next few open incidents; reading one is what finds out that it is damaged."""
        first = self._looked_at[keys.shard]
        async with unavailable_is_503():
            rows = await self._redis.zrange(keys.open, first, first + LOOKED_THROUGH - 1)
        names = await self._store.mending.members(keys, keys.open, rows)
        for at in range(0, len(names), CHUNK):
            await self._store.read(names[at : at + CHUNK])
        self._looked_at[keys.shard] = first + len(rows) if len(rows) == LOOKED_THROUGH else 0

    async def reindex(self, keys: Keys) -> None:
        """Enter every incident of a shard into the indexes and the agenda where it is missing."""
        async with unavailable_is_503():
            scan = self._redis.scan_iter(match=keys.incident("*"), count=SCANNED)
            found = [key.removeprefix(keys.incident("").encode()) async for key in scan]
        # A key that looks like one of a record is none of ours.
        names = [name.decode() for name in found if is_id(name, keys.shard)]
        for at in range(0, len(names), CHUNK):
            wanted = names[at : at + CHUNK]
            while wanted:
                wanted = await self._reindex_some(keys, wanted)
        async with unavailable_is_503():
            await self._redis.set(keys.items_begun, "1")
            await self._redis.srem(keys.heal, REINDEX)
        words = "indexes and agenda of shard %d made anew from %d records"
        log.warning(words, keys.shard, len(names))

    async def _reindex_some(self, keys: Keys, names: Sequence[str]) -> list[str]:
        """Return those that changed meanwhile."""
        read = await self._store.read(names)
        incidents = [incident for incident in read.values() if incident.state != "newer"]
        if not incidents:
            return []
        receipts = await self._receipts(keys, incidents)
        rows = [
            _row(incident, receipts[incident.id], self._store.mending.register.now())
            for incident in incidents
        ]
        wanted = fixed("reindex", keys)
        wanted += [keys.incident(incident.id) for incident in incidents]
        now = self._store.mending.register.now()
        async with unavailable_is_503():
            found = await self._reindex(keys=wanted, args=[now, _packer.encode(rows)])
        return [name.decode() for name in found]

    async def _receipts(
        self, keys: Keys, incidents: Sequence[Incident]
    ) -> dict[str, dict[str, Receipt]]:
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            for incident in incidents:
                pipeline.hgetall(keys.receipts(incident.id))
            stored = await pipeline.execute(raise_on_error=False)
        return {
            incident.id: read_receipts(found)[0] if isinstance(found, dict) else {}
            for incident, found in zip(incidents, stored, strict=True)
        }

    async def recount(self, keys: Keys) -> None:
        """Count the open incidents of a shard anew; written if nothing has changed meanwhile."""
        counted: dict[str, tuple[str, str]] = {}
        async with unavailable_is_503():
            rows = await self._redis.zrange(keys.open, 0, -1)
        wanted = await self._store.mending.members(keys, keys.open, rows)
        for _ in range(ROUNDS):
            for at in range(0, len(wanted), CHUNK):
                names = wanted[at : at + CHUNK]
                read = await self._store.read(names)
                if any(incident.state == "newer" for incident in read.values()):
                    log.info("open incidents are not counted: a newer release wrote some of them")
                    return
                for name in names:
                    counted.pop(name, None)
                counted |= {
                    name: (version_text(found.version), standing_of(found).counts_in)
                    for name, found in read.items()
                }
            names = [*fixed("recount", keys), *map(keys.incident, counted)]
            args = [part for name, pair in counted.items() for part in (name, *pair)]
            async with unavailable_is_503():
                again = await self._recount(keys=names, args=[RECOUNT, *args])
            if not again:
                log.warning("open incidents of shard %d counted anew", keys.shard)
                return
            wanted = await self._store.mending.members(keys, keys.open, again)

    async def _drop_forgotten(self) -> None:
        """Let what was kept of an incident go with the incident, once somebody forgets it."""
        register = self._store.mending.register
        kept = [entry for entry in await register.listed() if entry.incident]
        if not kept:
            return
        found = await self._store.read({entry.incident for entry in kept})
        for entry in kept:
            if entry.incident not in found:
                await register.discard(entry)


async def begin_items(store: IncidentStore, keys: Keys) -> bool:
    """Return whether the index of action items is one of all records; of none it is one."""
    async with unavailable_is_503():
        if await store.redis.exists(keys.items_begun):
            return True
        if await store.redis.exists(keys.open) or await store.redis.exists(keys.closed):
            return False
        await store.redis.set(keys.items_begun, "1")
    return True


def _row(incident: Incident, receipts: dict[str, Receipt], now: int) -> tuple[object, ...]:
    place: Standing = standing_of(incident)
    tasks = [(task, due, 0, _lane(incident, task)) for task, due in incident.timers.items()]
    tasks += [
        (f"notify:{name}", now, incident.version, _lane(incident, f"notify:{name}"))
        for name in incident.pages
        if not _is_settled(incident, name, receipts.get(name))
    ]
    scores = (place.opened, place.closed, place.published, place.unreached)
    items = [(name, score) for name, score in items_of(incident).items()]
    return (incident.id, version_text(incident.version), scores, tasks, items)


def _lane(incident: Incident, task: str) -> int:
    return tuple(Lane).index(incident.lane_of_task(task)) + 1


def _is_settled(incident: Incident, name: str, receipt: Receipt | None) -> bool:
    """Return whether a notifier has all it is to have, as far as its receipt says."""
    if receipt is None or receipt.lost or receipt.attempt is not None:
        return False
    page = incident.pages[name]
    paged = max(receipt.paged_seq, receipt.failed_seq) >= page.seq or not incident.wants(page)
    return paged and not receipt.follows and receipt.version >= incident.version
