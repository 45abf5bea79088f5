"""What was changed shortly before: told to us, or to PagerDuty."""

import time
from collections.abc import Awaitable, Callable

from receiver.enrichment.enricher import Finding
from receiver.enrichment.recent_changes import RecentChanges
from receiver.errors import EnrichmentError, StoreUnavailableError
from receiver.store.changes import Change, ChangeStore
from routing.duration import format_duration
from routing.incident import Incident, labelled

ASKED = 500
SHOWN = 3
AFTER_MS = 300_000
"""Clocks differ, and an alert fires before the deployment that caused it is reported as done."""
ELSEWHERE_TTL_S = 60.0

Elsewhere = Callable[[int, int], Awaitable[list[Change] | str]]
"""(since, until in ms) -> changes kept elsewhere, or why they cannot be told."""


class ChangeEnricher:
    """Shows the latest changes made where the incident is."""

    name = "changes"
    ttl = 0.0

    def __init__(
        self,
        store: ChangeStore,
        within: int,
        elsewhere: Elsewhere | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``within``: how long (ms) before the incident a change is of interest."""
        self._recent = RecentChanges(store, within, clock)
        self._within = within
        self._elsewhere = elsewhere
        self._clock = clock
        self._known: tuple[float, list[Change]] = (0.0, [])

    def may_find(self, incident: Incident) -> bool:
        """Return whether a change that is known was made there, or what is known is too old."""
        since, until = self._window(incident)
        recent = self._recent.known(since, until)
        if recent is None or (self._elsewhere is not None and not self._is_known):
            return True
        others = [change for change in self._known[1] if since <= change.at <= until]
        if not recent and not others:
            return False
        labels = _labels(incident)
        return any(change.concerns(labels) for change in (*recent, *others))

    def key(self, incident: Incident) -> str:
        """Every incident may have been caused by a change."""
        return incident.id

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return up to three, newest first."""
        since, until = self._window(incident)
        try:
            found = await self._recent.between(since, until, ASKED, now)
        except StoreUnavailableError as error:
            raise EnrichmentError(str(error)) from None
        trouble = ""
        if self._elsewhere is not None:
            trouble, others = await self._others(now)
            found += [change for change in others if since <= change.at <= until]
        labels = _labels(incident)
        fitting = [change for change in found if change.concerns(labels)]
        fitting.sort(key=lambda change: change.at)
        if trouble and not fitting:
            raise EnrichmentError(trouble)
        return [
            Finding(self.name, _words(change, incident.episode_opened_at), change.url, change.at)
            for change in reversed(fitting[-SHOWN:])
        ]

    async def close(self) -> None:
        """Nothing to release."""

    def _window(self, incident: Incident) -> tuple[int, int]:
        opened = incident.episode_opened_at
        return opened - self._within, opened + AFTER_MS

    @property
    def _is_known(self) -> bool:
        """True while what was told elsewhere is remembered."""
        asked_at, _ = self._known
        return bool(asked_at) and self._clock() - asked_at < ELSEWHERE_TTL_S

    async def _others(self, now: int) -> tuple[str, list[Change]]:
        """Return (why not, the changes of the longest time anybody asks about)."""
        if self._is_known:
            return "", self._known[1]
        assert self._elsewhere is not None  # noqa: S101 - the caller looked
        answer = await self._elsewhere(now - 2 * self._within, now)
        if isinstance(answer, str):
            return answer, []
        self._known = (self._clock(), answer)
        return "", answer


def _labels(incident: Incident) -> dict[str, str]:
    """Return what all firing alerts have in common, with the group's own labels."""
    alerts = labelled(incident.firing(), len(incident.alerts))
    common = dict(alerts[0].labels) if alerts else {}
    for alert in alerts[1:]:
        common = {key: value for key, value in common.items() if alert.labels.get(key) == value}
    return common | incident.group.labels


def _words(change: Change, opened: int) -> str:
    apart = opened - change.at
    minutes = abs(apart) // 60_000 * 60_000
    when = format_duration(minutes) if minutes else "less than a minute"
    source = f" ({change.source})" if change.source else ""
    return f"{when} {'before' if apart >= 0 else 'after'}: {change.summary}{source}"
