"""Who may do what in Slack; whoever may not is told so in private, and it is kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.slack_work import Work
from tests.support.waiting import until

PERMISSIONS = {
    "resolve": {"users": ["U1", "bob@example.com"]},
    "priority": {"groups": ["S0SRE"]},
    "escalate": {"channels": ["C0ALERTS"]},
    "silence": {"nobody": True},
    "open": {"channels": ["C0OTHER"]},
    "action-item": {"users": ["U1"]},
}


@pytest.fixture
async def work(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[Work]:
    slack = fakes[0]
    slack.workspace.emails["Bob@Example.com"] = "U2"
    slack.workspace.groups["S0SRE"] = ["U3"]
    app = App(tmp_path, *fakes)
    await app.start(permissions=PERMISSIONS)
    found = Work(app, "http")
    await found.fire()
    yield found
    await app.stop()


@pytest.mark.parametrize(("user", "may"), [("U1", True), ("U2", True), ("U3", False)])
async def test_by_user_id_and_by_address(work: Work, user: str, may: bool) -> None:
    await work.press("resolve", user=user)
    assert ((await work.now())["state"] == "resolved") == may
    if not may:
        said = await work.whispered()
        words = "Sorry, you may not resolve incidents here. Ask <@U1>, bob@example.com."
        assert words in said


@pytest.mark.parametrize(("user", "may"), [("U1", False), ("U3", True)])
async def test_by_user_group(work: Work, user: str, may: bool) -> None:
    await work.more("priority", user)
    if may:
        await work.submit(user, priority="P4", reason="a test")
    else:
        assert "Ask <!subteam^S0SRE>" in str(work.window(user)["blocks"])
    assert (await work.now())["priority"] == ("P4" if may else "P1")
    assert work.app.slack.messages
    assert all("subteam" not in str(message.pings) for message in work.app.slack.messages)


async def test_action_items_may_be_those_of_some(work: Work) -> None:
    await work.more("action_item", "U3")
    assert "you may not change action items" in str(work.window("U3")["blocks"])
    await work.more("action_item")
    await work.submit(text="Alert earlier")
    await work.more("review", "U3")
    client = work.app.slack.client("U3")
    await work.way.send(client.press_in(client.window, "action_item_done"))
    assert "you may not change action items" in str(work.window("U3")["blocks"])
    (item,) = (await work.now())["action_items"]
    assert (item["by"], item["done_at"]) == ("alice", None)


async def test_by_channel(work: Work) -> None:
    await work.press("escalate", user="U3")
    assert (await work.now())["escalation_step"] == 2
    said = await work.command("open P1 something")
    assert "It is done in <#C0OTHER>" in said


async def test_nobody_and_whoever_has_no_entry(work: Work) -> None:
    await work.more("silence")
    assert "Nobody may" in str(work.window()["blocks"])
    await work.press("acknowledge", user="U3")
    assert (await work.now())["state"] == "acknowledged"


async def test_a_refusal_is_in_the_audit_and_disturbs_nobody(work: Work) -> None:
    calls = len(work.app.slack.calls)
    await work.press("resolve", user="U3")
    found = await work.now()
    (entry,) = [entry for entry in found["timeline"] if entry["kind"] == "denied"]
    assert (entry["text"], entry["via"]) == ("carol may not resolve", "slack")
    await work.whispered()
    await work.app.settle()
    methods = [call.method for call in work.app.slack.calls[calls:]]
    assert "chat.update" not in methods
    assert "chat.postMessage" not in methods


async def test_what_slack_cannot_say_is_refused_and_said(work: Work) -> None:
    work.app.slack.faults.add("500", times=None, method="usergroups.users.list")
    await work.more("priority", "U3")
    assert "could not say just now" in str(work.window("U3")["blocks"])


async def test_a_group_that_was_known_is_remembered(work: Work) -> None:
    await work.more("priority", "U3")
    work.app.slack.faults.add("500", times=None, method="usergroups.users.list")
    await work.submit("U3", priority="P2", reason="a test")
    assert (await work.now())["priority"] == "P2"


async def test_two_groups_away_and_the_rest_of_the_service_goes_on(work: Work) -> None:
    work.app.slack.faults.add("hang", times=None, method="usergroups.users.list")
    started = asyncio.get_running_loop().time()
    sent: Any = work.app.slack.client("U1").press(work.message, "menu", "more")
    await work.way.send(sent)
    assert asyncio.get_running_loop().time() - started < 20
    await until(lambda: work.app.slack.views.open_views)
