"""Deliveries step by step: attempts, leases, refusals, what is lost, and when it is tried again."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from receiver.engine.settlement import (
    BACKOFF_MAX_MS,
    BACKOFF_MS,
    GIVE_UP_AFTER_MS,
    KNOWN_BY_MS,
    ONCE_MORE_MS,
    REPAIR_MAX_MS,
    REPAIR_MS,
    SAID_MS,
    backoff,
    believed,
    status_of,
)
from receiver.notify.notifier import Absent, Delivered, Rejected, Retry, View
from receiver.notify.rate_budget import Budget
from receiver.notify.receipt_state import ReceiptState
from receiver.store.records.receipts import encode_receipt
from routing.incident_parts import Actor, Page
from routing.person_event import Acknowledged, Noted, Resolved
from routing.receipt import Attempt, Receipt
from routing.vocabulary import Lane
from tests.support.builders import MINUTE, alert
from tests.support.deliveries import Bench

ANN = Actor("ann", "api")
AWAY = Retry("no answer", cause="timeout")
UNKNOWN = Retry("no answer", cause="timeout", unknown=True)


@pytest.fixture
async def bench(redis: Any) -> AsyncIterator[Bench]:
    made = await Bench(redis).start()
    yield made
    await made.stop()


async def test_a_page_is_delivered_once_and_settled(bench: Bench) -> None:
    opened = await bench.open()
    assert await bench.deliver() == ["pager"]
    receipt = await bench.receipt()
    assert (bench.pager.calls, receipt.paged_seq) == (["page"], 1)
    assert (receipt.version, receipt.attempt, receipt.failures) == (opened.version, None, 0)
    assert await bench.due_in() is None
    assert await bench.deliver() == []


async def test_the_attempt_is_stored_before_the_call(bench: Bench) -> None:
    await bench.open()
    seen: list[Receipt] = []

    async def look() -> None:
        seen.append(await bench.receipt())

    bench.pager.before_call = look
    await bench.deliver()
    (during,) = seen
    assert during.attempt == Attempt("page", bench.clock.at, 1, cursor=2)
    assert (during.paged_seq, (await bench.receipt()).attempt) == (0, None)


async def test_what_changed_since_is_shown_by_a_further_step(bench: Bench) -> None:
    await bench.open()
    await bench.deliver()
    await bench.tell(Noted(ANN, "looking"))
    assert await bench.deliver() == ["pager"]
    assert bench.pager.calls == ["page", "update"]
    assert (await bench.receipt()).version == (await bench.incident()).version


async def test_one_lease_takes_as_many_steps_as_the_notifier_says(bench: Bench) -> None:
    await bench.open()
    bench.pager.steps = 1

    async def change() -> None:
        bench.pager.before_call = None
        await bench.tell(Noted(ANN, "meanwhile"))

    bench.pager.before_call = change
    await bench.deliver()
    assert bench.pager.calls == ["page"]
    # The rest is due at once, for whoever comes.
    assert await bench.due_in() == 0
    assert await bench.deliver() == ["pager"]
    assert bench.pager.calls == ["page", "update"]


async def test_a_lease_too_short_for_a_call_is_given_back(bench: Bench) -> None:
    await bench.open()
    (task,) = [one for one in await bench.claim() if one.task == "notify:pager"]
    bench.clock.at = task.until - 12_999  # the call takes 10 s at most, and 3 s are kept
    await bench.deliver([task])
    assert bench.pager.calls == []
    assert await bench.due_in() == 0


async def test_a_lease_of_just_enough_is_used(bench: Bench) -> None:
    await bench.open()
    (task,) = [one for one in await bench.claim() if one.task == "notify:pager"]
    bench.clock.at = task.until - 13_000
    await bench.deliver([task])
    assert bench.pager.calls == ["page"]


async def test_whoever_lost_the_lease_does_not_call(bench: Bench) -> None:
    await bench.open()
    first = await bench.claim()
    bench.clock.at += 61_000
    second = await bench.claim()
    assert {task.task for task in first} <= {task.task for task in second}
    # Its clock is set back: it believes that it still has the lease.
    bench.clock.at -= 61_000
    await bench.deliver(first)
    assert bench.pager.calls == []
    bench.clock.at += 61_000
    await bench.deliver(second)
    # What the first was about to do is looked for before it is done.
    assert bench.pager.calls == ["find", "page"]
    assert (await bench.receipt()).paged_seq == 1


async def test_an_attempt_whose_end_nobody_saw_is_looked_for_first(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(UNKNOWN)
    await bench.deliver()
    kept = await bench.receipt()
    assert (kept.attempt is not None, kept.failures, kept.last_error) == (True, 1, "no answer")
    found = msgspec.structs.replace(kept, paged_seq=1, attempt=None, failures=0)
    bench.pager.finds.append(Delivered(found))
    bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT]
    await bench.deliver()
    # It had been delivered: nobody is paged twice, and what is missing beside is shown.
    assert bench.pager.calls == ["page", "find", "update"]
    assert (await bench.receipt()).paged_seq == 1


async def test_what_cannot_be_looked_for_is_sent_once_more_and_said(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(UNKNOWN)
    await bench.deliver()
    bench.pager.finds.append(Absent("cannot be looked up: sent once more"))
    bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT]
    await bench.deliver()
    assert bench.pager.calls[:3] == ["page", "find", "page"]
    assert await bench.told("delivery_note") == ["pager: cannot be looked up: sent once more"]


async def test_a_look_that_fails_is_a_failure_and_keeps_the_attempt(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(UNKNOWN)
    await bench.deliver()
    bench.pager.finds.append(Retry("away", unknown=True))
    bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT]
    await bench.deliver()
    receipt = await bench.receipt()
    assert bench.pager.calls == ["page", "find"]
    assert (receipt.failures, receipt.attempt is not None) == (2, True)


async def test_a_failure_that_is_known_leaves_no_attempt(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.attempt, receipt.failures) == (None, 1)
    assert receipt.failed_since == receipt.first_failed_at == bench.clock.at
    wait = await bench.due_in()
    assert wait is not None
    assert BACKOFF_MS // 2 <= wait <= BACKOFF_MS * 3 // 2


async def test_the_service_says_when_to_come_back(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Retry("slow down", after=7_000, cause="rate_limit"))
    await bench.deliver()
    assert await bench.due_in() == 7_000


async def test_a_page_waits_no_longer_than_it_may_be_late(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Retry("come back tomorrow", after=86_400_000))
    await bench.deliver()
    assert await bench.due_in() == MINUTE - KNOWN_BY_MS
    bench.clock.at += MINUTE
    bench.pager.outcomes.append(Retry("come back tomorrow", after=86_400_000))
    await bench.deliver()
    # It is late already: as long as it may be late, again and again.
    assert await bench.due_in() == MINUTE


async def test_what_pages_nobody_waits_as_long_as_it_is_asked_to(bench: Bench) -> None:
    await bench.open()
    await bench.deliver()
    await bench.tell(Noted(ANN, "looking"))
    bench.pager.outcomes.append(Retry("come back later", after=3_600_000))
    await bench.deliver()
    assert await bench.due_in() == 3_600_000


async def test_after_a_day_of_failures_the_page_moves_on(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    bench.clock.at += GIVE_UP_AFTER_MS - 1
    bench.pager.outcomes.append(AWAY)
    assert "pager" in await bench.deliver()
    assert (await bench.receipt()).failed_seq == 0
    bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT] + MINUTE
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    receipt = await bench.receipt()
    seq = (await bench.incident()).pages["pager"].seq
    assert (receipt.failed_seq, receipt.first_failed_at) == (seq, 0)
    assert len(await bench.told("delivery_failed")) == 1


async def test_a_refused_page_goes_to_whoever_is_next_at_once(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Rejected("no such key", cause="access"))
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.failed_seq, receipt.repairable) == (1, False)
    assert (await bench.told("delivery_failed"))[0].startswith("pager")
    assert await bench.deliver() == ["other"]
    assert bench.other.calls == ["page"]


async def test_a_refusal_is_said_once_a_page(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes += [Rejected("gone"), Rejected("gone")]
    await bench.deliver()
    await bench.tell(Noted(ANN, "looking"))
    await bench.deliver()
    assert bench.pager.calls == ["page", "update"]
    assert len(await bench.told("delivery_failed")) == 1


async def test_what_somebody_can_repair_is_tried_now_and_then(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Rejected("token revoked", repairable=True, cause="access"))
    await bench.deliver()
    receipt = await bench.receipt()
    assert receipt.repairable
    wait = await bench.due_in()
    assert wait is not None
    assert REPAIR_MS // 2 <= wait <= REPAIR_MS
    bench.clock.at += wait
    await bench.deliver()
    # The page is given up and rings nobody any more; what is the case is shown.
    mended = await bench.receipt()
    assert bench.pager.calls == ["page", "update"]
    assert (mended.repairable, mended.last_error, mended.failures) == (False, "", 0)
    assert len(await bench.told("delivery_recovered")) == 1


async def test_what_came_back_soon_is_no_news(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    bench.clock.at += SAID_MS - 1
    await bench.deliver()
    assert (await bench.receipt()).paged_seq == 1
    assert await bench.told("delivery_recovered") == []


async def test_what_failed_for_long_is_said_when_it_works_again(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    bench.clock.at += SAID_MS
    await bench.deliver()
    assert len(await bench.told("delivery_recovered")) == 1


async def test_an_odd_refusal_is_asked_for_once_more_and_then_believed(bench: Bench) -> None:
    await bench.open()
    odd = Rejected("404", odd=True)
    bench.pager.outcomes += [odd, odd]
    await bench.deliver()
    assert await bench.due_in() == ONCE_MORE_MS
    assert (await bench.receipt()).doubted_seq == 1
    bench.clock.at += ONCE_MORE_MS
    await bench.deliver()
    assert (await bench.receipt()).failed_seq == 1


async def test_a_notifier_that_is_gone_gives_its_page_up(bench: Bench) -> None:
    await bench.open()
    del bench.notifiers["pager"]
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.failed_seq, receipt.last_error) == (1, "not configured any more")
    assert await bench.deliver() == ["other"]


async def test_a_task_of_an_incident_that_is_gone_is_done(bench: Bench) -> None:
    await bench.open()
    claimed = await bench.claim()
    await bench.tasks.redis.delete(bench.tasks.keys[0].incident(bench.id))
    await bench.deliver(claimed)
    assert bench.pager.calls == []
    assert await bench.due_in() is None


async def test_what_is_to_follow_later_waits_for_its_time(bench: Bench) -> None:
    await bench.open()
    bench.pager.wait_until = bench.clock.at + 5_000
    await bench.deliver()
    assert bench.pager.calls == ["page"]
    assert await bench.due_in() == 5_000


@pytest.mark.parametrize("raw", [b"{", b"00000001{}", b"00000009[]", b""])
async def test_a_receipt_that_cannot_be_read_is_found_out_and_said(
    bench: Bench, raw: bytes
) -> None:
    await bench.open()
    await bench.tasks.redis.hset(bench.tasks.keys[0].receipts(bench.id), "pager", raw)
    await bench.deliver()
    assert bench.pager.calls[:2] == ["recover", "find"]
    assert (await bench.receipt()).paged_seq == 1
    (line,) = await bench.told("delivery_note")
    assert "cannot be read" in line


class _Counted(msgspec.Struct, frozen=True):
    number: int = 0


async def test_a_state_that_is_none_of_its_kind_is_found_out_too(bench: Bench) -> None:
    await bench.open()
    bench.pager.state = ReceiptState(_Counted)
    odd = encode_receipt(Receipt(revision=1, state={"number": "many"}))
    await bench.tasks.redis.hset(bench.tasks.keys[0].receipts(bench.id), "pager", odd)
    await bench.deliver()
    assert "recover" in bench.pager.calls
    assert (await bench.receipt()).paged_seq == 1


async def test_a_receipt_that_another_saved_meanwhile_is_joined(bench: Bench) -> None:
    await bench.open()

    async def interfere() -> None:
        stored = await bench.receipt()
        other = msgspec.structs.replace(stored, revision=stored.revision + 1, cursor=99)
        key = bench.tasks.keys[0].receipts(bench.id)
        await bench.tasks.redis.hset(key, "pager", encode_receipt(other))

    bench.pager.before_call = interfere
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.cursor, receipt.paged_seq) == (99, 1)


async def test_a_note_of_a_delivery_is_a_line(bench: Bench) -> None:
    await bench.open()
    bench.pager.note = "posted again"
    await bench.deliver()
    assert await bench.told("delivery_note") == ["pager: posted again"]


async def test_no_call_is_made_beyond_the_budget(bench: Bench) -> None:
    await bench.open()
    bench.pager.rate = Budget("pager", per_minute=60)
    assert await bench.budgets.take(bench.pager.rate, 1, bench.clock.at) == 0
    await bench.deliver()
    assert bench.pager.calls == []
    wait = await bench.due_in()
    assert wait == bench.pager.rate.interval > 0
    bench.clock.at += wait
    await bench.deliver()
    assert bench.pager.calls == ["page"]


async def test_a_service_that_asks_for_rest_has_it_from_every_incident(bench: Bench) -> None:
    await bench.open()
    bench.pager.rate = Budget("pager", per_minute=0)
    bench.pager.outcomes.append(Retry("slow down", after=20_000, blocks=20_000))
    await bench.deliver()
    later = await bench.budgets.take(bench.pager.rate, 4, bench.clock.at)
    assert later >= bench.clock.at + 20_000


async def test_whoever_acknowledges_meanwhile_is_paged_no_more(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    await bench.tell(Acknowledged(ANN))
    bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT]
    await bench.deliver()
    assert bench.pager.calls == ["page", "update"]
    assert (await bench.receipt()).paged_seq == 0


async def test_what_was_given_up_is_still_brought_to_its_end(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Rejected("gone"))
    await bench.deliver()
    await bench.tell(Resolved(ANN))
    await bench.deliver()
    assert bench.pager.calls == ["page", "update"]


async def test_nobody_reached_is_taken_back_where_a_receipt_says_otherwise(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Rejected("gone"))
    bench.other.outcomes.append(Rejected("gone"))
    await bench.deliver()
    await bench.deliver()
    assert (await bench.incident()).is_unreached
    key = bench.tasks.keys[0].receipts(bench.id)
    late = msgspec.structs.replace(await bench.receipt("other"), paged_seq=5)
    await bench.tasks.redis.hset(key, "other", encode_receipt(late))
    await bench.tell(Noted(ANN, "looking"))
    await bench.deliver()
    assert not (await bench.incident()).is_unreached


async def test_health_says_which_notifier_only_fails(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(AWAY)
    await bench.deliver()
    assert bench.health.up(["pager", "other"]) == {"pager": False, "other": True}
    bench.clock.at += MINUTE
    await bench.deliver()
    assert bench.health.up(["pager"]) == {"pager": True}


async def test_five_hundred_failures_are_one_receipt_and_one_line(bench: Bench) -> None:
    await bench.open(alert("a"))
    for _ in range(30):
        bench.pager.outcomes.append(AWAY)
        await bench.deliver()
        bench.clock.at += BACKOFF_MAX_MS[Lane.URGENT]
    receipt = await bench.receipt()
    assert receipt.failures >= 29
    assert receipt.first_failed_at < receipt.failed_since + 1
    assert len(await bench.told("delivery_failed")) == 0


@pytest.mark.parametrize(
    ("failures", "lane", "most"),
    [
        (0, Lane.URGENT, 1_000),
        (1, Lane.URGENT, 2_000),
        (5, Lane.URGENT, 32_000),
        (6, Lane.URGENT, 60_000),
        (500, Lane.URGENT, 60_000),
        (500, Lane.NORMAL, 300_000),
        (500, Lane.BACKGROUND, 60_000),
    ],
)
def test_backoff_doubles_up_to_its_lane(failures: int, lane: Lane, most: int) -> None:
    found = {backoff(Receipt(failures=failures), lane) for _ in range(200)}
    assert most // 2 <= min(found) < most < max(found) <= most * 3 // 2
    assert len(found) > 10


def test_repair_is_tried_at_most_every_ten_minutes() -> None:
    assert REPAIR_MS < REPAIR_MAX_MS == 600_000


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Delivered(Receipt()), "success"),
        (Rejected("no"), "failed"),
        (Retry("no"), "retry"),
        (Retry("no", unknown=True), "unknown"),
    ],
)
def test_how_a_call_ended_in_a_word(outcome: Any, status: str) -> None:
    assert status_of(outcome) == status


@pytest.mark.parametrize(("doubted", "again"), [(0, True), (2, True), (3, False), (4, False)])
def test_an_odd_refusal_is_doubted_once_a_page(doubted: int, *, again: bool) -> None:
    page = Page(seq=3, since=1, step=0, reason="opened", at=1)
    view = View(None, page, (), 1, "")  # type: ignore[arg-type]
    outcome = believed(Rejected("404", odd=True), view, Receipt(doubted_seq=doubted))
    assert isinstance(outcome, Retry) is again
    plain = Rejected("no such key")
    assert believed(plain, view, Receipt()) is plain
