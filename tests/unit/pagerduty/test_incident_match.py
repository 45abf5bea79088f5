"""Which of our incidents a PagerDuty incident stands for, on a real server."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from receiver.errors import StoreUnavailableError
from receiver.pagerduty import incident_match
from receiver.pagerduty.incident_map import PagerDutyMap
from receiver.pagerduty.incident_match import FOREIGN_MS, Match, PagerDutyOrigin
from receiver.pagerduty.receipt import STATE as ALERTS
from receiver.pagerduty.receipt import AlertKey
from receiver.pagerduty.rest_api import NoAnswer
from receiver.pagerduty.webhook_payload import Told
from receiver.store.commits import Write
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import Task, TaskStore
from routing.decide import decide
from routing.event import AlertsReceived
from routing.group import Group, group_stem
from routing.receipt import Attempt, Receipt
from tests.support.builders import NOW, alert, rules
from tests.support.clocks import StillClock

RULES = rules()


class Rest:
    """Answers what an incident of PagerDuty's holds, and knows how often it was asked."""

    def __init__(self) -> None:
        self.holds: dict[str, Sequence[str] | NoAnswer] = {}
        self.asked: list[str] = []

    async def dedup_keys(self, incident: str) -> Sequence[str] | NoAnswer:
        self.asked.append(incident)
        return self.holds.get(incident, [])


class Bench:
    """A store with incidents and what notifiers have of them."""

    def __init__(self, redis: Any) -> None:
        self.store = IncidentStore(redis, 2, tombstone_ttl=60_000)
        self.tasks = TaskStore(redis, 2)
        self.known = PagerDutyMap(redis)
        self.clock = StillClock()
        self.rest = Rest()
        self.origin = self.made()

    def made(self, *notifiers: str, rest: bool = True) -> PagerDutyOrigin:
        names = notifiers or ("pagerduty", "dba")
        found: Any = self.rest if rest else None
        return PagerDutyOrigin(self.known, self.store, self.tasks, self.clock, names, found)

    async def open(self, name: str, **receipts: Receipt) -> str:
        """Open an incident of which notifiers have something; return its id."""
        group = Group(cluster="", receiver="r", group_key=name)
        event = AlertsReceived(group_stem(group, 2), group, (alert(),))
        decision = decide(None, event, NOW, RULES)
        incident = decision.incident
        assert incident is not None
        shard = int(incident.id.partition("-")[0])
        await self.store.commit(shard, [Write(decision, pointer=True)], NOW)
        for notifier, receipt in receipts.items():
            task = Task(incident.id, f"notify:{notifier}", incident.lane, "-", 0, 0, 0)
            await self.tasks.settle(task, "hold", NOW, receipt=receipt)
        return incident.id

    async def paged(self, name: str, *notifiers: str, state: str = "triggered") -> str:
        """Open an incident that these notifiers paged for; return its dedup_key."""
        incident = await self.open(name)
        key = AlertKey(f"{incident}:0", 1, 0, state)
        await self.open(
            name, **dict.fromkeys(notifiers or ("pagerduty",), ALERTS.with_keys(Receipt(), [key]))
        )
        return key.dedup_key

    async def find(
        self, *claims: str, incident: str = "Q1", what: str = "acknowledged"
    ) -> list[Match]:
        return await self.origin.find(told(*claims, incident=incident, what=what))

    async def receipt(self, key: str, notifier: str = "pagerduty") -> Receipt:
        return (await self.tasks.receipts(key.partition(":")[0]))[notifier]


def told(*claims: str, incident: str = "Q1", what: str = "acknowledged") -> Told:
    return Told("1", f"incident.{what}", what, NOW, incident, claims=claims)


def ids(matches: list[Match]) -> list[str]:
    return [match.incident.id for match in matches]


@pytest.fixture
def bench(redis: Any) -> Bench:
    return Bench(redis)


# Finding.


