"""A week put together from whoever can be asked, and what nobody has."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import SystemRules
from receiver.cli.checks.source import Deadline, Source
from receiver.cli.checks.weekly.alerts import Rule
from receiver.cli.checks.weekly.capacity import Trend
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.prometheus import SystemWeek
from receiver.cli.checks.weekly.report import Report, highlights, make_report, to_json
from receiver.cli.checks.weekly.response import Answered, Response
from tests.support.checks import asked

WEEK = Week(date(2026, 3, 8), 7, datetime(2026, 3, 9, 6, tzinfo=UTC))
SHOP = SystemRules("shop", "shop-job", (), {}, {})
NUMBERS = ("opened", "acknowledged", "resolved", "mtta", "mttr", "met", "missed", "escalated")
ROW = {"priority": "P1", **dict.fromkeys((*NUMBERS, "reopened", "undeliverable"), 0)}


def figures(request: web.Request) -> Any:
    return {"to": request.query["end"], "priorities": [ROW], "escalations": []}


SERVICE = {"/v1/figures": figures, "/v1/incidents": {"incidents": [], "next": ""}}


def up(value: str) -> Any:
    """A Prometheus that has one system's availability, and nothing else."""

    def answer(request: web.Request) -> Any:
        found = "avg(" in request.query["query"]
        result = [{"metric": {}, "value": [0, value]}] if found else []
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    return answer


async def made(service: Any = SERVICE, prometheus: Any = None) -> Report:
    async with (
        asked(service) as source,
        asked({"/api/v1/query": prometheus}, "Prometheus") as other,
    ):
        chosen = None if prometheus is None else Prometheus(other)
        return await make_report(source, chosen, [SHOP], WEEK)


async def test_everybody_answered() -> None:
    report = await made(prometheus=up("1"))
    assert (report.exit_code, report.failed, report.no_data) == (0, [], [])
    assert [one.availability for one in report.systems] == [Pair(1.0, 1.0)]
    assert report.rules == []


async def test_whoever_is_not_asked_is_said_and_is_no_failure() -> None:
    report = await made()
    assert (report.exit_code, report.failed, report.systems) == (0, [], [])
    assert report.no_data == [
        "systems, what fired, capacity: Prometheus was not asked (--prometheus-url)"
    ]


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/v1/figures", (503, {"error": "redis"}), "answers 503 to /v1/figures: redis"),
        ("/v1/figures", (401, {"error": "who?"}), "who?: give --token (web.credentials)"),
        ("/v1/figures", (200, "<html>"), "a web page instead of JSON"),
        ("/v1/figures", {}, "figures: the service answers JSON of another form"),
        ("/v1/figures", [], "figures: the service answers JSON of another form"),
        ("/v1/incidents", {}, "incidents: the service answers JSON of another form"),
        (
            "/v1/incidents",
            {"incidents": [{"opened_at": "soon"}], "next": ""},
            "incidents: the service answers JSON of another form",
        ),
        (
            "/v1/incidents",
            {"incidents": [{"opened_at": "2026-03-05T00:00:00Z", "labels": []}], "next": ""},
            "incidents: the service answers JSON of another form",
        ),
    ],
)
async def test_what_fails_is_said_and_hides_nothing_else(
    path: str, answer: Any, words: str
) -> None:
    report = await made(SERVICE | {path: answer}, up("1"))
    assert report.exit_code == 1
    assert len(report.failed) == 1
    assert words in report.failed[0]
    assert (report.response is None) is (path == "/v1/figures")
    assert report.systems


async def test_when_nobody_answers_the_exit_code_says_so() -> None:
    report = await made({}, (503, {"error": "busy"}))
    assert (report.exit_code, report.response, report.rules) == (2, None, None)
    assert len(report.failed) == 3


async def test_who_says_the_same_twice_is_one_line() -> None:
    async with Source("the service", "http://127.0.0.1:9", Deadline(30)) as nowhere:
        report = await make_report(nowhere, None, [SHOP], WEEK)
    assert report.exit_code == 2
    (words,) = report.failed
    assert words.startswith("no answer from the service at http://127.0.0.1:9: is it running?")


async def test_what_prometheus_has_a_part_of_is_said() -> None:
    def partial(request: web.Request) -> Any:
        query = request.query["query"]
        value = "1" if "avg(" in query else "84" if "count(up" in query else None
        result = [] if value is None else [{"metric": {}, "value": [0, value]}]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}

    report = await made(prometheus=partial)
    assert report.no_data == ["shop: Prometheus has data of 50% of these days"]
    nothing = await made(prometheus=up("NaN"))
    assert nothing.no_data == ["shop: Prometheus has no target of job shop-job"]


# What a reader in a hurry has to know.


def answered(**numbers: tuple[int | None, int | None]) -> Response:
    pairs = {name: Pair(*numbers.get(name, (0, 0))) for name in Answered.__struct_fields__[1:]}
    return Response([Answered("P1", **pairs)], [])


