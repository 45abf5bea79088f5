"""What loses or doubles a page elsewhere, tried on the whole service."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import receiver.engine.batch
from receiver.aio.background import end
from receiver.errors import ConfigError, StoreUnavailableError
from receiver.observability.logs import JsonFormatter
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert, notification
from tests.support.waiting import until

CHANNEL = "C0ALERTS"


def _move(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


@contextlib.asynccontextmanager
async def _external(path: Path) -> AsyncIterator[Any]:
    server = EmbeddedValkey(path)
    await server.start()
    client = connect(server.url)
    yield server.url, client
    await client.aclose(close_connection_pool=True)
    await server.stop()


async def test_a_rise_pages_again_through_every_notifier(app: App) -> None:
    minor = alert("Minor", labels={"severity": "error"})
    name = await app.fire(minor)
    await until(lambda: app.pagerduty.incidents and app.slack.top_level(CHANNEL))
    await app.click("acknowledge")
    await app.fire(minor, alert("Major"))
    await until(lambda: len(app.pagerduty.incidents) == 2)
    message = app.slack.top_level(CHANNEL)[0]
    await until(lambda: any(reply.reply_broadcast for reply in app.slack.replies(message.ts)))
    found = await app.incident(name)
    assert (found["priority"], found["state"]) == ("P1", "triggered")


async def test_a_hung_notifier_keeps_no_other_from_paging(app: App) -> None:
    app.slack.faults.add("hang", times=None, seconds=60)
    names = [await app.fire(alert(f"A{n}"), group=f"a{n}") for n in range(40)]
    await until(lambda: len(app.pagerduty.incidents) == len(names))
    assert not app.slack.top_level(CHANNEL)
    app.slack.faults.clear()


async def test_p1_does_not_wait_behind_p4(app: App) -> None:
    app.slack.faults.add("hang", times=None, seconds=60, method="chat.update")
    for number in range(60):
        await app.fire(alert("Low", labels={"severity": "info"}), group=f"low{number}")
    name = await app.fire(alert("High"), group="high")
    await until(lambda: any(name in str(message.blocks) for message in app.slack.messages))
    await until(lambda: app.pagerduty.incidents)
    app.slack.faults.clear()


@pytest.mark.parametrize(("severity", "posts"), [("critical", 2), ("warning", 1)])
async def test_a_post_that_cannot_be_looked_up_is_repeated_only_for_p1_and_p2(
    app: App, severity: str, posts: int
) -> None:
    app.slack.faults.add("reset_after", times=1, method="chat.postMessage")
    app.slack.faults.add("error:missing_scope", times=None, method="conversations.history")
    name = await app.fire(alert(labels={"severity": severity}))

    async def noted() -> bool:
        found = await app.incident(name)
        return any(entry["kind"] == "delivery_note" for entry in found["timeline"])

    await app.pass_until(noted, 2)
    await app.settle()
    assert len(app.slack.top_level(CHANNEL)) == posts


async def test_a_killed_worker_leaves_an_attempt_that_is_found(app: App) -> None:
    """The answer to the post never arrives: after the lease it is looked up, not repeated."""
    app.slack.faults.add("hang_after", times=1, method="chat.postMessage", seconds=60)
    name = await app.fire()
    await until(lambda: app.slack.top_level(CHANNEL))
    workers = [job for jobs in app.service.agenda._running.values() for job in jobs]
    await end(workers)
    _move(app, 31)

    async def delivered() -> bool:
        found = await app.incident(name)
        return all(item["state"] == "delivered" for item in found["deliveries"])

    await until(delivered)
    assert len(app.slack.top_level(CHANNEL)) == 1


async def test_an_event_that_raises_fails_alone(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = receiver.engine.batch.decide  # type: ignore[attr-defined]

    def broken(incident: Any, event: Any, now: int, rules: Any) -> Any:
        if "poison" in str(event):
            raise RuntimeError("a defect")
        return real(incident, event, now, rules)

    monkeypatch.setattr(receiver.engine.batch, "decide", broken)
    bodies = [notification(alert(name), group=name) for name in ("a", "poison", "b")]
    answers = await asyncio.gather(*[plain.post(body) for body in bodies])
    assert [status for status, _ in answers] == [202, 503, 202]
    assert "defect" not in str(answers)


async def test_a_request_fails_when_any_part_of_it_failed(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, route={"group_by": ["service"]})
    try:
        submit = app.service.dispatcher.submit

        def half(event: Any, *more: Any) -> Any:
            if "search" in str(event):
                lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                lost.set_exception(StoreUnavailableError("gone"))
                return lost
            return submit(event, *more)

        app.service.dispatcher.submit = half  # type: ignore[assignment]
        both = [alert("A"), alert("B", labels={"service": "search"})]
        assert (await app.post(notification(*both)))[0] == 503
    finally:
        await app.stop()


async def test_a_clock_that_differs_from_the_shared_one_makes_a_replica_unready(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replica cannot make the others believe it, and is not sure that they are right."""
    keeper = plain.service.timekeeper

    async def refused(*_: Any) -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(keeper._reference, "store", refused)
        await plain.service.redis.set("im:clock", "8000|1|another")
        await keeper.measure()
        status, text = await plain.get("/-/ready")
        assert status == 503
        assert "this replica's clock is 8s behind the one the replicas share" in text
    await keeper.measure()
    assert (await plain.get("/-/ready"))[0] == 200


