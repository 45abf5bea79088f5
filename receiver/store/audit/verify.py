"""Whether a chain of the audit trail is whole: which entry was changed, is missing or was inserted.

Each row is judged by the link before it. After a fault the rows go on from the link that is written
there, so that one fault does not hide the next. An anchor is what somebody outside was told of the
end of the chain at a time; with it also rows that were all made anew are found out, and an end that
was cut off.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from receiver.store.audit.entries import TRIMMED, Chain, trimmed
from receiver.store.audit.entry import BLOCK, Row, decode_entry, link_of, parse_row

OWN = "the trail itself"
AHEAD = 16
"""Rows that are looked at to tell an inserted one from one that was changed."""


class Anchor(msgspec.Struct, frozen=True):
    """What the end of a shard's chain was once: its number and link; ``at`` as it was written."""

    shard: int
    number: int
    link: str
    at: str = ""


class Fault(msgspec.Struct, frozen=True):
    """The entries ``first`` to ``last`` are ``kind``: changed, missing, inserted or rewritten."""

    shard: int
    kind: str
    first: int
    last: int
    words: str

    @property
    def text(self) -> str:
        """Return it in a line."""
        many = self.last > self.first
        which = f"entries {self.first} to {self.last}" if many else f"entry {self.first}"
        verb = {"missing": "are" if many else "is"}.get(self.kind, "were" if many else "was")
        more = f": {self.words}" if self.words else ""
        return f"shard {self.shard}: {which} {verb} {self.kind}{more}"


