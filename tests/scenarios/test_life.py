"""What people do to an incident over the API, from the webhook to the pages and the figures."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.app import App
from tests.support.notification import alert, notification
from tests.support.waiting import until

MINUTE = 60


async def act(app: App, incident: str, action: str, **body: Any) -> Any:
    status, answer = await app.post(body, f"/v1/incidents/{incident}/{action}")
    assert status == 200, answer
    return answer["result"]


def pass_time(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


def kinds(shown: Any) -> list[str]:
    return [entry["kind"] for entry in shown["timeline"]]


async def test_acknowledging_starts_the_resolve_clock_and_missing_it_pages_on(app: App) -> None:
    incident = await app.fire()
    await until(lambda: len(app.slack.top_level("C0ALERTS")) == 1)
    assert await act(app, incident, "acknowledge", by="ann") == "acknowledged"
    shown = await app.incident(incident)
    assert set(shown["deadlines"]) == {"acknowledge", "resolve", "update"}
    pass_time(app, 31 * MINUTE)
    message = app.slack.top_level("C0ALERTS")[-1]
    replies = await until(
        lambda: [reply for reply in app.slack.replies(message.ts) if reply.reply_broadcast]
    )
    assert "not resolved in time" in replies[0].text
    missed = 'by="nobody",clock="resolve",outcome="missed",priority="P1"'
    assert await app.metric(f"incident_deadlines_total{{{missed}}}") == 1
    # Whoever is asked again answers with the same button, which counts no second time.
    assert await act(app, incident, "acknowledge", by="ann") == "acknowledged"
    assert await act(app, incident, "acknowledge", by="ann") == "already_acknowledged"
    counted = 'by="human",priority="P1",severity="critical",team="",type="alert"'
    assert await app.metric(f"incident_acknowledge_duration_seconds_count{{{counted}}}") == 1


async def test_a_snooze_stops_all_clocks_and_its_end_pages_again(app: App) -> None:
    incident = await app.fire()
    await until(lambda: len(app.pagerduty.incidents) == 1)
    assert await act(app, incident, "snooze", **{"for": "1h", "by": "ann"}) == "snoozed"
    pass_time(app, 50 * MINUTE)
    shown = await app.incident(incident)
    assert (shown["state"], set(shown["timers"])) == ("snoozed", {"snooze", "stale"})
    assert shown["deadlines"]["acknowledge"]["missed_at"] is None
    pass_time(app, 11 * MINUTE)
    await until(lambda: len(app.pagerduty.incidents) == 2)
    shown = await app.incident(incident)
    assert shown["state"] == "triggered"
    assert "acknowledge" in shown["timers"]
    assert kinds(shown)[-2:] == ["snooze_ended", "paged"]


async def test_a_person_gives_it_back_assigns_notes_escalates_resolves_and_reopens(
    app: App,
) -> None:
    incident = await app.fire()
    steps = [
        ("acknowledge", {}, "acknowledged"),
        ("unacknowledge", {}, "unacknowledged"),
        ("assign", {"to": "bob"}, "assigned"),
        ("note", {"text": "the disk is full"}, "noted"),
        ("escalate", {"reason": "stuck"}, "escalated"),
        ("resolve", {"cause": "disk"}, "resolved"),
        ("reopen", {}, "reopened"),
    ]
    for action, body, result in steps:
        assert await act(app, incident, action, by="ann", **body) == result
    shown = await app.incident(incident)
    assert (shown["state"], shown["episode"]) == ("triggered", 1)
    told = {entry["kind"]: entry for entry in shown["timeline"] if entry["by"]}
    assert {"assigned", "note", "escalated_by", "resolved", "reopened"} <= set(told)
    assert all((entry["by"], entry["via"]) == ("ann", "api") for entry in told.values())
    assert told["resolved"]["text"] == "Resolved by ann while 1 of its alerts still fire: disk"
    assert await app.metric('incident_reopened_total{priority="P1"}') == 1


async def test_merged_incidents_are_one_and_end_together(app: App) -> None:
    first = await app.fire(alert("DiskFull"), group="a")
    second = await app.fire(alert("WritesFail"), group="b")
    assert await act(app, second, "merge", into=first, by="ann") == "merged_now"
    await until(lambda: _has(app, first, "merged_in"))
    assert (await app.incident(second))["merged_into"] == first
    await app.fire(alert("DiskFull", resolved=True), group="a")
    assert (await app.incident(first))["state"] == "triggered"
    await app.fire(alert("WritesFail", resolved=True), group="b")
    await until(lambda: _is(app, first, "resolved"))
    _, text = await app.get("/metrics")
    ended = [
        row
        for row in str(text).splitlines()
        if row.startswith("incident_resolution_duration_seconds_count{") and row.endswith(" 1.0")
    ]
    assert len(ended) == 1


async def _has(app: App, incident: str, kind: str) -> bool:
    return kind in kinds(await app.incident(incident))


async def _is(app: App, incident: str, state: str) -> bool:
    return bool((await app.incident(incident))["state"] == state)


@pytest.mark.parametrize(
    ("action", "body", "place"),
    [
        ("snooze", {}, ""),
        ("snooze", {"for": "1h", "until": "working_hours"}, ""),
        ("snooze", {"for": "tomorrow"}, "for"),
        ("snooze", {"until": "2026-01-01T00:00:00"}, "until"),
        ("snooze", {"until": "2001-01-01T00:00:00Z"}, "until"),
        ("assign", {}, "to"),
        ("note", {"text": " "}, "text"),
        ("note", {"text": 5}, "text"),
        ("merge", {"into": "0-0123456789abcdef-1"}, "into"),
        ("merge", {"into": "x"}, "into"),
        ("acknowledge", {"b": 1}, ""),
        ("acknowledge", {"by": "a\nb"}, "by"),
        ("acknowledge", {"episode": "1"}, "episode"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said_with_its_place(
    plain: App, action: str, body: Any, place: str
) -> None:
    incident = await plain.fire()
    status, answer = await plain.post(body, f"/v1/incidents/{incident}/{action}")
    assert status == 400
    assert answer["place"] == place, answer
    assert (await plain.incident(incident))["version"] == 1


async def test_an_unknown_action_is_named_with_those_that_exist(plain: App) -> None:
    incident = await plain.fire()
    status, answer = await plain.post({}, f"/v1/incidents/{incident}/explode")
    assert status == 404
    assert "acknowledge" in answer["detail"]


async def test_flapping_is_said_once_and_ends_when_it_is_quiet(app: App) -> None:
    started = "2026-03-02T10:{:02}:00Z"
    incident = ""
    for turn in range(6):
        times = {"starts": started.format(turn), "ends": started.format(turn)[:-3] + "30Z"}
        incident = await app.fire(alert(**times))  # type: ignore[arg-type]
        await app.fire(alert(resolved=True, **times))
        app.clock.move(60)
    shown = await app.incident(incident)
    assert (shown["state"], shown["flapping"]) == ("triggered", True)
    assert kinds(shown).count("flapping") == 1
    assert kinds(shown).count("reopened") == 2
    pass_time(app, 11 * MINUTE)
    await until(lambda: _is(app, incident, "resolved"))
    assert await app.metric('incident_flapping_total{priority="P1"}') == 1


async def test_a_critical_that_comes_and_goes_beside_a_warning_is_held_at_p1(app: App) -> None:
    started = "2026-03-02T10:{:02}:00Z"
    low = alert(labels={"severity": "warning"}, starts=started.format(0))
    incident = ""
    for turn in range(8):
        times = {"starts": started.format(turn), "ends": started.format(turn)[:-3] + "30Z"}
        incident = await app.fire(low, alert(**times))  # type: ignore[arg-type]
        await until(lambda: len(app.slack.top_level("C0ALERTS")) == 1)
        await act(app, incident, "acknowledge", by="ann")
        await app.fire(low, alert(resolved=True, **times))
        app.clock.move(10)
    shown = await app.incident(incident)
    assert (shown["state"], shown["priority"], shown["episode"]) == ("acknowledged", "P1", 0)
    assert (shown["flapping"], shown["asked_priority"]) == (True, "P3")
    assert shown["flapping_until"] == shown["timers"]["flap"]
    assert shown["priority_reason"] == "held while flapping: severity critical"
    assert kinds(shown).count("paged") == 3
    assert len(app.pagerduty.incidents) <= 3
    (message,) = app.slack.top_level("C0ALERTS")
    await until(lambda: any("Flapping" in reply.text for reply in app.slack.replies(message.ts)))
    pass_time(app, 11 * MINUTE)
    await until(lambda: _has(app, incident, "calmed"))
    shown = await app.incident(incident)
    assert (shown["state"], shown["priority"]) == ("acknowledged", "P3")
    assert (shown["flapping"], shown["flapping_until"], shown["asked_priority"]) == (
        False,
        None,
        None,
    )


async def test_what_joins_an_acknowledged_incident_is_said_and_pages_when_it_doubles(
    app: App,
) -> None:
    names = [alert(f"Alert{number}") for number in range(4)]
    incident = await app.fire(names[0])
    await until(lambda: len(app.pagerduty.incidents) == 1)
    await until(lambda: len(app.slack.top_level("C0ALERTS")) == 1)
    (message,) = app.slack.top_level("C0ALERTS")
    await act(app, incident, "acknowledge", by="ann")
    await app.fire(*names[:2])
    replies = await until(
        lambda: [one for one in app.slack.replies(message.ts) if "1 more firing" in one.text]
    )
    assert "Alert1" in replies[0].text
    assert not replies[0].reply_broadcast
    assert len(app.pagerduty.incidents) == 1
    await app.fire(*names)
    await until(lambda: len(app.pagerduty.incidents) == 2)
    paged = await until(
        lambda: [one for one in app.slack.replies(message.ts) if one.reply_broadcast]
    )
    assert "many more alerts" in paged[0].text
    # The page itself names what joined: the thread has it once.
    assert "2 more firing: Alert" in paged[0].text
    assert "4 alerts fire now, 1 when it was last paged" in paged[0].text
    assert (await app.incident(incident))["state"] == "acknowledged"
    grown = 'priority="P1",reason="grown",step="1"'
    assert await app.metric(f"incident_escalations_total{{{grown}}}") == 1


async def test_closed_incidents_are_forgotten_and_their_figures_stay(
    app: App,
) -> None:
    incident = await app.fire()
    await act(app, incident, "acknowledge")
    await app.fire(alert(resolved=True))
    today = datetime.fromtimestamp(app.clock.now() / 1000, UTC).date()
    pass_time(app, 91 * 86_400)

    async def gone() -> bool:
        status, _ = await app.get(f"/v1/incidents/{incident}")
        return bool(status == 404)

    await until(gone)
    assert (await app.get("/v1/incidents?state=all"))[1]["incidents"] == []
    (day,) = await app.service.figures.days(today, 1)
    assert day.figures["opened", "P1"] == 1
    assert day.figures["acknowledge", "P1", "", "human"] == 1
    assert day.figures["resolve", "P1", "", "automatic"] == 1
    again = await app.fire(alert(starts="2026-03-05T00:00:00Z"))
    assert again == incident


async def test_a_silent_incident_is_marked_and_its_next_report_unmarks_it(plain: App) -> None:
    incident = await plain.fire()
    pass_time(plain, 6 * 3600)
    await until(lambda: _has(plain, incident, "stale"))
    assert (await plain.incident(incident))["stale_since"]
    status, _ = await plain.post(notification(alert()))
    assert status == 202
    assert (await plain.incident(incident))["stale_since"] is None


async def test_an_action_that_is_sent_twice_at_once_is_done_once(plain: App) -> None:
    incident = await plain.fire()
    path, headers = f"/v1/incidents/{incident}/note", {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(plain.post({"text": "on it"}, path, headers=headers) for _ in range(8))
    )
    results = sorted(answer["result"] for _, answer in answers)
    assert results == ["duplicate"] * 7 + ["noted"]
    assert kinds(await plain.incident(incident)).count("note") == 1
