"""What people do in PagerDuty happens here too: once, to the right incident, never in a circle."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.fakes.pagerduty_rest import TOKEN, FakePagerDutyRest
from tests.support.fakes.pagerduty_webhooks import (
    INTEGRATION,
    SECRET,
    SERVICE,
    TYPES,
    PdWebhooks,
    deliver,
)
from tests.support.notification import alert
from tests.support.pagerduty_webhook_work import PATH, PD, Work
from tests.support.waiting import until

SETTLE = 6
LATER = "2026-03-02T12:00:00Z"


@pytest.fixture
async def work(tmp_path: Path, fakes: Any) -> AsyncIterator[Work]:
    app = App(tmp_path, *fakes)
    await app.start(pagerduty__webhook_secret=SECRET)
    yield Work(app)
    await app.stop()


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    fake = FakePagerDutyRest()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def asking(tmp_path: Path, fakes: Any, rest: FakePagerDutyRest) -> AsyncIterator[Work]:
    """As ``work``, with a token for the REST API."""
    app = App(tmp_path, *fakes)
    await app.start(
        pagerduty__webhook_secret=SECRET,
        pagerduty__rest_token=TOKEN,
        pagerduty__rest_url=rest.base_url,
    )
    yield Work(app)
    await app.stop()


# Who may send.


async def test_a_secret_may_be_replaced_from_either_side(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(pagerduty__webhook_secret="new", pagerduty__webhook_secret_previous="old")
    work = Work(app)
    for secrets in (("new",), ("old",), ("old", "other"), ("other", "new"), ("new", "old")):
        assert await work.send(PdWebhooks(*secrets).make("pagey.ping")) == 202
    assert await work.send(PdWebhooks("other").make("pagey.ping")) == 401
    assert await work.counted("refused") == 1
    await app.stop()


async def test_without_a_secret_nobody_is_believed(app: App) -> None:
    webhook = PdWebhooks().make("pagey.ping")
    status, answer = await app.post(webhook.body, PATH, headers=webhook.headers)
    assert status == 403
    assert "pagerduty.webhook_secret" in answer["detail"]


async def test_a_secret_comes_from_a_file(tmp_path: Path, fakes: Any) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    app = App(tmp_path / "data", *fakes)
    await app.start(pagerduty__webhook_secret_file=str(tmp_path / "secret"))
    assert await Work(app).send(PdWebhooks().make("pagey.ping")) == 202
    await app.stop()


@pytest.mark.parametrize("header", [None, "", "v1=", "v1=zz", "v1=\u00e9", "v1=" + "0" * 64])
async def test_a_wrong_signature_changes_nothing(work: Work, header: str | None) -> None:
    name = await work.page()
    webhook = work.webhooks.make("incident.acknowledged", PD)
    del webhook.headers["X-PagerDuty-Signature"]
    if header is not None:
        webhook.headers["X-PagerDuty-Signature"] = header
    assert await work.send(webhook) == 401
    assert (await work.app.incident(name))["state"] == "triggered"


async def test_hostile_bodies_are_put_aside(work: Work) -> None:
    bodies = [b"", b"\xff", b"[" * 50_000, b'{"event":{"event_type":"incident.resolved"}}']
    for body in bodies:
        assert await work.send(work.webhooks.sign(body)) == 202
    _, found = await work.app.get("/v1/dead-letters")
    assert [letter["raw"] for letter in found["dead_letters"]][::-1][0] == ""
    assert len(found["dead_letters"]) == len(bodies)
    assert await work.counted("dead_letter") == len(bodies)
    assert await work.app.metric('incident_manager_dead_letters_total{reason="event"}') == 4


async def test_what_is_none_of_our_business_is_ignored(work: Work) -> None:
    await work.page()
    for kind in ("pagey.ping", "service.updated", "incident.responder.added", "incident.new_word"):
        body = json.dumps({"event": {"event_type": kind, "data": None}}).encode()
        assert await work.send(work.webhooks.sign(body)) == 202
    assert await work.tell("priority_updated") == "ignored"
    assert await work.counted("ignored") == 5


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.startswith("incident.")])
async def test_a_foreign_incident_is_no_business_of_ours(work: Work, kind: str) -> None:
    name = await work.page()
    word = kind.removeprefix("incident.")
    foreign = {"key": "d3640fbd41094207a1c11e58e46b1662", "client_url": "https://else.example/#x"}
    assert await work.tell(word, "QFOREIGN", **foreign) in ("unmapped", "ignored")
    unknown = {"key": "0-aaaaaaaaaaaaaaaa-1:0"}
    assert await work.tell(word, "QFOREIGN", **unknown) in ("unmapped", "ignored")
    # The right form and the right incident, and yet no alert that we ever sent.
    assert await work.tell(word, "QFOREIGN", key=f"{name}:7:9") in ("unmapped", "ignored")
    assert (await work.app.incident(name))["state"] == "triggered"


# What happens.


@pytest.mark.parametrize("told", ["client", "key"])
async def test_an_acknowledge_in_pagerduty(work: Work, told: str) -> None:
    name = await work.app.fire()
    await until(lambda: work.app.pagerduty.incidents and work.app.slack.top_level("C0ALERTS"))
    page = work.paged()
    known = {"key": page.dedup_key} if told == "key" else {"client_url": page.client_url}
    assert await work.tell("triggered", by=INTEGRATION, **known) == "learned"
    work.app.clock.move(60)
    assert await work.tell("acknowledged") == "applied"
    found = await work.app.incident(name)
    assert found["state"] == "acknowledged"
    assert found["acknowledged_by"] == {
        "name": "Tenex Engineer",
        "via": "pagerduty",
        "id": "PLH1HKV",
        "human": True,
    }
    message = work.app.slack.top_level("C0ALERTS")[-1]
    await until(lambda: "acknowledged" in work.app.slack.message(message.ts).text)
    assert await work.acknowledged("human") == 1
    assert await work.acknowledged("automatic") == 0
    # PagerDuty knows: nothing is sent back.
    await work.rest()
    assert work.actions() == ["trigger"]
    await work.app.fire(alert(resolved=True))
    await work.rest()
    assert "resolve" in work.actions()


async def test_automation_is_no_person(work: Work) -> None:
    name = await work.page()
    assert await work.tell("acknowledged", by=SERVICE) == "applied"
    found = await work.app.incident(name)
    assert (found["acknowledged_by"]["name"], found["acknowledged_by"]["human"]) == (
        "API Service",
        False,
    )
    assert found["timeline"][-1]["text"] == "Acknowledged by API Service (automatic)"
    assert await work.acknowledged("human") == 0
    assert await work.acknowledged("automatic") == 1


async def test_our_own_doing_comes_back_and_changes_nothing(work: Work) -> None:
    name = await work.page()
    await work.app.post({"by": "api"}, f"/v1/incidents/{name}/acknowledge")
    work.move(SETTLE)
    await until(lambda: work.paged().status == "acknowledged")
    before = await work.app.incident(name)
    assert await work.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await work.app.incident(name))["version"] == before["version"]
    await work.app.fire(alert(resolved=True))
    work.move(SETTLE)
    await until(lambda: work.paged().status == "resolved")
    assert await work.tell("resolved", by=INTEGRATION) == "echo"
    # It comes late, when we have gone further.
    assert await work.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await work.app.incident(name))["resolved_by"]["via"] == "automatic"
    assert await work.counted("echo") == 3


async def test_our_acknowledge_of_one_answers_for_no_other(work: Work) -> None:
    """PagerDuty has grouped two of our incidents, and acknowledges both when we do one."""
    first = await work.page(group="a")
    second = await work.page(alert(labels={"service": "cart"}), group="b")
    await work.app.post({"by": "api"}, f"/v1/incidents/{first}/acknowledge")
    work.move(SETTLE)
    await until(lambda: "acknowledge" in work.actions())
    assert await work.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await work.app.incident(second))["state"] == "triggered"


async def test_given_back_in_pagerduty(work: Work) -> None:
    name = await work.page()
    assert await work.tell("acknowledged") == "applied"
    # Its acknowledge timed out: nobody did that.
    assert await work.tell("unacknowledged", by=SERVICE) == "applied"
    found = await work.app.incident(name)
    assert found["state"] == "triggered"
    assert found["acknowledged_by"] is None
    assert len(work.app.pagerduty.incidents) == 1, "PagerDuty rings by itself"
    # Whoever takes it now takes it in PagerDuty too.
    await work.app.post({"by": "api"}, f"/v1/incidents/{name}/acknowledge")
    work.move(SETTLE)
    await until(lambda: work.paged().status == "acknowledged")
    assert await work.tell("unacknowledged") == "applied"
    assert await work.tell("unacknowledged") == "unchanged"


async def test_resolved_in_pagerduty(work: Work) -> None:
    name = await work.page()
    assert await work.tell("resolved") == "applied"
    found = await work.app.incident(name)
    assert found["state"] == "resolved"
    assert found["resolved_by"]["via"] == "pagerduty"
    await work.rest()
    assert work.actions() == ["trigger"]
    assert await work.tell("resolved") == "unchanged"


async def test_reopened_in_pagerduty_and_ended_here(work: Work) -> None:
    name = await work.page()
    await work.tell("resolved")
    assert await work.tell("reopened") == "applied"
    found = await work.app.incident(name)
    assert (found["state"], found["episode"]) == ("triggered", 1)
    await work.rest()
    assert work.actions() == ["trigger"], "it is open there, and rings there"
    assert await work.tell("acknowledged") == "applied"
    assert (await work.app.incident(name))["state"] == "acknowledged"
    await work.app.post({"by": "api"}, f"/v1/incidents/{name}/resolve")
    work.move(SETTLE)
    await until(lambda: "resolve" in work.actions())
    assert work.app.pagerduty.events[-1].dedup_key == f"{name}:0"


async def test_an_old_episode_is_over(work: Work) -> None:
    name = await work.page(pd="QOLD")
    await work.app.fire(alert(resolved=True))
    await work.page(alert(starts=LATER), pd="QNEW")
    assert await work.tell("resolved", "QOLD") == "unchanged"
    assert await work.tell("acknowledged", "QOLD") == "unchanged"
    assert (await work.app.incident(name))["state"] == "triggered"
    assert await work.tell("acknowledged", "QNEW") == "applied"


async def test_escalated_and_reassigned_in_pagerduty(work: Work) -> None:
    name = await work.page()
    await until(lambda: work.app.slack.messages)
    assert await work.tell("escalated", assignees=("User 2",)) == "applied"
    assert await work.tell("reassigned", assignees=("User 3", "User 4")) == "applied"
    assert await work.tell("delegated", assignees=()) == "applied"
    found = await work.app.incident(name)
    texts = [entry["text"] for entry in found["timeline"] if entry["via"] == "pagerduty"]
    assert texts == [
        "Escalated by Tenex Engineer: in PagerDuty, to User 2",
        "Assigned to User 3, User 4 by Tenex Engineer",
        "Assigned to Default by Tenex Engineer",
    ]
    assert found["state"] == "triggered"
    assert len(work.app.pagerduty.incidents) == 1


async def test_a_note_and_a_status_update(work: Work) -> None:
    name = await work.page()
    text = "<!channel> it is the *disk*"
    assert await work.tell("annotated", text=text) == "applied"
    assert await work.tell("status_update_published", text="mended") == "applied"
    assert await work.tell("annotated", text=" ") == "ignored"
    found = await work.app.incident(name)
    notes = [entry for entry in found["timeline"] if entry["kind"] == "note"]
    assert [note["text"] for note in notes] == [text, "mended"]
    assert notes[0]["by"] == "Tenex Engineer"
    await work.rest()
    assert not any(
        "channel" in ping for message in work.app.slack.messages for ping in message.pings
    )


async def test_one_incident_there_may_hold_several_of_ours(work: Work) -> None:
    first = await work.page(group="a")
    second = await work.page(alert(labels={"service": "cart"}), group="b")
    assert first != second
    assert await work.tell("acknowledged") == "applied"
    for name in (first, second):
        assert (await work.app.incident(name))["state"] == "acknowledged"


async def test_a_merge_there_is_no_end_here(work: Work) -> None:
    first = await work.page(group="a", pd="QFIRST")
    second = await work.page(alert(labels={"service": "cart"}), group="b", pd="QSECOND")
    assert await work.tell("resolved", "QSECOND", merged_into="QFIRST") == "learned"
    assert (await work.app.incident(second))["state"] == "triggered"
    assert await work.tell("resolved", "QFIRST") == "applied"
    for name in (first, second):
        assert (await work.app.incident(name))["state"] == "resolved"


async def test_two_services_with_the_same_page_are_told_apart(tmp_path: Path, fakes: Any) -> None:
    keys = {"one": "A" * 32, "two": "B" * 32}
    fakes[1].routing_keys.update(keys.values())
    app = App(tmp_path, *fakes)
    await app.start(
        pagerduty__webhook_secret=SECRET,
        notifiers={name: {"type": "pagerduty", "routing_key": key} for name, key in keys.items()},
        escalations={"urgent": {"steps": [{"notify": list(keys)}]}},
    )
    work = Work(app)
    name = await app.fire()
    await until(lambda: len(app.pagerduty.incidents) == 2)
    for page in app.pagerduty.incidents:
        told = {"by": INTEGRATION, "client_url": page.client_url}
        assert await work.tell("triggered", f"Q{page.routing_key[:3]}", **told) == "learned"
    assert await work.tell("acknowledged", "QBBB") == "applied"
    await work.rest()
    # The other service has to be told, and this one has not.
    events = [event for event in app.pagerduty.events if event.method == "acknowledge"]
    assert {event.routing_key for event in events} == {keys["one"]}
    await until(lambda: app.pagerduty.incidents[0].status != app.pagerduty.incidents[1].status)
    assert await work.tell("unacknowledged", "QBBB", by=SERVICE) == "applied"
    await until(lambda: len(app.pagerduty.incidents) == 3)
    assert app.pagerduty.incidents[2].routing_key == keys["one"], "the other one rang by itself"
    assert (await app.incident(name))["state"] == "triggered"
    await app.stop()


# Once.


async def test_copies_count_once(work: Work) -> None:
    name = await work.page()
    webhook = work.webhooks.make("incident.annotated", PD, text="once")
    await deliver(work.app.session, work.app.url + PATH, webhook, copies=5)
    assert await work.send(webhook) == 202
    found = await work.app.incident(name)
    assert [entry["text"] for entry in found["timeline"]].count("once") == 1
    assert await work.counted("applied") == 1
    assert await work.counted("duplicate") == 5


async def test_copies_at_two_replicas_count_once(work: Work, tmp_path: Path, fakes: Any) -> None:
    name = await work.page()
    embedded = work.app.service.embedded
    assert embedded is not None
    other = App(tmp_path / "other", *fakes)
    await other.start(pagerduty__webhook_secret=SECRET, redis__url=embedded.url)
    webhook = work.webhooks.make("incident.annotated", PD, text="once")
    places = [work.app.url, other.url] * 3
    sent = [deliver(work.app.session, place + PATH, webhook) for place in places]
    assert await asyncio.gather(*sent) == [[202]] * len(places)
    found = await work.app.incident(name)
    assert [entry["text"] for entry in found["timeline"]].count("once") == 1
    await other.stop()


async def test_a_copy_counts_as_one_days_later(work: Work) -> None:
    name = await work.page()
    late = work.webhooks.make("incident.acknowledged", PD)
    await work.send(late)
    await work.tell("unacknowledged")
    work.app.clock.move(47 * 3600)
    assert await work.send(late) == 202
    work.app.clock.move(26 * 3600)
    assert await work.send(late) == 202
    assert await work.counted("duplicate") == 1
    assert await work.counted("ignored") == 1
    assert (await work.app.incident(name))["state"] == "triggered"


async def test_nothing_is_lost_while_redis_is_down(work: Work) -> None:
    name = await work.page()
    redis = work.app.service.embedded
    assert redis is not None
    await redis.stop()
    webhook = work.webhooks.make("incident.acknowledged", PD)
    assert await work.send(webhook) == 503
    assert await work.counted("unavailable") == 1
    await redis.start()
    assert await work.send(webhook, attempts=30) == 202
    assert (await work.app.incident(name))["state"] == "acknowledged"


# What only the REST API knows.


async def test_what_was_grouped_is_asked_for(asking: Work, rest: FakePagerDutyRest) -> None:
    """PagerDuty has put the second page into the incident of the first, and told nobody."""
    first = await asking.app.fire(group="a")
    second = await asking.app.fire(alert(labels={"service": "cart"}), group="b")
    await until(lambda: len(asking.app.pagerduty.incidents) == 2)
    rest.alerts[PD] = [
        "somebody-elses",
        *(page.dedup_key for page in asking.app.pagerduty.incidents),
    ]
    assert await asking.tell("triggered", by=INTEGRATION) == "learned"
    assert await asking.tell("acknowledged") == "applied"
    for name in (first, second):
        assert (await asking.app.incident(name))["state"] == "acknowledged"


@pytest.mark.parametrize("fault", ["429", "500", "html", "reset_before"])
async def test_an_answer_that_is_missing_is_waited_for(
    asking: Work, rest: FakePagerDutyRest, fault: str
) -> None:
    name = await asking.app.fire()
    await until(lambda: asking.app.pagerduty.incidents)
    rest.alerts[PD] = [asking.paged().dedup_key]
    # aiohttp asks again by itself after a reset.
    rest.faults.add(fault, times=2 if fault == "reset_before" else 1, retry_after="1")
    webhook = asking.webhooks.make("incident.acknowledged", PD)
    assert await asking.send(webhook) == 503
    asking.app.clock.move(2)
    assert await asking.send(webhook) == 202
    assert (await asking.app.incident(name))["state"] == "acknowledged"


async def test_what_is_known_needs_no_answer(asking: Work, rest: FakePagerDutyRest) -> None:
    name = await asking.page()
    rest.faults.add("500", times=None)
    assert await asking.tell("acknowledged") == "applied"
    assert (await asking.app.incident(name))["state"] == "acknowledged"


async def test_a_foreign_incident_is_asked_about_once(
    asking: Work, rest: FakePagerDutyRest
) -> None:
    rest.alerts["QFOREIGN"] = ["somebody-elses"]
    for kind in ("triggered", "acknowledged", "resolved"):
        assert await asking.tell(kind, "QFOREIGN") == "unmapped"
    assert rest.paths() == ["/incidents/QFOREIGN/alerts"]
    assert await asking.tell("acknowledged", "QUNKNOWN") == "unmapped"


async def test_a_wrong_token_costs_the_lookup_alone(asking: Work, rest: FakePagerDutyRest) -> None:
    rest.token = "another"
    assert await asking.tell("acknowledged", "QFOREIGN") == "unmapped"
