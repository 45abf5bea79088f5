"""What Alertmanagers say of alerts, and above all what is made of it when they say nothing."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import receiver.alertmanager.alert_states
from receiver.alertmanager.alert_states import MAX_FILTER, Alertmanagers, filters_for
from receiver.alertmanager.config import AlertmanagerConfig
from routing.event import Seen
from routing.fingerprint import fingerprint_of
from routing.matcher import matches_all, parse_matchers
from tests.support.rig import free_port


def alert(state: str = "active", **more: Any) -> dict[str, Any]:
    """One alert as API v2 lists it; ``labels``, and further fields of its status."""
    labels = more.pop("labels", {"alertname": "A", "job": "api"})
    status = {"state": state, "silencedBy": [], "inhibitedBy": []} | more
    return {"fingerprint": fingerprint_of(labels), "labels": labels, "status": status}


LABELS = {"alertname": "A", "job": "api"}
NAME = fingerprint_of(LABELS)
ASKED = {NAME: LABELS}
SILENCED = Seen("silenced", ("s1",))


class Fake:
    """An Alertmanager that lists ``alerts``, or answers as ``behave`` says."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.uptime: timedelta | None = timedelta(days=1)
        self.behave: Callable[[web.Request], Any] | None = None
        self.requests: list[web.Request] = []
        self.url = ""
        self._runner: web.AppRunner

    async def start(self, port: int = 0) -> None:
        application = web.Application()
        application.router.add_get("/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.behave is not None and request.path.endswith("/alerts"):
            return await self.behave(request)
        if request.path.endswith("/status"):
            if self.uptime is None:
                return web.Response(status=404)
            return web.json_response({"uptime": (datetime.now(UTC) - self.uptime).isoformat()})
        return web.json_response(self.alerts)


@pytest.fixture
async def fakes() -> AsyncIterator[list[Fake]]:
    made = [Fake(), Fake()]
    for fake in made:
        await fake.start()
    yield made
    for fake in made:
        await fake.stop()


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Alertmanagers]]:
    made: list[Alertmanagers] = []

    def build(*urls: str, timeout: float = 5.0, **more: Any) -> Alertmanagers:
        made.append(Alertmanagers([AlertmanagerConfig(urls=urls, **more)], timeout=timeout))
        return made[-1]

    yield build
    for alertmanagers in made:
        await alertmanagers.close()


@pytest.mark.parametrize(
    ("listed", "seen"),
    [
        (alert(), Seen("active")),
        (alert("unprocessed"), Seen("active")),
        (alert("a word to come"), Seen("active")),
        (alert("suppressed", silencedBy=["s1", "s2"]), Seen("silenced", ("s1", "s2"))),
        (alert("suppressed", inhibitedBy=["f1"]), Seen("inhibited", ("f1",))),
        (alert("suppressed", silencedBy=["s1"], inhibitedBy=["f1"]), SILENCED),
        (alert("active", mutedBy=["weekend"]), Seen("muted", ("weekend",))),
        (alert("suppressed", silencedBy=None, inhibitedBy=None), Seen("muted")),
        (alert(labels={"alertname": "other"}), Seen("gone")),
    ],
)
async def test_every_state_has_its_word(make, fakes, listed, seen) -> None:
    fakes[0].alerts = [listed]
    assert await make(fakes[0].url).states("", ASKED) == {NAME: seen}


async def test_nobody_to_ask_and_nothing_to_ask(make, fakes) -> None:
    assert await make(fakes[0].url, cluster="eu").states("us", ASKED) is None
    assert await Alertmanagers([]).states("", ASKED) is None
    assert await make(fakes[0].url).states("", {}) is None


async def test_equal_labels_are_enough_where_the_fingerprint_is_ours(make, fakes) -> None:
    labels = {"alertname": "A\x01", "text": "x" * 5000, "empty": ""}
    kept = {"alertname": "A", "text": "x" * 4095 + "…"}
    fakes[0].alerts = [alert("suppressed", silencedBy=["s1"], labels=labels)]
    found = await make(fakes[0].url).states("", {"ours": kept, "twin": kept, "b": {"text": ""}})
    assert found == {"ours": SILENCED, "twin": SILENCED, "b": Seen("gone")}


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        (alert(), alert("suppressed", silencedBy=["s1"]), "active"),
        (alert("suppressed", inhibitedBy=["f"]), alert("suppressed", silencedBy=["s"]), "silenced"),
        (alert("suppressed", inhibitedBy=["f"]), None, "inhibited"),
        (None, alert(), "active"),
        (None, None, "gone"),
    ],
)
async def test_peers_lag_and_the_most_alive_answer_holds(make, fakes, first, second, word) -> None:
    for fake, listed in zip(fakes, (first, second), strict=True):
        fake.alerts = [listed] if listed else []
    found = await make(*(fake.url for fake in fakes)).states("", ASKED)
    assert found is not None
    assert found[NAME].state == word