async def test_an_alert_that_is_named_is_found_and_remembered(bench: Bench) -> None:
    key = await bench.paged("a")
    (match,) = await bench.find(f"{key}@pagerduty", what="triggered")
    assert (f"{match.incident.id}:0", match.notifier, match.episode) == (key, "pagerduty", 0)
    # What names it needs no question; later nobody has to name it.
    assert bench.rest.asked == []
    assert await bench.known.claims("Q1") == {f"{key}@pagerduty"}
    bench.rest.holds["Q1"] = NoAnswer("away")
    assert ids(await bench.find()) == [match.incident.id]


async def test_all_alerts_that_pagerduty_grouped_are_found_in_order(bench: Bench) -> None:
    keys = [await bench.paged(name) for name in "abc"]
    bench.rest.holds["Q1"] = [*keys, "of somebody else", "0-aaaaaaaaaaaaaaaa-1:0"]
    found = await bench.find()
    assert ids(found) == sorted(key.partition(":")[0] for key in keys)
    # What is nobody's is not kept.
    assert await bench.known.claims("Q1") == set(keys)
    assert bench.rest.asked == ["Q1"]


@pytest.mark.parametrize(
    "claim",
    [
        "0-aaaaaaaaaaaaaaaa-1:0",
        "0-aaaaaaaaaaaaaaaa-1:0@pagerduty",
        # A shard that there is not.
        "9-aaaaaaaaaaaaaaaa-1:0",
        "1-ffffffffffffffff-999999999999999:999999999999999:1",
    ],
)
async def test_what_was_never_here_is_no_match(bench: Bench, claim: str) -> None:
    assert await bench.find(claim, what="triggered") == []
    assert await bench.known.claims("Q1") == set()


@pytest.mark.parametrize(
    ("suffix", "names", "found"),
    [
        ("", ("pagerduty", "dba"), ["dba", "pagerduty"]),
        ("@dba", ("pagerduty", "dba"), ["dba"]),
        ("@gone", ("pagerduty", "dba"), []),
        # A notifier that is not of PagerDuty, though its receipt holds the key.
        ("", ("pagerduty",), ["pagerduty"]),
        ("@dba", ("pagerduty",), []),
    ],
)
async def test_whose_page_it_was(
    bench: Bench, suffix: str, names: tuple[str, ...], found: list[str]
) -> None:
    key = await bench.paged("a", "pagerduty", "dba")
    bench.origin = bench.made(*names)
    matches = await bench.find(f"{key}{suffix}")
    assert [sorted(match.holders) for match in matches] == ([found] if found else [])
    assert [match.notifier for match in matches] == (
        [found[0] if len(found) == 1 else ""] if found else []
    )


async def test_a_key_that_no_receipt_holds_is_not_ours(bench: Bench) -> None:
    key = await bench.paged("a")
    assert await bench.find(f"{key}:7", what="triggered") == []
    assert await bench.find(key.removesuffix(":0") + ":1", what="triggered") == []


@pytest.mark.parametrize(
    ("attempt", "state"),
    [
        ("trigger", "triggered"),
        ("acknowledge", "acknowledged"),
        ("resolve", "resolved"),
        ("something newer", ""),
    ],
)
async def test_a_page_that_is_under_way_is_ours_already(
    bench: Bench, attempt: str, state: str
) -> None:
    incident = await bench.open("a")
    receipt = Receipt(attempt=Attempt(attempt, NOW, 3, f"{incident}:2:3"))
    await bench.open("a", pagerduty=receipt)
    (match,) = await bench.find(f"{incident}:2:3")
    (held,) = match.holders["pagerduty"]
    assert (held.seq, held.episode, held.state) == (3, 2, state)


async def test_an_attempt_takes_nothing_back(bench: Bench) -> None:
    incident = await bench.open("a")
    name = f"{incident}:0"
    keys = (AlertKey(name, 1, 0, "acknowledged"),)
    await bench.open(
        "a", pagerduty=ALERTS.with_keys(Receipt(attempt=Attempt("trigger", NOW, 1, name)), keys)
    )
    (match,) = await bench.find(name)
    assert match.holders["pagerduty"] == keys


