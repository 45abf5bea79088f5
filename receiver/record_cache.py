"""Records remembered by group. Only an optimisation: the commit compares versions.

Records, not incidents: as objects they take ten times the memory, and new memory is what costs.
"""

from collections import OrderedDict
from typing import Any

CACHE_BYTES = 64 << 20
NOTHING = (0, b"")


class RecordCache:
    """The newest record of each group, (generation, record); what was not used longest goes."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        """``most``: bytes of records that are kept."""
        self._most = most
        self._known: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, stem: str) -> tuple[int, bytes]:
        """Return what is known of a group, NOTHING when it is not known."""
        found = self._known.get(stem)
        if found is None:
            self._misses += 1
            return NOTHING
        self._hits += 1
        return found

    def forget(self, stem: str) -> None:
        """Drop a group: what is known of it is old."""
        self._bytes -= len(self._known.pop(stem, NOTHING)[1])

    def remember(self, stem: str, generation: int, record: bytes) -> None:
        """Keep the newest generation of a group; what was not used for longest makes room."""
        known = self._known.pop(stem, NOTHING)
        # A click on an incident of an older generation must not hide the current one.
        kept = known if known[0] > generation else (generation, record)
        self._known[stem] = kept
        self._bytes += len(kept[1]) - len(known[1])
        while self._bytes > self._most:
            self._bytes -= len(self._known.popitem(last=False)[1][1])

    def shown(self) -> dict[str, Any]:
        """Return how full it is and how often it helped, for programs."""
        asked = self._hits + self._misses
        return {
            "entries": len(self._known),
            "size_bytes": self._bytes,
            "max_size_bytes": self._most,
            "hits": self._hits,
            "misses": self._misses,
            "hit_rate": round(self._hits / asked, 4) if asked else None,
        }
