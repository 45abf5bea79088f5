"""Which scope, channel or setting of Slack is missing, against a strict fake."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from receiver.cli.checks.slack import check_slack
from receiver.notify.notifier import Check
from receiver.settings.load import load_settings
from receiver.slack.client.probe import Asked, Checker
from tests.support.fakes.slack import FakeSlack


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(channels={"C0ALERTS": "alerts", "C0OTHER": "other"})
    await fake.start()
    yield fake
    await fake.stop()


async def listed(slack: FakeSlack, **flags: Any) -> list[Check]:
    usual = {
        "slack.token": "xoxb-test",
        "slack.channel": "C0ALERTS",
        "slack.base_url": slack.base_url,
        "slack.signing_secret": "hidden-secret",
    }
    given = usual | {name.replace("__", "."): value for name, value in flags.items()}
    wanted = {name: value for name, value in given.items() if value is not None}
    found: list[Check] = []
    await check_slack(load_settings(None, {}, wanted), found.append)
    assert slack.messages == []
    assert "hidden-secret" not in str(found)
    return found


async def looked(slack: FakeSlack, **flags: Any) -> dict[str, Check]:
    return {one.what: one for one in await listed(slack, **flags)}


async def test_two_channels_of_one_token_ask_for_it_once(slack: FakeSlack) -> None:
    other = {"other": {"type": "slack", "channel": "C0OTHER"}}
    found = await listed(slack, notifiers=other)
    assert [one.what for one in found].count("token") == 1
    channels = [one for one in found if one.what.startswith("channel ")]
    assert sorted((one.what, one.state, one.words) for one in channels) == [
        ("channel C0ALERTS of slack", "ok", "#alerts"),
        ("channel C0OTHER of other", "ok", "#other"),
    ]
    assert [call.method for call in slack.calls].count("auth.test") == 1


async def test_a_token_of_its_own_is_looked_at_too(slack: FakeSlack) -> None:
    other = {"other": {"type": "slack", "channel": "C0OTHER", "token": "xoxb-wrong"}}
    found = await listed(slack, notifiers=other)
    tokens = [one.state for one in found if one.what == "token"]
    assert sorted(tokens) == ["missing", "ok"]
    assert "xoxb-wrong" not in str(found)


async def test_without_a_notifier_of_slack_the_token_is_missing(slack: FakeSlack) -> None:
    found = await looked(slack, slack__token=None, slack__channel=None)
    assert list(found) == ["requests", "token"]
    assert found["token"].words == "set slack.token and slack.channel"
    assert slack.calls == []


@pytest.mark.parametrize(
    ("flags", "state", "words"),
    [
        (
            {"web__external_url": "https://im.example/x"},
            "ok",
            "the app's URLs are https://im.example/x/v1/slack/actions, /commands and /events",
        ),
        ({"slack__signing_secret": None}, "missing", "set slack.signing_secret"),
        ({"slack__app_token": "xapp-test"}, "ok", "by Socket Mode"),
        ({"slack__signing_secret": None, "slack__app_token": "xapp-test"}, "ok", "by Socket Mode"),
    ],
)
async def test_how_requests_come_in(
    slack: FakeSlack, flags: dict[str, Any], state: str, words: str
) -> None:
    found = (await looked(slack, **flags))["requests"]
    assert (found.state, words in found.words) == (state, True)


async def test_a_wrong_app_token_says_what_it_needs(slack: FakeSlack) -> None:
    found = (await looked(slack, slack__app_token="xapp-wrong"))["app token"]
    assert found.state == "missing"
    assert "it needs connections:write, and Socket Mode switched on" in found.words
    assert "xapp-wrong" not in found.words


def policy(*mentions: str) -> dict[str, Any]:
    steps = [{"notify": ["slack"], "mention": one} for one in mentions]
    return {"usual": {"steps": steps}}


async def test_whom_mentions_and_permissions_name_is_looked_for_once(slack: FakeSlack) -> None:
    slack.workspace.groups["S0SRE"] = []
    found = await listed(
        slack,
        escalations=policy("!subteam^S0SRE", "@U0BOB", "!subteam^S0GONE", "!here"),
        permissions={"resolve": {"groups": ["S0SRE"], "users": ["U0ANN", "nobody@example.com"]}},
    )
    people = {one.what: one.state for one in found if one.what.startswith(("user ", "group "))}
    assert people == {
        "user group S0GONE": "missing",
        "user group S0SRE": "ok",
        "user U0ANN": "missing",
        "user U0BOB": "missing",
        "user nobody@example.com": "missing",
    }
    assert len([one for one in found if one.what == "user U0ANN"]) == 1
    assert [call.method for call in slack.calls].count("usergroups.list") == 1


async def test_who_names_nobody_asks_nothing(slack: FakeSlack) -> None:
    await listed(slack)
    methods = {call.method for call in slack.calls}
    assert methods == {"auth.test", "conversations.info"}


async def test_groups_that_cannot_be_listed_are_missing_with_why(slack: FakeSlack) -> None:
    slack.faults.add("error:missing_scope", method="usergroups.list")
    found = await looked(slack, permissions={"resolve": {"groups": ["S0SRE"]}})
    assert found["user group S0SRE"].state == "missing"
    assert "missing_scope" in found["user group S0SRE"].words


NOT_SLACKS = "HTTP 200: not an answer of Slack's"
ODD: tuple[Any, ...] = (None, "ann", 7, True, ["ann"])
NAMED = {"resolve": {"users": ["U0ANN", "ann@example.com"], "groups": ["S0SRE"]}}


def answering(monkeypatch: pytest.MonkeyPatch, method: str, data: dict[str, Any]) -> None:
    """Have one method answer with something of its own."""
    usual = Checker.ask

    async def ask(self: Checker, asked: str, **arguments: Any) -> Asked:
        return Asked(data) if asked == method else await usual(self, asked, **arguments)

    monkeypatch.setattr(Checker, "ask", ask)


@pytest.mark.parametrize("user", ODD)
async def test_a_user_that_is_no_object_is_no_answer_of_slacks(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, user: Any
) -> None:
    for method in ("users.info", "users.lookupByEmail"):
        answering(monkeypatch, method, {"ok": True, "user": user})
    found = await looked(slack, permissions=NAMED)
    for name in ("user U0ANN", "user ann@example.com"):
        assert (found[name].state, found[name].words) == ("missing", NOT_SLACKS)


@pytest.mark.parametrize("groups", [*ODD, {"id": "S0SRE"}, [7, None], [{"id": "S0X"}, "S0SRE"]])
async def test_groups_that_are_no_objects_are_no_answer_of_slacks(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, groups: Any
) -> None:
    answering(monkeypatch, "usergroups.list", {"ok": True, "usergroups": groups})
    found = (await looked(slack, permissions=NAMED))["user group S0SRE"]
    assert (found.state, found.words) == ("missing", NOT_SLACKS)


async def test_a_group_beside_one_that_is_none_is_found(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [None, {"id": ["S0SRE"]}, {"id": "S0SRE", "handle": "sre"}]
    answering(monkeypatch, "usergroups.list", {"ok": True, "usergroups": rows})
    found = (await looked(slack, permissions=NAMED))["user group S0SRE"]
    assert (found.state, found.words) == ("ok", "@sre")
    answering(monkeypatch, "usergroups.list", {"ok": True, "usergroups": []})
    found = (await looked(slack, permissions=NAMED))["user group S0SRE"]
    assert (found.state, found.words) == ("missing", "there is none of this id")


@pytest.mark.parametrize("channel", ODD)
async def test_a_channel_that_is_no_object_is_no_answer_of_slacks(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, channel: Any
) -> None:
    answering(monkeypatch, "conversations.info", {"ok": True, "channel": channel})
    found = (await looked(slack))["channel C0ALERTS of slack"]
    assert (found.state, found.words) == ("missing", NOT_SLACKS)
    tried = await Checker("xoxb-test", slack.base_url).tried("slack", "C0ALERTS")
    assert (tried.works, tried.problem) == (False, f"channel C0ALERTS: {NOT_SLACKS}")
