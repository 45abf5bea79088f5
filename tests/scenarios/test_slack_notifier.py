"""The Slack notifier alone, against the strict fake: what it plans, sends, finds and gives up."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from receiver.notify.notifier import Absent, Delivered, Rejected, Retry, Step, View
from receiver.slack.notifier import SlackNotifier
from receiver.slack.posts import PAGES_SEARCHED
from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Entry, Page
from routing.receipt import Attempt, Receipt
from tests.support.app import App
from tests.support.fakes.slack import FakeSlack
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
NOW = int(time.time() * 1000)
POSTED = Receipt(version=3, paged_seq=1, state={"channel": CHANNEL, "ts": "1700000000.000001"})
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(token="xoxb-test", channels={CHANNEL: "alerts"})
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def notifier(slack: FakeSlack) -> AsyncIterator[SlackNotifier]:
    made = _notifier(slack.base_url)
    yield made
    await made.close()


def _notifier(base_url: str, **more: Any) -> SlackNotifier:
    settings = {"token": "xoxb-test", "channel": CHANNEL, "timeout": 2.0, **more}
    return SlackNotifier("slack", base_url=base_url, **settings)


def _incident(**more: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": "0-aaaaaaaaaaaaaaaa-1",
        "group": Group("", "", ""),
        "state": "triggered",
        "version": 3,
        "priority": "P1",
        "title": "Checkout is down",
        "runbook_url": "https://wiki.example/checkout",
        "episode_opened_at": NOW - 60_000,
    }
    return Incident(**{**usual, **more})


def _view(incident: Incident | None = None, *entries: Entry, **page: Any) -> View:
    usual = {"seq": 1, "since": 1, "step": 0, "reason": "opened", "at": NOW}
    return View(
        incident=incident or _incident(),
        page=Page(**{**usual, **page}),
        timeline=entries,
        now=NOW,
        url="https://im.example/v1/incidents/x",
    )


def _entry(kind: str, text: str = "something") -> Entry:
    return Entry(at=NOW, kind=kind, text=text)


async def _post(notifier: SlackNotifier, view: View | None = None) -> Receipt:
    done = await notifier.perform(view or _view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Delivered)
    return done.receipt


def _trying(receipt: Receipt, what: str, seq: int = 0, cursor: int = 0) -> Receipt:
    attempt = Attempt(what, NOW, seq, cursor=cursor)
    return msgspec.structs.replace(receipt, attempt=attempt)


_PURE = _notifier("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("view", "receipt", "step"),
    [
        (_view(), Receipt(), Step("post", seq=1)),
        (_view(_incident(state="acknowledged")), Receipt(), Step("post", seq=1)),
        (_view(_incident(state="resolved")), Receipt(), None),
        (_view(), Receipt(failed_seq=1), None),
        (_view(), POSTED, None),
        (_view(seq=2), POSTED, Step("page", seq=2)),
        (_view(seq=2), msgspec.structs.replace(POSTED, failed_seq=2), None),
        (_view(_incident(version=4), seq=2), POSTED, Step("page", seq=2)),
        (_view(_incident(version=4, state="acknowledged"), seq=2), POSTED, Step("update")),
        (_view(_incident(version=4), _entry("acknowledged")), POSTED, Step("update")),
        (_view(None, _entry("acknowledged")), POSTED, Step("note")),
        (_view(None, _entry("alerts_changed"), _entry("paged"), _entry("opened")), POSTED, None),
        # Its post was unknown and could not be looked up: paged, but there is nothing to update.
        (_view(_incident(version=9)), Receipt(version=3, paged_seq=1), None),
    ],
)
def test_the_next_step(view: View, receipt: Receipt, step: Step | None) -> None:
    assert _PURE.plan(view, receipt) == step


async def test_a_post_is_known_by_its_time_and_metadata(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier, _view(None, _entry("opened"), _entry("paged")))
    [message] = slack.messages
    assert (receipt.state["ts"], receipt.state["channel"]) == (message.ts, CHANNEL)
    assert (receipt.version, receipt.paged_seq, receipt.cursor) == (3, 1, 2)
    assert message.metadata is not None
    assert message.metadata["event_type"] == "incident_manager"
    payload = message.metadata["event_payload"]
    assert (payload["incident"], payload["what"], payload["seq"]) == (_incident().id, "post", 1)


async def test_an_update_changes_the_message_in_place_and_skips_what_is_not_worth_telling(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    before = {block["block_id"] for block in slack.messages[0].blocks}
    view = _view(_incident(version=4), _entry("alerts_changed"), mention="!here")
    done = await notifier.perform(view, receipt, Step("update"))
    assert isinstance(done, Delivered)
    assert (done.receipt.version, done.receipt.cursor) == (4, 1)
    [message] = slack.messages
    assert message.updates == 1
    assert message.metadata is not None
    assert not before & {block["block_id"] for block in message.blocks}
    assert message.mentions == []


async def test_an_acknowledged_incident_needs_no_page_any_more(notifier: SlackNotifier) -> None:
    receipt = await _post(notifier)
    view = _view(_incident(version=4, state="acknowledged"), seq=2)
    done = await notifier.perform(view, receipt, Step("update"))
    assert isinstance(done, Delivered)
    assert done.receipt.paged_seq == 2
    assert notifier.plan(view, done.receipt) is None


@pytest.mark.parametrize("mention", ["!here", "@U0123ABCD", "!subteam^S0123ABCD"])
async def test_a_page_rings_in_the_thread_and_the_channel(
    slack: FakeSlack, notifier: SlackNotifier, mention: str
) -> None:
    receipt = await _post(notifier)
    entries = [_entry("deadline_missed"), _entry("escalated")]
    view = _view(None, *entries, seq=2, step=1, reason="deadline", mention=mention)
    done = await notifier.perform(view, receipt, Step("page", seq=2))
    assert isinstance(done, Delivered)
    [reply] = slack.replies(receipt.state["ts"])
    assert reply.reply_broadcast
    assert reply.pings == [f"<{mention}>"]
    assert "not acknowledged in time" in reply.text
    # What led to the page is told by it: no note follows.
    assert (done.receipt.paged_seq, done.receipt.cursor) == (2, 2)
    assert done.receipt.state["ts"] == receipt.state["ts"]


async def test_a_note_tells_several_entries_in_one_quiet_reply(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    entries = [_entry("alerts_changed", "no"), _entry("reopened", "one"), _entry("resolved", "two")]
    done = await notifier.perform(_view(None, *entries), receipt, Step("note"))
    assert isinstance(done, Delivered)
    assert done.receipt.cursor == 3
    [reply] = slack.replies(receipt.state["ts"])
    assert not reply.reply_broadcast
    assert [word in reply.text for word in ("no", "one", "two")] == [False, True, True]


async def test_the_note_about_the_end_says_how_long_it_took(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    over = _incident(
        state="resolved",
        acknowledged_at=NOW,
        acknowledged_by=Actor("ann", "slack"),
        resolved_at=NOW + 4 * 60_000,
    )
    await notifier.perform(_view(over, _entry("resolved", "Done")), receipt, Step("note"))
    [reply] = slack.replies(receipt.state["ts"])
    assert "Done" in reply.text
    assert "after 5m, acknowledged after 1m" in reply.text


async def test_replies_fetch_no_media_that_a_label_names(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    await notifier.perform(_view(None, _entry("resolved")), receipt, Step("note"))
    for call in slack.calls:
        assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)


@pytest.mark.parametrize(
    ("fault", "more", "after", "unknown"),
    [
        ("429", {"retry_after": "1.5"}, 1_500, False),
        ("429", {"retry_after": "1000000"}, 600_000, False),
        ("429", {"retry_after": "-3"}, 1_000, False),
        ("429", {"retry_after": "soon"}, None, False),
        ("429", {"retry_after": "nan"}, None, False),
        ("error:rate_limited", {}, None, False),
        ("error:service_unavailable", {}, None, False),
        ("error:fatal_error", {}, None, True),
        ("error:internal_error", {}, None, True),
        ("500", {}, None, True),
        ("503", {}, None, True),
        ("html", {}, None, True),
        ("reset_before", {}, None, True),
        ("reset_after", {}, None, True),
        ("hang", {"seconds": 60}, None, True),
    ],
)
async def test_what_may_pass_is_retried(
    slack: FakeSlack, fault: str, more: Any, after: int | None, unknown: bool
) -> None:
    notifier = _notifier(slack.base_url, timeout=2.0)
    slack.faults.add(fault, **more)
    done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Retry)
    assert (done.after, done.unknown) == (after, unknown)
    assert len(slack.calls) == 1
    await notifier.close()


# What an answer of Slack's cannot be: whatever it says, it is no word about the message.
LIES: list[dict[str, Any]] = [
    {},
    {"body": ""},
    {"body": "", "content_type": "application/json"},
    {"body": "ok", "content_type": "text/plain"},
    {"body": '{"ok": true, "ts": "17', "content_type": "application/json"},
    *(
        {"body": body, "content_type": "application/json"}
        for body in (
            "[]",
            '[{"ok": true}]',
            '"ok"',
            "17",
            "null",
            "{}",
            "[" * 100_000,
            '{"ok": 1, "ts": "1772445600.000100", "channel": "C0ALERTS"}',
            '{"ok": "yes", "ts": "1772445600.000100", "channel": "C0ALERTS"}',
            '{"ok": true, "channel": "C0ALERTS"}',
            '{"ok": true, "channel": "C0ALERTS", "ts": null}',
            '{"ok": true, "channel": "C0ALERTS", "ts": "soon"}',
            '{"ok": true, "channel": "C0ALERTS", "ts": ""}',
            '{"ok": true, "channel": "C0ALERTS", "ts": 1772445600.0001}',
            '{"ok": true, "channel": "C0ALERTS", "ts": ["1772445600.000100"]}',
            '{"ok": false}',
            '{"ok": false, "error": {"odd": true}}',
        )
    ),
]


@pytest.mark.parametrize("said", LIES)
@pytest.mark.parametrize("step", [Step("post", seq=1), Step("page", seq=2), Step("update")])
async def test_a_200_that_names_no_message_is_no_delivery(
    slack: FakeSlack, notifier: SlackNotifier, step: Step, said: dict[str, Any]
) -> None:
    receipt = Receipt() if step.what == "post" else await _post(notifier)
    method = "chat.update" if step.what == "update" else "chat.postMessage"
    slack.faults.add("answer", method=method, **said)
    done = await notifier.perform(_view(), receipt, step)
    assert isinstance(done, Retry)
    assert done.unknown
    assert isinstance(await notifier.perform(_view(), receipt, step), Delivered)


async def test_a_digest_that_slack_does_not_name_is_no_delivery(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    slack.faults.add("answer", body='{"ok": true}', content_type="application/json")
    done = await notifier.digest((_view(), _view()), "key")
    assert isinstance(done, Retry)
    assert done.unknown


async def test_an_update_of_another_message_is_no_delivery(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    body = '{"ok": true, "channel": "C0ALERTS", "ts": "1772445600.999999"}'
    slack.faults.add("answer", body=body, content_type="application/json")
    assert isinstance(await notifier.perform(_view(), receipt, Step("update")), Retry)


@pytest.mark.parametrize("body", ["{}", '{"messages": 1}', '{"messages": {"a": 1}}'])
async def test_a_look_up_that_lists_nothing_found_nothing_out(
    slack: FakeSlack, notifier: SlackNotifier, body: str
) -> None:
    await _post(notifier)
    body = '{"ok": true, ' + body.removeprefix("{")
    said = {"body": body.replace(", }", "}"), "content_type": "application/json"}
    slack.faults.add("answer", method="conversations.history", **said)  # type: ignore[arg-type]
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Retry)
    assert found.unknown


async def test_junk_among_what_a_look_up_lists_is_passed_over(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    carried = {"event_type": "incident_manager", "event_payload": {"incident": _incident().id}}
    carried["event_payload"]["what"] = "post"  # type: ignore[index]
    junk = [None, 17, {"metadata": 1}, {"metadata": {"event_payload": []}}, {"metadata": carried}]
    body = json.dumps({"ok": True, "messages": junk, "response_metadata": "none"})
    slack.faults.add("answer", body=body, content_type="application/json")
    assert await notifier.find(_view(), _trying(Receipt(), "post", 1)) == Absent()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413])
async def test_a_4xx_without_a_word_of_slacks_is_odd(
    slack: FakeSlack, notifier: SlackNotifier, status: int
) -> None:
    slack.faults.add("answer", times=2, status=status)
    done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Rejected)
    assert (done.odd, done.repairable) == (True, True)
    assert str(status) in done.reason
    # Of a look-up it says nothing: what was sent may be there.
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Retry)
    assert found.unknown


@pytest.mark.parametrize(
    ("error", "odd"),
    [
        ("invalid_auth", False),
        ("channel_not_found", False),
        ("restricted_action_read_only_channel", False),
        ("invalid_blocks", False),
        ("msg_too_long", False),
        ("no_text", False),
        ("invalid_arguments", False),
        ("cant_update_message", False),
        ("a_word_of_tomorrow", True),
        ("x" * 5_000, True),
    ],
)
async def test_a_refusal_that_slack_is_known_for_is_believed_at_once(
    slack: FakeSlack, notifier: SlackNotifier, error: str, odd: bool
) -> None:
    slack.faults.add(f"error:{error}", times=2)
    done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Rejected)
    assert done.odd == odd
    assert len(done.reason) < 600


async def test_a_429_whose_body_is_not_slacks_is_still_a_429(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    for kind in ("text/html", "application/json", "text/plain"):
        slack.faults.add("answer", status=429, content_type=kind)
        done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
        assert isinstance(done, Retry)
        assert (done.cause, done.unknown, done.blocks) == ("rate_limit", False, 30_000)


async def test_a_refused_connection_sent_nothing() -> None:
    notifier = _notifier("http://127.0.0.1:1/api/")
    done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Retry)
    assert not done.unknown
    await notifier.close()


@pytest.mark.parametrize(
    "error",
    ["invalid_auth", "token_revoked", "missing_scope", "channel_not_found", "is_archived"],
)
async def test_what_will_never_work_is_rejected_by_name(
    slack: FakeSlack, notifier: SlackNotifier, error: str
) -> None:
    slack.faults.add(f"error:{error}")
    done = await notifier.perform(_view(), Receipt(), Step("post", seq=1))
    assert isinstance(done, Rejected)
    assert done.reason.startswith(error)


async def test_the_attempt_at_a_post_is_found_and_the_first_one_wins(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    assert await notifier.find(_view(), _trying(Receipt(), "post", 1)) == Absent()
    await _post(notifier, _view(_incident(id="0-other-1")))
    assert await notifier.find(_view(), _trying(Receipt(), "post", 1)) == Absent()
    await _post(notifier)
    await _post(notifier)
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Delivered)
    assert found.receipt.state["ts"] == slack.messages[1].ts
    assert found.receipt.paged_seq == 1
    # What it shows is not known: an update follows.
    assert notifier.plan(_view(), found.receipt) == Step("update")


@pytest.mark.parametrize("what", ["page", "note"])
async def test_the_attempt_at_a_reply_is_found_in_its_thread(
    slack: FakeSlack, notifier: SlackNotifier, what: str
) -> None:
    receipt = await _post(notifier)
    view = _view(None, _entry("escalated"), seq=2, reason="deadline")
    trying = _trying(receipt, what, 2 if what == "page" else 0, cursor=1)
    assert await notifier.find(view, trying) == Absent()
    slack.faults.add("reset_after", method="chat.postMessage")
    assert trying.attempt is not None
    lost = await notifier.perform(view, receipt, Step(what, seq=trying.attempt.seq))
    assert isinstance(lost, Retry)
    assert len(slack.replies(receipt.state["ts"])) == 1
    found = await notifier.find(view, trying)
    assert isinstance(found, Delivered)
    assert (found.receipt.cursor, found.receipt.state["ts"]) == (1, receipt.state["ts"])
    assert found.receipt.paged_seq == (2 if what == "page" else 1)


async def test_an_update_may_always_be_repeated(notifier: SlackNotifier) -> None:
    assert await notifier.find(_view(), _trying(POSTED, "update")) == Absent()


@pytest.mark.parametrize("fault", ["429", "503", "reset_before", "error:ratelimited"])
async def test_a_look_up_that_fails_leaves_the_attempt_unknown(
    slack: FakeSlack, notifier: SlackNotifier, fault: str
) -> None:
    await _post(notifier)
    # aiohttp repeats a GET that a kept connection lost: one reset would go unseen.
    slack.faults.add(fault, times=None, method="conversations.history")
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Retry)
    assert found.unknown


async def test_a_look_up_that_cannot_connect_leaves_the_attempt_unknown() -> None:
    notifier = _notifier("http://127.0.0.1:1/api/")
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Retry)
    assert found.unknown
    await notifier.close()


async def test_a_look_up_follows_the_pages_and_owns_up_when_there_are_too_many(
    slack: FakeSlack, notifier: SlackNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.slack.posts.PAGE_SIZE", 1)
    receipt = await _post(notifier)
    for number in range(PAGES_SEARCHED - 1):
        await _post(notifier, _view(_incident(id=f"0-other-{number}")))
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Delivered)
    assert found.receipt.state["ts"] == receipt.state["ts"]
    await _post(notifier, _view(_incident(id="0-other-x")))
    found = await notifier.find(_view(), _trying(Receipt(), "post", 1))
    assert isinstance(found, Absent)
    assert "unknown" in found.note


async def test_p1_is_sent_again_when_nobody_may_look_and_p3_is_not(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    slack.faults.add("error:missing_scope", times=None, method="conversations.history")
    trying = _trying(Receipt(), "post", 1)
    urgent = await notifier.find(_view(), trying)
    assert isinstance(urgent, Absent)
    assert "once more" in urgent.note
    minor = _view(_incident(priority="P3"))
    given_up = await notifier.find(minor, trying)
    assert isinstance(given_up, Delivered)
    assert "not sent again" in given_up.note
    assert notifier.plan(minor, given_up.receipt) is None


@pytest.mark.parametrize("what", ["page", "note"])
async def test_a_reply_that_nobody_may_look_for_is_not_sent_again_and_updates_go_on(
    slack: FakeSlack, notifier: SlackNotifier, what: str
) -> None:
    receipt = await _post(notifier)
    slack.faults.add("error:missing_scope", times=None, method="conversations.replies")
    view = _view(_incident(priority="P3", version=9), _entry("acknowledged"), seq=2)
    trying = _trying(receipt, what, 2 if what == "page" else 0, cursor=1)
    found = await notifier.find(view, trying)
    assert isinstance(found, Delivered)
    assert found.receipt.cursor == 1
    assert found.receipt.version == receipt.version
    quiet = msgspec.structs.replace(view, timeline=())
    wanted = Step("update") if what == "page" else Step("page", seq=2)
    assert notifier.plan(quiet, found.receipt) == wanted


@pytest.mark.parametrize("priority", ["P1", "P4"])
async def test_a_token_that_opens_nothing_is_not_taken_for_a_delivery(
    slack: FakeSlack, notifier: SlackNotifier, priority: str
) -> None:
    slack.faults.add("error:token_revoked", method="conversations.history")
    view = _view(_incident(priority=priority))
    found = await notifier.find(view, _trying(Receipt(), "post", 1))
    assert isinstance(found, Rejected)
    assert (found.repairable, found.cause) == (True, "access")


async def test_a_refused_layout_is_sent_as_plain_text_that_rings_too(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    slack.faults.add("error:invalid_blocks", method="chat.postMessage")
    view = _view(_incident(title="Down <!channel> & out"), mention="!here")
    receipt = await _post(notifier, view)
    assert receipt.state["plain"]
    [message] = slack.messages
    assert message.pings == ["<!here>"]
    for word in ("P1", "Down &lt;!channel&gt; &amp; out", "wiki.example", "im.example"):
        assert word in message.text
    assert not message.blocks
    later = _view(_incident(version=4))
    assert isinstance(await notifier.perform(later, receipt, Step("update")), Delivered)
    assert not message.blocks
    assert len(slack.calls) == 3


async def test_an_update_whose_layout_is_refused_stays_plain(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    receipt = await _post(notifier)
    slack.faults.add("error:msg_blocks_too_long", method="chat.update")
    done = await notifier.perform(_view(_incident(version=4)), receipt, Step("update"))
    assert isinstance(done, Delivered)
    assert done.receipt.state["plain"]
    assert not slack.messages[0].blocks


@pytest.mark.parametrize("step", [Step("update"), Step("note")])
async def test_a_message_deleted_by_hand_is_posted_again_without_ringing_again(
    slack: FakeSlack, notifier: SlackNotifier, step: Step
) -> None:
    view = _view(_incident(version=4), _entry("acknowledged"), mention="!here")
    gone = await notifier.perform(view, POSTED, step)
    assert isinstance(gone, Delivered)
    assert "deleted" in gone.note
    again = notifier.plan(view, gone.receipt)
    assert again == Step("post")
    done = await notifier.perform(view, gone.receipt, again)
    assert isinstance(done, Delivered)
    assert done.receipt.paged_seq == 1
    assert slack.messages[0].pings == []
    # Were the answer to it lost, finding it must not make the page due again.
    found = await notifier.find(view, _trying(gone.receipt, "post"))
    assert isinstance(found, Delivered)
    assert found.receipt.paged_seq == 1


async def test_a_page_into_a_deleted_thread_rings_with_a_new_message(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    view = _view(seq=2, mention="!here")
    assert await notifier.find(view, _trying(POSTED, "page", 2)) == Absent()
    gone = await notifier.perform(view, POSTED, Step("page", seq=2))
    assert isinstance(gone, Delivered)
    again = notifier.plan(view, gone.receipt)
    assert again == Step("post", seq=2)
    done = await notifier.perform(view, gone.receipt, again)
    assert isinstance(done, Delivered)
    assert done.receipt.paged_seq == 2
    assert slack.messages[0].pings == ["<!here>"]


async def test_a_message_deleted_after_a_refused_update_is_posted_again(
    notifier: SlackNotifier,
) -> None:
    view = _view(_incident(version=4))
    refused = msgspec.structs.replace(POSTED, failed_seq=1)
    gone = await notifier.perform(view, refused, Step("update"))
    assert isinstance(gone, Delivered)
    assert notifier.plan(view, gone.receipt) == Step("post")


@pytest.mark.parametrize("step", [Step("update"), Step("note")])
async def test_a_deleted_message_of_a_resolved_incident_is_left_alone(
    slack: FakeSlack, notifier: SlackNotifier, step: Step
) -> None:
    view = _view(_incident(version=4, state="resolved"), _entry("resolved"))
    done = await notifier.perform(view, POSTED, step)
    assert isinstance(done, Delivered)
    assert done.note == ""
    quiet = msgspec.structs.replace(view, timeline=())
    assert notifier.plan(quiet, done.receipt) is None
    assert slack.messages == []


async def test_what_somebody_has_taken_is_posted_without_ringing(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    await _post(notifier, _view(_incident(state="acknowledged"), mention="!here"))
    assert slack.messages[0].pings == []


async def test_hostile_text_survives_the_way_to_slack(
    slack: FakeSlack, notifier: SlackNotifier
) -> None:
    nasty = "\ud800\x00\u202e<!channel>" + "&" * 1_000_000
    fired = Alert(
        "a", labels={"alertname": nasty}, annotations={"summary": nasty}, generator_url=nasty
    )
    incident = _incident(title=nasty, priority_reason=nasty, runbook_url=nasty, alerts={"a": fired})
    receipt = await _post(notifier, _view(incident))
    view = _view(incident, _entry("acknowledged", nasty), seq=2)
    for step in (Step("page", seq=2), Step("note"), Step("update")):
        assert isinstance(await notifier.perform(view, receipt, step), Delivered)
    for message in slack.messages:
        assert (message.mentions, message.links) == ([], [])


@pytest.mark.parametrize(
    ("base_url", "rules", "proxied"),
    [
        ("http://127.0.0.1:{port}/api/", "", False),
        ("http://localhost:{port}/api/", "", False),
        ("http://slack.example/api/", "", True),
        ("http://slack.example/api/", "example.org,.example", False),
        ("http://slack.example:81/api/", "slack.example:81", False),
        ("http://slack.example:82/api/", "slack.example:81", True),
    ],
)
async def test_a_proxy_is_used_as_the_rules_say_and_never_for_this_machine(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, base_url: str, rules: str, proxied: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", rules)
    notifier = _notifier(base_url.format(port=slack.port))
    assert bool(notifier._api._connected().proxy) == proxied
    if "example" not in base_url:
        await _post(notifier)
    await notifier.close()


@pytest.mark.parametrize("fault", ["429", "error:ratelimited"])
async def test_a_post_whose_look_up_is_limited_at_first_is_not_doubled(
    app: App, fault: str
) -> None:
    """The whole service: Slack took the post, its answer was lost, and it is too busy to tell."""
    app.slack.faults.add("reset_after", method="chat.postMessage")
    app.slack.faults.add(fault, method="conversations.history")
    name = await app.fire()

    async def delivered() -> bool:
        app.clock.move(5)
        app.service.agenda.wake()
        found = await app.incident(name)
        return all(item["state"] == "delivered" for item in found["deliveries"])

    await until(delivered)
    assert any(call.method == "conversations.history" for call in app.slack.calls)
    assert len(app.slack.top_level(CHANNEL)) == 1