async def test_two_entries_of_one_cluster_are_its_peers(fakes) -> None:
    fakes[1].alerts = [alert()]
    alertmanagers = Alertmanagers(
        [AlertmanagerConfig(urls=(fakes[0].url,)), AlertmanagerConfig(urls=(fakes[1].url,))]
    )
    assert await alertmanagers.states("", ASKED) == {NAME: Seen("active")}
    await alertmanagers.close()


async def hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    raise AssertionError


async def trickle(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.02)
    return answer


async def huge(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(300):
            await answer.write(b" " * 1000)
    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b"[")
    request.transport.close()
    return answer


def says(status: int, text: str, **headers: str) -> Callable[[web.Request], Any]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return answer


FAILURES = [
    pytest.param(hang, "no answer within 1.5 s", id="hang"),
    pytest.param(trickle, "no answer within 1.5 s", id="trickle"),
    pytest.param(huge, "more than", id="huge"),
    pytest.param(cut, "cannot be asked", id="cut"),
    pytest.param(says(500, "[]"), "answers 500", id="500"),
    pytest.param(says(401, "[]"), "answers 401", id="401"),
    pytest.param(says(302, "[]", Location="/x"), "answers 302", id="302"),
    pytest.param(says(200, "[]", Location="/x", **{"Content-Encoding": "gzip"}), "", id="gzip"),
    pytest.param(says(200, "<html>"), "not an answer", id="html"),
    pytest.param(says(200, ""), "not an answer", id="empty"),
    pytest.param(says(200, "null"), "not an answer", id="null"),
    pytest.param(says(200, '{"status": "success", "data": []}'), "not an answer", id="v1"),
    pytest.param(says(200, '[{"labels": {}}]'), "not an answer", id="no status"),
    pytest.param(says(200, '[{"x": ' + "[" * 100_000), "not an answer", id="deep"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("behave", "words"), FAILURES)
async def test_a_failure_is_unknown_and_said_once(
    make, fakes, behave, words, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(receiver.alertmanager.alert_states, "MAX_BYTES", 200_000)
    fakes[0].behave = behave
    alertmanagers = make(fakes[0].url, timeout=1.5)
    with caplog.at_level(logging.WARNING, "alertmanager"):
        assert [await alertmanagers.states("", ASKED) for _ in range(3)] == [None] * 3
        assert len(caplog.messages) == 1
        assert words in caplog.text
        fakes[0].behave = None
        for _ in range(2):
            assert await alertmanagers.states("", ASKED) == {NAME: Seen("gone")}
    assert caplog.messages[1:] == [f"Alertmanager {fakes[0].url} answers again"]
    assert {request.path for request in fakes[0].requests} <= {"/api/v2/alerts", "/api/v2/status"}


@pytest.mark.slow
@pytest.mark.parametrize("listed", [[], [alert()]])
async def test_a_peer_that_fails_says_nothing_for_the_others(make, fakes, listed) -> None:
    fakes[0].alerts = listed
    fakes[1].behave = hang
    away = f"http://127.0.0.1:{free_port()}"
    found = await make(fakes[0].url, fakes[1].url, away, timeout=3.0).states("", ASKED)
    assert found == {NAME: Seen("active" if listed else "gone")}


async def test_gone_is_what_all_peers_say_where_that_is_asked(make, fakes) -> None:
    both = make(fakes[0].url, fakes[1].url)
    assert await both.states("", ASKED, unanimous=True) == {NAME: Seen("gone")}
    fakes[1].uptime = timedelta(minutes=1)
    assert await both.states("", ASKED) == {NAME: Seen("gone")}
    assert await both.states("", ASKED, unanimous=True) is None
    away = f"http://127.0.0.1:{free_port()}"
    assert await make(fakes[0].url, away).states("", ASKED, unanimous=True) is None
    fakes[0].alerts = [alert()]
    assert await make(fakes[0].url, away).states("", ASKED, unanimous=True) == {
        NAME: Seen("active")
    }


async def test_one_that_was_just_started_knows_only_what_it_was_told_since(make, fakes) -> None:
    other = {"alertname": "B"}
    asked = ASKED | {fingerprint_of(other): other}
    fakes[0].alerts = [alert()]
    fakes[0].uptime = timedelta(seconds=200)
    assert await make(fakes[0].url).states("", asked) == {NAME: Seen("active")}
    assert await make(fakes[0].url).states("", by_name(other)) is None
    # A peer that has been there all along may say it.
    found = await make(fakes[0].url, fakes[1].url).states("", asked)
    assert found == {NAME: Seen("active"), fingerprint_of(other): Seen("gone")}
    found = await make(fakes[0].url, warm_up="3m").states("", asked)
    assert found == {NAME: Seen("active"), fingerprint_of(other): Seen("gone")}


async def test_what_cannot_say_how_old_it_is_is_not_believed(make, fakes, caplog) -> None:
    fakes[0].uptime = None
    assert await make(fakes[0].url).states("", ASKED) is None
    assert "/api/v2/status answers 404" in caplog.text
    assert await make(fakes[0].url, warm_up=0).states("", ASKED) == {NAME: Seen("gone")}


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({}, None),
        ({"token": "tök en"}, "Bearer tök en"),
        ({"username": "ü", "password": "pässw:ord"}, "Basic w7w6cMOkc3N3Om9yZA=="),
    ],
)
async def test_credentials_prefix_and_query(make, fakes, config, header) -> None:
    await make(f"{fakes[0].url}/am/", **config).states("", ASKED)
    request = fakes[0].requests[0]
    assert request.path == "/am/api/v2/alerts"
    assert request.headers.get("Authorization") == header
    assert request.query.getall("filter") == ['alertname="A"', 'job="api"']
    states = ("active", "silenced", "inhibited", "unprocessed")
    assert all(request.query[state] == "true" for state in states)


