"""Percentiles, counts and load of any days are those of the incidents themselves."""

import itertools
import math
import random
from collections import Counter
from datetime import date
from typing import Any

import msgspec
import pytest

from receiver.store.commits import Write, Written
from receiver.store.daily_figures import day_of
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.store.lists.query import Query
from receiver.store.response.read import ResponseStore
from receiver.store.response.spread import ERROR, percentile
from routing.decide import decide
from routing.event import Event
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from tests.support.builders import GROUP, alert, clock, received, rules_of

DAY = 86_400_000
START = 1_772_409_600_000
"""2026-03-02, a Monday, 00:00 UTC."""
FIRST, LAST = date(2026, 3, 2), date(2026, 3, 15)
RULES = rules_of(**{name: clock() for name in ("P1", "P2", "P3", "P4")})
PEOPLE = [Actor("Ann", "api"), Actor("Bob", "slack"), Actor("50 % | more", "api")]
BOT = Actor("bot", "api", human=False)
Key = tuple[str, ...]
NUMBER = 160
NUMBERS = itertools.count()


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 2, tombstone_ttl=60_000)


async def happen(
    store: IncidentStore, incident: Incident | None, event: Event, at: int
) -> Incident:
    decision = decide(incident, event, at, RULES)
    assert decision.incident is not None
    shard = store.shard_of(decision.incident.id)
    write = Write(decision, pointer=incident is None, event_ids=(f"e{next(NUMBERS)}",))
    (first,) = await store.commit(shard, [write], at)
    assert isinstance(first, Written)
    # Sent again after an unclear time-out, it is refused and counts nothing.
    (again,) = await store.commit(shard, [write], at)
    assert not isinstance(again, Written)
    return decision.incident


