"""What a person asked for, done on a real store: the one way from every face to a decision."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from receiver.actions.perform import Actions
from receiver.actions.registry import REGISTRY
from receiver.actions.words import DONE, REFUSED, refusal_of
from receiver.engine.batch_queue import Outcome
from receiver.errors import PayloadError, SilenceError
from routing.incident_parts import Actor, Silence
from routing.vocabulary import Reason
from tests.support.builders import MINUTE, alert, received
from tests.support.deliveries import Bench

ANN = Actor("ann", "api")


class Silencer:
    """Takes what is asked of Alertmanager."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refuses = ""

    async def silence(self, incident: Any, *rest: Any) -> Outcome:
        self.asked.append((incident.id, *rest))
        if self.refuses:
            raise SilenceError(self.refuses)
        return Outcome(Reason.SILENCED, incident)

    async def expire(self, incident: Any, silence: str, actor: Actor, _event_id: str) -> Outcome:
        self.asked.append((incident.id, silence, actor))
        return Outcome(Reason.SILENCE_EXPIRED, incident)


class World:
    """A bench, and what people do to its incident."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.silencer = Silencer()
        self.actions = Actions(
            bench.dispatcher,
            self.silencer,  # type: ignore[arg-type]
            bench.clock,
            ("Shop",),
        )

    async def do(self, name: str, event_id: str = "", **given: Any) -> Outcome:
        body = REGISTRY[name].body(**given)
        return await self.actions.perform(name, self.bench.id, body, ANN, event_id)


@pytest.fixture
async def world(redis: Any) -> AsyncIterator[World]:
    bench = await Bench(redis).start()
    await bench.open()
    yield World(bench)
    await bench.stop()


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("acknowledge", {}, "acknowledged"),
        ("unacknowledge", {}, "not_acknowledged"),
        ("resolve", {"cause": "disk"}, "resolved"),
        ("reopen", {}, "already_open"),
        ("snooze", {"span": "1h"}, "snoozed"),
        ("assign", {"to": "bob"}, "assigned"),
        ("escalate", {"reason": "now"}, "escalated"),
        ("note", {"text": "seen"}, "noted"),
        ("priority", {"priority": "P3"}, "priority_lowered"),
        ("priority", {"priority": "P1"}, "same_priority"),
        ("action-item", {"text": "rotate"}, "action_item_added"),
        ("action-item-change", {"number": 1, "owner": "bob"}, "unknown_action_item"),
        ("action-item-done", {"number": 1}, "unknown_action_item"),
        ("review-save", {"impact": "Nobody could pay."}, "review_saved"),
        ("review-save", {"impact": ""}, "unchanged"),
        ("review-save", {"impact": "x", "version": 1}, "review_conflict"),
        ("forget", {}, "still_open"),
        ("forget", {"force": True}, "forgotten"),
    ],
)
async def test_each_is_decided(world: World, name: str, given: Any, reason: str) -> None:
    outcome = await world.do(name, **given)
    assert outcome.reason == reason


AT_ANY_TIME = {"action-item", "action-item-change", "action-item-done"}


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - AT_ANY_TIME))
async def test_what_is_asked_of_an_older_episode_changes_nothing(world: World, name: str) -> None:
    given: dict[str, Any] = {
        "assign": {"to": "bob"},
        "note": {"text": "x"},
        "priority": {"priority": "P3"},
        "snooze": {"span": "1h"},
        "silence": {"span": "1h"},
        "status-update": {"status": "identified", "components": ("Shop",)},
        "review-save": {"impact": "x"},
        "merge": {"into": (await another(world)) if name == "merge" else ""},
    }
    before = await world.bench.incident()
    outcome = await world.do(name, episode=5, **given.get(name, {}))
    assert outcome.reason == "stale"
    assert (await world.bench.incident()).version == before.version
    assert world.silencer.asked == []


async def another(world: World) -> str:
    """Open another incident; return its id."""
    mine = world.bench.id
    sent = alert("z", labels={"alertname": "Other", "severity": "critical"})
    event = msgspec.structs.replace(received(sent), key="0-bbbbbbbbbbbbbbbb")
    outcome = await world.bench.dispatcher.submit(event)
    assert outcome.incident is not None
    world.bench.id = mine
    return outcome.incident.id


async def test_a_merge_needs_an_open_incident_to_go_on(world: World) -> None:
    for name in ("", "0-cccccccccccccccc-1", "nonsense"):
        with pytest.raises(PayloadError, match="no open incident") as found:
            await world.do("merge", into=name)
        assert found.value.position == "into"
    into = await another(world)
    assert (await world.do("merge", into=into)).reason == "merged_now"
    assert (await world.bench.incident()).merged_into == into
    outcome = await world.do("acknowledge")
    assert refusal_of(outcome) == f"Merged into {into}: go on there."


async def test_the_same_request_counts_once(world: World) -> None:
    assert (await world.do("note", "key", text="seen")).reason == "noted"
    assert (await world.do("note", "key", text="seen")).reason == "duplicate"
    assert (await world.do("note", "other", text="seen")).reason == "noted"
    assert (await world.bench.told("note")) == ["seen", "seen"]


async def test_a_silence_is_asked_of_alertmanager_first(world: World) -> None:
    now = world.bench.clock.at
    outcome = await world.do("silence", span="2h", matchers=('a="1"',), comment=" why ")
    assert outcome.reason == "silenced"
    ((incident, matchers, until, comment, actor, episode, _),) = world.silencer.asked
    assert (incident, str(matchers[0]), until) == (world.bench.id, 'a="1"', now + 120 * MINUTE)
    assert (comment, actor, episode) == ("why", ANN, None)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, ""),
        ({"span": "soon"}, "for"),
        ({"span": "1h", "matchers": ("nonsense",)}, "matchers"),
        ({"span": "1h", "matchers": ('a="1"',) * 51}, "matchers"),
        ({"span": "1h", "matchers": ("a" * 10_001,)}, "matchers"),
        ({"span": "1h", "comment": "x" * 2_001}, "comment"),
    ],
)
async def test_a_silence_that_is_none_asks_nobody(world: World, given: Any, place: str) -> None:
    with pytest.raises(PayloadError) as found:
        await world.do("silence", **given)
    assert found.value.position == place
    assert world.silencer.asked == []


async def test_what_alertmanager_refuses_is_said_in_its_words(world: World) -> None:
    world.silencer.refuses = "Alertmanager answers 400: bad matcher"
    with pytest.raises(SilenceError, match="bad matcher"):
        await world.do("silence", span="1h")


async def test_a_silence_is_ended_by_its_id(world: World) -> None:
    assert (await world.do("unsilence", silence="s1")).reason == "silence_expired"
    assert world.silencer.asked == [(world.bench.id, "s1", ANN)]


@pytest.mark.parametrize("name", sorted(REGISTRY))
async def test_nothing_is_done_to_an_incident_that_is_gone(world: World, name: str) -> None:
    world.bench.id = "0-dddddddddddddddd-1"
    given: dict[str, Any] = {
        "assign": {"to": "bob"},
        "note": {"text": "x"},
        "action-item": {"text": "x"},
        "action-item-change": {"number": 1, "text": "x"},
        "action-item-done": {"number": 1},
        "review-save": {"impact": "x"},
        "priority": {"priority": "P3"},
        "snooze": {"span": "1h"},
        "silence": {"span": "1h"},
        "status-update": {"status": "identified", "components": ("Shop",)},
    }
    if name == "merge":
        with pytest.raises(PayloadError):
            await world.do(name, into=world.bench.id)
        return
    assert (await world.do(name, **given.get(name, {}))).reason == "unknown_incident"


async def test_who_has_it_already_is_named(world: World) -> None:
    await world.do("acknowledge")
    again = await world.do("acknowledge")
    assert refusal_of(again) == "Already acknowledged."
    assert refusal_of(again, "<b>ann</b>") == "Already acknowledged by <b>ann</b>."


def test_each_word_is_done_or_refused_and_none_both() -> None:
    assert not set(DONE) & set(REFUSED)
    assert all(words[0].isupper() for words in (*DONE.values(), *REFUSED.values()))
    assert refusal_of(Outcome(Reason.ACKNOWLEDGED, None)) == ""
    assert refusal_of(Outcome(Reason.UNKNOWN_INCIDENT, None)) == REFUSED["unknown_incident"]


def test_a_silence_of_an_incident_is_known_by_its_id() -> None:
    kept = Silence("s1", 5, 'a="1"', "ann")
    assert (kept.id, kept.expired_at) == ("s1", 0)
