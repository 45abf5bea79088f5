"""How incidents were answered in a week: our own figures per day, which outlive every restart."""

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from receiver.cli.checks.source import Source, SourceError
from receiver.cli.checks.weekly.period import Pair, Week


class Answered(msgspec.Struct, frozen=True):
    """One priority: numbers, and ``mtta`` and ``mttr`` in seconds (None without any episode).

    A number that the service does not say is None.
    """

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
        """Return a number over all priorities, None where that of any is not known."""
        pairs = [getattr(one, name) for one in self.priorities]
        return Pair(_sum(pair.this for pair in pairs), _sum(pair.before for pair in pairs))


def _sum(numbers: Iterable[Any]) -> Any:
    known = list(numbers)
    return None if None in known else sum(known)


_FIELDS = tuple(field for field in Answered.__struct_fields__ if field != "priority")


async def read_response(service: Source, week: Week) -> Response:
    """Return the figures of both weeks. SourceError; ``OTHER_FORM`` for JSON of another form."""
    this, before = await _figures(service, week), await _figures(service, week.before)
    old = {row["priority"]: row for row in before["priorities"]}
    rows = [
        Answered(
            row["priority"],
            *(_pair(row[name], old[row["priority"]][name]) for name in _FIELDS),
        )
        for row in this["priorities"]
    ]
    return Response(rows, [_escalation(row) for row in this["escalations"]])


def _pair(this: Any, before: Any) -> Pair:
    for number in (this, before):
        if number is not None and not math.isfinite(number):
            raise ValueError("not a number")
    return Pair(this, before)


def _escalation(row: dict[str, Any]) -> dict[str, Any]:
    return {"step": row["step"], "reason": str(row["reason"]), "number": row["number"]}


async def _figures(service: Source, week: Week) -> Any:
    last = week.last.isoformat()
    body = await service.json("/v1/figures", {"days": str(week.days), "end": last})
    if body["to"] != last:
        words = f"{service.name} is of a version that has no figures up to {last}, only to today"
        raise SourceError(words)
    return body