class Ledger:
    """What happened, written down as it did."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, list[float]] = {}
        self.resolved: dict[str, list[float]] = {}
        self.answers: Counter[tuple[str, int]] = Counter()
        self.opened: Counter[tuple[str, int]] = Counter()

    def add(self, of: dict[str, list[float]], subject: tuple[str, ...], by: str, took: int) -> None:
        for name in (*subject, "all"):
            of.setdefault(f"{name}/{by}", []).append(took / 1000)


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


async def lived(store: IncidentStore, number: int) -> Ledger:
    chance, ledger = random.Random(7), Ledger()
    for n in range(number):
        rule, service = f"Rule|{n % 4}", chance.choice(("checkout", "search", ""))
        priority = chance.choice(("P1", "P2", "P3"))
        labels = {"alertname": rule} | ({"service": service} if service else {})
        at = START + chance.randrange(14 * DAY - 4 * 3_600_000)
        one = alert(f"f{n}", labels=labels, priority=priority, starts_at=at)
        event = msgspec.structs.replace(
            received(one),
            key=f"{n % 2}-{n:016x}",
            group=msgspec.structs.replace(GROUP, group_key=str(n)),
        )
        subject = (priority, rule, f"service {service}")
        incident = await happen(store, None, event, at)
        ledger.opened[priority, at % DAY // 900_000] += 1
        taken = chance.choice((None, *PEOPLE, BOT))
        if taken is not None:
            took = int(chance.lognormvariate(5, 1.5) * 1000)
            incident = await happen(store, incident, Acknowledged(taken), at + took)
            ledger.add(ledger.acknowledged, subject, taken.ends, took)
            if taken.human:
                ledger.answers[taken.name, (at + took) % DAY // 900_000] += 1
        took = max(int(chance.lognormvariate(7, 1) * 1000), incident.updated_at - at)
        if chance.random() < 0.5:
            await happen(store, incident, Resolved(PEOPLE[0]), at + took)
            ledger.add(ledger.resolved, subject, "human", took)
        else:
            gone = msgspec.structs.replace(one, resolved=True, ends_at=at + took)
            await happen(store, incident, msgspec.structs.replace(event, alerts=(gone,)), at + took)
            by = "automatic" if taken is not None and taken.human else "alone"
            ledger.add(ledger.resolved, subject, by, took)
    return ledger


def _of(rows: list[tuple[Key, int]], name: str) -> dict[str, Counter[int]]:
    found: dict[str, Counter[int]] = {}
    for key, number in rows:
        if key[0] == name:
            _, priority, _, service, rule, by, bucket = key
            for subject in (priority, rule, f"service {service}", "all"):
                found.setdefault(f"{subject}/{by}", Counter())[int(bucket)] += number
    return found


async def test_percentiles_of_any_group_are_those_of_the_incidents(
    store: IncidentStore, redis: Any
) -> None:
    ledger = await lived(store, NUMBER)
    days = await ResponseStore(redis, store.keys).days(LAST, 14, LAST)
    assert [days[0].day, days[-1].day] == [FIRST, LAST]
    rows = [row for day in days for row in day.rows]
    for name, known in (("acknowledge", ledger.acknowledged), ("resolve", ledger.resolved)):
        counts = _of(rows, name)
        assert counts.keys() == known.keys()
        for subject, values in known.items():
            assert sum(counts[subject].values()) == len(values), subject
            for share in (0.5, 0.9):
                told, true = percentile(counts[subject], share), exact(values, share)
                assert told is not None
                assert abs(told - true) <= max(1.0, ERROR * true), (subject, share)
    answers: Counter[tuple[str, int]] = Counter()
    hours: Counter[tuple[str, int]] = Counter()
    pages = 0
    for key, number in rows:
        if key[0] == "answer":
            answers[key[3], int(key[4])] += number
        elif key[0] == "hour":
            hours[key[1], int(key[3])] += number
        elif key[0] == "page":
            pages += number
    assert answers == ledger.answers
    assert hours == ledger.opened
    kept = await store.lists.first(Query(state="all"), NUMBER)
    assert pages == sum(page.seq for incident in kept for page in incident.pages.values())
    assert sum(n for key, n in rows if key[0] == "opened") == NUMBER


async def test_days_are_apart_and_forgetting_leaves_them(store: IncidentStore, redis: Any) -> None:
    await lived(store, 30)
    days = await ResponseStore(redis, store.keys).days(LAST, 14, LAST)
    for day in days:
        for keys in store.keys:
            stored = await redis.hgetall(keys.response(day.day.isoformat()))
            assert bool(stored) <= bool(day.rows)
            if stored:
                left = await redis.pttl(keys.response(day.day.isoformat()))
                assert left > 399 * DAY
    opened = {
        day.day.isoformat(): sum(n for key, n in day.rows if key[0] == "opened") for day in days
    }
    kept = await store.lists.first(Query(state="all"), 1000)
    starts = [incident.opened_at for incident in kept]
    assert Counter(map(day_of, starts)) == {day: n for day, n in opened.items() if n}


async def test_what_is_no_figure_is_put_aside_and_the_rest_is_told(
    store: IncidentStore, redis: Any
) -> None:
    await lived(store, 4)
    key = Keys(0).response(FIRST.isoformat())
    before = [
        row
        for day in await ResponseStore(redis, store.keys).days(LAST, 14, LAST)
        for row in day.rows
    ]
    junk = {
        b"\xff": b"1", b"opened|P1": b"1", b"hour|P1||96": b"1", b"answer|P1||Ann|x": b"1",
        b"resolve|P1||||human|99999": b"1", b"opened|P1|||x": b"many", b"opened|P2|||x": b"-1",
    }  # fmt: skip
    await redis.hset(key, mapping=junk)
    after = [
        row
        for day in await ResponseStore(redis, store.keys).days(LAST, 14, LAST)
        for row in day.rows
    ]
    assert sorted(after) == sorted(before)
    assert not any(await redis.hmget(key, *junk))
    await redis.delete(key)
    await redis.rpush(key, "junk")
    assert await ResponseStore(redis, store.keys).days(FIRST, 1, LAST)
    assert await redis.type(key) == b"none"


async def test_a_newer_release_may_count_more(store: IncidentStore, redis: Any) -> None:
    await redis.hset(Keys(0).response(FIRST.isoformat()), "mood|good|today", "3")
    (day,) = await ResponseStore(redis, store.keys).days(FIRST, 1, LAST)
    assert day.rows == [(("mood", "good", "today"), 3)]


async def test_days_that_are_over_are_remembered(store: IncidentStore, redis: Any) -> None:
    reader = ResponseStore(redis, store.keys)
    key = Keys(0).response(FIRST.isoformat())
    await redis.hset(key, "opened|P1|||x", "1")
    assert (await reader.days(FIRST, 1, FIRST))[0].rows == [(("opened", "P1", "", "", "x"), 1)]
    await redis.hset(key, "opened|P1|||x", "2")
    assert (await reader.days(FIRST, 1, FIRST))[0].rows[0][1] == 2
    assert (await reader.days(FIRST, 1, LAST))[0].rows[0][1] == 2
    await redis.hset(key, "opened|P1|||x", "3")
    assert (await reader.days(FIRST, 1, LAST))[0].rows[0][1] == 2
