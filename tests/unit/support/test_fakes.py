"""The fakes must refuse what the vendors refuse, or the tests that lean on them prove nothing."""

import asyncio
import hashlib
import hmac
import json
import signal
import sys
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import ClientSession, ClientTimeout
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.support.fakes.faults import Faults
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.fakes.slack_blocks import check_blocks
from tests.support.fakes.slack_text import links, mentions, text_length
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    import pdpyras

OTHER_KEY = "S" * 32


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[FakeSlack]:
    channels = {"C0ALERTS": "alerts", "C0OTHER": "other"}
    fake = FakeSlack(channels=channels, clock=clock, wall=clock)
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return bot(slack, "xoxb-test")


@pytest.fixture
async def pagerduty(clock: Clock) -> AsyncIterator[FakePagerDuty]:
    fake = FakePagerDuty(routing_keys=(DEFAULT_ROUTING_KEY, OTHER_KEY), clock=clock)
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=5)) as session:
        yield session


def bot(slack: FakeSlack, token: str) -> AsyncWebClient:
    made = AsyncWebClient(token, base_url=slack.base_url, timeout=60, retry_handlers=[])
    made.proxy = None
    return made


@contextmanager
def refused(name: str) -> Iterator[pytest.ExceptionInfo[SlackApiError]]:
    with pytest.raises(SlackApiError) as error:
        yield error
    assert error.value.response["error"] == name
    assert error.value.response.status_code == 200


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x") -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text)}


def button(action_id: str = "ack", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Acknowledge"), "action_id": action_id, **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def full_message() -> list[dict[str, Any]]:
    """One of everything that is allowed, each at its limit where it has one."""
    confirm = {
        "title": plain("t" * 100),
        "text": mrkdwn("c" * 300),
        "confirm": plain("y" * 30),
        "deny": plain("n" * 30),
        "style": "danger",
    }
    image = {"type": "image", "image_url": "https://e.example/i.png", "alt_text": "i"}
    options = [{"text": plain("o" * 75), "value": "v" * 150} for _ in range(5)]
    select = {"type": "static_select", "placeholder": plain("p" * 150), "options": options}
    return [
        {"type": "header", "text": {**plain("h" * 150), "emoji": True}, "block_id": "b" * 255},
        {**section("s" * 3000), "accessory": {"type": "overflow", "options": options}},
        {"type": "section", "fields": [{**mrkdwn("f" * 100), "verbatim": True}] * 10},
        {"type": "divider"},
        {"type": "context", "elements": [mrkdwn("c"), plain("d"), image]},
        {**image, "title": plain("i")},
        actions(
            button("ack", style="primary", value="v" * 2000, confirm=confirm),
            button("open", url="https://e.example/x"),
            {**select, "action_id": "s", "initial_option": options[0]},
            {"type": "users_select", "action_id": "u", "initial_user": "U1"},
        ),
        {"type": "markdown", "text": "m"},
    ]


# Block Kit.


def test_blocks_within_every_limit_are_accepted() -> None:
    assert check_blocks(full_message()) == []
    assert check_blocks([{"type": "divider"}] * 50) == []
    assert check_blocks([section("f"), {"type": "section", "fields": [mrkdwn("f" * 2000)]}]) == []


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (section("s" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text"),
        ({"type": "section"}, "must define either `fields` or `text` [json-pointer:/blocks/0]"),
        ({"type": "section", "fields": []}, "no fewer than 1 items allowed"),
        ({"type": "section", "fields": [mrkdwn("f")] * 11}, "no more than 10 items allowed"),
        ({"type": "section", "fields": [mrkdwn("f" * 2001)]}, "must be less than 2001"),
        ({**section(), "colour": "red"}, "invalid additional property: colour [json-pointer:/bl"),
        ({**section(), "block_id": "b" * 256}, "must be less than 256 characters"),
        ({**section(), "accessory": {"type": "divider"}}, "unsupported type: divider"),
        ({"type": "section", "text": {**mrkdwn("x"), "emoji": True}}, "property: emoji"),
        ({"type": "section", "text": {**plain("x"), "verbatim": True}}, "property: verbatim"),
        ({"type": "section", "text": "x"}, "must be an object"),
        ({"type": "section", "text": mrkdwn(5)}, "must be a string"),  # type: ignore[arg-type]
        ({"type": "header", "text": plain("h" * 151)}, "must be less than 151 characters"),
        ({"type": "header", "text": mrkdwn("h")}, "unsupported type: mrkdwn"),
        ({"type": "header"}, "missing required field: text"),
        ({"type": "context", "elements": []}, "no fewer than 1 items allowed"),
        ({"type": "context", "elements": [mrkdwn("c")] * 11}, "no more than 10 items allowed"),
        ({"type": "context", "elements": [button()]}, "unsupported type: button"),
        (actions(*[button(str(n)) for n in range(26)]), "no more than 25 items allowed"),
        (actions(), "no fewer than 1 items allowed"),
        (actions(button(), button()), '`action_id` "ack" already exists'),
        (actions(button("a" * 256)), "must be less than 256 characters"),
        (actions(button(value="v" * 2001)), "must be less than 2001 characters"),
        (actions(button(value="")), "must be more than 0 characters"),
        (actions(button(url="https://e.example/" + "u" * 3000)), "must be less than 3001"),
        (actions(button(url="javascript:alert(1)")), "must be a valid http or https url"),
        (actions(button(style="default")), "must be one of ['primary', 'danger']"),
        (actions(button(text=plain("t" * 76))), "must be less than 76 characters"),
        (actions(button(text=mrkdwn("t"))), "unsupported type: mrkdwn"),
        (actions(button(confirm={"title": plain("t")})), "missing required field: deny"),
        (
            actions({"type": "overflow", "options": [{"text": plain("o"), "value": "v"}] * 6}),
            "5 it",
        ),
        (actions({"type": "static_select", "options": "x"}), "must be an array"),
        (actions({"type": "static_select"}), "missing required field: options"),
        ({"type": "image", "image_url": "https://e.example/i"}, "missing required field: alt_text"),
        ({"type": "image", "image_url": "http://", "alt_text": "x"}, "must be a valid http"),
        ({"type": "markdown", "text": "m" * 12_001}, "must be less than 12001 characters"),
        ({"type": "table"}, "unsupported type: table"),
        ({"type": ["section"]}, "unsupported type"),
        ({"text": plain("x")}, "missing required field: type"),
        ("divider", "must be an object"),
    ],
)
def test_blocks_outside_a_limit_are_refused(block: Any, error: str) -> None:
    errors = check_blocks([block])
    assert [e for e in errors if error in e], errors
    assert all("[json-pointer:/blocks/0" in e for e in errors)


def test_blocks_are_counted_and_their_ids_unique() -> None:
    assert check_blocks([{"type": "divider"}] * 51) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    twice = [{"type": "divider", "block_id": "b"}] * 2
    assert check_blocks(twice) == [
        '`block_id` "b" already exists [json-pointer:/blocks/1/block_id]'
    ]
    # The same action_id in two blocks is fine.
    assert check_blocks([actions(button()), actions(button())]) == []


def test_text_length_counts_every_text_as_sent() -> None:
    assert text_length([section("a &amp; b"), actions(button())]) == 9 + len("Acknowledge")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<!channel> and <!here|here>", ["<!channel>", "<!here>"]),
        ("<!everyone><@U123><@W9|bob>", ["<!everyone>", "<@U123>", "<@W9>"]),
        ("<!subteam^S123|@ops>", ["<!subteam^S123>"]),
        ("`<!channel>`", ["<!channel>"]),
        ("&lt;!channel&gt; @here <!date^1^x|y> <https://e.example|x>", []),
    ],
)
def test_mentions_are_found_where_slack_parses(text: str, found: list[str]) -> None:
    assert mentions(text, []) == found
    assert mentions("", [section(text)]) == found
    assert mentions("", [{"type": "context", "elements": [mrkdwn(text)]}]) == found
    assert mentions("", [{"type": "section", "text": plain(text)}]) == []
    assert mentions("", [actions(button(value=text))]) == []


