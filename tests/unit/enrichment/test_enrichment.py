"""What enrichers make of texts and answers they did not write."""

import asyncio
import json
from typing import Any

import pytest

from receiver.enrichment.enricher import Finding
from receiver.enrichment.json_client import SENT_MAX, JsonClient
from receiver.enrichment.prometheus import expression, graph_url, value_of
from receiver.enrichment.run import Enrichment
from receiver.enrichment.summary import TOLD_MAX, three_sentences, told
from receiver.errors import EnrichmentError
from receiver.runbooks.catalogue import meaning_of
from routing.incident import Incident
from tests.support.builders import GROUP, NOW, alert, play, received, rules
from tests.support.fakes.json_service import vector


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://p.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "up == 0"),
        ("http://p.example/graph?g0.expr=" + "x" * 9_000, ""),
        ("http://p.example/graph", ""),
        ("http://[broken?g0.expr=up", ""),
        ("", ""),
    ],
)
def test_the_expression_of_a_generator_url(url: str, found: str) -> None:
    assert expression(url) == found


def test_a_graph_is_a_link_or_nothing() -> None:
    url = "http://p.example/sub/graph?g0.expr=up%20%3D%3D%200&g0.tab=1"
    assert graph_url(url).startswith("http://p.example/sub/graph?g0.expr=up+%3D%3D+0&g0.tab=0&")
    assert graph_url("javascript:alert(1)?g0.expr=up") == ""


def test_the_value_is_that_of_the_alerts_own_series() -> None:
    labels = {"alertname": "A", "job": "api", "instance": "1", "severity": "critical"}
    rows = ({"__name__": "m", "job": "api"}, 1), ({"job": "api", "instance": "1"}, 2.5)
    assert value_of(vector(*rows, ({"job": "db"}, 9)), labels) == 2.5
    assert value_of(vector(({"job": "db"}, 9)), labels) is None
    assert value_of({"data": {"resultType": "scalar", "result": [1, "7"]}}, labels) == 7


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"data": None}, {"data": {"resultType": "vector", "result": [{"metric": 1}]}}],
)
def test_what_is_no_answer_of_prometheus(answer: Any) -> None:
    with pytest.raises(EnrichmentError, match="not an answer"):
        value_of(answer, {})


def test_what_a_runbook_says_it_means() -> None:
    hidden = "<!-- made\nby -->\n```\ncode\n```"
    text = f"# A\n\n{hidden}\nIntro.\n\n## What it means\nUsers\nwait.\n\nMore."
    assert meaning_of(text) == "Users wait."
    assert meaning_of("# A\n\nIntro\nline.\n\nMore.") == "Intro line."
    assert meaning_of("") == meaning_of("# only a heading") == ""


def test_three_sentences_on_one_line() -> None:
    assert three_sentences("One.\nTwo!  Three? Four.") == "One. Two! Three?"
    assert len(three_sentences("x" * 10_000)) == 600


class _Said:
    """An enricher that says one thing about each incident."""

    name = "runbook"
    ttl = 300.0

    def may_find(self, _incident: Incident) -> bool:
        return True

    def key(self, incident: Incident) -> str:
        return incident.id

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        return [Finding(self.name, f"about\n{incident.id}\u202e", "javascript:x", now)]

    async def close(self) -> None:
        pass


class _Counted:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def enriched(self, enricher: str, status: str, seconds: float) -> None:
        self.seen.append(status)


def test_the_cache_is_bounded_and_forgets() -> None:
    time, counted = [0.0], _Counted()
    enrichment = Enrichment([_Said()], None, counted, timeout=1, most=100, clock=lambda: time[0])

    async def ask(number: int) -> tuple[Finding, ...]:
        incident = Incident(id=f"0-aaaaaaaaaaaaaaaa-{number}", group=GROUP, state="triggered")
        return await enrichment.about(incident, NOW)

    for number in range(1_000):
        asyncio.run(ask(number))
    assert enrichment.shown()["entries"] == 100
    (found,) = asyncio.run(ask(999))
    assert (found.text[:6], found.url, counted.seen[-1]) == ("about ", "", "cached")
    time[0] = 301
    asyncio.run(ask(999))
    assert counted.seen[-1] == "success"


def test_what_a_model_is_told_is_bounded_whatever_an_alert_says() -> None:
    alerts = [
        alert(
            f"{number:016x}",
            labels={f"label-{at}": "v" * 4_096 for at in range(256)} | {"alertname": "Big"},
            annotations={f"note-{at}": "w" * 16_384 for at in range(256)},
        )
        for number in range(50)
    ]
    incident, _ = play((0, received(*alerts)), found=rules())
    text = told(incident)
    assert len(text) <= TOLD_MAX
    assert json.loads(text)["firing"] == 50
    assert json.loads(text)["alerts"]


class Minute:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_questions_are_bounded_in_size_and_in_number() -> None:
    minute = Minute()
    client = JsonClient("http://127.0.0.1:9", {}, timeout=1, per_minute=2, now=minute)
    with pytest.raises(EnrichmentError, match="bytes is not asked"):
        await client.ask("POST", "/", body={"text": "x" * SENT_MAX})
    with pytest.raises(EnrichmentError, match="bytes is not asked"):
        await client.ask("POST", "/", form=[("query", "x" * SENT_MAX)])
    for at in (0.0, 30.0):
        minute.now = at
        with pytest.raises(EnrichmentError, match="Cannot connect"):
            await client.ask("POST", "/", body={})
    minute.now = 59.0
    with pytest.raises(EnrichmentError, match="2 times within a minute"):
        await client.ask("POST", "/", body={})
    minute.now = 61.0
    with pytest.raises(EnrichmentError, match="Cannot connect"):
        await client.ask("POST", "/", body={})
    await client.close()
