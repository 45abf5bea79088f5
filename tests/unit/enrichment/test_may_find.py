"""Whether it is worth asking about an incident: what is known, and what is too old to be known."""

from typing import Any

import pytest
from msgspec.structs import replace

from receiver.enrichment.changes import AFTER_MS, ELSEWHERE_TTL_S, ChangeEnricher
from receiver.enrichment.on_call import OnCallEnricher
from receiver.enrichment.prometheus import PrometheusEnricher
from receiver.enrichment.recent_changes import FRESH_S, READ, RecentChanges
from receiver.enrichment.run import Enrichment
from receiver.enrichment.runbook import RunbookEnricher
from receiver.enrichment.similar import SimilarEnricher
from receiver.notify.notifier import Person
from receiver.store import changes
from receiver.store.changes import Change, ChangeStore
from routing.incident import Incident
from tests.support.builders import MINUTE, NOW, alert, play, received, rules

WITHIN = 120 * MINUTE
GRAPH = "http://p.example/graph?g0.expr=up+%3D%3D+0"


class Seconds:
    """A clock that a test moves."""

    at = 100.0

    def __call__(self) -> float:
        return self.at


class Counted(ChangeStore):
    """Counts how often it is read."""

    reads = 0

    async def between(self, since: int, until: int, limit: int) -> list[Change]:
        self.reads += 1
        return await super().between(since, until, limit)


@pytest.fixture
def store(redis: Any) -> Counted:
    return Counted(redis)


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def opened(*alerts: Any, **more: Any) -> Incident:
    incident, _ = play((0, received(*(alerts or (alert(**more),)))), found=rules())
    return incident


async def test_changes_are_read_once_a_second_however_many_ask(
    store: Counted, clock: Seconds
) -> None:
    recent = RecentChanges(store, WITHIN, clock)
    await store.add(Change(NOW, "deploy"), NOW)
    for _ in range(50):
        (found,) = await recent.between(NOW - WITHIN, NOW, 9, NOW)
        assert found.summary == "deploy"
    assert store.reads == 1
    clock.at += FRESH_S
    assert recent.known(NOW - WITHIN, NOW) is None
    await recent.between(NOW - WITHIN, NOW, 9, NOW)
    assert store.reads == 2


async def test_a_change_that_is_told_here_is_known_at_once(store: Counted, clock: Seconds) -> None:
    recent = RecentChanges(store, WITHIN, clock)
    assert await recent.between(NOW - WITHIN, NOW, 9, NOW) == []
    await store.add(Change(NOW, "deploy"), NOW)
    assert recent.known(NOW - WITHIN, NOW) is None
    (found,) = await recent.between(NOW - WITHIN, NOW, 9, NOW)
    assert found.summary == "deploy"