def report(**more: Any) -> Report:
    fields: dict[str, Any] = {
        "week": WEEK,
        "response": None,
        "rules": None,
        "systems": [],
        "trends": [],
        "failed": [],
        "no_data": [],
    }
    return Report(**(fields | more))


@pytest.mark.parametrize(
    ("numbers", "lines"),
    [
        ({}, ["0 incidents (0 the week before)"]),
        ({"opened": (1, 5)}, ["1 incident (5 the week before)"]),
        (
            {"opened": (3, 0), "met": (6, 0), "missed": (2, 9)},
            ["3 incidents (0 the week before); 2 of 8 deadlines missed"],
        ),
        (
            {"undeliverable": (1, 7)},
            [
                "0 incidents (0 the week before)",
                "1 incident reached nobody: runbook DeliveryFailing",
            ],
        ),
        ({"undeliverable": (0, 7)}, ["0 incidents (0 the week before)"]),
        ({"opened": (None, 5)}, ["how many incidents were opened is not known"]),
        ({"opened": (1, None)}, ["1 incident"]),
        ({"met": (None, None), "missed": (2, 9)}, ["0 incidents (0 the week before)"]),
        ({"met": (2, 9), "missed": (None, None)}, ["0 incidents (0 the week before)"]),
        (
            {"opened": (None, None), "met": (6, 0), "missed": (2, 0)},
            ["how many incidents were opened is not known; 2 of 8 deadlines missed"],
        ),
        ({"undeliverable": (None, None)}, ["0 incidents (0 the week before)"]),
    ],
)
def test_how_the_week_was(
    numbers: dict[str, tuple[int | None, int | None]], lines: list[str]
) -> None:
    assert highlights(report(response=answered(**numbers))) == lines


@pytest.mark.parametrize(
    ("share", "lines"),
    [
        (None, []),
        (1.0, []),
        (0.999, []),
        (0.99899, ["shop was up 99.90% of the time"]),
        (0.0, ["shop was up 0.00% of the time"]),
    ],
)
def test_a_system_that_was_down_too_long(share: float | None, lines: list[str]) -> None:
    one = SystemWeek("shop", "j", Pair(share, 1.0), Pair(), [], [])
    assert highlights(report(systems=[one])) == lines


def rule(name: str, fired: int = 0, incidents: int | None = 5, taken: int | None = 0) -> Rule:
    return Rule(name, "", "warning", Pair(fired, 0), 0.0, incidents, taken)


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (None, []),
        ([], []),
        ([rule("A")], ["A"]),
        ([rule("A", incidents=4)], []),
        ([rule("A", fired=5, incidents=1)], ["A"]),
        ([rule("A", fired=500, incidents=0)], []),
        ([rule("A", fired=500, incidents=None, taken=None)], []),
        ([rule("A", taken=1)], []),
        ([rule(name) for name in "ABCD"], ["A", "B", "C"]),
    ],
)
def test_alerts_that_nobody_took(rules: list[Rule] | None, named: list[str]) -> None:
    lines = highlights(report(rules=rules))
    assert [line.partition(" (no system) opened ")[0] for line in lines] == named


@pytest.mark.parametrize(
    ("days", "lines"),
    [
        (None, []),
        (30.0, ["shop: memory is full in 30 days if it goes on like this"]),
        (30.01, []),
        (0.0, ["shop: memory is full in 0 days if it goes on like this"]),
        (6.99, ["shop: memory is full in 6 days if it goes on like this"]),
    ],
)
def test_what_is_full_within_a_month(days: float | None, lines: list[str]) -> None:
    one = Trend("shop", "memory", "ratio", Pair(0.5), None, None, 1.0, days)
    assert highlights(report(trends=[one])) == lines


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({}, 0),
        ({"failed": ["x"]}, 2),
        ({"failed": ["x"], "response": answered()}, 1),
        ({"failed": ["x"], "rules": []}, 1),
        ({"failed": ["x"], "systems": [SystemWeek("s", "j", Pair(), Pair(), [], [])]}, 1),
    ],
)
def test_the_exit_code(more: dict[str, Any], code: int) -> None:
    made_of = report(**more)
    assert made_of.exit_code == code
    assert to_json(made_of)["exit_code"] == code


def test_the_json_says_what_is_not_known_as_null() -> None:
    body = to_json(report(no_data=["x"]), service="s")
    assert (body["from"], body["to"], body["days"]) == ("2026-03-02", "2026-03-08", 7)
    assert (body["priorities"], body["escalations"], body["alerts"]) == (None, None, None)
    assert (body["systems"], body["capacity"], body["no_data"]) == ([], [], ["x"])
    assert body["service"] == "s"
    full = to_json(report(response=answered(opened=(1, 2)), rules=[rule("A")]))
    assert full["priorities"][0]["opened"] == {"this": 1, "before": 2}
    assert full["alerts"][0]["alertname"] == "A"
