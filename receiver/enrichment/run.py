"""Asks all enrichers at once, each for a bounded time, and remembers for a while what they said.

Nothing here can hold a page back: it runs after the page was decided, at places of its own on the
agenda, and whatever an enricher does, the others' findings are kept.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from cachetools import TLRUCache

from receiver.enrichment.enricher import Enricher, Finding
from receiver.enrichment.summary import Summarizer
from receiver.errors import EnrichmentError
from receiver.text.visible import clean_text
from routing.incident import Incident
from routing.runbook import is_link

log = logging.getLogger("enrichment")

TEXT_MAX = 600
FINDINGS_MAX, POINTS_MAX = 12, 60


class Counting(Protocol):
    """Where it is counted what became of each question."""

    def enriched(self, enricher: str, status: str, seconds: float) -> None:
        """Count a question: success, empty, cached, timeout or error."""
        ...


class Enrichment:
    """Everything that is found out about incidents."""

    def __init__(
        self,
        enrichers: Sequence[Enricher],
        summarizer: Summarizer | None,
        counting: Counting,
        *,
        timeout: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout``: seconds each may take; ``most``: answers that are remembered."""
        self._enrichers = tuple(enrichers)
        self._summarizer = summarizer
        self._counting = counting
        self._timeout = timeout
        # An answer is remembered for as long as its enricher says; the oldest make room.
        self._cache: TLRUCache[tuple[str, str], tuple[float, tuple[Finding, ...]]] = TLRUCache(
            most, ttu=lambda _key, value, now: now + value[0], timer=clock
        )
        self._hits = 0
        self._misses = 0

    def may_find(self, incident: Incident) -> bool:
        """Return whether anything may be found out, as far as that is known. Never raises."""
        if self._summarizer is not None:
            return True
        try:
            return any(enricher.may_find(incident) for enricher in self._enrichers)
        except Exception:
            # It is asked while the page is decided, which is not to fail for it.
            log.exception("not known whether anything may be found out")
            return True

    async def about(self, incident: Incident, now: int) -> tuple[Finding, ...]:
        """Return what is found out, in the order of the enrichers. Never raises."""
        found = await asyncio.gather(*(self._ask(one, incident, now) for one in self._enrichers))
        return tuple(finding for part in found for finding in part)[:FINDINGS_MAX]

    async def summary(self, incident: Incident, now: int) -> tuple[Finding, ...]:
        """Return the incident in words, nothing when there are none. Never raises."""
        if self._summarizer is None:
            return ()
        status, found, took = await self._timed(self._summarizer, incident, now, None)
        self._counting.enriched(self._summarizer.name, status, took)
        return found

    def shown(self) -> dict[str, Any]:
        """Return how full the cache is and how often it helped, for programs."""
        asked = self._hits + self._misses
        return {
            "entries": len(self._cache),
            "max_entries": self._cache.maxsize,
            "size_bytes": sum(
                len(found.text) + len(found.url)
                for _, findings in list(self._cache.values())
                for found in findings
            ),
            "hits": self._hits,
            "misses": self._misses,
            "hit_rate": round(self._hits / asked, 4) if asked else None,
        }

    async def close(self) -> None:
        """Close all connections."""
        for enricher in self._enrichers:
            await enricher.close()
        if self._summarizer is not None:
            await self._summarizer.close()

    async def _ask(self, enricher: Enricher, incident: Incident, now: int) -> tuple[Finding, ...]:
        wanted = enricher.key(incident)
        if not wanted:
            return ()
        key = (enricher.name, wanted)
        known = self._cache.get(key) if enricher.ttl else None
        if known is not None:
            self._hits += 1
            self._counting.enriched(enricher.name, "cached", 0.0)
            return known[1]
        self._misses += bool(enricher.ttl)
        status, found, took = await self._timed(enricher, incident, now, self._timeout)
        self._counting.enriched(enricher.name, status, took)
        if enricher.ttl and status in ("success", "empty"):
            self._cache[key] = (enricher.ttl, found)
        return found

    async def _timed(
        self, enricher: Enricher | Summarizer, incident: Incident, now: int, within: float | None
    ) -> tuple[str, tuple[Finding, ...], float]:
        started = time.perf_counter()
        found: tuple[Finding, ...] = ()
        try:
            async with asyncio.timeout(within):
                found = tuple(_safe(item) for item in await enricher.ask(incident, now))
            status = "success" if found else "empty"
        except TimeoutError:
            status = "timeout"
            log.warning("%s: no answer within %g s", enricher.name, within)
        except EnrichmentError as error:
            status = "error"
            log.warning("%s: %s", enricher.name, error)
        except Exception:
            # Whatever it is, the others' findings and the incident itself are not its business.
            status = "error"
            log.exception("%s failed", enricher.name)
        return status, found, time.perf_counter() - started


def _safe(found: Finding) -> Finding:
    """Return a finding that can be shown: bounded text on one line, and a link or none."""
    text = clean_text(" ".join(found.text.split()), TEXT_MAX)
    url = found.url if is_link(found.url) else ""
    points = found.points[-POINTS_MAX:]
    return Finding(found.enricher, text, url, found.at, points)
