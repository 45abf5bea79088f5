"""What Slack can do to a delivery: each fault has one result, and it shows where people look."""

import asyncio
from typing import Any

import pytest

from tests.support.app import App
from tests.support.notification import alert
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
REPAIRABLE = {
    "is_archived": ("channel", "unarchive the channel"),
    "channel_not_found": ("channel", "the id (C...)"),
    "not_in_channel": ("channel", "invite the app"),
    "token_revoked": ("access", "reinstall the app"),
    "invalid_auth": ("access", "set a valid slack.token"),
    "missing_scope": ("scope", "reinstall"),
}


def _later(app: App, seconds: float = 61) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


async def _slack(app: App, incident: str) -> Any:
    found = await app.incident(incident)
    return next(one for one in found["deliveries"] if one["notifier"] == "slack")


async def _failed_twice(app: App, incident: str, error: str) -> bool:
    found = await app.incident(incident)
    return sum(error in entry["text"] for entry in found["timeline"]) == 2


async def _is(app: App, incident: str, state: str) -> bool:
    return bool((await _slack(app, incident))["state"] == state)


@pytest.mark.parametrize("error", REPAIRABLE)
async def test_what_somebody_must_repair_is_said_everywhere_and_shown_once_it_is(
    app: App, error: str
) -> None:
    cause, words = REPAIRABLE[error]
    app.slack.faults.add(f"error:{error}", times=None)
    incident = await app.fire()
    await until(lambda: _is(app, incident, "failed"))
    await until(lambda: app.pagerduty.incidents)
    found = await app.incident(incident)
    # The page moves on at once, and says so once a page.
    assert found["escalation_step"] == 2
    assert words in (await _slack(app, incident))["last_error"]
    await until(lambda: _failed_twice(app, incident, error))
    _, health = await app.get("/health")
    assert health["status"] == "ok"
    assert health["notifiers"]["pagerduty"] == {"state": "ok"}
    assert health["notifiers"]["slack"]["state"] == "failing"
    assert words in health["notifiers"]["slack"]["problem"]
    series = f'notification_failures_total{{cause="{cause}",channel="slack"}}'
    assert await app.metric(series) >= 1
    assert await app.metric('incident_manager_notifier_up{channel="slack"}') == 0
    for _ in range(3):
        _later(app)
        await app.settle()
    assert app.slack.messages == []
    # Repaired: the incident is shown, and nobody is rung for what was paged elsewhere long since.
    app.slack.faults.clear()
    _later(app, 601)
    message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
    assert message.pings == []
    await until(lambda: _is(app, incident, "delivered"))
    assert (await app.get("/health"))[1]["notifiers"]["slack"] == {"state": "ok"}
    assert await app.metric('incident_manager_notifier_up{channel="slack"}') == 1
    assert len(app.pagerduty.incidents) == 1
    assert await _failed_twice(app, incident, error)


async def test_an_incident_of_slack_alone_is_not_lost_in_an_archived_channel(app: App) -> None:
    app.slack.faults.add("error:is_archived", times=None)
    incident = await app.fire(alert("Slow", labels={"severity": "warning"}))
    await until(lambda: _is(app, incident, "failed"))
    assert await app.metric('incident_undeliverable_total{priority="P3"}') == 1
    app.slack.faults.clear()
    _later(app, 601)
    await until(lambda: app.slack.top_level(CHANNEL))
    await app.fire(alert("Slow", labels={"severity": "warning"}, resolved=True))
    await until(lambda: "RESOLVED" in str(app.slack.top_level(CHANNEL)[0].blocks))


async def test_what_must_be_repaired_is_tried_now_and_then_not_all_the_time(app: App) -> None:
    app.slack.faults.add("error:token_revoked", times=None)
    incident = await app.fire()
    await until(lambda: _failed_twice(app, incident, "token_revoked"))
    await app.settle()
    tried = len(app.slack.calls)
    # One for each page of the policy, and one for what was found out meanwhile.
    assert tried <= 4
    await asyncio.sleep(1)
    assert len(app.slack.calls) == tried
    for _ in range(10):
        await app.pass_time(61)
    assert tried < len(app.slack.calls) <= tried + 10


async def test_an_update_that_was_refused_follows_when_it_is_repaired(app: App) -> None:
    incident = await app.fire()
    message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
    app.slack.faults.add("error:token_revoked", times=None)
    await app.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
    await until(lambda: any("fault:" in call.outcome for call in app.slack.calls))
    app.slack.faults.clear()
    _later(app, 601)
    await until(lambda: "ACKNOWLEDGED" in str(message.blocks))
    assert len(app.slack.top_level(CHANNEL)) == 1


async def test_what_is_over_before_it_is_repaired_is_not_posted_any_more(app: App) -> None:
    app.slack.faults.add("error:is_archived", times=None)
    incident = await app.fire()
    await until(lambda: _is(app, incident, "failed"))
    await app.fire(alert(resolved=True))
    app.slack.faults.clear()
    for _ in range(3):
        _later(app, 601)
        await app.settle()
    assert app.slack.messages == []


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long"])
async def test_a_layout_slack_refuses_becomes_plain_text_and_counts_as_delivered(
    app: App, error: str
) -> None:
    app.slack.faults.add(f"error:{error}", times=1, method="chat.postMessage")
    incident = await app.fire()
    message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
    assert "HighErrorRate" in message.text
    await until(lambda: _is(app, incident, "delivered"))


async def test_a_fractional_retry_after_is_waited_for(app: App) -> None:
    app.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="1.5")
    incident = await app.fire()
    await until(lambda: _is(app, incident, "retrying"))
    assert app.slack.messages == []
    series = 'notification_failures_total{cause="rate_limit",channel="slack"}'
    assert await app.metric(series) == 1
    _later(app, 1.6)
    await until(lambda: app.slack.top_level(CHANNEL))


async def test_a_deleted_message_is_posted_again_and_a_deleted_channel_moves_on(app: App) -> None:
    incident = await app.fire()
    await until(lambda: app.slack.top_level(CHANNEL))
    app.slack.faults.add("error:message_not_found", times=1, method="chat.update")
    await app.post({"by": "Ann", "text": "hello"}, f"/v1/incidents/{incident}/note")
    await until(lambda: len(app.slack.top_level(CHANNEL)) == 2)
    assert app.slack.top_level(CHANNEL)[1].pings == []
    assert "deleted in Slack" in str((await app.incident(incident))["timeline"])


async def test_a_channel_given_by_name_may_be_renamed_once_it_was_used(
    tmp_path: Any, fakes: Any
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**{"slack.channel": "#alerts"})
    try:
        incident = await app.fire()
        message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
        app.slack.workspace.channels[CHANNEL] = "renamed"
        await app.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
        await until(lambda: "ACKNOWLEDGED" in str(message.blocks))
        # The id learned from it also serves the look-up and the next message.
        app.slack.faults.add("reset_after", times=1, method="chat.postMessage")
        other = await app.fire(alert("Other"), group="other")
        _later(app, 5)
        await until(lambda: _is(app, other, "delivered"))
        assert len(app.slack.top_level(CHANNEL)) == 2
    finally:
        await app.stop()
