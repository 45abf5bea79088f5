"""Who is on call as Slack mentions: one look-up a person, and never a page that waits for it."""

import asyncio
import time
from typing import Any

import pytest

from receiver.notify.notifier import Person, Rejected, Retry
from receiver.slack.client.mentions import WITHIN_S, SlackPeople

FIRST = Person("PUSER1", "User 1", "user1@example.com")
SECOND = Person("PUSER2", "User <!here> & *2*", "user2@example.com")
NO_MAIL = Person("PUSER3", "User 3")


class Slack:
    """Answers look-ups; an answer that is a number is waited for so many seconds."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def call(self, method: str, **arguments: Any) -> Any:
        assert method == "users_lookupByEmail"
        self.asked.append(arguments["email"])
        answer = self.answers[arguments["email"].partition("@")[0]]
        if isinstance(answer, int | float):
            await asyncio.sleep(answer)
        return {"ok": True, "user": {"id": answer}} if isinstance(answer, str) else answer


async def test_one_look_up_a_person() -> None:
    slack = Slack(user1="U1", user2="U2")
    people = SlackPeople(slack.call)
    assert await people.mention((FIRST, SECOND)) == "on call: <@U1>, <@U2>"
    assert await people.mention((SECOND, SECOND)) == "on call: <@U2>, <@U2>"
    assert slack.asked == ["user1@example.com", "user2@example.com"]


async def test_nobody_is_nothing() -> None:
    assert await SlackPeople(Slack().call).mention(()) == ""


@pytest.mark.parametrize(
    "answer",
    [
        Rejected("users_not_found"),
        Rejected("missing_scope"),
        Retry("ratelimited", after=30_000),
        Retry("network: reset", unknown=True),
        {"ok": True},
        {"ok": True, "user": None},
    ],
)
async def test_whom_slack_does_not_know_is_named(answer: Any) -> None:
    slack = Slack(user1=answer, user2=answer)
    people = SlackPeople(slack.call)
    for _ in range(3):
        shown = await people.mention((FIRST, SECOND, NO_MAIL))
        assert shown.startswith("on call: User 1, User &lt;!here&gt; &amp; *")
        assert shown.endswith(", User 3")
        assert "<" not in shown
    assert len(slack.asked) == 2, "nobody is asked for again at once"


async def test_a_missing_scope_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    slack = Slack(user1=Rejected("missing_scope"), user2=Rejected("missing_scope"))
    await SlackPeople(slack.call).mention((FIRST, SECOND))
    assert caplog.text.count("users:read.email") == 1


async def test_a_slow_slack_holds_up_no_page() -> None:
    slack = Slack(user1="U1", user2=60)
    started = time.monotonic()
    shown = await SlackPeople(slack.call).mention((FIRST, SECOND))
    assert time.monotonic() - started < WITHIN_S + 15
    assert shown.startswith("on call: <@U1>, User ")


async def test_a_slow_slack_is_not_asked_again_at_once() -> None:
    slack = Slack(user1=30)
    people = SlackPeople(slack.call)
    for _ in range(2):
        assert await people.mention((FIRST,)) == "on call: User 1"
    assert len(slack.asked) == 1
