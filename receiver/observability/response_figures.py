"""The figures people look at: how fast incidents were answered and ended, by priority.

Made of the figures per day. MTTA and MTTR are means over episodes, in seconds; None without any.
"""

from collections.abc import Iterable
from datetime import date
from typing import TypedDict

import msgspec

from receiver.store.daily_figures import Day
from routing.alert import PRIORITIES

CLOCKS = ("acknowledge", "resolve", "update")


class PriorityFigures(msgspec.Struct, frozen=True):
    """One priority over some days. ``mtta`` and ``mttr_human`` count people's answers alone.

    ``acknowledged`` and ``resolved`` are how many episodes ``mtta`` and ``mttr`` are means of.
    """

    priority: str
    opened: int
    mtta: float | None
    mttr: float | None
    mttr_human: float | None
    mttr_automatic: float | None
    acknowledged: int
    resolved: int
    met: int
    missed: int
    escalated: int
    reopened: int
    flapping: int
    undeliverable: int


class DayFigures(msgspec.Struct, frozen=True):
    """One day: incidents opened, deadlines met and missed, escalations."""

    day: date
    opened: int
    met: int
    missed: int
    escalated: int


class Escalations(TypedDict):
    """How often a step was taken, and why."""

    step: str
    reason: str
    number: int


Response = TypedDict(
    "Response",
    {
        "from": str,
        "to": str,
        "priorities": list[PriorityFigures],
        "days": list[DayFigures],
        "escalations": list[Escalations],
    },
)
"""The figures of some days, for programs."""


def by_priority(days: Iterable[Day]) -> list[PriorityFigures]:
    """Return the figures of each priority, P1 first."""
    added: dict[tuple[str, ...], int] = {}
    for day in days:
        for key, number in day.figures.items():
            added[key] = added.get(key, 0) + number
    return [_of(priority, added) for priority in PRIORITIES]


def _of(priority: str, added: dict[tuple[str, ...], int]) -> PriorityFigures:
    return PriorityFigures(
        priority=priority,
        opened=_sum(added, "opened", priority),
        mtta=_mean(added, "acknowledge", priority, "human"),
        mttr=_mean(added, "resolve", priority, ""),
        mttr_human=_mean(added, "resolve", priority, "human"),
        mttr_automatic=_mean(added, "resolve", priority, "automatic"),
        acknowledged=_sum(added, "acknowledge", priority, "human"),
        resolved=_sum(added, "resolve", priority),
        met=_sum(added, "deadline", priority, outcome="met"),
        missed=_sum(added, "deadline", priority, outcome="missed"),
        escalated=_sum(added, "escalation", priority),
        reopened=_sum(added, "reopened", priority),
        flapping=_sum(added, "flapping", priority),
        undeliverable=_sum(added, "undeliverable", priority),
    )


def _sum(
    added: dict[tuple[str, ...], int], name: str, priority: str = "", outcome: str = ""
) -> int:
    """Return the number of ``name`` of a priority and outcome; "" stands for any."""
    return sum(
        number
        for key, number in added.items()
        if key[0] == name and _fits(key[1], priority) and (not outcome or key[3] == outcome)
    )


def _fits(value: str, wanted: str) -> bool:
    return not wanted or value == wanted


def _mean(added: dict[tuple[str, ...], int], name: str, priority: str, by: str) -> float | None:
    """Return the mean in seconds of what ended ``by`` somebody ("" for anybody)."""
    mine = {key: at for key, at in added.items() if len(key) > 3 and key[1] == priority}  # noqa: PLR2004 - name, priority, team, by
    number = sum(at for key, at in mine.items() if key[0] == name and _fits(key[3], by))
    total = sum(at for key, at in mine.items() if key[0] == f"{name}_ms" and _fits(key[3], by))
    return total / number / 1000 if number else None


def by_day(days: Iterable[Day]) -> list[DayFigures]:
    """Return what happened on each day, oldest first."""
    return [
        DayFigures(
            day=day.day,
            opened=_sum(day.figures, "opened"),
            met=_sum(day.figures, "deadline", outcome="met"),
            missed=_sum(day.figures, "deadline", outcome="missed"),
            escalated=_sum(day.figures, "escalation"),
        )
        for day in days
    ]


def steps(days: Iterable[Day]) -> list[tuple[str, str, int]]:
    """Return (step, reason, number) of all escalations, the most frequent first."""
    found: dict[tuple[str, str], int] = {}
    for day in days:
        for key, number in day.figures.items():
            if key[0] == "escalation":
                found[key[2], key[3]] = found.get((key[2], key[3]), 0) + number
    rows = [(step, reason, number) for (step, reason), number in found.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def to_json(days: list[Day]) -> Response:
    """Return everything above for programs."""
    return {
        "from": days[0].day.isoformat(),
        "to": days[-1].day.isoformat(),
        "priorities": by_priority(days),
        "days": by_day(days),
        "escalations": [
            {"step": step, "reason": reason, "number": number}
            for step, reason, number in steps(days)
        ],
    }
