"""What Prometheus answers, as values and plain words."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from receiver.cli.checks.prometheus import Prometheus, Sample
from receiver.cli.checks.source import SourceError
from tests.support.checks import asked

ODD = "with JSON that is not Prometheus's: is this the right address?"


@asynccontextmanager
async def answered(what: str, answer: Any) -> AsyncIterator[Prometheus]:
    """A Prometheus that answers one path so."""
    async with asked({f"/api/v1/{what}": answer}, "Prometheus") as source:
        yield Prometheus(source)


def success(data: Any) -> dict[str, Any]:
    return {"status": "success", "data": data}


def vector(*rows: Any) -> dict[str, Any]:
    return success({"resultType": "vector", "result": list(rows)})


def row(value: Any, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1_772_445_600, value]}


async def test_samples_that_are_numbers_are_figures() -> None:
    rows = (row("1.5", a="b"), row("NaN"), row("+Inf"), row("-Inf"), row("-0"), row("1e3", c="d"))
    async with answered("query", vector(*rows)) as prometheus:
        assert await prometheus.query("x") == [
            Sample({"a": "b"}, 1.5),
            Sample({}, 0.0),
            Sample({"c": "d"}, 1000.0),
        ]
        assert await prometheus.value("x") == 1.5


@pytest.mark.parametrize("rows", [(), (row("NaN"),)])
async def test_without_a_figure_there_is_no_value(rows: Any) -> None:
    async with answered("query", vector(*rows)) as prometheus:
        assert await prometheus.query("x") == []
        assert await prometheus.value("x") is None


@pytest.mark.parametrize(("at", "time"), [(None, None), (0.0, "0.000"), (12.3456, "12.346")])
async def test_what_is_asked(at: float | None, time: str | None) -> None:
    queries: list[dict[str, str]] = []

    def answer(request: web.Request) -> Any:
        queries.append(dict(request.query))
        return vector()

    async with answered("query", answer) as prometheus:
        await prometheus.query('up{job="a&b=c"}', at)
    wanted = {"query": 'up{job="a&b=c"}'} | ({} if time is None else {"time": time})
    assert queries == [wanted]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"resultType": "vector"},
        {"resultType": "vector", "result": None},
        {"resultType": "vector", "result": ["x"]},
        {"resultType": "vector", "result": [{}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": []}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [0]}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [0, "many"]}]},
        {"resultType": "vector", "result": [{"metric": {}, "value": [0, None]}]},
        {"resultType": "vector", "result": [{"metric": "x", "value": [0, "1"]}]},
        {"resultType": "vector", "result": [{"metric": None, "value": [0, "1"]}]},
    ],
)
async def test_an_answer_of_another_form_is_not_prometheuss(data: Any) -> None:
    async with answered("query", success(data)) as prometheus:
        with pytest.raises(SourceError, match="answers /api/v1/query") as error:
            await prometheus.query("x")
    assert str(error.value).endswith(ODD)


@pytest.mark.parametrize("kind", ["matrix", "scalar", "string"])
async def test_what_is_no_vector_is_named(kind: str) -> None:
    answer = success({"resultType": kind, "result": []})
    async with answered("query", answer) as prometheus:
        with pytest.raises(SourceError, match=f"Prometheus answers a {kind} to up"):
            await prometheus.query("up")


@pytest.mark.parametrize(
    "body", [{}, [], None, "success", {"status": "error", "data": {}}, {"data": []}]
)
async def test_what_did_not_succeed_is_not_prometheuss(body: Any) -> None:
    answer = (200, body) if not isinstance(body, str) else (200, '"success"')
    for what, ask in LISTS.items():
        async with answered(what, answer) as prometheus:
            with pytest.raises(SourceError, match="is not Prometheus's"):
                await ask(prometheus)


LISTS: dict[str, Callable[[Prometheus], Awaitable[Any]]] = {
    "rules": Prometheus.rules,
    "targets": Prometheus.targets,
    "alertmanagers": Prometheus.alertmanagers,
    "metadata": Prometheus.metadata,
    "label/__name__/values": lambda prometheus: prometheus.names("j"),
}


@pytest.mark.parametrize(
    ("what", "data", "found"),
    [
        ("rules", {"groups": [{"name": "a"}]}, [{"name": "a"}]),
        ("targets", {"activeTargets": [{"health": "up"}]}, [{"health": "up"}]),
        ("alertmanagers", {"activeAlertmanagers": []}, []),
        ("metadata", {"up": [{"type": "gauge"}]}, {"up": [{"type": "gauge"}]}),
        ("label/__name__/values", ["up", "up", 7], {"up", "7"}),
    ],
)
async def test_lists_are_read(what: str, data: Any, found: Any) -> None:
    async with answered(what, success(data)) as prometheus:
        assert await LISTS[what](prometheus) == found


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize(
    "data", [None, 7, {"groups": 1, "activeTargets": 1}, {"groups": [1], "activeTargets": [1]}]
)
async def test_lists_of_another_form_are_not_prometheuss(what: str, data: Any) -> None:
    wrong = [data] if what == "metadata" else data
    async with answered(what, success(wrong)) as prometheus:
        with pytest.raises(SourceError, match="is not Prometheus's"):
            await LISTS[what](prometheus)


async def test_its_own_words_are_told() -> None:
    answer = (422, {"status": "error", "error": "too many samples"})
    async with answered("query", answer) as prometheus:
        with pytest.raises(SourceError, match=r"Prometheus answers 422 to .*: too many samples"):
            await prometheus.query("x")


@pytest.mark.parametrize("job", ["node", "llm-incident-manager"])
async def test_the_names_of_a_job_are_asked_for(job: str) -> None:
    queries: list[str] = []

    def answer(request: web.Request) -> Any:
        queries.append(request.query["match[]"])
        return success([])

    async with answered("label/__name__/values", answer) as prometheus:
        assert await prometheus.names(job) == set()
    assert queries == [f'{{job="{job}"}}']
