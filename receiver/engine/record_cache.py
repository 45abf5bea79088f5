"""Records remembered by group. Only an optimisation: the commit compares versions.

Records, not incidents: as objects they take ten times the memory, and new memory is what costs. But
for those of large groups, which would take long to read each time.
"""

from typing import Any

from cachetools import LRUCache

from receiver.store.records.large import LargeRecord
from routing.alerts import Alerts

CACHE_BYTES = 24 << 20
"""What 10,000 groups of a few alerts take. A record that is not here costs its webhook one more
look into Redis; what is kept here is memory for as long as the service lives."""
ENTRY_BYTES = 400
"""What an entry takes beside its record: group, key and their places."""
LARGE_TIMES = 4
"""What a large group takes as objects, in bytes of its record."""
Record = bytes | LargeRecord
NOTHING: tuple[int, Record] = (0, b"")


class RecordCache:
    """The newest record of each group, (generation, record); what was not used longest goes."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        """``most``: bytes that it may take."""
        self._known: LRUCache[str, tuple[int, Record]] = LRUCache(most, getsizeof=_size)
        self._hits = 0
        self._misses = 0

    def get(self, stem: str) -> tuple[int, Record]:
        """Return what is known of a group, NOTHING when it is not known."""
        found = self._known.get(stem)
        if found is None:
            self._misses += 1
            return NOTHING
        self._hits += 1
        return found

    def forget(self, stem: str) -> None:
        """Drop a group: what is known of it is old."""
        self._known.pop(stem, None)

    def clear(self) -> None:
        """Drop everything: what is stored went back behind it."""
        self._known.clear()

    def remember(self, stem: str, generation: int, record: Record) -> None:
        """Keep the newest generation of a group; what was not used for longest makes room."""
        if isinstance(record, LargeRecord):
            Alerts.of(record.incident.alerts).forget_origin()
        known = self._known.get(stem, NOTHING)
        # A click on an incident of an older generation must not hide the current one.
        kept = known if known[0] > generation else (generation, record)
        if _size(kept) <= self._known.maxsize:
            self._known[stem] = kept
        else:
            self.forget(stem)

    def shown(self) -> dict[str, Any]:
        """Return how full it is and how often it helped, for programs."""
        asked = self._hits + self._misses
        return {
            "entries": len(self._known),
            "size_bytes": int(self._known.currsize),
            "max_size_bytes": int(self._known.maxsize),
            "hits": self._hits,
            "misses": self._misses,
            "hit_rate": round(self._hits / asked, 4) if asked else None,
        }


def _size(entry: tuple[int, Record]) -> int:
    record = entry[1]
    if isinstance(record, LargeRecord):
        return LARGE_TIMES * record.size + ENTRY_BYTES
    return len(record) + ENTRY_BYTES
