"""Who people of a workspace are: asked once, remembered, and never a reason to fail."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from receiver.notify.notifier import Rejected, Retry
from receiver.slack.client import directory
from receiver.slack.client.directory import (
    FAILED_S,
    GROUP_KEPT_S,
    ID_MAX,
    KEPT,
    NAME_MAX,
    USER_KEPT_S,
    SlackUsers,
    Unknown,
    User,
    first_seen,
    is_user,
)

ANN = {"id": "U1", "name": "ann.s", "profile": {"display_name": "Ann", "email": "Ann@Example.com"}}
AWAY: list[Any] = [
    Retry("network: reset"),
    Retry("ratelimited", after=30_000),
    Rejected("missing_scope"),
    {"ok": True},
    {"ok": True, "user": None, "users": None},
    {"ok": True, "user": "U1", "users": "U1"},
    None,
    9.0,
]
"""Answers that say nothing; a number is waited for."""


class Slack:
    """Answers by method, and PagerDuty by e-mail."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"users_info": {"ok": True, "user": ANN}}
        self.twin: Any = "P1"
        self.asked: list[Any] = []

    async def call(self, method: str, **arguments: Any) -> Any:
        self.asked.append((method, *arguments.values()))
        return await self._said(self.answers.get(method))

    async def pagerduty(self, email: str) -> Any:
        self.asked.append(("pagerduty", email))
        return await self._said(self.twin)

    @staticmethod
    async def _said(answer: Any) -> Any:
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return answer


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Slack:
    monkeypatch.setattr(directory, "WITHIN_S", 0.05)
    return Slack()