@pytest.mark.parametrize("key", ["", "no key of ours"])
async def test_an_attempt_without_a_key_of_ours_is_nothing(bench: Bench, key: str) -> None:
    incident = await bench.open("a")
    await bench.open("a", pagerduty=Receipt(attempt=Attempt("trigger", NOW, 1, key)))
    assert await bench.find(f"{incident}:0") == []


# Asking.


async def test_a_foreign_incident_is_asked_about_once_a_minute(bench: Bench) -> None:
    for _ in range(3):
        assert await bench.find() == []
    assert bench.rest.asked == ["Q1"]
    bench.clock.move(FOREIGN_MS / 1000 - 0.001)
    await bench.find()
    assert len(bench.rest.asked) == 1
    bench.clock.move(0.001)
    await bench.find()
    await bench.find(incident="Q2")
    assert bench.rest.asked == ["Q1", "Q1", "Q2"]


async def test_a_clock_that_was_set_back_puts_no_question_off(bench: Bench) -> None:
    await bench.find()
    bench.clock.move(-3_600)
    await bench.find()
    await bench.find()
    assert bench.rest.asked == ["Q1", "Q1"]


async def test_who_names_an_alert_is_asked_about_at_once(bench: Bench) -> None:
    key = await bench.paged("a")
    await bench.find()
    bench.rest.holds["Q1"] = [key]
    assert len(await bench.find(key)) == 1
    assert bench.rest.asked == ["Q1", "Q1"]


async def test_foreign_incidents_are_remembered_up_to_a_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_match, "FOREIGN_MAX", 2)
    for incident in ("Q1", "Q2", "Q3", "Q1"):
        await bench.find(incident=incident)
    assert bench.rest.asked == ["Q1", "Q2", "Q3", "Q1"]
    await bench.find(incident="Q3")
    assert bench.rest.asked[4:] == []


@pytest.mark.parametrize(
    ("passing", "claims", "waits"),
    [(True, (), True), (False, (), False), (True, ("0-aaaaaaaaaaaaaaaa-1:0",), False)],
)
async def test_an_answer_that_may_come_later_is_waited_for(
    bench: Bench, passing: bool, claims: tuple[str, ...], waits: bool
) -> None:
    bench.rest.holds["Q1"] = NoAnswer("HTTP 503", passing)
    if not waits:
        assert await bench.find(*claims) == []
        return
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="what Q1 holds is not known: HTTP 503"):
            await bench.find(*claims)
    # It is not foreign: it is asked about again.
    assert bench.rest.asked == ["Q1", "Q1"]


async def test_without_a_token_nobody_is_asked(bench: Bench) -> None:
    key = await bench.paged("a")
    bench.origin = bench.made(rest=False)
    assert await bench.find() == []
    assert len(await bench.find(key)) == 1
    assert bench.rest.asked == []


# What is kept.


async def test_a_merge_moves_what_was_known(bench: Bench) -> None:
    key = await bench.paged("a")
    await bench.find(key, what="triggered")
    await bench.origin.merge("Q1", "Q9")
    assert await bench.known.claims("Q9") == {key}
    await bench.origin.merge("Q0", "Q8")
    assert await bench.known.claims("Q8") == set()


@pytest.mark.parametrize(
    ("state", "episode", "confirmed"),
    [("acknowledged", None, True), ("resolved", None, True), ("triggered", 4, False)],
)
async def test_what_pagerduty_told_is_in_the_receipt(
    bench: Bench, state: str, episode: int | None, confirmed: bool
) -> None:
    key = await bench.paged("a")
    (match,) = await bench.find(key)
    await bench.origin.note(match, state, episode)
    (noted,) = ALERTS.of(await bench.receipt(key)).keys
    assert (noted.state, noted.at, noted.confirmed) == (state, bench.clock.now(), confirmed)
    assert noted.episode == (episode or 0)
    revision = (await bench.receipt(key)).revision
    await bench.origin.note(match, state, episode)
    assert (await bench.receipt(key)).revision == revision


