"""What people do in PagerDuty happens here too: once, to the right incident, never in a circle."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.pagerduty import PdIncident
from tests.fakes.pagerduty_rest import TOKEN, FakePagerDutyRest
from tests.fakes.pagerduty_webhooks import (
    INTEGRATION,
    SECRET,
    SERVICE,
    TYPES,
    PdWebhooks,
    Webhook,
    deliver,
)
from tests.scenarios.conftest import App, alert, until

PATH = "/v1/pagerduty/webhook"
PD = "Q1KD0TLXG4S1VO"
SETTLE = 6
CONFIRM = 61
LATER = "2026-03-02T12:00:00Z"


class Desk:
    """A service with both vendors, and a PagerDuty that tells it what happens there."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.webhooks = PdWebhooks()

    async def send(self, webhook: Webhook, **more: Any) -> int:
        return (await deliver(self.app.session, self.app.url + PATH, webhook, **more))[0]

    async def tell(self, kind: str, incident: str = PD, **more: Any) -> str:
        """Send an event that is understood; return what became of it."""
        webhook = self.webhooks.make(f"incident.{kind}", incident, **more)
        status, answer = await self.app.post(webhook.body, PATH, headers=webhook.headers)
        assert status == 202, answer
        return str(answer["result"])

    async def page(self, *alerts: dict[str, Any], pd: str = PD, **more: Any) -> str:
        """Fire, wait for the page in PagerDuty, and have PagerDuty tell of its incident."""
        before = len(self.app.pagerduty.incidents)
        name = await self.app.fire(*alerts, **more)
        await until(lambda: len(self.app.pagerduty.incidents) > before)
        assert (
            await self.tell("triggered", pd, by=INTEGRATION, client_url=self.client()) == "learned"
        )
        return name

    def client(self, number: int = -1) -> str:
        return self.app.pagerduty.incidents[number].client_url

    def paged(self, number: int = -1) -> PdIncident:
        return self.app.pagerduty.incidents[number]

    def actions(self) -> list[str]:
        return [event.method for event in self.app.pagerduty.events]

    async def counted(self, outcome: str) -> float:
        name = "incident_manager_pagerduty_webhooks_total"
        return await self.app.metric(f'{name}{{outcome="{outcome}"}}')

    async def acknowledged(self, by: str) -> float:
        """Return how many acknowledgements by people or automation were timed."""
        _, text = await self.app.get("/metrics")
        name = f'incident_acknowledge_duration_seconds_count{{by="{by}"'
        rows = [row for row in str(text).splitlines() if row.startswith(name)]
        return sum(float(row.rpartition(" ")[2]) for row in rows)

    def move(self, seconds: float) -> None:
        self.app.clock.move(seconds)
        self.app.service.agenda.wake()

    async def rest(self) -> None:
        """Let everything settle that is due now or within the next minutes."""
        await self.app.settle()
        for _ in range(4):
            await self.app.pass_time(CONFIRM)


@pytest.fixture
async def desk(tmp_path: Path, fakes: Any) -> AsyncIterator[Desk]:
    app = App(tmp_path, *fakes)
    await app.start(pagerduty__webhook_secret=SECRET)
    yield Desk(app)
    await app.stop()


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    fake = FakePagerDutyRest()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def asking(tmp_path: Path, fakes: Any, rest: FakePagerDutyRest) -> AsyncIterator[Desk]:
    """As ``desk``, with a token for the REST API."""
    app = App(tmp_path, *fakes)
    await app.start(
        pagerduty__webhook_secret=SECRET,
        pagerduty__rest_token=TOKEN,
        pagerduty__rest_url=rest.base_url,
    )
    yield Desk(app)
    await app.stop()


# Who may send.


