"""The agenda in Redis: claim what is due by lease, settle it with its receipt."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from receiver.store.client import Client, load_script, unavailable_is_503
from receiver.store.keys import REVISION_DIGITS, Keys, member, split_member
from receiver.store.record import decode_entry
from receiver.store.settling import Settling
from routing.group import split_id
from routing.incident_parts import Entry
from routing.receipt import Receipt

TAIL = 30
"""Timeline entries read with a task; a receipt that is further behind reads them itself."""
PASSED_OVER = 5_000
"""Due tasks without room that a claim looks behind; it bounds how long the script runs. The next
claim goes on from there."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Receipt)


class Task(msgspec.Struct, frozen=True):
    """A leased agenda entry. ``due``: when it came due; ``until``: end of the lease (ms)."""

    incident: str
    task: str
    lane: str
    token: str
    want: int
    due: int
    until: int


class Settled(msgspec.Struct, frozen=True):
    """``held``: the lease is still ours. ``current``: a receipt somebody else saved meanwhile."""

    held: bool
    current: Receipt | None = None
    clash: bool = False


class Reading(msgspec.Struct, frozen=True):
    """What is stored about a task's incident.

    ``entries`` are the latest of its timeline, after the one numbered ``entries_from``. ``broken``:
    why receipts or timeline cannot be read, "" as a rule.
    """

    record: bytes
    receipts: dict[str, Receipt]
    entries: tuple[Entry, ...]
    entries_from: int
    broken: str = ""

    @property
    def paged(self) -> dict[str, int]:
        """What the receipts say was delivered, by notifier."""
        return {name: receipt.paged_seq for name, receipt in self.receipts.items()}

    @property
    def errors(self) -> dict[str, str]:
        """What went wrong last, of the notifiers that fail."""
        found = self.receipts.items()
        return {name: receipt.last_error for name, receipt in found if receipt.last_error}


