"""A chain that was tampered with: which entry was changed, is missing or was inserted."""

from collections.abc import Callable

import pytest

from receiver.store.audit.entries import Chain, pack, trimmed, unpack
from receiver.store.audit.entry import (
    BLOCK,
    GENESIS,
    AuditEntry,
    decode_entry,
    encoded,
    link_of,
    parse_row,
)
from receiver.store.audit.verify import Anchor, Verifier

AT = 1_772_445_600_000


def chain(number: int, first: int = 1, before: str = GENESIS) -> list[bytes]:
    rows, link = [], before
    for place in range(first, first + number):
        content = encoded([AuditEntry(AT + place, "note", "noted", f"person {place}")])[0]
        link = link_of(link, place, content)
        rows.append(f"{link} {place} ".encode() + content)
    return rows


def faults(
    rows: list[bytes], *anchors: Anchor, end: Chain | None = None
) -> list[tuple[str, int, int]]:
    last = parse_row(rows[-1]) if rows else None
    known = end or (Chain(last.number, last.link) if last else Chain())
    verifier = Verifier(0, known, anchors)
    verifier.feed(rows)
    return [(fault.kind, fault.first, fault.last) for fault in verifier.finish()]


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert faults(chain(100)) == []
    assert faults([]) == []


def _edit(
    rows: list[bytes], at: int, link: bytes = b"", number: bytes = b"", more: bytes = b""
) -> None:
    parts = rows[at].split(b" ", 2)
    rows[at] = b" ".join((link or parts[0], number or parts[1], parts[2] + more))


def _changed(rows: list[bytes]) -> None:
    _edit(rows, 40, more=b" ")


def _relinked(rows: list[bytes]) -> None:
    _edit(rows, 40, link=b"f" * 40)


def _renumbered(rows: list[bytes]) -> None:
    _edit(rows, 40, number=b"43")


def _numbered_back(rows: list[bytes]) -> None:
    _edit(rows, 40, number=b"7")


def _no_row(rows: list[bytes]) -> None:
    rows[40] = b"junk"


def _taken_out(rows: list[bytes]) -> None:
    del rows[40:43]


def _copied(rows: list[bytes]) -> None:
    rows.insert(40, rows[10])


def _junk_inserted(rows: list[bytes]) -> None:
    rows.insert(40, b"junk")


def _forged(rows: list[bytes], place: int) -> bytes:
    link = rows[place - 1].split(b" ", 1)[0].decode()
    content = encoded([AuditEntry(AT, "note", "noted", "Mallory")])[0]
    return f"{link_of(link, place + 1, content)} {place + 1} ".encode() + content


def _made_up(rows: list[bytes]) -> None:
    rows.insert(40, _forged(rows, 40))


def _made_up_behind(rows: list[bytes]) -> None:
    rows.insert(41, _forged(rows, 40))


def _two_made_up(rows: list[bytes]) -> None:
    rows.insert(40, _forged(rows, 40))
    rows.insert(41, _forged(rows, 41))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (_changed, ("changed", 41, 41)),
        (_relinked, ("changed", 41, 41)),
        (_renumbered, ("changed", 41, 41)),
        (_numbered_back, ("changed", 41, 41)),
        (_no_row, ("changed", 41, 41)),
        (_taken_out, ("missing", 41, 43)),
        (_copied, ("inserted", 41, 41)),
        (_junk_inserted, ("inserted", 41, 41)),
        (_made_up, ("inserted", 41, 41)),
        (_made_up_behind, ("inserted", 42, 42)),
        (_two_made_up, ("inserted", 41, 42)),
    ],
)
def test_each_tampering_is_named(
    tamper: Callable[[list[bytes]], None], found: tuple[str, int, int]
) -> None:
    rows = chain(100)
    tamper(rows)
    assert faults(rows) == [found]