async def test_a_secret_may_be_replaced_from_either_side(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(pagerduty__webhook_secret="new", pagerduty__webhook_secret_previous="old")
    desk = Desk(app)
    for secrets in (("new",), ("old",), ("old", "other"), ("other", "new"), ("new", "old")):
        assert await desk.send(PdWebhooks(*secrets).make("pagey.ping")) == 202
    assert await desk.send(PdWebhooks("other").make("pagey.ping")) == 401
    assert await desk.counted("refused") == 1
    await app.stop()


async def test_without_a_secret_nobody_is_believed(app: App) -> None:
    webhook = PdWebhooks().make("pagey.ping")
    status, answer = await app.post(webhook.body, PATH, headers=webhook.headers)
    assert status == 403
    assert "pagerduty.webhook_secret" in answer


async def test_a_secret_comes_from_a_file(tmp_path: Path, fakes: Any) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    app = App(tmp_path / "data", *fakes)
    await app.start(pagerduty__webhook_secret_file=str(tmp_path / "secret"))
    assert await Desk(app).send(PdWebhooks().make("pagey.ping")) == 202
    await app.stop()


@pytest.mark.parametrize("header", [None, "", "v1=", "v1=zz", "v1=\u00e9", "v1=" + "0" * 64])
async def test_a_wrong_signature_changes_nothing(desk: Desk, header: str | None) -> None:
    name = await desk.page()
    webhook = desk.webhooks.make("incident.acknowledged", PD)
    del webhook.headers["X-PagerDuty-Signature"]
    if header is not None:
        webhook.headers["X-PagerDuty-Signature"] = header
    assert await desk.send(webhook) == 401
    assert (await desk.app.incident(name))["state"] == "triggered"


async def test_hostile_bodies_are_put_aside(desk: Desk) -> None:
    bodies = [b"", b"\xff", b"[" * 50_000, b'{"event":{"event_type":"incident.resolved"}}']
    for body in bodies:
        assert await desk.send(desk.webhooks.sign(body)) == 202
    _, found = await desk.app.get("/v1/dead-letters")
    assert [letter["raw"] for letter in found["dead_letters"]][::-1][0] == ""
    assert len(found["dead_letters"]) == len(bodies)
    assert await desk.counted("dead_letter") == len(bodies)
    assert await desk.app.metric('incident_manager_dead_letters_total{reason="event"}') == 4


async def test_what_is_none_of_our_business_is_ignored(desk: Desk) -> None:
    await desk.page()
    for kind in ("pagey.ping", "service.updated", "incident.responder.added", "incident.new_word"):
        body = json.dumps({"event": {"event_type": kind, "data": None}}).encode()
        assert await desk.send(desk.webhooks.sign(body)) == 202
    assert await desk.tell("priority_updated") == "ignored"
    assert await desk.counted("ignored") == 5


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.startswith("incident.")])
async def test_a_foreign_incident_is_no_business_of_ours(desk: Desk, kind: str) -> None:
    name = await desk.page()
    word = kind.removeprefix("incident.")
    foreign = {"key": "d3640fbd41094207a1c11e58e46b1662", "client_url": "https://else.example/#x"}
    assert await desk.tell(word, "QFOREIGN", **foreign) in ("unmapped", "ignored")
    unknown = {"key": "0-aaaaaaaaaaaaaaaa-1:0"}
    assert await desk.tell(word, "QFOREIGN", **unknown) in ("unmapped", "ignored")
    # The right form and the right incident, and yet no alert that we ever sent.
    assert await desk.tell(word, "QFOREIGN", key=f"{name}:7:9") in ("unmapped", "ignored")
    assert (await desk.app.incident(name))["state"] == "triggered"


# What happens.


@pytest.mark.parametrize("told", ["client", "key"])
async def test_an_acknowledge_in_pagerduty(desk: Desk, told: str) -> None:
    name = await desk.app.fire()
    await until(lambda: desk.app.pagerduty.incidents and desk.app.slack.top_level("C0ALERTS"))
    page = desk.paged()
    known = {"key": page.dedup_key} if told == "key" else {"client_url": page.client_url}
    assert await desk.tell("triggered", by=INTEGRATION, **known) == "learned"
    desk.app.clock.move(60)
    assert await desk.tell("acknowledged") == "applied"
    found = await desk.app.incident(name)
    assert found["state"] == "acknowledged"
    assert found["acknowledged_by"] == {
        "name": "Tenex Engineer",
        "via": "pagerduty",
        "id": "PLH1HKV",
        "human": True,
    }
    message = desk.app.slack.top_level("C0ALERTS")[-1]
    await until(lambda: "acknowledged" in desk.app.slack.message(message.ts).text)
    assert await desk.acknowledged("human") == 1
    assert await desk.acknowledged("automatic") == 0
    # PagerDuty knows: nothing is sent back.
    await desk.rest()
    assert desk.actions() == ["trigger"]
    await desk.app.fire(alert(resolved=True))
    await desk.rest()
    assert "resolve" in desk.actions()


