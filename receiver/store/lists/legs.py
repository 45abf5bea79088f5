"""The parts that a list is read from."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from receiver.store.keys import Keys
from receiver.store.lists.order import BAND, BANDS
from receiver.store.lists.query import Place, Query

T = TypeVar("T")
MOST = 9 * 10**15
"""The greatest score, far from where doubles begin to skip whole numbers."""


class ListPage(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list, of what is shown of each incident: ``next`` is the cursor of the rest.

    That is "" at the end. ``total``: how many the whole list has; None where only reading all of it
    would tell. ``examined``: how many incidents were looked at for this page.
    """

    incidents: list[T]
    next: str
    total: int | None
    examined: int = 0


class Source(NamedTuple):
    """A part of an index that is in order: scores from ``low`` to before ``high`` (0: no end).

    What a score has beyond ``base`` is its key, by which sources are merged.
    """

    keys: Keys
    key: str
    base: int = 0
    low: int = 0
    high: int = 0


class Leg(NamedTuple):
    """Sources merged by (key, id), the greatest first if ``down``. One leg follows another."""

    sources: list[Source]
    down: bool = False


def source_of(keys: Keys, band: int) -> Source:
    """Return where open incidents of a band are, the longest waiting first."""
    base = band * BAND
    return Source(keys, keys.open, base, base, base + BAND if band < BANDS[-1] else 0)


def closed_of(keys: Keys, query: Query) -> Source:
    """Return where closed incidents are, by their end; not those that ended too early or late.

    Whatever a time is about, it was before the end.
    """
    high = query.before if query.time == "ended" else 0
    return Source(keys, keys.closed, 0, query.after, high)


def span_of(source: Source) -> tuple[str, str]:
    """Return the least and the greatest score of a source, as Redis reads them."""
    low = str(source.low) if source.low else "-inf"
    return low, f"({source.high}" if source.high else "+inf"


def after_rows(
    source: Source, rows: Sequence[tuple[bytes, float]], place: Place | None, *, down: bool
) -> list[tuple[int, bytes]]:
    """Return the rows (key, id) of a source that come after a place, all of them without one."""
    # A score that nobody of ours wrote may be infinite.
    found = [(int(min(max(score, 0), MOST)) - source.base, name) for name, score in rows]
    if place is None:
        return found
    known = (place.key, place.id.encode())
    return [row for row in found if (row < known if down else row > known)]