def test_bare_mentions_live_only_with_link_names() -> None:
    assert mentions("ask @here, not me@here.example", [], link_names=True) == ["<!here>"]


def test_links_are_found() -> None:
    assert links("<https://evil.example|runbook>", [section("<mailto:x@y|z> https://plain")]) == [
        "https://evil.example",
        "mailto:x@y",
    ]


# Posting to Slack and updating.


async def test_a_post_is_kept_with_what_it_says(slack: FakeSlack, client: AsyncWebClient) -> None:
    metadata = {"event_type": "incident", "event_payload": {"id": "i1"}}
    posted = await client.chat_postMessage(
        channel="C0ALERTS", text="hi", blocks=[section("<!here> hi")], metadata=metadata
    )
    (message,) = slack.messages
    assert (message.ts, message.channel) == (posted["ts"], "C0ALERTS")
    assert message.text == "hi"
    assert message.metadata == metadata
    assert message.pings == ["<!here>"]
    assert posted["message"]["blocks"][0]["block_id"]
    assert [(c.method, c.outcome) for c in slack.calls] == [("chat.postMessage", "ok")]
    assert (
        slack.top_level("C0ALERTS") == slack.top_level("alerts") == slack.top_level() == [message]
    )
    assert slack.top_level("C0OTHER") == []