async def test_the_environment_sets_no_proxy(make, fakes, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert await make(fakes[0].url).states("", ASKED) == {NAME: Seen("gone")}


def by_name(*label_sets: dict[str, str]) -> dict[str, dict[str, str]]:
    return {fingerprint_of(labels): labels for labels in label_sets}


def test_a_filter_is_what_all_have_in_common() -> None:
    assert filters_for(by_name({"alertname": "A", "i": "1", "dc": "eu"}, {"i": "2"} | LABELS)) == [
        'alertname="A"'
    ]
    assert filters_for(by_name({"b": "1", "job": "x"}, {"c": "1", "job": "x"})) == ['job="x"']
    assert filters_for(by_name({"alertname": "b|c"}, {"alertname": "a.\n"})) == [
        r'alertname=~"a\\.\\' + r'\n|b\\|c"'
    ]
    assert filters_for(by_name({"alertname": "a"}, {"job": "b"})) == []
    assert filters_for(by_name({"übel": "1"})) == []
    assert filters_for({}) == []


def test_labels_that_may_have_been_changed_narrow_nothing() -> None:
    assert filters_for({"0123456789abcdef": LABELS}) == []
    assert filters_for(ASKED | {"0123456789abcdef": LABELS}) == []
    assert filters_for({"x": {"alertname": "\ud800"}}) == []
    assert filters_for(by_name({"alertname": "a", "cut": "x" * 4096})) == []


def test_filters_have_room_in_a_url() -> None:
    labels = {"alertname": "ü" * 50, "long": '"' * 900, **{f"l{n}": "v" * 50 for n in range(99)}}
    found = filters_for(by_name(labels))
    assert found[0].startswith("alertname=")
    assert len(found) > 30
    assert not any(text.startswith("long") for text in found)
    assert sum(len(quote(text, safe="")) for text in found) <= MAX_FILTER


LABEL_SETS = st.dictionaries(
    st.sampled_from(["alertname", "job", "a b", "dc"]), st.text(max_size=8), max_size=4
)


@given(st.lists(LABEL_SETS, min_size=1, max_size=4))
def test_every_alert_passes_the_filters(label_sets: list[dict[str, str]]) -> None:
    matchers = parse_matchers(",".join(filters_for(by_name(*label_sets))))
    assert all(matches_all(matchers, labels) for labels in label_sets)