def test_the_first_and_the_last_are_named_as_well() -> None:
    rows = chain(100)
    _edit(rows, 0, more=b" ")
    _edit(rows, 99, more=b" ")
    assert faults(rows) == [("changed", 1, 1), ("changed", 100, 100)]
    assert faults(chain(100)[1:]) == [("missing", 1, 1)]


def test_a_fault_hides_no_other() -> None:
    rows = chain(200)
    _edit(rows, 40, more=b" ")
    _edit(rows, 41, more=b" ")
    del rows[100]
    rows.insert(150, rows[3])
    assert faults(rows) == [
        ("changed", 41, 41),
        ("changed", 42, 42),
        ("missing", 101, 101),
        ("inserted", 152, 152),
    ]


def test_a_chain_made_anew_is_told_by_an_anchor() -> None:
    rows = chain(60)
    first, last = parse_row(rows[29]), parse_row(rows[49])
    assert first is not None
    assert last is not None
    anchors = [Anchor(0, 30, first.link), Anchor(0, 50, last.link)]
    assert faults(rows, *anchors) == []
    before = parse_row(rows[39])
    assert before is not None
    link = before.link
    rows = rows[:40]
    for place in range(41, 61):
        content = encoded([AuditEntry(AT, "note", "noted", "Mallory")])[0]
        link = link_of(link, place, content)
        rows.append(f"{link} {place} ".encode() + content)
    assert faults(rows) == []
    assert faults(rows, *anchors) == [("rewritten", 31, 50)]
    assert faults(rows[:35], *anchors) == [("missing", 36, 50)]


def test_anchors_of_another_shard_say_nothing() -> None:
    assert faults(chain(10), Anchor(1, 5, "f" * 40), Anchor(1, 99, "f" * 40)) == []


def test_what_is_removed_is_missing_unless_the_trail_tells_of_it() -> None:
    before = "a" * 40
    rows = chain(10, BLOCK + 1, before)
    end = parse_row(rows[-1])
    assert end is not None
    state = Chain(end.number, end.link, 1, 1, before)
    assert faults(rows, end=state) == [("missing", 1, BLOCK)]
    told = AuditEntry(AT, "trim", "retention", detail=trimmed(BLOCK, before))
    content = encoded([told])[0]
    link = link_of(end.link, end.number + 1, content)
    rows.append(f"{link} {end.number + 1} ".encode() + content)
    assert faults(rows, end=Chain(end.number + 1, link, 1, 1, before)) == []


def test_a_block_that_cannot_be_read_is_named_and_the_rest_goes_on() -> None:
    rows = chain(BLOCK + 10)
    end = parse_row(rows[-1])
    assert end is not None
    verifier = Verifier(0, Chain(end.number, end.link, 1))
    verifier.unreadable(BLOCK)
    verifier.feed(rows[BLOCK:])
    (fault,) = verifier.finish()
    assert (fault.kind, fault.first, fault.last) == ("changed", 1, BLOCK)
    assert "cannot be read" in fault.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"a b c",
        b"f" * 40,
        b"f" * 40 + b" 1",
        b"f" * 40 + b" x {}",
        b"\xff" * 40 + b" 1 {}",
        b"f" * 40 + b" " + b"9" * 16 + b" {}",
    ],
)
def test_what_is_no_row_is_none(raw: bytes) -> None:
    assert parse_row(raw) is None


def test_what_is_packed_comes_back_and_junk_does_not() -> None:
    rows = chain(BLOCK)
    assert unpack(pack(rows)) == rows
    assert unpack(pack([])) == []
    assert unpack(b"junk") is None


def test_half_a_character_is_replaced_and_an_entry_comes_back() -> None:
    content = encoded([AuditEntry(AT, "note", "noted", "\ud800Ann", detail="a\nb")])[0]
    assert b"\n" not in content
    entry = decode_entry(content)
    assert entry is not None
    assert (entry.principal, entry.detail) == ("?Ann", "a\nb")
    assert decode_entry(b"[]") is None