async def test_a_post_takes_a_channel_name_an_update_does_not(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    for channel in ("#alerts", "alerts", "C0ALERTS"):
        assert (await client.chat_postMessage(channel=channel, text="x"))["channel"] == "C0ALERTS"
    ts = slack.messages[0].ts
    with refused("channel_not_found"):
        await client.chat_postMessage(channel="#nowhere", text="x")
    with refused("channel_not_found"):
        await client.chat_update(channel="#alerts", ts=ts, text="x")
    with refused("message_not_found"):
        await client.chat_update(channel="C0OTHER", ts=ts, text="x")
    with refused("message_not_found"):
        await client.chat_update(channel="C0ALERTS", ts="1.000000", text="x")


@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing:UserWarning")
async def test_an_update_keeps_what_is_not_given_and_rings_nobody(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    metadata = {"event_type": "incident", "event_payload": {}}
    await client.chat_postMessage(
        channel="C0ALERTS", text="one", blocks=[section()], metadata=metadata
    )
    (message,) = slack.messages

    async def update(**what: Any) -> None:
        await client.chat_update(channel="C0ALERTS", ts=message.ts, **what)

    await update(blocks=[section("<!channel>")])
    assert (message.text, message.metadata, message.pings) == ("one", metadata, [])
    assert message.mentions == ["<!channel>"]
    assert not message.edited
    await update(text="two")
    assert (message.blocks, message.metadata, message.edited) == ([], metadata, True)
    await update(text="three", metadata={})
    assert message.metadata is None
    assert message.updates == 3
    assert message.texts == ["one", "one", "two", "three"]
    assert [len(blocks) for blocks in message.versions] == [1, 1, 0, 0]
    with refused("no_text"):
        await update(blocks=[])
    with refused("msg_too_long"):
        await update(text="x" * 4001)
    await update(text="x" * 4000)


@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing:UserWarning")
async def test_what_a_post_must_not_be(slack: FakeSlack, client: AsyncWebClient) -> None:
    async def post(**what: Any) -> Any:
        return await client.chat_postMessage(channel="C0ALERTS", **what)

    with refused("no_text"):
        await post(text="")
    with refused("invalid_blocks") as error:
        await post(text="x", blocks=[section("")])
    why = "must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    answer = error.value.response
    assert answer["errors"] == [why]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {why}"]
    with refused("invalid_blocks_format"):
        await post(text="x", blocks="no json")
    with refused("msg_blocks_too_long"):
        await post(text="x", blocks=[section("s" * 2900)] * 4)
    for metadata in ({"event_type": "x"}, {"event_type": "x", "event_payload": {}, "id": 1}):
        with refused("invalid_metadata_format"):
            await post(text="x", metadata=metadata)
    for payload, kind in (({}, ""), ([], "x")):
        with refused("invalid_metadata_schema"):
            await post(text="x", metadata={"event_type": kind, "event_payload": payload})
    with refused("too_many_attachments"):
        await post(text="x", attachments=[{"text": "a"}] * 101)
    with refused("invalid_arguments"):
        await post(text="x", client_msg_id="7")
    with refused("invalid_arguments"):
        await post(text="x", thread_ts=5)
    with refused("invalid_json"):
        await post(text="\ud800")
    assert slack.messages == []
    await post(text="x" * 40_001)
    assert len(slack.messages[0].text) == 40_000


async def test_replies_go_to_a_known_thread(slack: FakeSlack, client: AsyncWebClient) -> None:
    parent = (await client.chat_postMessage(channel="C0ALERTS", text="p"))["ts"]
    reply = (await client.chat_postMessage(channel="C0ALERTS", text="r", thread_ts=parent))["ts"]
    await client.chat_postMessage(
        channel="C0ALERTS", text="b", thread_ts=parent, reply_broadcast=True
    )
    with refused("thread_not_found"):
        await client.chat_postMessage(channel="C0ALERTS", text="r", thread_ts="1.000000")
    with refused("cannot_reply_to_message"):
        await client.chat_postMessage(channel="C0ALERTS", text="r", thread_ts=reply)
    assert [m.text for m in slack.top_level()] == ["p"]
    assert [m.text for m in slack.replies(parent)] == ["r", "b"]
    found = await client.conversations_replies(channel="C0ALERTS", ts=parent)
    assert [m["text"] for m in found["messages"]] == ["p", "r", "b"]
    assert found["messages"][0]["reply_count"] == 2
    # A channel's history has the broadcast reply, not the other one.
    history = await client.conversations_history(channel="C0ALERTS")
    assert [m["text"] for m in history["messages"]] == ["b", "p"]
    for ts in (reply, "1.000000"):
        with refused("thread_not_found"):
            await client.conversations_replies(channel="C0ALERTS", ts=ts)


async def test_history_is_newest_first_bounded_and_paged(
    slack: FakeSlack, client: AsyncWebClient, clock: Clock
) -> None:
    metadata = {"event_type": "incident", "event_payload": {"id": "i1"}}
    for number in range(5):
        await client.chat_postMessage(channel="C0ALERTS", text=str(number), metadata=metadata)
        clock.now += 10
    stamps = [m.ts for m in slack.messages]

    async def texts(**what: Any) -> list[str]:
        found = await client.conversations_history(channel="C0ALERTS", **what)
        return [m["text"] for m in found["messages"]]

    assert await texts() == ["4", "3", "2", "1", "0"]
    assert await texts(oldest=stamps[1], latest=stamps[3]) == ["2"]
    assert await texts(oldest=stamps[1], latest=stamps[3], inclusive=True) == ["3", "2", "1"]
    assert await texts(oldest=str(clock.now - 25)) == ["4", "3"]
    page = await client.conversations_history(
        channel="C0ALERTS", limit=2, include_all_metadata=True
    )
    assert page["has_more"]
    assert not (await client.conversations_history(channel="C0ALERTS", limit=5))["has_more"]
    assert page["messages"][0]["metadata"] == metadata
    pages = [[m["text"] for m in page["messages"]]]
    cursor = page["response_metadata"]["next_cursor"]
    while cursor:
        page = await client.conversations_history(channel="C0ALERTS", limit=2, cursor=cursor)
        assert "metadata" not in page["messages"][0]
        pages.append([m["text"] for m in page["messages"]])
        more: dict[str, Any] = page.get("response_metadata", {})
        cursor = more.get("next_cursor")
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    for bad, name in (
        ({"limit": 0}, "invalid_limit"),
        ({"cursor": "x"}, "invalid_cursor"),
        ({"oldest": "soon"}, "invalid_ts_oldest"),
    ):
        with refused(name):
            await texts(**bad)
    with refused("channel_not_found"):
        await client.conversations_history(channel="#alerts")


async def test_tokens_users_and_methods(
    slack: FakeSlack, client: AsyncWebClient, http: ClientSession
) -> None:
    assert (await client.auth_test())["bot_id"]
    assert (await client.users_info(user="U1"))["user"]["name"] == "alice"
    with refused("user_not_found"):
        await client.users_info(user="U404")
    with refused("invalid_auth"):
        await bot(slack, "xoxb-wrong").chat_postMessage(channel="C0ALERTS", text="x")
    with refused("unknown_method"):
        await client.api_call("chat.explode")
    async with http.post(slack.base_url + "chat.postMessage", data={"text": "x"}) as response:
        assert (await response.json())["error"] == "not_authed"
    form = {"token": "xoxb-test", "channel": "alerts", "blocks": json.dumps([section()])}
    async with http.post(slack.base_url + "chat.postMessage", data=form) as response:
        assert (await response.json())["ok"]
    form = {"token": "xoxb-test", "channel": "alerts", "blocks": "["}
    async with http.post(slack.base_url + "chat.postMessage", data=form) as response:
        assert (await response.json())["error"] == "invalid_blocks_format"
    headers = {"Authorization": "Bearer xoxb-test", "Content-Type": "application/json"}
    for body, name in ((b"{", "invalid_json"), (b"[]", "json_not_object")):
        url = slack.base_url + "chat.postMessage"
        async with http.post(url, data=body, headers=headers) as response:
            assert (await response.json())["error"] == name
    assert len(slack.messages) == 1


async def test_rates_are_per_channel_and_method(
    slack: FakeSlack, client: AsyncWebClient, clock: Clock
) -> None:
    slack.workspace.rate_per_channel = 0.5
    slack.workspace.burst = 2
    slack.workspace.updates_per_minute = 2

    async def limited(call: Any) -> str | None:
        try:
            await call
        except SlackApiError as error:
            answer = error.response
        else:
            return None
        assert answer.status_code == 429
        assert answer["error"] == "ratelimited"
        return str(answer.headers["Retry-After"])

    def post(channel: str = "C0ALERTS") -> Any:
        return client.chat_postMessage(channel=channel, text="x")

    assert [await limited(post()) for _ in range(3)] == [None, None, "2"]
    assert await limited(post("C0OTHER")) is None
    clock.now += 2
    assert [await limited(post()) for _ in range(2)] == [None, "2"]
    ts = slack.messages[0].ts

    def update() -> Any:
        return client.chat_update(channel="C0ALERTS", ts=ts, text="y")

    assert [await limited(update()) for _ in range(3)] == [None, None, "60"]
    clock.now += 60
    assert await limited(update()) is None
    assert [c.outcome for c in slack.calls].count("limited") == 3


# Clicks in Slack.


def _signature(body: bytes, headers: dict[str, str], secret: str) -> str:
    signed = b"v0:" + headers["X-Slack-Request-Timestamp"].encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


async def test_a_click_is_what_slack_would_send(
    slack: FakeSlack, client: AsyncWebClient, http: ClientSession, clock: Clock
) -> None:
    await client.chat_postMessage(
        channel="C0ALERTS", text="x", blocks=[actions(button(value="i1:0"), block_id="b1")]
    )
    (message,) = slack.messages
    body, headers = slack.click(message, "ack", user="U2")
    assert headers["X-Slack-Signature"] == _signature(body, headers, "secret")
    assert headers["X-Slack-Request-Timestamp"] == str(int(clock.now))
    (raw,) = parse_qs(body.decode())["payload"]
    payload = json.loads(raw)
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == "U2"
    assert payload["user"]["username"] == "bob"
    assert payload["channel"] == {"id": "C0ALERTS", "name": "alerts"}
    assert payload["message"]["ts"] == payload["container"]["message_ts"] == message.ts
    (action,) = payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("ack", "b1", "i1:0")
    assert action["action_ts"]
    assert payload["trigger_id"]
    for use in range(6):
        answer = {"text": "done", "replace_original": False}
        async with http.post(payload["response_url"], json=answer) as response:
            assert response.status == (200 if use < 5 else 404)
    assert [r["body"]["text"] for r in slack.responses] == ["done"] * 5


async def test_clicks_may_be_stale_late_forged_or_repeated(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel="C0ALERTS", text="x", blocks=[actions(button(value="0"))])
    (message,) = slack.messages
    await client.chat_update(
        channel="C0ALERTS", ts=message.ts, text="x", blocks=[actions(button("resolve", value="1"))]
    )
    assert set(message.buttons()) == {"resolve"}
    with pytest.raises(KeyError, match=r"no 'ack'.*resolve"):
        slack.click(message, "ack")
    body, _ = slack.click(message, "ack", version=0)
    payload = json.loads(parse_qs(body.decode())["payload"][0])
    assert payload["actions"][0]["value"] == "0"
    assert payload["message"]["blocks"][0]["elements"][0]["action_id"] == "ack"
    body, headers = slack.click(message, "resolve", timestamp=5)
    assert headers["X-Slack-Signature"] == _signature(body, headers, "secret")
    assert headers["X-Slack-Request-Timestamp"] == "5"
    body, headers = slack.click(message, "resolve", bad_signature=True)
    assert headers["X-Slack-Signature"] != _signature(body, headers, "secret")
    again: dict[str, Any] = {"trigger_id": "1.2.3", "action_ts": "7.000000", "value": "mine"}

    def replay() -> Any:
        pressed = slack.click(message, "resolve", **again)[0].decode()
        return json.loads(parse_qs(pressed)["payload"][0])

    one, two = replay(), replay()
    assert one["actions"] == two["actions"]
    assert one["trigger_id"] == two["trigger_id"] == "1.2.3"
    assert one["actions"][0]["value"] == "mine"


# Faults, on both.


async def test_faults_strike_as_often_as_told_and_only_their_method(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    slack.faults.add("error:internal_error", times=2, method="chat.postMessage")
    assert (await client.auth_test())["ok"]
    for _ in range(2):
        with refused("internal_error"):
            await client.chat_postMessage(channel="C0ALERTS", text="x")
    await client.chat_postMessage(channel="C0ALERTS", text="x")
    slack.faults.add("503", times=None)
    for _ in range(3):
        with pytest.raises(SlackApiError) as error:
            await client.auth_test()
        assert error.value.response.status_code == 503
    slack.faults.clear()
    await client.auth_test()
    assert [c.outcome for c in slack.calls].count("fault:503") == 3


def test_an_unknown_fault_is_refused() -> None:
    for kind in ("404", "error:", ""):
        with pytest.raises(ValueError, match="unknown fault"):
            Faults().add(kind)


async def test_a_429_carries_the_retry_after_it_was_given(
    slack: FakeSlack, pagerduty: FakePagerDuty, client: AsyncWebClient, http: ClientSession
) -> None:
    slack.faults.add("429", retry_after="1.5")
    with pytest.raises(SlackApiError) as error:
        await client.chat_postMessage(channel="C0ALERTS", text="x")
    assert error.value.response.status_code == 429
    assert error.value.response.headers["Retry-After"] == "1.5"
    pagerduty.faults.add("429")
    pagerduty.faults.add("429", retry_after="7")
    for expected in (None, "7"):
        async with http.post(pagerduty.base_url + "/v2/enqueue", json=trigger()) as response:
            assert response.status == 429
            assert response.headers.get("Retry-After") == expected
    assert slack.messages == []
    assert pagerduty.incidents == []


async def test_html_has_no_error_key(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.faults.add("html")
    with pytest.raises(SlackApiError) as error:
        await client.chat_postMessage(channel="C0ALERTS", text="x")
    assert error.value.response.status_code == 502
    assert error.value.response.get("error") is None


@pytest.mark.parametrize(("kind", "kept"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_reset_may_come_before_or_after_the_effect(
    slack: FakeSlack,
    pagerduty: FakePagerDuty,
    client: AsyncWebClient,
    http: ClientSession,
    kind: str,
    kept: int,
) -> None:
    slack.faults.add(kind)
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await client.chat_postMessage(channel="C0ALERTS", text="x")
    pagerduty.faults.add(kind)
    # aiohttp repeats a request once on a connection that it had kept open; this one is new.
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await http.post(pagerduty.base_url + "/v2/enqueue", json=trigger())
    assert len(slack.messages) == len(pagerduty.incidents) == kept
    assert len(slack.calls) == len(pagerduty.events) == 1
    outcome = "ok, fault:reset_after" if kept else "fault:reset_before"
    assert slack.calls[0].outcome == pagerduty.events[0].outcome == outcome


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "kept"), [("hang", 0), ("hang_after", 1)])
async def test_a_hang_may_come_before_or_after_the_effect(
    slack: FakeSlack, http: ClientSession, kind: str, kept: int
) -> None:
    url, headers = slack.base_url + "chat.postMessage", {"Authorization": "Bearer xoxb-test"}
    body = {"channel": "C0ALERTS", "text": "x"}
    slack.faults.add(kind, seconds=2.0)
    with pytest.raises(TimeoutError):
        await http.post(url, json=body, headers=headers, timeout=ClientTimeout(total=1.0))
    await asyncio.sleep(2.0)
    assert len(slack.messages) == kept
    # Whoever waits long enough gets the answer and the effect.
    slack.faults.add(kind, seconds=0.05)
    async with http.post(url, json=body, headers=headers) as response:
        assert (await response.json())["ok"]
    assert len(slack.messages) == kept + 1


async def test_stopping_lets_go_of_held_calls_and_a_fake_can_come_back(
    slack: FakeSlack, http: ClientSession
) -> None:
    slack.faults.add("hang", seconds=60)
    url, headers = slack.base_url + "chat.postMessage", {"Authorization": "Bearer xoxb-test"}
    body = {"channel": "C0ALERTS", "text": "x"}
    held = asyncio.ensure_future(http.post(url, json=body, headers=headers))
    while not slack.calls:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENCE_S):
        await slack.stop()
    await asyncio.wait([held])
    assert slack.messages == []
    with pytest.raises(aiohttp.ClientConnectorError):
        await http.post(url, json=body, headers=headers)
    await slack.start(slack.port)
    async with http.post(url, json=body, headers=headers) as response:
        assert (await response.json())["ok"]
    if not held.cancelled() and held.exception() is None:
        assert held.result().status == 504
        held.result().release()


# PagerDuty.


def trigger(**more: Any) -> dict[str, Any]:
    payload = {"summary": "s", "source": "src", "severity": "critical"}
    event = {"routing_key": DEFAULT_ROUTING_KEY, "event_action": "trigger", "dedup_key": "k"}
    return {**event, "payload": payload, **more}


def session(pagerduty: FakePagerDuty, key: str = DEFAULT_ROUTING_KEY) -> Any:
    made = pdpyras.EventsAPISession(key)
    made.url = pagerduty.base_url
    made.retry.clear()
    made.retry[429] = -2
    made.max_network_attempts = 0
    made.trust_env = False
    return made


async def test_an_incident_lives_and_its_key_makes_a_new_one(pagerduty: FakePagerDuty) -> None:
    pd = session(pagerduty)
    links_ = [{"href": "https://e.example/r", "text": "Runbook"}]
    key = await asyncio.to_thread(
        pd.trigger, "down", "db1", "k1", "error", custom_details={"a": 1}, links=links_
    )
    assert key == "k1"
    await asyncio.to_thread(pd.acknowledge, "k1")
    await asyncio.to_thread(pd.trigger, "still down", "db1", "k1")
    (incident,) = pagerduty.open()
    assert (incident.status, incident.summary) == ("acknowledged", "down")
    assert incident.actions == ["trigger", "acknowledge", "trigger"]
    assert (incident.severity, incident.custom_details) == ("error", {"a": 1})
    assert incident.links == links_
    await asyncio.to_thread(pd.resolve, "k1")
    assert pagerduty.open() == []
    await asyncio.to_thread(pd.trigger, "again", "db1", "k1")
    assert [i.status for i in pagerduty.of_key("k1")] == ["resolved", "triggered"]
    assert [e.effect for e in pagerduty.events] == [
        "opened",
        "acknowledged",
        "logged",
        "resolved",
        "opened",
    ]


async def test_what_nothing_open_receives_is_taken_and_dropped(pagerduty: FakePagerDuty) -> None:
    pd, other = session(pagerduty), session(pagerduty, OTHER_KEY)
    await asyncio.to_thread(pd.acknowledge, "unknown")
    await asyncio.to_thread(pd.trigger, "down", "db1", "k1")
    await asyncio.to_thread(other.resolve, "k1")
    assert [e.dedup_key for e in pagerduty.dropped] == ["unknown", "k1"]
    assert [i.status for i in pagerduty.incidents] == ["triggered"]
    await asyncio.to_thread(pd.resolve, "k1")
    await asyncio.to_thread(pd.resolve, "k1")
    assert [e.method for e in pagerduty.dropped] == ["acknowledge", "resolve", "resolve"]


async def test_a_trigger_without_a_key_gets_one(pagerduty: FakePagerDuty) -> None:
    key = await asyncio.to_thread(session(pagerduty).trigger, "down", "db1")
    assert pagerduty.incidents[0].dedup_key == key
    assert len(key) == 32


def _payload(**more: Any) -> dict[str, Any]:
    return trigger(payload={**trigger()["payload"], **more})


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (trigger(routing_key="short"), "Length of 'routing_key' is incorrect"),
        (trigger(routing_key=None), "'routing_key' is missing or blank"),
        (trigger(routing_key="X" * 32), "Invalid routing key"),
        (trigger(event_action="page"), "'event_action' is invalid"),
        (trigger(event_action=None), "'event_action' is missing or blank"),
        (trigger(event_action="resolve", dedup_key=None), "'dedup_key' is missing or blank"),
        (trigger(event_action="acknowledge", dedup_key=""), "'dedup_key' is missing or blank"),
        (trigger(dedup_key="k" * 256), "'dedup_key' is too long (maximum is 255 characters)"),
        (trigger(dedup_key=5), "'dedup_key' is invalid"),
        (trigger(payload=None), "'payload' is missing or blank"),
        (trigger(payload="x"), "'payload' is invalid"),
        (_payload(summary=""), "'payload.summary' is missing or blank"),
        (_payload(summary="s" * 1025), "'summary' is too long (maiximum is 1024 characters)"),
        (_payload(source="  "), "'payload.source' is missing or blank"),
        (_payload(severity=None), "'payload.severity' is missing or blank"),
        (_payload(severity="P1"), "'payload.severity' is invalid (must be one of the following"),
        (_payload(timestamp="today"), "'payload.timestamp' is invalid"),
        (_payload(custom_details="x"), "'payload.custom_details' is invalid"),
        (_payload(component=5), "'payload.component' is invalid (must be a string)"),
        (_payload(custom_details={"x": "y" * 524_288}), "Event size exceeds 512 KB"),
        (trigger(links={"href": "https://e.example"}), "'links' is invalid (must be an array)"),
        (trigger(links=["https://e.example"]), "'links[0]' is invalid (must be an object)"),
        (trigger(links=[{"text": "x"}]), "'links[0].href' is missing or not a web address"),
        (trigger(links=[{"href": "https://e.example", "src": "x"}]), "'links[0].src' is unknown"),
        (trigger(images=[{"src": "x"}]), "'images[0].src' is missing or not a web address"),
        (trigger(client=5), "'client' is invalid (must be a string)"),
    ],
)
async def test_invalid_events_are_refused(
    pagerduty: FakePagerDuty, http: ClientSession, event: dict[str, Any], error: str
) -> None:
    async with http.post(pagerduty.base_url + "/v2/enqueue", json=event) as response:
        assert response.status == 400
        answer = await response.json()
    assert answer["status"] == "invalid event"
    assert answer["message"] == "Event object is invalid"
    assert [e for e in answer["errors"] if error in e], answer
    assert pagerduty.incidents == []
    assert pagerduty.events[0].outcome.startswith("error:")


async def test_events_at_every_limit_are_taken(
    pagerduty: FakePagerDuty, http: ClientSession
) -> None:
    event = trigger(
        dedup_key="k" * 255,
        client="Incidents",
        client_url="https://e.example/i",
        links=[{"href": "https://e.example"}],
        images=[{"src": "https://e.example/i.png", "href": "https://e.example", "alt": "x"}],
        payload={
            **trigger()["payload"],
            "summary": "s" * 1024,
            "timestamp": "2026-01-02T03:04:05.678Z",
            "custom_details": {"x": "y" * 500_000},
        },
    )
    async with http.post(pagerduty.base_url + "/v2/enqueue", json=event) as response:
        assert response.status == 202
        answer = await response.json()
    assert answer == {
        "status": "success",
        "message": "Event processed",
        "dedup_key": "k" * 255,
    }
    assert pagerduty.incidents[0].client_url == "https://e.example/i"


async def test_what_is_no_event_is_refused(pagerduty: FakePagerDuty, http: ClientSession) -> None:
    for body in (b"{", b"[]", b"\xff", b'{"x": "\\ud800"}'):
        async with http.post(pagerduty.base_url + "/v2/enqueue", data=body) as response:
            assert response.status == 400
            assert (await response.json())["status"] == "Unrecognized object"


async def test_pagerduty_refuses_by_name_and_by_rate(
    pagerduty: FakePagerDuty, clock: Clock
) -> None:
    pd, other = session(pagerduty), session(pagerduty, OTHER_KEY)
    pagerduty.faults.add("error:Invalid routing key", method="trigger")
    with pytest.raises(pdpyras.PDHTTPError) as error:
        await asyncio.to_thread(pd.trigger, "s", "src", "k")
    assert error.value.response.status_code == 400
    assert error.value.response.json()["errors"] == ["Invalid routing key"]
    pagerduty.rate_per_minute = 2
    for _ in range(2):
        await asyncio.to_thread(pd.trigger, "s", "src", "k")
    with pytest.raises(pdpyras.PDHTTPError) as error:
        await asyncio.to_thread(pd.trigger, "s", "src", "k")
    assert error.value.response.status_code == 429
    await asyncio.to_thread(other.trigger, "s", "src", "k")
    clock.now += 60
    await asyncio.to_thread(pd.trigger, "s", "src", "k")


@pytest.mark.slow
async def test_events_take_effect_later_and_in_order(
    pagerduty: FakePagerDuty, http: ClientSession
) -> None:
    pagerduty.processing_delay = 2.0
    await send(pagerduty, http, "trigger", "acknowledge", "resolve")
    assert pagerduty.incidents == []
    assert pagerduty.queued == 3
    while pagerduty.queued:
        await asyncio.sleep(0.02)
    assert [i.actions for i in pagerduty.incidents] == [["trigger", "acknowledge", "resolve"]]
    assert pagerduty.dropped == []
    pagerduty.processing_delay = 60
    await send(pagerduty, http, "trigger")
    pagerduty.process_queued()
    assert [i.status for i in pagerduty.incidents] == ["resolved", "triggered"]


async def test_an_acknowledge_can_overtake_its_trigger(
    pagerduty: FakePagerDuty, http: ClientSession
) -> None:
    pagerduty.processing_delay, pagerduty.reorder = 60, True
    await send(pagerduty, http, "trigger", "acknowledge")
    assert [e.method for e in pagerduty.dropped] == ["acknowledge"]
    pagerduty.process_queued()
    assert [i.status for i in pagerduty.incidents] == ["triggered"]
    await send(pagerduty, http, "acknowledge")
    assert [i.status for i in pagerduty.incidents] == ["acknowledged"]


async def send(pagerduty: FakePagerDuty, http: ClientSession, *wanted: str) -> None:
    for action in wanted:
        event = trigger(event_action=action)
        async with http.post(pagerduty.base_url + "/v2/enqueue", json=event) as response:
            assert response.status == 202


# From another process.


async def test_both_run_as_a_process_of_their_own(http: ClientSession) -> None:
    command = [sys.executable, "-m", "tests.support.fakes", "both", "--channel", "C1=one"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        urls = json.loads(await process.stdout.readline())
        await _use_from_afar(http, urls["slack"], urls["pagerduty"])
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def _use_from_afar(http: ClientSession, slack: str, pagerduty: str) -> None:
    async def ask(verb: str, url: str, body: Any = None, status: int = 200) -> Any:
        async with http.request(verb, url, json=body) as response:
            assert response.status == status
            return await response.json()

    root = slack.removesuffix("/api/")
    client = AsyncWebClient("xoxb-test", base_url=slack, timeout=60, retry_handlers=[])
    client.proxy = None
    fault = {"kind": "error:is_archived", "times": 1, "method": "chat.postMessage"}
    assert await ask("POST", root + "/_faults", fault) == {"waiting": 1}
    with refused("is_archived"):
        await client.chat_postMessage(channel="one", text="x")
    odd: list[Any] = [{"kind": "nonsense"}, {"kind": "500", "often": 1}, {}, [1]]
    for bad in [*odd, {"kind": "500", "times": "2"}]:
        assert "error" in await ask("POST", root + "/_faults", bad, status=400)
    posted = await client.chat_postMessage(channel="one", text="x", blocks=[actions(button())])
    press = {"ts": posted["ts"], "action_id": "ack", "user": "U3"}
    click = await ask("POST", root + "/_click", press)
    body, headers = click["body"].encode(), click["headers"]
    assert headers["X-Slack-Signature"] == _signature(body, headers, "secret")
    for wrong in ({**press, "action_id": "no"}, {**press, "ts": "1"}, {**press, "x": 1}, {}):
        assert "error" in await ask("POST", root + "/_click", wrong, status=400)
    state = await ask("GET", root + "/_state")
    assert state["messages"][0]["channel"] == "C1"
    assert [c["outcome"] for c in state["calls"]] == ["fault:error:is_archived", "ok"]

    await ask("POST", pagerduty + "/v2/enqueue", trigger(), status=202)
    assert (await ask("GET", pagerduty + "/_state"))["incidents"][0]["status"] == "triggered"
    await ask("POST", pagerduty + "/_faults", {"kind": "500", "times": None})
    brief = await ask("GET", pagerduty + "/_state?brief=1")
    assert brief["counts"] == {
        "incidents": 1,
        "open": 1,
        "events": 1,
        "dropped": 0,
        "queued": 0,
        "faults_waiting": 1,
    }
    assert list(brief) == ["counts"]
    await ask("DELETE", pagerduty + "/_faults")
    await ask("POST", pagerduty + "/v2/enqueue", trigger(dedup_key="k2"), status=202)
    for url in (pagerduty, root):
        await ask("POST", url + "/_reset")
        assert not any((await ask("GET", url + "/_state?brief=1"))["counts"].values())
