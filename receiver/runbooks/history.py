"""How each runbook was used: when its alert fired, who took it, how long it took.

Read from the newest incidents that Redis keeps, every 20 s at most, for all runbooks together: a
page costs the same however many incidents there are.
"""

from collections import Counter
from collections.abc import Iterable
from statistics import median

import msgspec

from receiver.aio.spared import Spared
from receiver.store.lists.query import Query
from receiver.store.lists.read import IncidentLists
from routing.incident import Incident
from routing.runbook import entry_of

CLOSED_MAX, OPEN_MAX = 500, 200
"""Incidents that are looked at: the newest ends, and the most urgent that are open."""
PAGE = 50
ALERTS_MAX = 100
"""Alerts of an incident whose names are looked at."""
FRESH_S = 20.0
TAKERS_SHOWN = 5
SHOWN = 5


class Use(msgspec.Struct, frozen=True):
    """One incident of a runbook. Times in ms, 0 for what did not happen."""

    id: str
    title: str
    is_open: bool
    opened_at: int
    acknowledged_at: int
    resolved_at: int
    by: str


class Uses(msgspec.Struct, frozen=True):
    """What became of a runbook's incidents. Medians in ms, None where there is nothing to tell.

    ``takers``: who took how many of them, the most first; ``alone``: that ended untaken;
    ``newest``: the latest ones.
    """

    number: int
    open: int
    last_at: int
    takers: tuple[tuple[str, int], ...]
    alone: int
    acknowledge: int | None
    resolve: int | None
    newest: tuple[Use, ...]


class Histories(msgspec.Struct, frozen=True):
    """Of every runbook that was used. ``since``: when the oldest of those looked at was opened.

    ``whole``: all there are were looked at.
    """

    uses: dict[str, Uses]
    since: int
    whole: bool


class RunbookHistory:
    """Reads how runbooks were used."""

    def __init__(self, lists: IncidentLists, catalogue: frozenset[str], system_label: str) -> None:
        self._lists = lists
        self._catalogue = catalogue
        self._label = system_label
        self._found = Spared(self._read)

    async def all(self) -> Histories:
        """Return what is known, at most 20 s old. StoreUnavailableError."""
        return await self._found.get(FRESH_S)

    async def _read(self) -> Histories:
        by_runbook: dict[str, list[Use]] = {}
        since, whole = 0, True
        for state, most in (("closed", CLOSED_MAX), ("open", OPEN_MAX)):
            cursor, left = "", most
            while left > 0:
                page = await self._lists.shown(
                    Query(state=state), min(PAGE, left), cursor, self._use_of
                )
                for use, names in page.incidents:
                    since = min(since or use.opened_at, use.opened_at) or since
                    for name in names:
                        by_runbook.setdefault(name, []).append(use)
                cursor, left = page.next, left - PAGE
                if not cursor:
                    break
            whole = whole and not cursor
        return Histories({name: _summed(uses) for name, uses in by_runbook.items()}, since, whole)

    def _use_of(self, incident: Incident) -> tuple[Use, Iterable[str]]:
        return _use(incident), self._runbooks_of(incident)

    def _runbooks_of(self, incident: Incident) -> Iterable[str]:
        if incident.merged_into:
            return ()
        some = list(incident.alerts.values())[:ALERTS_MAX]
        found = {entry_of(alert.labels, self._catalogue, self._label) for alert in some}
        return found - {""}


def _use(incident: Incident) -> Use:
    taker, end = incident.acknowledged_by, incident.resolved_by
    person = taker or (end if end is not None and end.via != "automatic" else None)
    return Use(
        incident.id,
        incident.title,
        incident.is_open,
        incident.episode_opened_at,
        incident.acknowledged_at,
        incident.resolved_at,
        person.name if person is not None else "",
    )


def _summed(uses: list[Use]) -> Uses:
    newest = sorted(uses, key=lambda use: use.opened_at, reverse=True)
    takers = Counter(use.by for use in uses if use.by)
    return Uses(
        number=len(uses),
        open=sum(use.is_open for use in uses),
        last_at=newest[0].opened_at,
        takers=tuple(takers.most_common(TAKERS_SHOWN)),
        alone=sum(not use.by and not use.is_open for use in uses),
        acknowledge=_median(
            use.acknowledged_at - use.opened_at for use in uses if use.acknowledged_at
        ),
        resolve=_median(use.resolved_at - use.opened_at for use in uses if use.resolved_at),
        newest=tuple(newest[:SHOWN]),
    )


def _median(lengths: Iterable[int]) -> int | None:
    known = [max(0, length) for length in lengths]
    return round(median(known)) if known else None
