"""Slack, through the whole service: one message, buttons, pages, the thread, and every fault."""

import asyncio
from typing import Any

import pytest

from tests.support.app import App
from tests.support.notification import alert
from tests.support.waiting import until

CHANNEL = "C0ALERTS"


def _move(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


def _text(message: Any) -> str:
    return f"{message.text} {message.blocks}"


async def _posted(app: App) -> Any:
    return await until(lambda: app.slack.top_level(CHANNEL) and app.slack.top_level(CHANNEL)[0])


async def test_one_message_says_what_a_woken_person_needs(app: App) -> None:
    name = await app.fire(alert(annotations={"runbook_url": "https://wiki.example/errors"}))
    message = await _posted(app)
    shown = _text(message)
    for word in ("P1", "TRIGGERED", "HighErrorRate", "checkout", "Acknowledge by", name):
        assert word in shown
    urls = [button.get("url") for button in message.buttons().values()]
    assert "https://wiki.example/errors" in urls
    assert "http://prometheus.example/graph?g0.expr=up" in urls
    assert message.pings == []


async def test_a_click_acknowledges_everywhere_and_mtta_moves(app: App) -> None:
    name = await app.fire()
    message = await _posted(app)
    await until(lambda: app.pagerduty.incidents)
    assert await app.click("acknowledge", "U42") == 200
    found = await app.incident(name)
    assert found["state"] == "acknowledged"
    assert found["acknowledged_by"]["id"] == "U42"
    assert found["deadlines"]["acknowledge"]["met_at"]
    await until(lambda: "ACKNOWLEDGED" in _text(message))
    assert "Acknowledged by" in _text(message)
    _move(app, 6)
    await until(lambda: app.pagerduty.incidents[0].status == "acknowledged")
    series = (
        'incident_acknowledge_duration_seconds_count{by="human",priority="P1",'
        'severity="critical",team="",type="alert"}'
    )
    assert await app.metric(series) == 1
    await app.fire(alert(resolved=True))
    await until(lambda: "RESOLVED" in _text(message))
    assert [button for button in message.buttons().values() if "value" in button] == []
    _move(app, 6)
    await until(lambda: app.pagerduty.incidents[0].status == "resolved")
    assert len(app.slack.top_level(CHANNEL)) == 1
    assert len(app.pagerduty.incidents) == 1


async def test_resolve_by_click_quiets_what_fires_until_it_changes(app: App) -> None:
    name = await app.fire()
    await _posted(app)
    assert await app.click("resolve") == 200
    found = await app.incident(name)
    assert found["state"] == "resolved"
    assert found["resolved_by"]["via"] == "slack"
    assert found["alerts"][0]["suppressed"]
    await app.fire()
    assert (await app.incident(name))["state"] == "resolved"
    await app.fire(alert(starts="2026-03-02T12:30:00Z"))
    assert (await app.incident(name))["state"] == "triggered"


@pytest.mark.parametrize("way", ["signature", "old", "future"])
async def test_a_click_that_slack_did_not_sign_now_is_refused(app: App, way: str) -> None:
    name = await app.fire()
    await _posted(app)
    message = app.slack.top_level(CHANNEL)[0]
    now = int(app.clock.now() / 1000)
    moment = {"signature": now, "old": now - 301, "future": now + 301}[way]
    body, headers = app.slack.click(
        message, "acknowledge", timestamp=moment, bad_signature=way == "signature"
    )
    status, _ = await app.post(body, "/v1/slack/actions", headers=headers)
    assert status == 401
    assert (await app.incident(name))["state"] == "triggered"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=é"},
    ],
)
async def test_strangers_get_401_and_never_a_stack_trace(app: App, headers: Any) -> None:
    for body in (b"", b"payload=7", b"\xff\xfe", b"payload=" + b"[" * 5000):
        status, answer = await app.post(body, "/v1/slack/actions", headers=headers)
        assert status == 401
        assert "Traceback" not in str(answer)


async def test_a_replayed_click_changes_nothing(app: App) -> None:
    name = await app.fire()
    await _posted(app)
    message = app.slack.top_level(CHANNEL)[0]
    now = int(app.clock.now() / 1000)
    body, headers = app.slack.click(message, "acknowledge", timestamp=now)
    for _ in range(3):
        status, _ = await app.post(body, "/v1/slack/actions", headers=headers)
        assert status == 200
    kinds = [entry["kind"] for entry in (await app.incident(name))["timeline"]]
    assert kinds.count("acknowledged") == 1


async def test_concurrent_clicks_make_one_acknowledgement(app: App) -> None:
    name = await app.fire()
    await _posted(app)
    statuses = await asyncio.gather(*[app.click("acknowledge", f"U{n}") for n in range(8)])
    assert set(statuses) == {200}
    kinds = [entry["kind"] for entry in (await app.incident(name))["timeline"]]
    assert kinds.count("acknowledged") == 1
    await until(lambda: len(app.slack.responses) == 7)