async def test_other_alerts_of_the_receipt_stay_as_they_are(bench: Bench) -> None:
    incident = await bench.open("a")
    first, second = (AlertKey(f"{incident}:0{end}", 1, 0, "triggered") for end in ("", ":2"))
    await bench.open("a", pagerduty=ALERTS.with_keys(Receipt(cursor=7), [first, second]))
    (match,) = await bench.find(second.dedup_key)
    await bench.origin.note(match, "acknowledged")
    receipt = await bench.receipt(first.dedup_key)
    assert ALERTS.of(receipt).keys[0] == first
    assert (ALERTS.of(receipt).keys[1].state, receipt.cursor) == ("acknowledged", 7)


async def test_where_it_is_not_known_which_of_two_it_was_nothing_is_noted(bench: Bench) -> None:
    key = await bench.paged("a", "pagerduty", "dba")
    (match,) = await bench.find(key)
    await bench.origin.note(match, "resolved")
    for name in ("pagerduty", "dba"):
        assert ALERTS.of(await bench.receipt(key, name)).keys[0].state == "triggered"


async def test_a_receipt_that_is_gone_is_not_made_anew(bench: Bench, redis: Any) -> None:
    key = await bench.paged("a")
    (match,) = await bench.find(key)
    keys = bench.tasks.keys[int(key.partition("-")[0])]
    await redis.delete(keys.receipts(match.incident.id))
    await bench.origin.note(match, "resolved")
    assert await bench.tasks.receipts(match.incident.id) == {}


async def test_a_clash_is_done_again_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await bench.paged("a")
    (match,) = await bench.find(key)
    receipts, calls = bench.tasks.receipts, []

    async def changed_meanwhile(incident: str) -> dict[str, Receipt]:
        found = await receipts(incident)
        calls.append(incident)
        if len(calls) == 1:
            task = Task(incident, "notify:pagerduty", match.incident.lane, "-", 0, 0, 0)
            other = msgspec.structs.replace(found["pagerduty"], cursor=9)
            await bench.tasks.settle(task, "hold", NOW, receipt=other)
        return found

    monkeypatch.setattr(bench.tasks, "receipts", changed_meanwhile)
    await bench.origin.note(match, "resolved")
    assert len(calls) == 2
    receipt = (await receipts(match.incident.id))["pagerduty"]
    assert (receipt.cursor, ALERTS.of(receipt).keys[0].state) == (9, "resolved")


# A match.


def match_of(*states: str, holders: int = 1) -> Match:
    keys = tuple(AlertKey(f"k{n}", n, n, state) for n, state in enumerate(states))
    incident: Any = None
    return Match(incident, {f"n{n}": keys for n in range(holders)})


@pytest.mark.parametrize(
    ("states", "asked", "sent"),
    [
        (("triggered",), "triggered", True),
        (("",), "triggered", False),
        (("triggered",), "acknowledged", False),
        (("resolved",), "acknowledged", True),
        (("acknowledged", "triggered"), "acknowledged", False),
        (("acknowledged", "resolved"), "acknowledged", True),
        (("acknowledged",), "resolved", False),
        (("of a newer release",), "triggered", False),
    ],
)
def test_what_we_sent_ourselves(states: tuple[str, ...], asked: str, sent: bool) -> None:
    assert match_of(*states).is_sent(asked) is sent


def test_one_of_several_holders_that_sent_it_is_enough() -> None:
    two = {
        state: (AlertKey("k", 1, 0, state), AlertKey("l", 2, 0, state))
        for state in ("resolved", "triggered")
    }
    incident: Any = None
    assert Match(incident, two).is_sent("acknowledged")
    assert not Match(incident, {"x": two["triggered"]}).is_sent("acknowledged")


def test_of_several_holders_the_notifier_is_not_known_and_the_episode_is_the_newest() -> None:
    assert (match_of("", "").notifier, match_of("", "").episode) == ("n0", 1)
    assert match_of("", holders=2).notifier == ""