@pytest.fixture
def users(slack: Slack) -> SlackUsers:
    return SlackUsers(slack.call, slack.pagerduty)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass."""
    clock = SimpleNamespace(at=0.0)
    fake = SimpleNamespace(monotonic=lambda: clock.at)
    monkeypatch.setattr(directory, "time", fake)

    def passes(seconds: float) -> None:
        clock.at += seconds

    return passes


async def test_somebody_is_asked_for_once(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None]
) -> None:
    for _ in range(2):
        assert await users.user("U1") == User("U1", "Ann", "ann@example.com")
    wait(USER_KEPT_S - 1)
    await users.user("U1")
    assert slack.asked == [("users_info", "U1")]
    wait(2)
    await users.user("U1")
    assert slack.asked == [("users_info", "U1")] * 2


@pytest.mark.parametrize("answer", AWAY)
async def test_whom_slack_cannot_say_has_an_id_and_is_asked_for_again_later(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None], answer: Any
) -> None:
    slack.answers["users_info"] = answer
    for _ in range(2):
        assert await users.user("U1") == User("U1")
        assert not await users.is_person("U1")
    assert len(slack.asked) == 1
    slack.answers["users_info"] = {"ok": True, "user": ANN}
    wait(FAILED_S + 1)
    assert (await users.user("U1")).name == "Ann"


@pytest.mark.parametrize("answer", AWAY)
async def test_who_was_known_stays_known_while_slack_is_away(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None], answer: Any
) -> None:
    await users.user("U1")
    slack.answers["users_info"] = answer
    wait(USER_KEPT_S + 1)
    for _ in range(2):
        assert (await users.user("U1")).name == "Ann"
    assert len(slack.asked) == 2


@pytest.mark.parametrize("odd", ["", "U 1", "<@U1>", "../U1", "U\u0661", "\ud800", "U" * 256])
async def test_what_is_no_id_is_never_asked_for(users: SlackUsers, slack: Slack, odd: str) -> None:
    assert await users.user(odd) == User(odd)
    assert not is_user(odd)
    assert slack.asked == []


@pytest.mark.parametrize("given", ["U1", "W0123", "u1", "U" * ID_MAX])
def test_what_may_be_an_id(given: str) -> None:
    assert is_user(given)


@pytest.mark.parametrize(
    ("person", "found"),
    [
        ({}, User("U1")),
        ({"name": "ann.s"}, User("U1", "ann.s")),
        ({"real_name": "Ann S", "name": "ann.s"}, User("U1", "Ann S")),
        ({"real_name": "R", "profile": {"real_name": "P"}}, User("U1", "P")),
        ({"name": "n", "profile": {"display_name": "  ", "real_name": 7}}, User("U1", "n")),
        ({"name": "n", "profile": {"display_name": "\u200b"}}, User("U1", "n")),
        ({"name": "n", "profile": None}, User("U1", "n")),
        ({"name": "n", "profile": []}, User("U1", "n")),
        ({"name": "n", "profile": {"email": 7}}, User("U1", "n")),
        ({"name": "n", "profile": {"email": "A@B.C"}}, User("U1", "n", "a@b.c")),
        ({"name": "n" * 100}, User("U1", "n" * NAME_MAX)),
        ({"name": "bot", "is_bot": True}, User("U1", "bot", bot=True)),
        ({"name": "n", "is_bot": "yes"}, User("U1", "n")),
        ({"id": "U9", "name": "n"}, User("U1", "n")),
    ],
)
async def test_what_slack_says_of_somebody(
    users: SlackUsers, slack: Slack, person: Any, found: User
) -> None:
    slack.answers["users_info"] = {"ok": True, "user": person}
    assert await users.user("U1") == found
    assert await users.is_person("U1") is (bool(found.name) and not found.bot)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], ""),
        ([None, 7, [], ""], ""),
        (["", "a"], "a"),
        ([" a b ", "c"], "a b"),
        (["\x00\u202e", " \n ", "c"], "c"),
        (["a\x1b[31mb"], "a[31mb"),
        (["\ud800"], ""),
    ],
)
def test_the_first_name_that_can_be_seen(names: Any, shown: str) -> None:
    assert first_seen(names) == shown


async def test_somebody_is_the_same_in_pagerduty(users: SlackUsers, slack: Slack) -> None:
    for _ in range(2):
        found = await users.whole("U1")
        assert found.pagerduty == "P1"
        assert found.identities == {("slack", "U1"), ("pagerduty", "P1")}
    assert slack.asked == [("users_info", "U1"), ("pagerduty", "ann@example.com")]


@pytest.mark.parametrize(("answer", "kept"), [(None, FAILED_S), (9.0, FAILED_S), ("", USER_KEPT_S)])
async def test_a_pagerduty_that_knows_nobody_or_says_nothing(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None], answer: Any, kept: float
) -> None:
    slack.twin = answer
    assert (await users.whole("U1")).identities == {("slack", "U1")}
    slack.twin = "P1"
    wait(kept - 1)
    assert (await users.whole("U1")).pagerduty == ""
    wait(2)
    assert (await users.whole("U1")).pagerduty == "P1"
    slack.twin = None
    wait(USER_KEPT_S + 1)
    assert (await users.whole("U1")).pagerduty == "P1", "what was known is kept"


async def test_without_an_address_pagerduty_is_not_asked(users: SlackUsers, slack: Slack) -> None:
    slack.answers["users_info"] = {"ok": True, "user": {"name": "ann"}}
    assert await users.whole("U1") == User("U1", "ann")
    assert slack.asked == [("users_info", "U1")]


async def test_a_group_is_asked_for_once(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None]
) -> None:
    slack.answers["usergroups_users_list"] = {"ok": True, "users": ["U1", 7, None]}
    for _ in range(2):
        assert await users.members("S1") == {"U1", "7", "None"}
    assert slack.asked == [("usergroups_users_list", "S1")]
    wait(GROUP_KEPT_S + 1)
    await users.members("S1")
    assert len(slack.asked) == 2


@pytest.mark.parametrize("answer", AWAY)
async def test_a_group_that_nobody_knows_is_unknown_and_one_that_was_known_is_not(
    users: SlackUsers, slack: Slack, wait: Callable[[float], None], answer: Any
) -> None:
    slack.answers["usergroups_users_list"] = answer
    with pytest.raises(Unknown):
        await users.members("S1")
    slack.answers["usergroups_users_list"] = {"ok": True, "users": []}
    assert await users.members("S1") == frozenset()
    slack.answers["usergroups_users_list"] = answer
    wait(GROUP_KEPT_S + 1)
    for _ in range(2):
        assert await users.members("S1") == frozenset()
    assert len(slack.asked) == 3, "it is not asked for again at once"


async def test_no_more_are_remembered_than_there_is_room_for(
    users: SlackUsers, slack: Slack
) -> None:
    for number in range(KEPT + 5):
        await users.user(f"U{number}")
    assert len(users._users) == KEPT
    await users.user(f"U{KEPT + 4}")
    assert len(slack.asked) == KEPT + 5
    await users.user("U0")
    assert len(slack.asked) == KEPT + 6
