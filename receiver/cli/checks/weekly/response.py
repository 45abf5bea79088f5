"""How incidents were answered in a week: our own figures per day, which outlive every restart."""

from typing import Any

import msgspec

from receiver.cli.checks.source import Source, SourceError
from receiver.cli.checks.weekly.period import Pair, Week


class Answered(msgspec.Struct, frozen=True):
    """One priority: numbers, and ``mtta`` and ``mttr`` in seconds (None without any episode)."""

    priority: str
    opened: Pair
    acknowledged: Pair
    resolved: Pair
    mtta: Pair
    mttr: Pair
    met: Pair
    missed: Pair
    escalated: Pair
    reopened: Pair
    undeliverable: Pair


class Response(msgspec.Struct, frozen=True):
    """All priorities; ``escalations``: (step, reason, number), the most frequent first."""

    priorities: list[Answered]
    escalations: list[dict[str, Any]]

    def total(self, name: str) -> Pair:
        """Return a number over all priorities."""
        pairs = [getattr(one, name) for one in self.priorities]
        return Pair(sum(pair.this for pair in pairs), sum(pair.before for pair in pairs))


_FIELDS = tuple(field for field in Answered.__struct_fields__ if field != "priority")


async def read_response(service: Source, week: Week) -> Response:
    """Return the figures of both weeks. SourceError; KeyError for JSON of another form."""
    this, before = await _figures(service, week), await _figures(service, week.before)
    old = {row["priority"]: row for row in before["priorities"]}
    rows = [
        Answered(
            row["priority"],
            *(Pair(row[name], old[row["priority"]][name]) for name in _FIELDS),
        )
        for row in this["priorities"]
    ]
    return Response(rows, this["escalations"])


async def _figures(service: Source, week: Week) -> Any:
    last = week.last.isoformat()
    body = await service.json("/v1/figures", {"days": str(week.days), "end": last})
    if body["to"] != last:
        words = f"{service.name} is of a version that has no figures up to {last}, only to today"
        raise SourceError(words)
    return body