async def test_automation_is_no_person(desk: Desk) -> None:
    name = await desk.page()
    assert await desk.tell("acknowledged", by=SERVICE) == "applied"
    found = await desk.app.incident(name)
    assert (found["acknowledged_by"]["name"], found["acknowledged_by"]["human"]) == (
        "API Service",
        False,
    )
    assert found["timeline"][-1]["text"] == "Acknowledged by API Service (automatic)"
    assert await desk.acknowledged("human") == 0
    assert await desk.acknowledged("automatic") == 1


async def test_our_own_doing_comes_back_and_changes_nothing(desk: Desk) -> None:
    name = await desk.page()
    await desk.app.post({"by": "api"}, f"/v1/incidents/{name}/acknowledge")
    desk.move(SETTLE)
    await until(lambda: desk.paged().status == "acknowledged")
    before = await desk.app.incident(name)
    assert await desk.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await desk.app.incident(name))["version"] == before["version"]
    await desk.app.fire(alert(resolved=True))
    desk.move(SETTLE)
    await until(lambda: desk.paged().status == "resolved")
    assert await desk.tell("resolved", by=INTEGRATION) == "echo"
    # It comes late, when we have gone further.
    assert await desk.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await desk.app.incident(name))["resolved_by"]["via"] == "automatic"
    assert await desk.counted("echo") == 3


async def test_our_acknowledge_of_one_answers_for_no_other(desk: Desk) -> None:
    """PagerDuty has grouped two of our incidents, and acknowledges both when we do one."""
    first = await desk.page(group="a")
    second = await desk.page(alert(labels={"service": "cart"}), group="b")
    await desk.app.post({"by": "api"}, f"/v1/incidents/{first}/acknowledge")
    desk.move(SETTLE)
    await until(lambda: "acknowledge" in desk.actions())
    assert await desk.tell("acknowledged", by=INTEGRATION) == "echo"
    assert (await desk.app.incident(second))["state"] == "triggered"


async def test_given_back_in_pagerduty(desk: Desk) -> None:
    name = await desk.page()
    assert await desk.tell("acknowledged") == "applied"
    # Its acknowledge timed out: nobody did that.
    assert await desk.tell("unacknowledged", by=SERVICE) == "applied"
    found = await desk.app.incident(name)
    assert found["state"] == "triggered"
    assert found["acknowledged_by"] is None
    assert len(desk.app.pagerduty.incidents) == 1, "PagerDuty rings by itself"
    # Whoever takes it now takes it in PagerDuty too.
    await desk.app.post({"by": "api"}, f"/v1/incidents/{name}/acknowledge")
    desk.move(SETTLE)
    await until(lambda: desk.paged().status == "acknowledged")
    assert await desk.tell("unacknowledged") == "applied"
    assert await desk.tell("unacknowledged") == "unchanged"


async def test_resolved_in_pagerduty(desk: Desk) -> None:
    name = await desk.page()
    assert await desk.tell("resolved") == "applied"
    found = await desk.app.incident(name)
    assert found["state"] == "resolved"
    assert found["resolved_by"]["via"] == "pagerduty"
    await desk.rest()
    assert desk.actions() == ["trigger"]
    assert await desk.tell("resolved") == "unchanged"


async def test_reopened_in_pagerduty_and_ended_here(desk: Desk) -> None:
    name = await desk.page()
    await desk.tell("resolved")
    assert await desk.tell("reopened") == "applied"
    found = await desk.app.incident(name)
    assert (found["state"], found["episode"]) == ("triggered", 1)
    await desk.rest()
    assert desk.actions() == ["trigger"], "it is open there, and rings there"
    assert await desk.tell("acknowledged") == "applied"
    assert (await desk.app.incident(name))["state"] == "acknowledged"
    await desk.app.post({"by": "api"}, f"/v1/incidents/{name}/resolve")
    desk.move(SETTLE)
    await until(lambda: "resolve" in desk.actions())
    assert desk.app.pagerduty.events[-1].dedup_key == f"{name}:0"


