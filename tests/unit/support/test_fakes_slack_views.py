"""The fake refuses the windows, triggers and connections that Slack would refuse."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.support.fakes.slack import FakeSlack
from tests.support.fakes.slack_views import ViewChecker


def text(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


def section(words: str = "x") -> dict[str, Any]:
    return {"type": "section", "text": text(words)}


def entry(**more: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "value", **more}
    return {"type": "input", "block_id": "b", "label": text("L"), "element": element}


def modal(*blocks: Any, **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": text("T"), "blocks": list(blocks or [section()]), **more}


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (modal(title=text("x" * 25)), "must be less than 25 characters"),
        (modal(entry()), "missing required field: submit"),
        (modal(private_metadata="x" * 3001), "private_metadata"),
        (modal(callback_id="x" * 256), "callback_id"),
        (modal(*[section()] * 101), "1 to 100 items"),
        (modal(section(""), submit=text("S")), "more than 0 characters"),
        (modal(entry(max_length=3001), submit=text("S")), "from 1 to 3000"),
        (modal(entry(initial_value=""), submit=text("S")), "more than 0 characters"),
        (modal(entry(placeholder=text("x" * 151)), submit=text("S")), "less than 151"),
        (modal(unknown=1), "invalid additional property: unknown"),
        ({"type": "home", "title": text("T"), "blocks": [section()]}, "additional property"),
        ({"type": "page", "blocks": [section()]}, "must be one of"),
        (
            modal(
                entry() | {"element": {"type": "datetimepicker", "initial_date_time": 17}},
                submit=text("S"),
            ),
            "10 digits",
        ),
    ],
)
def test_a_view_slack_would_not_take(view: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in ViewChecker().check_view(view))


def test_a_view_slack_takes() -> None:
    view = modal(section(), entry(), submit=text("S"), close=text("C"), private_metadata="")
    assert ViewChecker().check_view(view) == []


class Wall:
    def __init__(self) -> None:
        self.at = 1_772_445_600.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(wall=Wall())
    await fake.start()
    yield fake
    await fake.stop()


def _client(slack: FakeSlack, token: str = "xoxb-test") -> AsyncWebClient:  # noqa: S107 - made up
    client = AsyncWebClient(token=token, base_url=slack.base_url, retry_handlers=[])
    client.proxy = None
    return client


async def _refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_trigger_opens_one_window_within_three_seconds(slack: FakeSlack) -> None:
    client = _client(slack)
    trigger = slack.views.trigger("U1")
    await client.views_open(trigger_id=trigger, view=modal())
    again = client.views_open(trigger_id=trigger, view=modal())
    assert await _refused(again) == "exchanged_trigger_id"
    assert await _refused(client.views_open(trigger_id="1.2", view=modal())) == "invalid_trigger_id"
    late = slack.views.trigger("U1")
    wall: Any = slack.wall
    wall.at += 3.1
    assert await _refused(client.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"


async def test_an_update_needs_the_window_and_its_hash(slack: FakeSlack) -> None:
    client = _client(slack)
    opened = await client.views_open(trigger_id=slack.views.trigger("U1"), view=modal())
    name = opened["view"]["id"]
    assert await _refused(client.views_update(view_id="V0", view=modal())) == "not_found"
    changed = client.views_update(view_id=name, hash="x", view=modal())
    assert await _refused(changed) == "hash_conflict"
    await client.views_update(view_id=name, hash=opened["view"]["hash"], view=modal(section("y")))
    assert "y" in str(slack.views.of("U1")["blocks"])


async def test_an_error_names_a_field_of_the_window(slack: FakeSlack) -> None:
    view = modal(entry(), submit=text("S"))
    opened = await _client(slack).views_open(trigger_id=slack.views.trigger("U1"), view=view)
    name = opened["view"]["id"]
    slack.views.apply_answer(name, {"response_action": "errors", "errors": {"b": "no"}})
    with pytest.raises(AssertionError):
        slack.views.apply_answer(name, {"response_action": "errors", "errors": {"c": "no"}})


async def test_what_a_client_would_not_send(slack: FakeSlack) -> None:
    view = modal(entry(max_length=3), submit=text("S"))
    await _client(slack).views_open(trigger_id=slack.views.trigger("U1"), view=view)
    client = slack.client("U1")
    for values in ({}, {"b": ""}, {"b": "long"}, {"c": "x"}, {"b": "a\nb"}):
        with pytest.raises(AssertionError):
            client.submit(**values)
    assert client.submit(b="abc")[0] == "interactive"


async def test_methods_need_their_scope(slack: FakeSlack) -> None:
    client = _client(slack)
    answer = await client.auth_test()
    assert "chat:write" in answer.headers["X-OAuth-Scopes"]
    slack.scopes.discard("chat:write")
    call = client.chat_postMessage(channel="C0ALERTS", text="x")
    assert await _refused(call) == "missing_scope"


async def test_a_socket_needs_the_apps_token_and_opens_once(slack: FakeSlack) -> None:
    assert await _refused(_client(slack).apps_connections_open(app_token="xapp-no")) == (
        "invalid_auth"
    )
    answer = await _client(slack).apps_connections_open(app_token="xapp-test")
    assert answer["url"].startswith("ws://127.0.0.1")
    with pytest.raises(IndexError):
        await slack.socket.send(("interactive", {}))
