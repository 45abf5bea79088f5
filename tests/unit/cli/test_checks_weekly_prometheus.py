"""What Prometheus has of a week: which queries are asked, and what is made of the answers."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import OWN, SystemRules, load_rules
from receiver.cli.checks.weekly.capacity import FARTHEST_DAYS, QUEUE_MAX, Trend, read_trends
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.prometheus import (
    Figure,
    Reader,
    SystemWeek,
    partly,
    read_systems,
)
from tests.support.checks import asked

WEEK = Week(date(2026, 3, 8), 7, datetime(2026, 3, 9, 6, tzinfo=UTC))
S = WEEK.seconds
DAY = 86_400


def rules(**recorded: str) -> SystemRules:
    """A system; a name ``error_ratio`` stands for what is recorded as ``shop:error_ratio``."""
    found = {f"shop:{name.replace('__', ':')}": text for name, text in recorded.items()}
    return SystemRules("shop", "shop-job", (), found, {})


class Answers:
    """Answers queries by their text, of this week or (``before``) of the one before."""

    def __init__(self, this: dict[str, Any], before: dict[str, Any] | None = None) -> None:
        self.this, self.before = this, before or {}
        self.queries: list[str] = []

    def __call__(self, request: web.Request) -> Any:
        query, at = request.query["query"], float(request.query["time"])
        assert at in (WEEK.end - 1, WEEK.before.end - 1)
        self.queries.append(query)
        found = (self.this if at == WEEK.end - 1 else self.before).get(query)
        if isinstance(found, tuple):
            return found
        rows = found if isinstance(found, list) else [] if found is None else [({}, found)]
        result = [{"metric": labels, "value": [0, str(value)]} for labels, value in rows]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


async def systems(answers: Answers, *of: SystemRules) -> tuple[list[SystemWeek], list[str]]:
    async with asked({"/api/v1/query": answers}, "Prometheus") as source:
        reader = Reader(Prometheus(source))
        return await read_systems(reader, of, WEEK), reader.problems


async def trends(answers: Answers, *of: SystemRules) -> list[Trend]:
    async with asked({"/api/v1/query": answers}, "Prometheus") as source:
        return await read_trends(Reader(Prometheus(source)), of, WEEK)


UP = f'avg(avg_over_time(up{{job="shop-job"}}[{S}s]))'
HOURS = f'count_over_time((count(up{{job="shop-job"}}))[{S}s:1h])'


async def test_availability_and_how_much_of_it_is_known() -> None:
    (one,), problems = await systems(Answers({UP: 0.999, HOURS: 84}, {UP: 1, HOURS: 170}), rules())
    assert one.availability == Pair(0.999, 1.0)
    # More than every hour is every hour.
    assert one.covered == Pair(0.5, 1.0)
    assert (one.figures, one.no_data, problems) == ([], [], [])


async def test_a_system_that_is_not_scraped_is_asked_nothing_else() -> None:
    answers = Answers({HOURS: 3})
    (one,), _ = await systems(answers, rules(error_ratio="rate(x[5m])"))
    assert one.no_data == ["Prometheus has no target of job shop-job"]
    assert {query for query in answers.queries if query not in (UP, HOURS)} == set()


async def test_a_rule_over_a_span_looks_at_the_whole_week() -> None:
    ratio = f"sum(rate(bad[{S}s])) / sum(rate(all[{S}s]))"
    answers = Answers({UP: 1, ratio: 0.02}, {ratio: 0.01})
    of = "sum(rate(bad[5m])) / sum(rate(all[5m]))"
    found = rules(full_ratio=of, error_ratio=of, done=of, hits__rate5m=of, up_now="up")
    (one,), _ = await systems(answers, found)
    assert one.figures == [
        Figure("full", "", "ratio", Pair(0.02, 0.01)),
        # Of what fails it is said how much succeeds.
        Figure("success", "", "ratio", Pair(0.98, 0.99)),
        Figure("done", "", "", Pair(0.02, 0.01)),
        Figure("hits per second", "", "", Pair(0.02, 0.01)),
    ]
    assert one.no_data == []


async def test_series_are_told_apart_by_their_labels_in_order() -> None:
    ratio = f"rate(x[{S}s])"
    this = [
        ({"__name__": "n", "job": "j", "system": "s", "pod": "b", "app": "z"}, 1),
        ({"pod": "a", "app": "y"}, 2),
    ]
    before = [({"pod": "a", "app": "y"}, 3), ({"pod": "gone", "app": "x"}, 4)]
    answers = Answers({UP: 1, ratio: this}, {ratio: before})
    (one,), _ = await systems(answers, rules(full_ratio="rate(x[5m])"))
    assert [(figure.of, figure.value) for figure in one.figures] == [
        ("x, gone", Pair(None, 4.0)),
        ("y, a", Pair(2.0, 3.0)),
        ("z, b", Pair(1.0, None)),
    ]


async def test_without_samples_the_mean_of_what_was_recorded_counts() -> None:
    recorded = f'avg_over_time((shop:full_ratio{{system="shop"}} >= 0)[{S}s:5m])'
    answers = Answers({UP: 1, recorded: 0.25})
    (one,), _ = await systems(answers, rules(full_ratio="rate(x[5m])"))
    assert one.figures == [Figure("full", "", "ratio", Pair(0.25, None), "recorded")]


async def test_what_nobody_has_data_of_is_named() -> None:
    (one,), _ = await systems(
        Answers({UP: 1}), rules(full_ratio="rate(x[5m])", latency_seconds__p95=QUANTILE)
    )
    assert one.figures == []
    assert one.no_data == ["full", "latency p50", "latency p95", "latency p99"]


QUANTILE = "histogram_quantile(0.95, sum by (le) (rate(b[5m])))"


async def test_every_quantile_is_of_all_requests_of_the_week() -> None:
    of_week = f"histogram_quantile(0.%s, sum by (le) (rate(b[{S}s])))"
    answers = Answers({UP: 1, of_week % 50: 0.1, of_week % 95: 0.5, of_week % 99: 0.9})
    for name in ("latency", "http_latency"):
        twice = {f"{name}_seconds__{end}": QUANTILE for end in ("p95", "p99")}
        (one,), _ = await systems(answers, rules(**twice))
        shown = name.replace("_", " ")
        assert [(of.name, of.value.this) for of in one.figures] == [
            (f"{shown} p50", 0.1),
            (f"{shown} p95", 0.5),
            (f"{shown} p99", 0.9),
        ]
        assert {of.unit for of in one.figures} == {"seconds"}


async def test_an_error_is_told_once_and_nothing_else_is_lost() -> None:
    ratio = f"rate(x[{S}s])"
    failing = (422, {"error": "too many samples"})
    answers = Answers({UP: 1, ratio: failing}, {ratio: failing, UP: failing})
    (one,), problems = await systems(answers, rules(error_ratio="rate(x[5m])"))
    assert one.availability == Pair(1.0, None)
    assert problems == ["Prometheus answers 422 to /api/v1/query: too many samples"]


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, False), (0.9, False), (0.8999, True), (0.0, True), (1.0, False)],
)
def test_a_week_of_which_a_tenth_is_missing_is_a_part(share: float | None, *, said: bool) -> None:
    one = SystemWeek("shop", "j", Pair(), Pair(share), [], [])
    assert bool(partly([one])) is said
    if share == 0:
        assert partly([one]) == ["shop: Prometheus has data of 0% of these days"]


async def test_the_rules_that_ship_ask_for_nothing_twice() -> None:
    found = load_rules()
    answers = Answers({f'avg(avg_over_time(up{{job="{one.job}"}}[{S}s]))': 1 for one in found})
    weeks, problems = await systems(answers, *found)
    assert problems == []
    for one in weeks:
        latencies = [name for name in one.no_data if "latency" in name]
        assert len(latencies) == len(set(latencies))
        assert one.figures == []
    assert all("$week" not in query for query in answers.queries)
    own = next(one for one in weeks if one.system == OWN)
    assert {"webhook latency p99", "page delivery latency p50"} <= set(own.no_data)


# Where it is going.

MEMORY = '(max(shop:memory_ratio{system="shop"}) >= 0)'


def line(now: float | None, slope: float | None, ahead: float | None = None) -> dict[str, Any]:
    found = {
        f"avg_over_time({MEMORY}[{DAY}s:5m])": now,
        f"max_over_time({MEMORY}[{S}s:5m])": 0.9,
        f"predict_linear({MEMORY}[{S}s:1h], {7 * DAY})": ahead,
        f"deriv({MEMORY}[{S}s:1h])": slope,
    }
    return {query: value for query, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("now", "slope", "days"),
    [
        (0.5, 0.05 / DAY, 10.0),
        (0.5, 0.0, None),
        (0.5, -0.1 / DAY, None),
        (0.5, None, None),
        (1.0, None, 0.0),
        (1.2, -1.0, 0.0),
        (0.0, 1 / (FARTHEST_DAYS * DAY), float(FARTHEST_DAYS)),
        (0.0, 0.99 / (FARTHEST_DAYS * DAY), None),
    ],
)
async def test_when_it_is_full(now: float, slope: float | None, days: float | None) -> None:
    (one,) = await trends(Answers(line(now, slope)), rules(memory_ratio="x"))
    if days is None:
        assert one.full_in_days is None
    else:
        assert one.full_in_days == pytest.approx(days, rel=1e-6)
    assert (one.name, one.unit, one.limit, one.peak) == ("memory", "ratio", 1.0, 0.9)


@pytest.mark.parametrize(("ahead", "shown"), [(None, None), (0.7, 0.7), (-3.0, 0.0)])
async def test_a_line_goes_no_lower_than_nothing(ahead: float | None, shown: float | None) -> None:
    (one,) = await trends(Answers(line(0.5, 0.0, ahead), line(0.25, 0.0)), rules(memory_ratio="x"))
    assert (one.predicted, one.now) == (shown, Pair(0.5, 0.25))


async def test_of_what_there_is_no_data_of_there_is_no_trend() -> None:
    answers = Answers({})
    assert await trends(answers, rules(memory_ratio="x")) == []
    assert len(answers.queries) == 2
    (one,) = await trends(Answers({}, line(0.25, None)), rules(memory_ratio="x"))
    assert (one.now, one.full_in_days) == (Pair(None, 0.25), None)


async def test_which_series_have_a_trend() -> None:
    of = rules(request_rate="x", error_ratio__5m="x", disk_used_ratio="x", success_percent="x")
    own = SystemRules(OWN, "im", (), {}, {})

    def everything(request: web.Request) -> Any:
        result = [{"metric": {}, "value": [0, "1"]}]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    async with asked({"/api/v1/query": everything}, "Prometheus") as source:
        found = await read_trends(Reader(Prometheus(source)), [of, own], WEEK)
    assert [(one.system, one.name, one.unit, one.limit) for one in found] == [
        ("shop", "traffic", "requests per second", None),
        ("shop", "disk used", "ratio", 1.0),
        (OWN, "memory used", "bytes", None),
        (OWN, "storage used", "bytes", None),
        (OWN, "queue", "entries", float(QUEUE_MAX)),
    ]
