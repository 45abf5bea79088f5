"""100,000 entries of the audit trail, tampered with at 50 random places: each is named.

The entries are those of a real server, most of them packed into blocks. At 44 places at once a row
is changed, its link or number, or it is taken out, copied, made up, or made unreadable.
Six more are done one by one, for they leave a chain that fits together: from a row on everything is
made anew, the end is cut off, or the beginning; only what was told outside gives them away.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from receiver.store.audit.entries import AuditStore, pack
from receiver.store.audit.entry import BLOCK, AuditEntry, link_of, parse_row
from receiver.store.audit.read import AuditReader
from receiver.store.audit.verify import Anchor, Fault
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect

Report = Callable[[str, str, str, bool], None]
ENTRIES, PLACES, ALONE = 100_000, 44, 6
APART = 50
"""Rows between two places, so that each is a fault of its own."""
AT = 1_772_445_600_000
Named = tuple[str, int, int]
"""What has to be said: kind, first and last entry."""


async def run(report: Report) -> None:
    """Fill, tamper, verify, and put back."""
    with tempfile.TemporaryDirectory() as name:
        server = EmbeddedValkey(Path(name) / "valkey")
        await server.start()
        redis = connect(server.url)
        try:
            await _show(report, redis)
        finally:
            await redis.aclose(close_connection_pool=True)
            await server.stop()


async def _show(report: Report, redis: Any) -> None:
    store = AuditStore(redis, 1)
    anchors = await _filled(store)
    rows = [row async for part in _rows(store) for row in part]
    used = await _memory(store)
    report(
        "bytes of an entry, packed and not",
        f"{used / ENTRIES:.0f}",
        "<= 100",
        used / ENTRIES <= 100,
    )
    began = time.monotonic()
    faults = await _faults(store, anchors)
    took = time.monotonic() - began
    report("faults of a trail nobody touched", f"{len(faults)} of {len(rows):,}", "0", not faults)
    report("time to verify it", f"{took:.1f} s", "<= 20 s", took <= 20)
    chance = random.Random(20260302)
    wrong = await _at_once(report, store, redis, rows, anchors, chance)
    wrong += await _alone(store, redis, rows, anchors, chance)
    named = PLACES + ALONE - len(wrong)
    total = PLACES + ALONE
    report("tamperings named", f"{named} of {total}", "all", not wrong)
    for line in wrong:
        report(line[:46], "", "named", False)
    await _put(store, redis, rows)
    left = await _faults(store, anchors)
    report("faults once all is put back", str(len(left)), "0", not left)


async def _filled(store: AuditStore) -> list[Anchor]:
    anchors = []
    for start in range(0, ENTRIES, BLOCK):
        many = range(start, start + BLOCK)
        await store.append(0, [_entry(number) for number in many])
        if start % 10_000 == 0:
            chain = await store.chain(0)
            anchors.append(Anchor(0, chain.number, chain.link, f"entry {chain.number}"))
    while await store.pack(0):
        pass
    chain = await store.chain(0)
    return [*anchors, Anchor(0, chain.number, chain.link, "the end")]


def _entry(number: int) -> AuditEntry:
    names = ("alertmanager", "Ann", "Bob", "slack", "pagerduty")
    actions = ("alerts", "acknowledge", "resolve", "page", "note")
    return AuditEntry(
        AT + number * 311,
        actions[number % 5],
        "opened" if number % 5 == 0 else "done",
        names[number % 5],
        "api",
        address=f"10.0.{number % 7}.{number % 251}",
        incident=f"0-{number * 2654435761 % 2**64:016x}-1",
        version=number % 9,
        correlation_id=f"req-3f9c0a1b{number:08x}",
    )


async def _rows(store: AuditStore) -> Any:
    async for _, _, rows in AuditReader(store).rows(0):
        yield rows or []


async def _faults(store: AuditStore, anchors: Iterable[Anchor]) -> list[Fault]:
    return (await AuditReader(store).verify(anchors))[0]


async def _memory(store: AuditStore) -> int:
    redis, keys = store._redis, store.shards[0]  # noqa: SLF001 - what it takes up is asked of the server
    used = await redis.memory_usage(keys.audit, samples=0) or 0
    for number in range((await store.chain(0)).packed):
        used += await redis.memory_usage(keys.audit_block(number)) or 0
    return int(used)


async def _put(store: AuditStore, redis: Any, rows: Sequence[bytes]) -> None:
    """Put rows where those were; whoever tampers knows how they are packed."""
    keys, chain = store.shards[0], await store.chain(0)
    parts: dict[int, list[bytes]] = {}
    block = 0
    for raw in rows:
        row = parse_row(raw)
        # What cannot be read, or says another number, lies with its neighbours.
        if row is not None and abs((row.number - 1) // BLOCK - block) <= 1:
            block = max(block, (row.number - 1) // BLOCK)
        parts.setdefault(min(block, chain.packed), []).append(raw)
    pipeline = redis.pipeline()
    for number in range(chain.packed):
        pipeline.set(keys.audit_block(number), pack(parts.get(number, [])))
    pipeline.delete(keys.audit)
    last = parts.get(chain.packed, [])
    for start in range(0, len(last), BLOCK):
        pipeline.rpush(keys.audit, *last[start : start + BLOCK])
    end = parse_row(rows[-1])
    if end is not None:
        pipeline.hset(keys.chain, mapping={"mark": end.number, "marked": end.link})
    await pipeline.execute()


def _content(raw: bytes) -> tuple[bytes, bytes, bytes]:
    link, number, content = raw.split(b" ", 2)
    return link, number, content


def _changed(rows: list[bytes], at: int, _: random.Random) -> Named:
    link, number, content = _content(rows[at])
    rows[at] = b" ".join((link, number, content.replace(b',"', b',"x', 1)))
    return "changed", at + 1, at + 1


def _relinked(rows: list[bytes], at: int, chance: random.Random) -> Named:
    _, number, content = _content(rows[at])
    rows[at] = b" ".join((b"%040x" % chance.getrandbits(160), number, content))
    return "changed", at + 1, at + 1


def _renumbered(rows: list[bytes], at: int, chance: random.Random) -> Named:
    link, _, content = _content(rows[at])
    rows[at] = b" ".join((link, b"%d" % chance.randrange(1, ENTRIES), content))
    return "changed", at + 1, at + 1


def _taken_out(rows: list[bytes], at: int, chance: random.Random) -> Named:
    many = chance.randrange(1, 9)
    del rows[at : at + many]
    return "missing", at + 1, at + many


def _copied(rows: list[bytes], at: int, chance: random.Random) -> Named:
    rows.insert(at, rows[chance.randrange(0, at)])
    return "inserted", at + 1, at + 1


def _made_up(rows: list[bytes], at: int, _chance: random.Random) -> Named:
    """A row that nobody appended, linked to the one before it as it should be."""
    link, _, content = _content(rows[at - 1])
    content = content.replace(b',"', b',"Mallory ', 1)
    made = link_of(link.decode(), at + 1, content)
    rows.insert(at, b"%b %d %b" % (made.encode(), at + 1, content))
    return "inserted", at + 1, at + 1


def _unreadable(rows: list[bytes], at: int, _: random.Random) -> Named:
    rows[at] = b"nothing that can be read"
    return "changed", at + 1, at + 1


WAYS = (_changed, _relinked, _renumbered, _taken_out, _copied, _unreadable, _made_up)


async def _at_once(
    report: Report,
    store: AuditStore,
    redis: Any,
    rows: Sequence[bytes],
    anchors: Sequence[Anchor],
    chance: random.Random,
) -> list[str]:
    """Return what was not named."""
    spots = sorted(spot * APART for spot in chance.sample(range(2, ENTRIES // APART - 2), PLACES))
    tampered = list(rows)
    # From the end, so that what comes before keeps its place.
    wanted = [
        WAYS[number % len(WAYS)](tampered, spot, chance)
        for number, spot in reversed(list(enumerate(spots)))
    ]
    await _put(store, redis, tampered)
    faults = await _faults(store, anchors)
    first = min(wanted, key=lambda named: named[1])
    found = faults[0].first if faults else 0
    report("the first fault of them", f"entry {found}", f"entry {first[1]}", found == first[1])
    return [f"{named[0]} {named[1]}" for named in wanted if not _is_named(named, faults)]


def _is_named(named: Named, faults: Iterable[Fault]) -> bool:
    kind, first, last = named
    return any(
        fault.kind in kind and (fault.first, fault.last) == (first, last) for fault in faults
    )


async def _alone(
    store: AuditStore,
    redis: Any,
    rows: Sequence[bytes],
    anchors: Sequence[Anchor],
    chance: random.Random,
) -> list[str]:
    wrong = []
    for number in range(ALONE):
        spot = chance.randrange(1_000, ENTRIES - 1_000)
        if number < 3:
            tampered = list(rows[:spot]) + _made_anew(rows[spot - 1], rows[spot:])
            kind = "rewritten"
        elif number < 5:
            tampered, kind = list(rows[:spot]), "missing"
        else:
            spot = spot // BLOCK * BLOCK
            tampered, kind = list(rows[spot:]), "missing"
        await _put(store, redis, tampered)
        faults = await _faults(store, anchors)
        where = faults[0] if faults else None
        if kind == "rewritten":
            named = (
                where is not None and where.kind == kind and where.first <= spot + 1 <= where.last
            )
        elif len(tampered) == spot:
            named = where is not None and (where.kind, where.first) == (kind, spot + 1)
        else:
            named = where is not None and (where.kind, where.first, where.last) == (kind, 1, spot)
        if not named:
            wrong.append(f"{kind} alone from {spot + 1}")
    return wrong


def _made_anew(before: bytes, rows: Sequence[bytes]) -> list[bytes]:
    """Return the rows with one of them changed, and every link after it as it should be."""
    made, link = [], _content(before)[0].decode()
    for place, raw in enumerate(rows):
        _, number, content = _content(raw)
        if place == 0:
            content = content.replace(b',"', b',"Mallory ', 1)
        link = link_of(link, int(number), content)
        made.append(b" ".join((link.encode(), number, content)))
    return made