async def test_what_lies_further_back_is_read_for_itself(
    store: Counted, clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.enrichment.recent_changes.READ", 3)
    recent = RecentChanges(store, WITHIN, clock)
    for minutes in range(6):
        await store.add(Change(NOW - minutes * MINUTE, f"{minutes}"), NOW)
    await store.add(Change(NOW - 3 * WITHIN, "long ago"), NOW)
    found = await recent.between(NOW - 1 * MINUTE, NOW, 9, NOW)
    assert ([one.summary for one in found], store.reads) == (["0", "1"], 1)
    # Three are remembered: what the third is among may be more.
    found = await recent.between(NOW - 4 * MINUTE, NOW - 2 * MINUTE, 2, NOW)
    assert ([one.summary for one in found], store.reads) == (["2", "3"], 2)
    found = await recent.between(NOW - 3 * WITHIN, NOW - 2 * WITHIN, 9, NOW)
    assert [one.summary for one in found] == ["long ago"]


async def test_as_many_changes_are_read_as_one_incident_may_ask_for() -> None:
    assert changes.KEPT > READ > 500


@pytest.mark.parametrize(
    ("change", "may"),
    [
        (None, False),
        (Change(NOW, "everywhere"), True),
        (Change(NOW, "here", {"alertname": "HighErrorRate"}), True),
        (Change(NOW, "elsewhere", {"alertname": "DiskFull"}), False),
        (Change(NOW - WITHIN, "just in time"), True),
        (Change(NOW - WITHIN - 1, "too long ago"), False),
        (Change(NOW + AFTER_MS + 1, "later"), False),
    ],
)
async def test_a_change_may_be_found_where_it_was_made(
    store: Counted, clock: Seconds, change: Change | None, *, may: bool
) -> None:
    enricher = ChangeEnricher(store, WITHIN, None, clock)
    if change is not None:
        await store.add(change, NOW)
    incident = opened()
    assert enricher.may_find(incident), "nobody has looked yet"
    found = await enricher.ask(incident, NOW)
    assert enricher.may_find(incident) is may is bool(found)
    clock.at += FRESH_S
    assert enricher.may_find(incident), "what is known is too old"


async def test_changes_elsewhere_may_be_found_too(store: Counted, clock: Seconds) -> None:
    told: list[Change] = []

    async def elsewhere(_since: int, _until: int) -> list[Change] | str:
        return told

    enricher = ChangeEnricher(store, WITHIN, elsewhere, clock)
    incident = opened()
    await enricher.ask(incident, NOW)
    assert not enricher.may_find(incident)
    told.append(Change(NOW, "deploy"))
    clock.at += ELSEWHERE_TTL_S
    await enricher.ask(incident, NOW)
    assert enricher.may_find(incident)


class Lists:
    """The closed incidents."""

    def __init__(self, *closed: Incident) -> None:
        self.closed = closed
        self.asked = 0
        self.lists = self

    async def first(self, _query: Any, _most: int) -> list[Incident]:
        self.asked += 1
        return list(self.closed)

    async def whole(self, _name: str, _most: int) -> None:
        self.asked += 1


async def test_what_had_another_name_is_not_like_it(clock: Seconds) -> None:
    ended = received(alert(resolved=True))
    past, _ = play((0, received(alert())), (1, ended), found=rules())
    lists: Any = Lists(past)
    enricher = SimilarEnricher(lists, lambda name: f"https://im.example/{name}", 300.0, clock)
    other = opened(labels={"alertname": "DiskFull"})
    assert enricher.may_find(other), "nobody has looked yet"
    assert await enricher.ask(other, NOW) == []
    assert not enricher.may_find(other)
    # It is no likeness of itself.
    assert not enricher.may_find(past)
    like = replace(opened(), id="0-ffffffffffffffff-1", episode_opened_at=NOW + 60 * MINUTE)
    assert enricher.may_find(like)
    asked = lists.asked
    for _ in range(3):
        (found,) = await enricher.ask(like, NOW)
    assert found.text.startswith("resolved by itself")
    assert lists.asked == asked + 1, "how it ended is looked up once"


def test_what_a_runbook_prometheus_or_a_schedule_may_tell() -> None:
    incident = opened(generator_url=GRAPH)
    prometheus = PrometheusEnricher(None, timeout=1)  # type: ignore[arg-type]
    assert prometheus.may_find(incident)
    assert not prometheus.may_find(opened())
    runbooks = RunbookEnricher(lambda _name, _most: b"", "https://im.example", 300)
    ours = "https://im.example/runbooks/checkout/HighErrorRate"
    assert runbooks.may_find(opened(runbook_url=ours))
    assert not runbooks.may_find(opened(runbook_url="https://wiki.example/x"))
    ann = Person("P1", "Ann")
    assert OnCallEnricher(lambda names: (ann,) if "pd" in names else (), ["pd"]).may_find(incident)
    assert not OnCallEnricher(lambda _names: (), ["pd"]).may_find(incident)


class Enricher:
    """Says, or fails to say, whether it may find anything."""

    name = "runbook"
    ttl = 0.0

    def __init__(self, answer: bool | Exception) -> None:
        self.answer = answer

    def may_find(self, _incident: Incident) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def key(self, _incident: Incident) -> str:
        return ""

    async def ask(self, _incident: Incident, _now: int) -> list[Any]:
        return []

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("answers", "may"),
    [
        ((), False),
        ((False, False), False),
        ((False, True), True),
        ((False, ValueError("broken")), True),
    ],
)
def test_it_is_worth_asking_where_anybody_may_know(answers: tuple[Any, ...], *, may: bool) -> None:
    enrichers = [Enricher(answer) for answer in answers]
    counting: Any = None
    assert Enrichment(enrichers, None, counting, timeout=1, most=9).may_find(opened()) is may
    summarizer: Any = object()
    with_words = Enrichment(enrichers, summarizer, counting, timeout=1, most=9)
    assert with_words.may_find(opened())