class Verifier:
    """Reads the rows of one shard in their order, and collects what is wrong."""

    def __init__(self, shard: int, chain: Chain, anchors: Iterable[Anchor] = ()) -> None:
        """``chain``: its state, read together with the last of the rows."""
        self._shard = shard
        self._chain = chain
        self._anchors: dict[int, Anchor] = {}
        if chain.mark and chain.marked:
            self._anchors[chain.mark] = Anchor(shard, chain.mark, chain.marked, OWN)
        self._anchors |= {anchor.number: anchor for anchor in anchors if anchor.shard == shard}
        self._agreed = chain.first * BLOCK
        """Up to here an anchor, or the beginning, agrees with what is there."""
        self._next = chain.first * BLOCK + 1
        self._link: str | None = chain.before or None
        self._ahead: deque[bytes] = deque()
        self._links: dict[int, str] = {}
        """The links of the last numbers, for a row that goes on from one of them."""
        self._told: set[str] = set()
        self.faults: list[Fault] = []
        self.entries = 0
        self.anchors = 0
        """Anchors that agree with the chain."""

    def feed(self, rows: Iterable[bytes]) -> None:
        """Take the next rows."""
        for raw in rows:
            self._ahead.append(raw)
            if len(self._ahead) > AHEAD:
                self._judge(self._ahead.popleft())

    def unreadable(self, last: int) -> None:
        """Take that the rows up to a number are in a block that cannot be read."""
        self._drain()
        if last >= self._next:
            self._fault("changed", self._next, last, "the block they are in cannot be read")
            self._next, self._link = last + 1, None

    def finish(self) -> list[Fault]:
        """Return what is wrong, the first fault first."""
        self._drain()
        end, chain = self._next - 1, self._chain
        if end < chain.number:
            self._fault("missing", end + 1, chain.number, "the chain goes on to there")
        elif end == chain.number and self._link not in (None, chain.link) and not self.faults:
            self._fault("changed", end, end, "the end of the chain says another link")
        self._check_anchors(max(end, chain.number))
        self._check_beginning()
        return sorted(self.faults, key=lambda fault: fault.first)

    def _drain(self) -> None:
        while self._ahead:
            self._judge(self._ahead.popleft())

    def _judge(self, raw: bytes) -> None:
        row, wanted = parse_row(raw), self._next
        if row is None:
            if not self._comes_later():
                self._fault("changed", wanted, wanted, "it cannot be read")
                self._next, self._link = wanted + 1, None
            else:
                self._inserted(wanted, "it is no entry")
        elif self._link is None:
            self._after_gap(row)
        elif row.number == wanted and self._is_next(row):
            self._take(row)
        elif self._comes_later():
            self._inserted(wanted, f"it says {row.number}")
        elif self._is_another_branch(row):
            self._turn_to(row)
        elif row.number == wanted or self._is_renumbered(row):
            self._fault("changed", wanted, wanted, "")
            # Of content and link the next row tells which is the old one; if neither, no matter.
            self._link = self._old_link(row)
            self._next = wanted + 1
        elif wanted < row.number <= self._chain.number:
            self._skip_to(row)
        else:
            self._inserted(wanted, f"it says {row.number}")

    def _after_gap(self, row: Row) -> None:
        """The link before is not known: the row is taken at its word, if its number fits."""
        if row.number == self._next:
            self._take(row)
        elif self._next < row.number <= self._chain.number:
            self._skip_to(row)
        else:
            self._inserted(self._next, f"it says {row.number}")

    def _skip_to(self, row: Row) -> None:
        self._fault("missing", self._next, row.number - 1, "")
        self._next = row.number
        self._take(row)

    def _is_another_branch(self, row: Row) -> bool:
        """Return whether it goes on from an earlier row, as one did that nothing follows."""
        before = self._links.get(row.number - 1)
        if before is None or row.number >= self._next:
            return False
        return link_of(before, row.number, row.content) == row.link

    def _turn_to(self, row: Row) -> None:
        words = "what follows goes on from another entry of that number"
        self._fault("inserted", row.number, self._next - 1, words)
        self.entries -= self._next - row.number
        self._take(row)

    def _take(self, row: Row) -> None:
        self.entries += 1
        self._next, self._link = row.number + 1, row.link
        self._links[row.number] = row.link
        self._links.pop(row.number - AHEAD, None)
        anchor = self._anchors.get(row.number)
        if anchor is not None:
            if anchor.link == row.link:
                self._agreed = row.number
                self.anchors += anchor.at != OWN
            else:
                at = f" of {anchor.at}" if anchor.at else ""
                words = f"the anchor{at} says another link at {row.number}"
                self._fault("rewritten", self._agreed + 1, row.number, words)
                self._agreed = row.number
        if b'"trim"' in row.content:
            entry = decode_entry(row.content)
            if entry is not None and entry.action == TRIMMED:
                self._told.add(entry.detail)

    def _is_next(self, row: Row) -> bool:
        assert self._link is not None  # noqa: S101 - asked before
        return link_of(self._link, row.number, row.content) == row.link

    def _comes_later(self) -> bool:
        """Return whether the wanted row follows, whole, behind some that do not belong there."""
        for raw in self._ahead:
            row = parse_row(raw)
            if row is not None and row.number == self._next:
                return self._link is None or self._is_next(row)
        return False

    def _is_renumbered(self, row: Row) -> bool:
        """Return whether it is the wanted row with another number written on it."""
        assert self._link is not None  # noqa: S101 - asked before
        if link_of(self._link, self._next, row.content) == row.link:
            return True
        after = parse_row(self._ahead[0]) if self._ahead else None
        return after is not None and after.number == self._next + 1

    def _old_link(self, row: Row) -> str:
        assert self._link is not None  # noqa: S101 - asked before
        made = link_of(self._link, self._next, row.content)
        after = parse_row(self._ahead[0]) if self._ahead else None
        if after is not None and link_of(made, after.number, after.content) == after.link:
            return made
        return row.link

    def _inserted(self, before: int, words: str) -> None:
        self._fault("inserted", before, before, f"{words}, before the entry of that number")

    def _fault(self, kind: str, first: int, last: int, words: str) -> None:
        self.faults.append(Fault(self._shard, kind, first, last, words))

    def _check_anchors(self, end: int) -> None:
        later = [anchor for number, anchor in self._anchors.items() if number > end]
        if later:
            last = max(later, key=lambda anchor: anchor.number)
            at = f" of {last.at}" if last.at else ""
            self._fault("missing", end + 1, last.number, f"the anchor{at} knows of them")

    def _check_beginning(self) -> None:
        chain = self._chain
        upto = chain.first * BLOCK
        if upto and trimmed(upto, chain.before) not in self._told:
            self._fault("missing", 1, upto, "nothing in the trail tells of their removal")
