"""The agenda in Redis: claim what is due by lease, settle it with its receipt."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from receiver.errors import DamagedRecordError, StoreUnavailableError
from receiver.store.audit.entry import AuditEntry, encoded
from receiver.store.keys import Keys, member, split_member, split_state
from receiver.store.records.claimed import ClaimedReader, Reading
from receiver.store.records.claiming import Claiming
from receiver.store.records.receipts import LOST, decode_receipt, encode_receipt, revision_text
from receiver.store.records.settling import Settling
from receiver.store.redis import Client, load_script, unavailable_is_503
from receiver.store.repair.mending import Mending, is_of_wrong_type, mended
from receiver.store.repair.register import wall_ms
from routing.group import split_id
from routing.receipt import Receipt
from routing.vocabulary import Lane

PASSED_OVER = 5_000
"""Due tasks without room that a claim looks behind; the next claim goes on from there."""
T = TypeVar("T")


class Task(msgspec.Struct, frozen=True):
    """A leased agenda entry. ``due``: when it came due; ``until``: end of the lease (ms)."""

    incident: str
    task: str
    lane: Lane
    token: str
    want: int
    due: int
    until: int


class Settled(msgspec.Struct, frozen=True):
    """``held``: the lease is still ours. ``current``: a receipt somebody else saved meanwhile."""

    held: bool
    current: Receipt | None = None
    clash: bool = False


class TaskStore:
    """The agenda of all shards."""

    def __init__(self, redis: Client, shards: int, now: Callable[[], int] = wall_ms) -> None:
        """``now()`` returns the time in ms."""
        self.redis = redis
        self.keys = [Keys(shard) for shard in range(shards)]
        self._mending = Mending(redis, self.keys, now)
        self._claiming = [
            {lane: Claiming(redis, keys, lane) for lane in keys.due} for keys in self.keys
        ]
        self._claim_named = load_script(redis, "claim_members")
        self._wake = load_script(redis, "wake_tasks")
        self._settling = [Settling(redis, keys) for keys in self.keys]
        self._readers = [ClaimedReader(redis, keys, self._mending) for keys in self.keys]

    async def claim(  # noqa: PLR0913, PLR0917 - a lease, and what it may take
        self,
        shard: int,
        lane: Lane,
        now: int,
        until: int,
        token: str,
        limit: int,
        room: Mapping[str, int] = MappingProxyType({}),
    ) -> list[Task]:
        """Lease up to ``limit`` due tasks of a lane until ``until`` (ms), oldest first.

        Of a task named in ``room`` at most so many; the others of that name stay due.
        """
        keys = self.keys[shard]
        claiming, lease = self._claiming[shard][lane], (now, token, until)
        raw = await self._mended(lambda: claiming.claim(lease, limit, PASSED_OVER, room))
        return await self._leased(keys, raw, lane, token, until)

    def entered(self, dues: Mapping[Lane, int]) -> None:
        """Have claims of these lanes look from a time on (ms): a task of then was entered now."""
        for lanes in self._claiming:
            for lane, due in dues.items():
                lanes[lane].entered(due)

    async def _mended(self, call: Callable[[], Awaitable[T]]) -> T:
        async with unavailable_is_503():
            return await mended(call, lambda: self._mending.shared(self.keys))

    async def _leased(
        self, keys: Keys, raw: list[bytes], lane: Lane, token: str, until: int
    ) -> list[Task]:
        """Return the tasks of a claim; a member that names none is put aside."""
        found = []
        for at in range(0, len(raw), 3):
            named = split_member(raw[at], keys.shard)
            if named is None:
                part, why = ("member", raw[at], raw[at]), "it names no task of an incident"
                await self._mending.register.put_aside_part(
                    keys, "agenda", keys.due[lane], part, why
                )
                async with unavailable_is_503():
                    await self.redis.hdel(keys.task, raw[at])
                continue
            due = float(raw[at + 2])
            when = int(due) if isfinite(due) else 0
            found.append(Task(*named, lane, token, int(raw[at + 1]), when, until))
        return found

    async def waiting_for(self, task: Task, limit: int, now: int) -> list[Task]:
        """Return other tasks of the same notifier and lane among the next ``limit`` of its shard.

        Only those nobody holds; they are not leased by this, see ``claim_named``.
        """
        keys = self.keys[split_id(task.incident)[0]]
        end, own = f"|{task.task}".encode(), member(task.incident, task.task).encode()
        rows = await self._mended(lambda: self.redis.zrange(keys.due[task.lane], 0, limit - 1))
        names = [row for row in rows if row.endswith(end) and row != own]
        kept = await self._mended(lambda: self.redis.hmget(keys.task, names)) if names else []
        found = []
        for name, state in zip(names, kept, strict=True):
            named = split_member(name, keys.shard)
            if named is not None and state is not None and not _is_leased(state, now):
                found.append(msgspec.structs.replace(task, incident=named[0], token=""))
        return found

    async def claim_named(self, like: Task, tasks: Sequence[Task], now: int) -> list[Task]:
        """Lease these tasks as ``like`` is leased, due or not; those of others are left out."""
        keys = self.keys[split_id(like.incident)[0]]
        names = [member(task.incident, task.task) for task in tasks]
        wanted, args = [keys.due[like.lane], keys.task], [now, like.token, like.until, *names]
        raw = await self._mended(lambda: self._claim_named(keys=wanted, args=args))
        return await self._leased(keys, raw, like.lane, like.token, like.until)

    async def release(self, shard: int, lane: Lane, token: str, until: int, now: int) -> None:
        """Have what was leased by a token until then (ms) be due now, for it is under way nowhere.

        Another lease of the same end is nobody's to release: whoever settles shows the token.
        """
        keys = self.keys[shard]
        rows = await self._mended(
            lambda: self.redis.zrange(keys.due[lane], str(until), str(until), byscore=True)
        )
        for named in (split_member(row, keys.shard) for row in rows):
            if named is not None:
                task = Task(*named, lane, token, 0, until, until)
                await self.settle(task, "again", now, due=now)

    def soonest(self, shard: int, lane: Lane) -> int | None:
        """Return ``next_due`` as the last claim saw it; None also when that leased anything."""
        return self._claiming[shard][lane].soonest

    async def next_due(self, shard: int, lane: Lane) -> int | None:
        """Return when the next task of a lane is due (ms), or None."""
        key = self.keys[shard].due[lane]
        rows = await self._mended(lambda: self.redis.zrange(key, 0, 0, withscores=True))
        return int(rows[0][1]) if rows and isfinite(rows[0][1]) else None

    async def settle(  # noqa: PLR0913 - a receipt and what becomes of its lease, in one step
        self,
        task: Task,
        verb: str,
        now: int,
        *,
        delivered: int = 0,
        due: int = 0,
        not_before: int = 0,
        receipt: Receipt | None = None,
        told: AuditEntry | None = None,
    ) -> Settled:
        """Save the receipt and keep (``hold``), end (``done``) or move (``again``) the task.

        A task that is wanted for a newer version than ``delivered`` is not ended, and moved no
        further than ``not_before``.
        ``receipt.revision`` is the one it was made from; it is stored with the next one. ``told``:
        what the audit trail tells once the receipt is saved.
        """
        self.entered({task.lane: now})
        shard = split_id(task.incident)[0]
        before, body = "", b""
        if receipt is not None:
            before = revision_text(receipt.revision) if receipt.revision else ""
            body = encode_receipt(msgspec.structs.replace(receipt, revision=receipt.revision + 1))
        notifier = task.task.removeprefix("notify:")
        name = member(task.incident, task.task)
        state: list[Any] = [name, task.token, verb, delivered, due, not_before]
        held, saved, current = await self._settle(
            self.keys[shard],
            task.incident,
            [*state, notifier, before, body, now, *(encoded([told]) if told else ("", ""))],
        )
        if saved:
            return Settled(held=bool(held))
        if not current:
            return Settled(bool(held), None, clash=True)
        try:
            return Settled(bool(held), decode_receipt(current), clash=True)
        except DamagedRecordError:
            # Of the two ours is the one that says something.
            await self._mending.receipts(self.keys[shard], task.incident)
            return Settled(bool(held), LOST, clash=True)

    async def _settle(self, keys: Keys, incident: str, args: list[Any]) -> list[Any]:
        receipts = keys.receipts(incident)
        try:
            return await self._settling[keys.shard].settle(receipts, args)
        except StoreUnavailableError as error:
            if not is_of_wrong_type(error):
                raise
        await self._mending.shared([keys])
        await self._mending.receipts(keys, incident)
        return await self._settling[keys.shard].settle(receipts, args)

    async def wake(self, task: str, now: int) -> int:
        """Bring forward what of one name waits for its next attempt; return how many there were.

        Looks at the entries that are due next, ``PASSED_OVER`` of each lane and shard.
        """
        self.entered(dict.fromkeys(Lane, now))
        woken, args = 0, [now, task, PASSED_OVER]
        for keys in self.keys:
            names = [keys.task, *keys.due.values()]
            woken += int(await self._mended(partial(self._wake, keys=names, args=args)))
        return woken

    async def read(self, tasks: Sequence[Task]) -> list[Reading]:
        """Return for each task what its incident, receipts and latest entries are, in its order.

        One call for each shard, whatever their number; see ``ClaimedReader``.
        """
        shards: dict[int, list[Task]] = {}
        for task in tasks:
            shards.setdefault(split_id(task.incident)[0], []).append(task)
        found: dict[Task, Reading] = {}
        for shard, own in shards.items():
            wanted = [(task.incident, task.task.startswith("notify:")) for task in own]
            found |= zip(own, await self._readers[shard].read(wanted), strict=True)
        return [found[task] for task in tasks]

    async def receipts(self, incident: str) -> dict[str, Receipt]:
        """Return what each notifier has of an incident; ``lost`` where that cannot be read."""
        return await self._mending.receipts(self.keys[split_id(incident)[0]], incident)

    async def waiting(self, now: int) -> dict[Lane, tuple[int, int]]:
        """Return for each lane (entries on the agenda, entries due)."""
        counts: dict[Lane, tuple[int, int]] = {}
        lanes = [(lane, key) for keys in self.keys for lane, key in keys.due.items()]
        found = iter(await self._mended(partial(self._waiting, [key for _, key in lanes], now)))
        for lane, _ in lanes:
            total, due = counts.get(lane, (0, 0))
            counts[lane] = (total + next(found), due + next(found))
        return counts

    async def _waiting(self, names: Sequence[str], now: int) -> list[int]:
        """Return of each key how many entries it has, and how many of them are due."""
        pipeline = self.redis.pipeline(transaction=False)
        for name in names:
            pipeline.zcard(name)
            pipeline.zcount(name, "-inf", now)
        counts: list[int] = await pipeline.execute()
        return counts

    async def wanted(self) -> int:
        """Return how many deliveries wait or are under way, of all notifiers and lanes."""
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            for keys in self.keys:
                pipeline.hlen(keys.task)
            return sum(await pipeline.execute())

    async def delays(self, now: int) -> dict[Lane, float]:
        """Return for each lane how long (s) the entry that is due longest has waited, 0 for none.

        What is leased or postponed is not late: its time is that of its next attempt.
        """
        lanes = [(lane, key) for keys in self.keys for lane, key in keys.due.items()]
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            for _, key in lanes:
                pipeline.zrange(key, 0, 0, withscores=True)
            firsts = await pipeline.execute()
        found: dict[Lane, float] = {}
        for (lane, _), first in zip(lanes, firsts, strict=True):
            # What is junk may be due before all time, until it is put aside.
            late = min(now, max(0.0, now - first[0][1])) / 1000 if first else 0.0
            found[lane] = max(found.get(lane, 0.0), late)
        return found


def _is_leased(state: bytes, now: int) -> bool:
    """Return whether somebody holds a task; of what cannot be read a claim finds out."""
    known = split_state(state)
    return known is None or bool(known[0] and known[1] > now)
