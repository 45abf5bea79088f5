"""Notifiers that may be told the same twice: one write a delivery, and nothing is lost."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from receiver.notify.log import LogNotifier
from receiver.notify.notifier import Retry
from receiver.notify.webhook import WebhookNotifier
from receiver.pagerduty.notifier import PagerDutyNotifier
from receiver.slack.notifier import SlackNotifier
from receiver.store.records.receipts import encode_receipt
from routing.incident_parts import Actor
from routing.person_event import Noted
from routing.receipt import Receipt
from tests.support.deliveries import LEASE_MS, Bench

ANN = Actor("ann", "api")


@pytest.fixture
async def bench(redis: Any) -> AsyncIterator[Bench]:
    made = await Bench(redis).start()
    made.pager.repeatable = True
    yield made
    await made.stop()


def test_who_pages_people_is_told_nothing_twice() -> None:
    assert LogNotifier.repeatable
    assert WebhookNotifier.repeatable
    assert not SlackNotifier.repeatable
    assert not PagerDutyNotifier.repeatable


async def test_nothing_is_stored_before_the_call_and_one_write_ends_it(bench: Bench) -> None:
    await bench.open()
    seen: list[Receipt] = []

    async def look() -> None:
        seen.append(await bench.receipt())

    bench.pager.before_call = look
    await bench.deliver()
    assert seen == [Receipt()]
    after = await bench.receipt()
    assert (after.revision, after.paged_seq, after.attempt) == (1, 1, None)
    assert await bench.due_in() is None


async def test_a_crash_after_the_call_repeats_it_without_a_look(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        await bench.deliver()
    assert await bench.deliver() == [], "its lease lasts"
    bench.clock.at += LEASE_MS
    assert await bench.deliver() == ["pager"]
    assert bench.pager.calls == ["page", "page"]
    assert (await bench.receipt()).paged_seq == 1


async def test_whoever_saves_late_pages_nobody_twice(bench: Bench) -> None:
    await bench.open()
    slow = await bench.claim()

    async def overtaken() -> None:
        """Its lease runs out during the call, and another does all of it."""
        bench.pager.before_call = None
        bench.clock.at += LEASE_MS
        await bench.deliver()

    bench.pager.before_call = overtaken
    await bench.deliver(slow)
    assert bench.pager.calls == ["page", "page"]
    receipt = await bench.receipt()
    assert (receipt.paged_seq, receipt.version) == (1, (await bench.incident()).version)
    await bench.tell(Noted(ANN, "looking"))
    await bench.deliver()
    assert bench.pager.calls == ["page", "page", "update"]


async def test_what_changes_during_the_call_is_told_too(bench: Bench) -> None:
    await bench.open()

    async def change() -> None:
        bench.pager.before_call = None
        await bench.tell(Noted(ANN, "meanwhile"))

    bench.pager.before_call = change
    await bench.deliver()
    assert await bench.due_in() == 0
    await bench.deliver()
    assert bench.pager.calls == ["page", "update"]


async def test_a_failure_is_stored_as_ever(bench: Bench) -> None:
    await bench.open()
    bench.pager.outcomes.append(Retry("no answer", unknown=True))
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.failures, receipt.last_error, receipt.attempt) == (1, "no answer", None)


async def test_an_attempt_that_an_older_release_stored_is_made_again(bench: Bench) -> None:
    await bench.open()
    bench.pager.repeatable = False
    bench.pager.outcomes.append(Retry("no answer", unknown=True))
    await bench.deliver()
    kept = await bench.receipt()
    assert kept.attempt is not None
    bench.pager.repeatable = True
    bench.clock.at += LEASE_MS
    await bench.deliver()
    assert bench.pager.calls == ["page", "find", "page"]


async def test_a_receipt_that_another_saved_meanwhile_is_joined(bench: Bench) -> None:
    await bench.open()

    async def interfere() -> None:
        other = msgspec.structs.replace(await bench.receipt(), revision=1, cursor=99)
        key = bench.tasks.keys[0].receipts(bench.id)
        await bench.tasks.redis.hset(key, "pager", encode_receipt(other))

    bench.pager.before_call = interfere
    await bench.deliver()
    receipt = await bench.receipt()
    assert (receipt.cursor, receipt.paged_seq) == (99, 1)