class TaskStore:
    """The agenda of all shards."""

    def __init__(self, redis: Client, shards: int) -> None:
        self.redis = redis
        self.keys = [Keys(shard) for shard in range(shards)]
        self._behind: dict[tuple[int, str], int] = {}
        self._claim = load_script(redis, "claim_tasks")
        self._claim_named = load_script(redis, "claim_members")
        self._settling = [Settling(redis, keys) for keys in self.keys]

    async def claim(  # noqa: PLR0913, PLR0917 - a lease, and what it may take
        self,
        shard: int,
        lane: str,
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
        bounds = [part for name, most in room.items() for part in (name, most)]
        behind = self._behind.get((shard, lane), 0)
        async with unavailable_is_503():
            raw = await self._claim(
                keys=[keys.due[lane], keys.task],
                args=[now, token, until, limit, PASSED_OVER, behind, *bounds],
            )
        self._behind[shard, lane] = int(raw[0])
        return _leased(raw[1:], lane, token, until)

    async def waiting_for(self, task: Task, limit: int, now: int) -> list[Task]:
        """Return other tasks of the same notifier and lane among the next ``limit`` of its shard.

        Only those nobody holds; they are not leased by this, see ``claim_named``.
        """
        keys = self.keys[split_id(task.incident)[0]]
        end, own = f"|{task.task}".encode(), member(task.incident, task.task).encode()
        async with unavailable_is_503():
            rows = await self.redis.zrange(keys.due[task.lane], 0, limit - 1)
            names = [row for row in rows if row.endswith(end) and row != own]
            kept = await self.redis.hmget(keys.task, names) if names else []
        return [
            msgspec.structs.replace(task, incident=split_member(name.decode())[0], token="")
            for name, state in zip(names, kept, strict=True)
            if state is not None and not _is_leased(state, now)
        ]

    async def claim_named(self, like: Task, tasks: Sequence[Task], now: int) -> list[Task]:
        """Lease these tasks as ``like`` is leased, due or not; those of others are left out."""
        keys = self.keys[split_id(like.incident)[0]]
        names = [member(task.incident, task.task) for task in tasks]
        async with unavailable_is_503():
            raw = await self._claim_named(
                keys=[keys.due[like.lane], keys.task], args=[now, like.token, like.until, *names]
            )
        return _leased(raw, like.lane, like.token, like.until)

    async def next_due(self, shard: int, lane: str) -> int | None:
        """Return when the next task of a lane is due (ms), or None."""
        async with unavailable_is_503():
            rows = await self.redis.zrange(self.keys[shard].due[lane], 0, 0, withscores=True)
        return int(rows[0][1]) if rows else None

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
    ) -> Settled:
        """Save the receipt and keep (``hold``), end (``done``) or move (``again``) the task.

        A task that is wanted for a newer version than ``delivered`` is not ended, and moved no
        further than ``not_before``.
        ``receipt.revision`` is the one it was made from; it is stored with the next one.
        """
        shard = split_id(task.incident)[0]
        before, body = "", b""
        if receipt is not None:
            before = _revision(receipt.revision) if receipt.revision else ""
            body = encode_receipt(msgspec.structs.replace(receipt, revision=receipt.revision + 1))
        notifier = task.task.removeprefix("notify:")
        held, saved, current = await self._settling[shard].settle(
            self.keys[shard].receipts(task.incident),
            [
                member(task.incident, task.task),
                task.token,
                verb,
                delivered,
                due,
                not_before,
                notifier,
                before,
                body,
                now,
            ],
        )
        if saved:
            return Settled(held=bool(held))
        return Settled(bool(held), decode_receipt(current) if current else None, clash=True)

    async def read(self, tasks: Sequence[Task]) -> list[Reading]:
        """Return for each task what its incident, receipts and latest entries are, in its order.

        One round trip, whatever their number. What cannot be read is its own task's problem: a
        record is handed on as it is, and anything else is named in ``broken``.
        """
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            for task in tasks:
                keys = self.keys[split_id(task.incident)[0]]
                pipeline.get(keys.incident(task.incident))
                pipeline.hgetall(keys.receipts(task.incident))
                pipeline.llen(keys.timeline(task.incident))
                pipeline.lrange(keys.timeline(task.incident), -TAIL, -1)
            rows = iter(await pipeline.execute())
        return [_reading(*(next(rows) for _ in range(4))) for _ in tasks]

    async def receipts(self, incident: str) -> dict[str, Receipt]:
        """Return what each notifier has of an incident."""
        key = self.keys[split_id(incident)[0]].receipts(incident)
        async with unavailable_is_503():
            stored = await self.redis.hgetall(key)
        return {name.decode(): decode_receipt(raw) for name, raw in stored.items()}

    async def waiting(self, now: int) -> dict[str, tuple[int, int]]:
        """Return for each lane (entries on the agenda, entries due)."""
        counts: dict[str, tuple[int, int]] = {}
        async with unavailable_is_503():
            for keys in self.keys:
                for lane, name in keys.due.items():
                    known = counts.get(lane, (0, 0))
                    total = await self.redis.zcard(name)
                    ready = await self.redis.zcount(name, "-inf", now)
                    counts[lane] = (known[0] + total, known[1] + ready)
        return counts

    async def delays(self, now: int) -> dict[str, float]:
        """Return for each lane how long (s) the entry that is due longest has waited, 0 for none.

        What is leased or postponed is not late: its time is that of its next attempt.
        """
        found: dict[str, float] = {}
        for shard, keys in enumerate(self.keys):
            for lane in keys.due:
                due = await self.next_due(shard, lane)
                late = max(0.0, (now - due) / 1000) if due is not None else 0.0
                found[lane] = max(found.get(lane, 0.0), late)
        return found


def _reading(
    record: bytes | None, stored: dict[bytes, bytes], length: int, tail: list[bytes]
) -> Reading:
    try:
        receipts = {name.decode(): decode_receipt(raw) for name, raw in stored.items()}
        entries = tuple(decode_entry(line) for line in tail)
    except (msgspec.DecodeError, ValueError) as error:
        return Reading(record or b"", {}, (), 0, broken=str(error) or type(error).__name__)
    return Reading(record or b"", receipts, entries, length - len(entries))


def _is_leased(state: bytes, now: int) -> bool:
    _, token, until, _ = state.split(b"|")
    return bool(token) and int(until) > now


def _leased(raw: list[bytes], lane: str, token: str, until: int) -> list[Task]:
    found = []
    for at in range(0, len(raw), 3):
        incident, task = split_member(raw[at].decode())
        want, due = int(raw[at + 1]), int(float(raw[at + 2]))
        found.append(Task(incident, task, lane, token, want, due, until))
    return found


def _revision(number: int) -> str:
    return f"{number:0{REVISION_DIGITS}d}"


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the stored form of a receipt."""
    return _revision(receipt.revision).encode() + _encoder.encode(receipt)


def decode_receipt(raw: bytes) -> Receipt:
    """Return the receipt of a stored value."""
    return _decoder.decode(raw[REVISION_DIGITS:])
