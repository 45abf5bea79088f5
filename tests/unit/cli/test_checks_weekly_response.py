"""How incidents were answered, from what the service has of each day."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.source import SourceError
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.response import Answered, Response, read_response
from tests.support.checks import asked

WEEK = Week(date(2026, 3, 8), 7, datetime(2026, 3, 9, 6, tzinfo=UTC))
FIELDS = [name for name in Answered.__struct_fields__ if name != "priority"]


def row(priority: str, number: float) -> dict[str, Any]:
    return {"priority": priority, **dict.fromkeys(FIELDS, number)}


class Figures:
    """Answers the figures of two weeks, and knows what was asked."""

    def __init__(self, *, this: list[Any], before: list[Any], shift: str = "") -> None:
        self.rows = {"2026-03-08": this, "2026-03-01": before}
        self.shift = shift
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: web.Request) -> Any:
        self.asked.append(dict(request.query))
        end = request.query["end"]
        escalations = [{"step": 1, "reason": "deadline", "number": len(self.rows[end])}]
        to = self.shift or end
        return {"to": to, "priorities": self.rows[end], "escalations": escalations}


async def read(figures: Any) -> Response:
    async with asked({"/v1/figures": figures}) as source:
        return await read_response(source, WEEK)


async def test_each_priority_has_both_weeks_in_the_order_of_this_one() -> None:
    figures = Figures(this=[row("P2", 5), row("P1", 3)], before=[row("P1", 1), row("P2", 2)])
    found = await read(figures)
    assert [one.priority for one in found.priorities] == ["P2", "P1"]
    assert found.priorities[1] == Answered("P1", *[Pair(3, 1)] * len(FIELDS))
    assert found.escalations == [{"step": 1, "reason": "deadline", "number": 2}]
    assert figures.asked == [
        {"days": "7", "end": "2026-03-08"},
        {"days": "7", "end": "2026-03-01"},
    ]


async def test_totals_are_of_all_priorities() -> None:
    found = await read(
        Figures(this=[row("P1", 3), row("P2", 4)], before=[row("P1", 1), row("P2", 0)])
    )
    assert found.total("opened") == Pair(7, 1)
    assert (await read(Figures(this=[], before=[]))).total("missed") == Pair(0, 0)


async def test_times_that_nobody_has_stay_unknown() -> None:
    this = row("P1", 0) | {"mtta": None, "mttr": None}
    found = await read(Figures(this=[this], before=[row("P1", 60)]))
    assert found.priorities[0].mtta == Pair(None, 60)


async def test_a_number_that_nobody_has_leaves_the_total_unknown() -> None:
    this = [row("P1", 3), row("P2", 4) | {"opened": None}]
    found = await read(Figures(this=this, before=[row("P1", 1), row("P2", 0)]))
    assert found.priorities[1].opened == Pair(None, 0)
    assert found.total("opened") == Pair(None, 1)
    assert found.total("met") == Pair(7, 1)


async def test_a_version_that_only_knows_today_is_noticed() -> None:
    with pytest.raises(SourceError, match="has no figures up to 2026-03-08, only to today"):
        await read(Figures(this=[], before=[], shift="2026-03-09"))


@pytest.mark.parametrize(
    "figures",
    [
        Figures(this=[row("P1", 1)], before=[]),
        Figures(this=[{"priority": "P1"}], before=[row("P1", 1)]),
        Figures(this=["P1"], before=[row("P1", 1)]),
        Figures(this=[row("P1", 1) | {"opened": "3"}], before=[row("P1", 1)]),
        Figures(this=[row("P1", 1)], before=[row("P1", 1) | {"met": [3]}]),
        Figures(this=[row("P1", 1) | {"mtta": {}}], before=[row("P1", 1)]),
        lambda request: {
            "to": request.query["end"],
            "priorities": [],
            "escalations": [{"step": 1}],
        },
        [],
    ],
)
async def test_another_form_is_an_error_of_its_form(figures: Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        await read(figures)
