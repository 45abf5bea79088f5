"""Everything people do in Slack, over HTTP and over Socket Mode: the same code answers both."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.slack.interactions import workspace
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.fakes.slack_blocks import check_blocks
from tests.support.fakes.slack_text import links, mentions
from tests.support.notification import alert
from tests.support.slack_transport import TRANSPORTS, settings_for
from tests.support.slack_work import CHANNEL, Work
from tests.support.waiting import until

HOUR = 3600


@pytest.fixture(params=TRANSPORTS)
async def work(
    request: Any, tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> AsyncIterator[Work]:
    app = App(tmp_path, *fakes)
    await app.start(**settings_for(request.param))
    yield Work(app, request.param)
    assert fakes[0].views.pings == []
    await app.stop()


def entries(found: Any, kind: str) -> list[Any]:
    return [entry for entry in found["timeline"] if entry["kind"] == kind]


async def test_acknowledge_resolve_and_reopen(work: Work) -> None:
    await work.fire()
    await work.press("acknowledge")
    found = await work.now()
    assert (found["state"], found["acknowledged_by"]["id"]) == ("acknowledged", "U1")
    await work.press("resolve")
    found = await work.now()
    assert (found["state"], found["resolved_by"]["name"]) == ("resolved", "alice")
    await until(lambda: "RESOLVED" in str(work.message.blocks))
    assert len(work.message.blocks) == 3
    await work.press("menu", "reopen")
    assert (await work.now())["state"] == "triggered"


async def test_escalate_pages_the_next_step_and_mentions(work: Work) -> None:
    await work.fire()
    await work.press("escalate")
    assert (await work.now())["escalation_step"] == 2
    replies = await until(lambda: work.app.slack.replies(work.message.ts))
    assert "!here" in str(replies[0].pings)


@pytest.mark.parametrize("option", ["snooze_hour", "snooze_morning"])
async def test_snooze_from_the_menu(work: Work, option: str) -> None:
    await work.fire()
    await work.press("menu", option)
    found = await work.now()
    assert (found["state"], bool(found["snoozed_until"])) == ("snoozed", True)


async def test_snooze_until_a_time_and_not_into_the_past(work: Work) -> None:
    await work.fire()
    await work.more("snooze")
    now = work.app.clock.now() // 1000
    answer = await work.submit(until=now - HOUR)
    assert "future" in answer["errors"]["until"]
    await work.submit(until=now + 2 * HOUR)
    assert (await work.now())["state"] == "snoozed"


async def test_assign_tells_the_one_in_the_thread(work: Work) -> None:
    await work.fire()
    await work.press("menu", "assign")
    await work.submit(to="U2")
    found = await work.now()
    assert found["assigned_to"] == {"name": "bob", "via": "slack", "id": "U2"}
    replies = await until(lambda: work.app.slack.replies(work.message.ts))
    assert replies[0].pings == ["<@U2>"]


async def test_a_note_is_in_the_timeline_and_the_thread(work: Work) -> None:
    await work.fire()
    await work.press("menu", "note")
    await work.submit(text="restarted the <!channel> pod\nno change")
    (entry,) = entries(await work.now(), "note")
    assert (entry["by"], entry["text"]) == ("alice", "restarted the <!channel> pod\nno change")
    replies = await until(lambda: work.app.slack.replies(work.message.ts))
    assert replies[0].pings == []


async def test_change_priority_with_a_reason(work: Work) -> None:
    await work.fire()
    await work.more("priority")
    await work.submit(priority="P3", reason="only the test shop")
    found = await work.now()
    assert found["priority"] == "P3"
    assert found["priority_reason"] == "set by alice: only the test shop"
    await until(lambda: "P3" in work.message.text)


async def test_resolve_with_cause(work: Work) -> None:
    await work.fire()
    await work.more("resolve_cause")
    await work.submit(cause="full disk")
    found = await work.now()
    assert found["state"] == "resolved"
    assert "full disk" in entries(found, "resolved")[0]["text"]


async def test_merge_into_another_open_incident(work: Work) -> None:
    await work.fire(alert("Other"), group="other")
    other = work.incident
    await work.fire()
    await work.more("merge")
    await work.submit(into=other)
    assert (await work.now())["merged_into"] == other


async def test_merge_alone_says_that_there_is_nothing_to_merge_into(work: Work) -> None:
    await work.fire()
    await work.more("merge")
    assert "no other open incident" in str(work.window()["blocks"])


async def test_give_back_from_the_list_of_the_rest(work: Work) -> None:
    await work.fire()
    await work.press("acknowledge")
    await work.more("unacknowledge", user="U2")
    assert (await work.now())["state"] == "triggered"
    assert "starts again" in str(work.window("U2")["blocks"])


async def test_the_review_shows_what_happened(work: Work) -> None:
    await work.fire()
    await work.press("acknowledge")
    await work.more("review")
    assert "Acknowledged by alice" in str(work.window()["blocks"])
    assert f"/incidents/{work.incident}/review" in str(work.window()["blocks"])
    assert "It is still open" in str(work.window()["blocks"])


async def test_action_items_are_added_and_ticked_off_in_slack(work: Work) -> None:
    await work.fire()
    await work.more("action_item")
    assert await work.submit(text="Rotate logs", owner="U2") == {}
    await work.press("resolve")
    await until(lambda: "RESOLVED" in str(work.message.blocks))
    await work.press("menu", "action_item")
    answer = await work.submit(text="Rotate logs", owner="U2")
    assert "an action item already" in str(answer["view"])
    await work.press("menu", "action_item")
    assert await work.submit(text="Alert earlier") == {}
    await work.press("menu", "review")
    assert "1: Rotate logs  (bob)" in str(work.window()["blocks"])
    client = work.app.slack.client()
    await work.way.send(client.press_in(client.window, "action_item_done"))
    assert "☑️ 1: Rotate logs" in str(work.window()["blocks"])
    found = (await work.now())["action_items"]
    assert [(item["text"], item["owner"], item["done_by"]) for item in found] == [
        ("Rotate logs", "bob", "alice"),
        ("Alert earlier", None, None),
    ]
    # The thread is told of each once.
    replies = work.app.slack.replies
    await until(lambda: "Alert earlier" in str([r.text for r in replies(work.message.ts)]))


async def test_silence_without_an_alertmanager_says_how_to_configure_one(work: Work) -> None:
    await work.fire()
    await work.more("silence")
    answer = await work.submit()
    assert "alertmanagers" in answer["errors"]["matchers"]
    answer = await work.submit(matchers='alertname="x')
    assert "expected a value" in answer["errors"]["matchers"]


async def test_what_changed_since_is_said_in_the_window(work: Work) -> None:
    await work.fire()
    await work.press("menu", "note")
    await work.app.fire(alert(resolved=True))
    await work.app.fire(alert(starts="2026-03-02T12:00:00Z"))
    answer = await work.submit(text="late")
    assert "fired again since" in str(answer["view"])
    assert entries(await work.now(), "note") == []


async def test_a_window_that_slack_does_not_show_in_time_is_said(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await work.fire()
    monkeypatch.setattr(workspace, "OPEN_WITHIN_S", 0.2)
    work.app.slack.faults.add("hang", method="views.open", seconds=1.0)
    await work.press("menu", "note")
    assert "Slack took too long to open the window: try again." in await work.whispered()
    assert "views_open: no answer in 0.2 s" in caplog.text
    monkeypatch.undo()
    await work.press("menu", "note")
    await work.submit(text="at the second try")
    assert len(entries(await work.now(), "note")) == 1


async def test_two_people_click_within_the_same_second(work: Work) -> None:
    await work.fire()
    await asyncio.gather(*[work.press("acknowledge", user=f"U{n}") for n in range(1, 4)])
    found = await work.now()
    assert len(entries(found, "acknowledged")) == 1
    assert f"Already acknowledged by {found['acknowledged_by']['name']}" in await work.whispered(2)


async def test_a_form_that_is_sent_twice_counts_once(work: Work) -> None:
    await work.fire()
    await work.press("menu", "note")
    sent = work.app.slack.client().submit(text="once")
    await work.way.send(sent)
    work.app.slack.views.open_views[sent[1]["view"]["id"]] = sent[1]["view"]
    await work.way.send(sent)
    assert len(entries(await work.now(), "note")) == 1


async def test_the_command_lists_shows_and_acts(work: Work) -> None:
    assert "No open incidents" in await work.command("list")
    await work.fire()
    listed = await work.command("list")
    digest = work.incident.split("-")[1]
    assert digest[:4] in listed
    assert "P1" in listed
    assert work.incident in await work.command(f"show {digest[:4]}")
    assert "Acknowledged" in await work.command(f"ack {digest[:6]}")
    assert (await work.now())["acknowledged_by"]["id"] == "U1"
    await work.command("note looking into <it>")
    assert entries(await work.now(), "note")[0]["text"] == "looking into <it>"
    assert "Snoozed" in await work.command(f"snooze {digest[:4]} 1h")
    assert "Resolved" in await work.command(f"resolve {work.incident} full disk")
    found = await work.now()
    assert "full disk" in entries(found, "resolved")[0]["text"]
    assert "Already resolved" in await work.command(f"resolve {work.incident}")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "No open incidents"),
        ("dance", "I do not know"),
        ("help", "/incident ack ID"),
        ("list P9", "no priority"),
        ("ack", "no open incident"),
        ("open", "What is wrong?"),
        ("who", "not known here"),
        ("show 0-aaaaaaaaaaaaaaaa-1", "not known any more"),
    ],
)
async def test_the_command_answers_what_it_does_not_understand(
    work: Work, typed: str, said: str
) -> None:
    assert said in await work.command(typed)


async def test_the_command_asks_which_incident_is_meant(work: Work) -> None:
    await work.fire(alert("One"), group="one")
    await work.fire(alert("Two"), group="two")
    said = await work.command("ack")
    assert "Which one?" in said
    assert "One" in said
    assert "Two" in said
    assert "For how long?" in await work.command(f"snooze {work.incident}")
    assert "for:" in await work.command(f"snooze {work.incident} soon")


async def test_an_incident_opened_by_hand_pages_and_only_people_end_it(work: Work) -> None:
    said = await work.command("open p2 The shop is <slow>")
    assert "Opened" in said
    (found,) = (await work.app.get("/v1/incidents"))[1]["incidents"]
    assert (found["priority"], found["title"]) == ("P2", "The shop is <slow>")
    assert (found["kind"], found["opened_by"]["id"]) == ("manual", "U1")
    await until(lambda: work.app.pagerduty.incidents)
    assert "Resolved" in await work.command("resolve it was me")
    work.incident = found["id"]
    assert (await work.now())["state"] == "resolved"


async def test_a_message_becomes_an_incident(work: Work) -> None:
    client = work.app.slack.client("U2")
    text = "Checkout fails for me\nHTTP 502 since noon"
    await work.way.send(client.message_shortcut("open_from_message", CHANNEL, "1.000200", text))
    await work.submit("U2", priority="P1")
    (found,) = (await work.app.get("/v1/incidents"))[1]["incidents"]
    assert (found["title"], found["priority"]) == ("Checkout fails for me", "P1")
    details = (await work.app.incident(found["id"]))["alerts"][0]["annotations"]["description"]
    assert "HTTP 502" in details
    assert "https://fake.slack.com/archives/C0ALERTS/p1000200" in details
    assert found["id"] in str(work.window("U2")["blocks"])


async def test_the_global_shortcut_opens_the_form_and_a_title_is_needed(work: Work) -> None:
    await work.way.send(work.app.slack.client().shortcut("open_incident"))
    answer = await work.submit(title="  ")
    assert "missing" in answer["errors"]["title"]
    await work.submit(title="Disk full")
    assert (await work.app.get("/v1/incidents"))[1]["incidents"][0]["priority"] == "P3"


async def test_the_home_shows_what_is_on_me_and_takes_presses(work: Work) -> None:
    await work.fire(alert("Mine"), group="mine")
    await work.press("acknowledge")
    await work.fire(alert("Free"), group="free")
    client, slack = work.app.slack.client(), work.app.slack
    await work.way.send(client.open_home())
    await until(lambda: "U1" in slack.views.homes)
    shown = str(slack.views.homes["U1"]["blocks"])
    assert shown.index("On you") < shown.index("Mine") < shown.index("Waiting for somebody")
    assert shown.index("Waiting for somebody") < shown.index("Free") < shown.index("MTTA")
    await work.way.send(client.press_in(slack.views.homes["U1"], "acknowledge"))
    assert (await work.now())["acknowledged_by"]["id"] == "U1"
    await until(lambda: "Nothing waits" in str(slack.views.homes["U1"]["blocks"]))


async def test_link_buttons_and_unknown_ones_are_only_acknowledged(work: Work) -> None:
    await work.fire(alert(annotations={"runbook_url": "https://wiki.example/x"}))
    before = (await work.now())["timeline"]
    await work.press("open_runbook")
    assert (await work.now())["timeline"] == before


HOSTILE = (
    "<!channel> <!here> <@U2> <!subteam^S1> <#C1> <https://evil.example|runbook> @here "
    "`*_~ &amp; &lt;!everyone&gt; \x00\x1b[31m\u202egnp.exe \ud83d\ude00\ud800 :tada: "
    "https://x.example "
)


async def test_hostile_text_pings_nobody_and_breaks_nothing_anywhere(work: Work) -> None:
    labels = {"alertname": HOSTILE, "service": HOSTILE, HOSTILE: HOSTILE, "instance": "x" * 100_000}
    notes = {"summary": HOSTILE * 200, "description": "y" * 1_000_000, "runbook_url": HOSTILE}
    await work.fire(alert(labels=labels, annotations=notes))
    for option in ("note", "assign", "more"):
        await work.press("menu", option)
    await work.press("menu", "note")
    await work.submit(text="see <!channel> `x` & <https://evil.example|this>")
    await work.more("silence")
    await work.more("priority")
    await work.submit(priority="P3", reason="<!here> \u202e reversed")
    await work.more("review")
    await work.press("escalate")
    for typed in ("list", "show", "ack", "note <!channel>", "<!channel>", "who"):
        answer = await work.way.send(work.app.slack.client().command(typed))
        assert check_blocks(answer["blocks"]) == []
        assert mentions(answer["text"], answer["blocks"]) == []
        assert not [link for link in links(answer["text"], answer["blocks"]) if "evil" in link]
    await work.way.send(work.app.slack.client().open_home())
    await until(lambda: work.app.slack.views.homes)
    await until(lambda: len(work.app.slack.replies(work.message.ts)) >= 1)
    for message in work.app.slack.messages:
        assert set(message.pings) <= {"<!here>"}
        assert message.pings == [] or message.is_reply
        assert not [link for link in message.links if "evil" in link]
    outcomes = {call.outcome for call in work.app.slack.calls}
    assert outcomes == {"ok"}


@pytest.mark.parametrize("verb", ["resolve", "ack", "note", "show", "snooze"])
async def test_the_name_of_what_is_over_means_no_other(work: Work, verb: str) -> None:
    await work.fire(alert("Over"), group="over")
    over = work.incident
    await work.command(f"resolve {over}")
    await work.fire(alert("Open"), group="open")
    for name in (over.split("-")[1], f"`{over.split('-')[1][:8]}`", over[:-4], "0000", "#12ab"):
        said = await work.command(f"{verb} {name} 1h")
        assert "No open incident is named" in said
        assert "Open" in said, "it says which there are"
    found = await work.now()
    assert (found["state"], entries(found, "note")) == ("triggered", [])


async def test_words_after_a_command_are_no_names(work: Work) -> None:
    await work.fire()
    await work.command("note added a node, dead beef")
    assert entries(await work.now(), "note")[0]["text"] == "added a node, dead beef"
    assert "No open incident is named `5000`" in await work.command("note 5000 errors a minute")
    assert "No open incident is named `everything`" in await work.command("ack everything")
    assert "Acknowledged" in await work.command("ack")
    assert "Resolved" in await work.command("resolve faded away")
    assert "There is no open incident" in await work.command("ack 12ab")
