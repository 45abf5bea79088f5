"""Incidents of the past that were like this one, and how they ended."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from receiver.enrichment.enricher import Finding
from receiver.errors import EnrichmentError, StoreUnavailableError
from receiver.store.incidents import IncidentStore
from receiver.store.lists.query import Query
from routing.duration import format_duration
from routing.incident import Incident, labelled
from routing.incident_parts import Entry
from routing.vocabulary import Kind

LOOKED_AT = 200
"""The newest closed incidents among which similar ones are looked for."""
LOOKED_BACK = 200
"""The latest timeline entries of each, among which the cause or a note is."""
FRESH_S = 60.0
SHOWN = 3
ALIKE = 0.5
"""Share of labels that have to be equal, beside the alert's name."""


class _Past(msgspec.Struct, frozen=True):
    """What is remembered of a closed incident."""

    id: str
    names: frozenset[str]
    labels: frozenset[tuple[str, str]]
    opened_at: int
    resolved_at: int
    by: str


class SimilarEnricher:
    """Compares alert names and labels with those of closed incidents."""

    name = "similar"

    def __init__(
        self,
        store: IncidentStore,
        incident_url: Callable[[str], str],
        ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl = min(ttl, FRESH_S)
        self._store = store
        self._url = incident_url
        self._clock = clock
        self._looking = asyncio.Lock()
        self._known: tuple[float, list[_Past]] = (0.0, [])
        self._named: dict[str, list[str]] = {}
        """Alert name -> ids of those incidents that had it."""
        self._findings: dict[str, Finding] = {}

    def may_find(self, incident: Incident) -> bool:
        """Return whether another incident had an alert of this name, or nobody looked lately."""
        if not self._is_fresh:
            return True
        names = {alert.labels.get("alertname", "") for alert in incident.alerts.values()}
        return any(past != incident.id for name in names for past in self._named.get(name, ()))

    def key(self, incident: Incident) -> str:
        """Return what makes incidents alike."""
        names, labels = _traits(incident)
        return msgspec.json.encode([sorted(names), sorted(labels)]).decode()

    async def ask(self, incident: Incident, _now: int) -> list[Finding]:
        """Return the newest of the most similar ones."""
        names, labels = _traits(incident)
        try:
            scored = [
                (_likeness(names, labels, past), past.resolved_at, past)
                for past in await self._past()
                if past.id != incident.id and past.resolved_at <= incident.episode_opened_at
            ]
            best = sorted((row for row in scored if row[0] >= ALIKE), key=lambda row: row[:2])
            return [await self._finding(row[2]) for row in reversed(best[-SHOWN:])]
        except StoreUnavailableError as error:
            raise EnrichmentError(str(error)) from None

    async def close(self) -> None:
        """Nothing to release."""

    @property
    def _is_fresh(self) -> bool:
        asked_at, _ = self._known
        return bool(asked_at) and self._clock() - asked_at < FRESH_S

    async def _past(self) -> list[_Past]:
        async with self._looking:
            if not self._is_fresh:
                closed = await self._store.lists.first(Query(state="closed"), LOOKED_AT)
                known = [_remember(one) for one in closed if not one.merged_into]
                self._named = _by_name(known)
                self._findings = {}
                self._known = (self._clock(), known)
        return self._known[1]

    async def _finding(self, past: _Past) -> Finding:
        known = self._findings
        if past.id not in known:
            known[past.id] = await self._look(past)
        return known[past.id]

    async def _look(self, past: _Past) -> Finding:
        took = format_duration(max(1, (past.resolved_at - past.opened_at) // 1000) * 1000)
        whole = await self._store.whole(past.id, LOOKED_BACK)
        how = _how(whole.timeline if whole else ())
        by = f"by {past.by}" if past.by else "by itself"
        text = f"resolved {by} after {took}" + (f": {how}" if how else "")
        return Finding(self.name, text, self._url(past.id), past.resolved_at)


def _by_name(known: Iterable[_Past]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for past in known:
        for name in past.names:
            found.setdefault(name, []).append(past.id)
    return found


def _traits(incident: Incident) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    among = len(incident.alerts)
    alerts = labelled(incident.firing(), among) or labelled(incident.alerts.values(), among)
    names = frozenset(alert.labels.get("alertname", "") for alert in alerts)
    common = set(alerts[0].labels.items()) if alerts else set()
    for alert in alerts[1:]:
        common &= set(alert.labels.items())
    return names, frozenset(item for item in common if item[0] != "alertname")


def _remember(incident: Incident) -> _Past:
    names, labels = _traits(incident)
    by = incident.resolved_by
    person = by.name if by is not None and by.via != "automatic" else ""
    opened, resolved = incident.episode_opened_at, incident.resolved_at
    return _Past(incident.id, names, labels, opened, resolved, person)


def _likeness(names: frozenset[str], labels: frozenset[tuple[str, str]], past: _Past) -> float:
    """Return 0 (another alert) to 1 (all labels equal)."""
    if not names & past.names:
        return 0.0
    every = labels | past.labels
    return len(labels & past.labels) / len(every) if every else 1.0


def _how(timeline: Sequence[Entry]) -> str:
    """Return the cause given at the end, else the last note."""
    for entry in reversed(timeline):
        if entry.kind == Kind.RESOLVED and ": " in entry.text and entry.by:
            return entry.text.partition(": ")[2][:200]
        if entry.kind == Kind.NOTE:
            return entry.text[:200]
        if entry.kind in (Kind.OPENED, Kind.REOPENED):
            return ""
    return ""