async def test_an_old_episode_is_over(desk: Desk) -> None:
    name = await desk.page(pd="QOLD")
    await desk.app.fire(alert(resolved=True))
    await desk.page(alert(starts=LATER), pd="QNEW")
    assert await desk.tell("resolved", "QOLD") == "unchanged"
    assert await desk.tell("acknowledged", "QOLD") == "unchanged"
    assert (await desk.app.incident(name))["state"] == "triggered"
    assert await desk.tell("acknowledged", "QNEW") == "applied"


async def test_escalated_and_reassigned_in_pagerduty(desk: Desk) -> None:
    name = await desk.page()
    await until(lambda: desk.app.slack.messages)
    assert await desk.tell("escalated", assignees=("User 2",)) == "applied"
    assert await desk.tell("reassigned", assignees=("User 3", "User 4")) == "applied"
    assert await desk.tell("delegated", assignees=()) == "applied"
    found = await desk.app.incident(name)
    texts = [entry["text"] for entry in found["timeline"] if entry["via"] == "pagerduty"]
    assert texts == [
        "Escalated by Tenex Engineer: in PagerDuty, to User 2",
        "Assigned to User 3, User 4 by Tenex Engineer",
        "Assigned to Default by Tenex Engineer",
    ]
    assert found["state"] == "triggered"
    assert len(desk.app.pagerduty.incidents) == 1


async def test_a_note_and_a_status_update(desk: Desk) -> None:
    name = await desk.page()
    text = "<!channel> it is the *disk*"
    assert await desk.tell("annotated", text=text) == "applied"
    assert await desk.tell("status_update_published", text="mended") == "applied"
    assert await desk.tell("annotated", text=" ") == "ignored"
    found = await desk.app.incident(name)
    notes = [entry for entry in found["timeline"] if entry["kind"] == "note"]
    assert [note["text"] for note in notes] == [text, "mended"]
    assert notes[0]["by"] == "Tenex Engineer"
    await desk.rest()
    assert not any(
        "channel" in ping for message in desk.app.slack.messages for ping in message.pings
    )


async def test_one_incident_there_may_hold_several_of_ours(desk: Desk) -> None:
    first = await desk.page(group="a")
    second = await desk.page(alert(labels={"service": "cart"}), group="b")
    assert first != second
    assert await desk.tell("acknowledged") == "applied"
    for name in (first, second):
        assert (await desk.app.incident(name))["state"] == "acknowledged"


async def test_a_merge_there_is_no_end_here(desk: Desk) -> None:
    first = await desk.page(group="a", pd="QFIRST")
    second = await desk.page(alert(labels={"service": "cart"}), group="b", pd="QSECOND")
    assert await desk.tell("resolved", "QSECOND", merged_into="QFIRST") == "learned"
    assert (await desk.app.incident(second))["state"] == "triggered"
    assert await desk.tell("resolved", "QFIRST") == "applied"
    for name in (first, second):
        assert (await desk.app.incident(name))["state"] == "resolved"


async def test_two_services_with_the_same_page_are_told_apart(tmp_path: Path, fakes: Any) -> None:
    keys = {"one": "A" * 32, "two": "B" * 32}
    fakes[1].routing_keys.update(keys.values())
    app = App(tmp_path, *fakes)
    await app.start(
        pagerduty__webhook_secret=SECRET,
        notifiers={name: {"type": "pagerduty", "routing_key": key} for name, key in keys.items()},
        escalations={"urgent": {"steps": [{"notify": list(keys)}]}},
    )
    desk = Desk(app)
    name = await app.fire()
    await until(lambda: len(app.pagerduty.incidents) == 2)
    for page in app.pagerduty.incidents:
        told = {"by": INTEGRATION, "client_url": page.client_url}
        assert await desk.tell("triggered", f"Q{page.routing_key[:3]}", **told) == "learned"
    assert await desk.tell("acknowledged", "QBBB") == "applied"
    await desk.rest()
    # The other service has to be told, and this one has not.
    events = [event for event in app.pagerduty.events if event.method == "acknowledge"]
    assert {event.routing_key for event in events} == {keys["one"]}
    await until(lambda: app.pagerduty.incidents[0].status != app.pagerduty.incidents[1].status)
    assert await desk.tell("unacknowledged", "QBBB", by=SERVICE) == "applied"
    await until(lambda: len(app.pagerduty.incidents) == 3)
    assert app.pagerduty.incidents[2].routing_key == keys["one"], "the other one rang by itself"
    assert (await app.incident(name))["state"] == "triggered"
    await app.stop()