async def test_the_correlation_id_goes_from_the_webhook_to_the_delivery(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    headers = {"X-Request-ID": "trace-me-42"}
    status, answer = await app.post(notification(alert()), headers=headers)
    assert status == 202
    found = await app.incident(answer["incidents"][0])
    assert found["correlation_id"] == "trace-me-42"
    await until(lambda: app.pagerduty.incidents and "pagerduty trigger: success" in caplog.messages)
    opened = next(record for record in caplog.records if record.name == "dispatch")
    paged = next(record for record in caplog.records if "trigger: success" in record.message)
    for record in (opened, paged):
        shown = json.loads(JsonFormatter().format(record))
        assert shown["correlation_id"] == "trace-me-42"
        assert shown["incident"] == answer["incidents"][0]


async def test_an_external_server_is_used_when_it_is_named(tmp_path: Path, fakes: Any) -> None:
    async with _external(tmp_path / "elsewhere") as (url, client):
        app = App(tmp_path / "own", *fakes)
        await app.start(**NO_ACCOUNTS, **{"redis.url": url})
        name = await app.fire()
        assert await client.exists(app.service.dispatcher.store.of(name).incident(name))
        assert not (tmp_path / "own").exists()
        await app.stop()
        await app.start(**NO_ACCOUNTS, **{"redis.url": url})
        assert (await app.incident(name))["state"] == "triggered"
        await app.stop()


async def test_a_server_that_may_evict_incidents_is_refused(tmp_path: Path, fakes: Any) -> None:
    async with _external(tmp_path / "elsewhere") as (url, client):
        await client.config_set("maxmemory", "100mb")
        await client.config_set("maxmemory-policy", "allkeys-lru")
        app = App(tmp_path / "own", *fakes)
        with pytest.raises(ConfigError, match="noeviction"):
            await app.start(**NO_ACCOUNTS, **{"redis.url": url})


async def test_two_replicas_on_one_server_page_once(tmp_path: Path, fakes: Any) -> None:
    async with _external(tmp_path / "shared") as (url, _):
        replicas = [App(tmp_path / str(number), *fakes) for number in range(2)]
        for replica in replicas:
            await replica.start(**{"redis.url": url})
        body = [notification(alert(f"A{n}"), group=f"g{n}") for n in range(20)]
        answers = await asyncio.gather(
            *[replica.post(item) for item in body for replica in replicas]
        )
        assert {status for status, _ in answers} == {202}
        slack, pagerduty = replicas[0].slack, replicas[0].pagerduty
        await until(lambda: len(pagerduty.incidents) == 20 == len(slack.top_level(CHANNEL)))
        await replicas[1].click("acknowledge")
        for replica in (*replicas, *replicas):
            await replica.settle()
        assert len(pagerduty.incidents) == 20
        assert len(slack.top_level(CHANNEL)) == 20
        taken = [await app.get("/v1/incidents?state=open") for app in replicas]
        assert taken[0] == taken[1]
        for replica in replicas:
            await replica.stop()


async def test_a_notifier_that_is_gone_from_the_configuration_moves_the_page_on(
    tmp_path: Path, fakes: Any
) -> None:
    app = App(tmp_path, *fakes)
    app.pagerduty.faults.add("503", times=None)
    await app.start()
    name = await app.fire()
    await until(lambda: app.pagerduty.events)
    await app.stop()
    await app.start(**{"pagerduty.routing_key": None})

    async def told() -> bool:
        found = await app.incident(name)
        return any("not configured any more" in entry["text"] for entry in found["timeline"])

    await app.pass_until(told, 10)
    await app.stop()


async def test_a_record_that_cannot_be_read_costs_nobody_else(plain: App) -> None:
    name = await plain.fire(group="broken")
    store = plain.service.dispatcher.store
    key = store.of(name).incident(name)
    await plain.service.redis.set(key, b"%016d{" % 99)
    bodies = [notification(alert(), group=group) for group in ("a", "broken", "b")]
    answers = await asyncio.gather(*[plain.post(body) for body in bodies])
    assert [status for status, _ in answers] == [202, 202, 202]
    assert answers[1][1]["incidents"] == [name.removesuffix("1") + "2"]


async def test_a_receipt_that_cannot_be_read_stops_no_other_page(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    name = await app.fire(group="broken")
    await until(lambda: len(app.slack.top_level(CHANNEL)) == 1)
    key = app.service.dispatcher.store.of(name).receipts(name)
    await app.service.redis.hset(key, "slack", b"00000009{")
    await app.post({"text": "x"}, f"/v1/incidents/{name}/note")
    await until(lambda: any("cannot be read" in message for message in caplog.messages))
    other = await app.fire(group="other")
    await until(lambda: any(other in str(item.blocks) for item in app.slack.top_level(CHANNEL)))


async def test_more_than_can_be_queued_is_told_to_try_again(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.engine.dispatcher, "WAITING_MAX", 0)
    status, answer = await plain.post(notification(alert()))
    assert status == 503
    assert "overloaded" in answer["detail"]


async def test_after_a_refused_acknowledge_the_resolve_still_goes_out(app: App) -> None:
    name = await app.fire()
    page = (await until(lambda: app.pagerduty.incidents))[0]
    app.pagerduty.faults.add("error:no", times=1, method="acknowledge")
    await app.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    _move(app, 6)
    await until(lambda: len(app.pagerduty.events) == 2)
    await app.fire(alert(resolved=True))
    _move(app, 6)
    await until(lambda: page.status == "resolved")


async def test_two_notifiers_that_both_refuse_do_not_keep_each_other_busy(app: App) -> None:
    app.slack.faults.add("error:is_archived", times=None)
    app.pagerduty.faults.add("error:Invalid routing key", times=None)
    name = await app.fire()
    await app.fire(alert(), alert("Other"))
    await app.settle()
    before = (await app.incident(name))["version"]
    await asyncio.sleep(1)
    assert (await app.incident(name))["version"] == before


async def test_what_failed_for_ever_days_ago_is_tried_again_when_a_new_page_is_slow(
    app: App,
) -> None:
    app.pagerduty.faults.add("error:Invalid routing key")
    name = await app.fire()

    async def failed() -> bool:
        timeline = (await app.incident(name))["timeline"]
        return any(entry["kind"] == "delivery_failed" for entry in timeline)

    await until(failed)
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/resolve")
    app.clock.move(25 * 3600)
    app.pagerduty.faults.add("500")
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/reopen")
    await app.pass_until(lambda: app.pagerduty.incidents, 1)
    assert len(app.pagerduty.incidents) == 1