async def test_a_click_on_an_older_episode_says_so(app: App) -> None:
    name = await app.fire()
    message = await _posted(app)
    await app.fire(alert(resolved=True))
    await app.fire(alert(starts="2026-03-02T12:00:00Z"))
    await until(lambda: message.updates)
    body, headers = app.slack.click(
        message, "acknowledge", version=0, timestamp=int(app.clock.now() / 1000)
    )
    assert (await app.post(body, "/v1/slack/actions", headers=headers))[0] == 200
    assert (await app.incident(name))["state"] == "triggered"
    await until(lambda: app.slack.responses)


async def _delivered(app: App, name: str) -> bool:
    return all(one["state"] == "delivered" for one in (await app.incident(name))["deliveries"])


async def test_the_deadline_passing_notifies_the_next_step_and_the_thread(app: App) -> None:
    name = await app.fire()
    message = await _posted(app)
    # Both have the page, and it is stored: what is late is the answer alone.
    await until(lambda: _delivered(app, name))
    _move(app, 301)
    replies = await until(lambda: app.slack.replies(message.ts))
    assert replies[0].reply_broadcast
    assert replies[0].pings == ["<!here>"]
    assert "not acknowledged in time" in replies[0].text
    found = await app.incident(name)
    assert found["deadlines"]["acknowledge"]["missed_at"]
    assert found["escalation_step"] == 2
    labels = 'by="nobody",clock="acknowledge",outcome="missed",priority="P1"'
    missed = f"incident_deadlines_total{{{labels}}}"
    assert await app.metric(missed) == 1
    escalated = 'incident_escalations_total{priority="P1",reason="deadline",step="2"}'
    assert await app.metric(escalated) == 1
    assert len(app.pagerduty.incidents) == 1


async def test_an_acknowledged_incident_does_not_escalate(app: App) -> None:
    await app.fire()
    message = await _posted(app)
    await app.click("acknowledge")
    await app.pass_time(1500)
    assert not any(reply.reply_broadcast for reply in app.slack.replies(message.ts))
    met = 'incident_deadlines_total{by="human",clock="acknowledge",outcome="met",priority="P1"}'
    assert await app.metric(met) == 1


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("429", {"retry_after": "1.5"}),
        ("429", {"retry_after": "soon"}),
        ("500", {}),
        ("503", {}),
        ("html", {}),
        ("reset_before", {}),
        ("reset_after", {}),
        ("error:fatal_error", {}),
        ("error:ratelimited", {}),
    ],
)
async def test_a_passing_fault_gives_one_message(app: App, fault: str, more: Any) -> None:
    app.slack.faults.add(fault, times=2, method="chat.postMessage", **more)
    name = await app.fire()

    async def delivered() -> bool:
        deliveries = (await app.incident(name))["deliveries"]
        return all(item["state"] == "delivered" for item in deliveries)

    await app.pass_until(delivered, 10)
    assert len(app.slack.top_level(CHANNEL)) == 1


async def test_a_refused_layout_falls_back_to_plain_text(app: App) -> None:
    app.slack.faults.add("error:invalid_blocks", times=1, method="chat.postMessage")
    await app.fire()
    message = await _posted(app)
    assert "HighErrorRate" in message.text
    assert not message.blocks


@pytest.mark.parametrize("error", ["invalid_auth", "channel_not_found", "is_archived"])
async def test_a_permanent_failure_moves_the_page_on_at_once(app: App, error: str) -> None:
    app.slack.faults.add(f"error:{error}", times=None)
    name = await app.fire()

    async def failed() -> bool:
        found = await app.incident(name)
        return {item["notifier"]: item["state"] for item in found["deliveries"]} == {
            "slack": "failed",
            "pagerduty": "delivered",
        }

    await until(failed)
    found = await app.incident(name)
    assert any(error in entry["text"] for entry in found["timeline"])
    assert found["escalation_step"] == 2


async def test_a_message_deleted_by_hand_is_posted_again_while_open(app: App) -> None:
    await app.fire()
    await _posted(app)
    app.slack.faults.add("error:message_not_found", times=1, method="chat.update")
    await app.click("acknowledge")
    await until(lambda: len(app.slack.top_level(CHANNEL)) == 2)


async def test_hostile_labels_neither_ping_nor_break(app: App) -> None:
    nasty = "<!channel> <@U123> <https://evil.example|runbook> *`_~ \u202e\x00 & " + "A" * 5000
    await app.fire(
        alert(labels={"service": nasty, "instance": nasty}, annotations={"summary": nasty})
    )
    message = await _posted(app)
    assert message.mentions == []
    assert not any("evil" in link for link in message.links)
    assert not message.pings


async def test_only_those_on_the_list_may_acknowledge(tmp_path: Any, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    await app.start(permissions={"default": {"users": ["U0000042"]}})
    try:
        name = await app.fire()
        await _posted(app)
        assert await app.click("acknowledge", "U0000007") == 200
        assert (await app.incident(name))["state"] == "triggered"
        await until(lambda: app.slack.responses)
        await app.click("acknowledge", "U0000042")
        assert (await app.incident(name))["state"] == "acknowledged"
    finally:
        await app.stop()