# Once.


async def test_copies_count_once(desk: Desk) -> None:
    name = await desk.page()
    webhook = desk.webhooks.make("incident.annotated", PD, text="once")
    await deliver(desk.app.session, desk.app.url + PATH, webhook, copies=5)
    assert await desk.send(webhook) == 202
    found = await desk.app.incident(name)
    assert [entry["text"] for entry in found["timeline"]].count("once") == 1
    assert await desk.counted("applied") == 1
    assert await desk.counted("duplicate") == 5


async def test_copies_at_two_replicas_count_once(desk: Desk, tmp_path: Path, fakes: Any) -> None:
    name = await desk.page()
    embedded = desk.app.service._embedded
    assert embedded is not None
    other = App(tmp_path / "other", *fakes)
    await other.start(pagerduty__webhook_secret=SECRET, redis__url=embedded.url)
    webhook = desk.webhooks.make("incident.annotated", PD, text="once")
    places = [desk.app.url, other.url] * 3
    sent = [deliver(desk.app.session, place + PATH, webhook) for place in places]
    assert await asyncio.gather(*sent) == [[202]] * len(places)
    found = await desk.app.incident(name)
    assert [entry["text"] for entry in found["timeline"]].count("once") == 1
    await other.stop()


async def test_a_copy_counts_as_one_days_later(desk: Desk) -> None:
    name = await desk.page()
    late = desk.webhooks.make("incident.acknowledged", PD)
    await desk.send(late)
    await desk.tell("unacknowledged")
    desk.app.clock.move(47 * 3600)
    assert await desk.send(late) == 202
    desk.app.clock.move(26 * 3600)
    assert await desk.send(late) == 202
    assert await desk.counted("duplicate") == 1
    assert await desk.counted("ignored") == 1
    assert (await desk.app.incident(name))["state"] == "triggered"


async def test_nothing_is_lost_while_redis_is_down(desk: Desk) -> None:
    name = await desk.page()
    redis = desk.app.service._embedded
    assert redis is not None
    await redis.stop()
    webhook = desk.webhooks.make("incident.acknowledged", PD)
    assert await desk.send(webhook) == 503
    assert await desk.counted("unavailable") == 1
    await redis.start()
    assert await desk.send(webhook, attempts=30) == 202
    assert (await desk.app.incident(name))["state"] == "acknowledged"


# What only the REST API knows.


async def test_what_was_grouped_is_asked_for(asking: Desk, rest: FakePagerDutyRest) -> None:
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
    asking: Desk, rest: FakePagerDutyRest, fault: str
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


async def test_what_is_known_needs_no_answer(asking: Desk, rest: FakePagerDutyRest) -> None:
    name = await asking.page()
    rest.faults.add("500", times=None)
    assert await asking.tell("acknowledged") == "applied"
    assert (await asking.app.incident(name))["state"] == "acknowledged"


async def test_a_foreign_incident_is_asked_about_once(
    asking: Desk, rest: FakePagerDutyRest
) -> None:
    rest.alerts["QFOREIGN"] = ["somebody-elses"]
    for kind in ("triggered", "acknowledged", "resolved"):
        assert await asking.tell(kind, "QFOREIGN") == "unmapped"
    assert rest.paths() == ["/incidents/QFOREIGN/alerts"]
    assert await asking.tell("acknowledged", "QUNKNOWN") == "unmapped"


async def test_a_wrong_token_costs_the_lookup_alone(asking: Desk, rest: FakePagerDutyRest) -> None:
    rest.token = "another"
    assert await asking.tell("acknowledged", "QFOREIGN") == "unmapped"
