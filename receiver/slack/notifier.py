"""Slack through slack-sdk: one message per incident, updated in place; pages as thread replies.

``chat.update`` pings nobody, so a further page is a broadcast reply with a mention. slack-sdk would
repeat ``chat.postMessage`` after a reset by itself: its retries are off, and whoever finds an
unfinished attempt looks it up by the message's metadata before posting again.
"""

import logging
from typing import Any

import msgspec

from receiver.notify.notifier import Absent, Delivered, Outcome, Rejected, Retry, Step, Tried, View
from receiver.notify.rate_budget import Budget, key_of
from receiver.slack.blocks.digest_message import DIGEST_MAX, digest_message
from receiver.slack.blocks.incident_message import incident_message, mention_block, plain_message
from receiver.slack.blocks.thread import noteworthy, page_text, thread_note
from receiver.slack.client.errors import Answer, confirmed, is_gone, is_layout
from receiver.slack.client.mentions import SlackPeople
from receiver.slack.client.probe import Checker
from receiver.slack.client.web_api import SlackApi
from receiver.slack.mrkdwn import mention, mrkdwn
from receiver.slack.posts import (
    after_digest,
    after_post,
    after_reply,
    digest_metadata,
    find,
    metadata,
    told,
)
from receiver.slack.receipt import STATE
from routing.receipt import Attempt, Receipt

log = logging.getLogger("notify.slack")

UPDATE_BURST = 10
# What alert texts name must neither be fetched by Slack nor fill the channel.
_QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}


TEST_MAX = 500
"""Characters of a test message."""


class SlackNotifier:
    """Brings one Slack channel up to date."""

    kind = "slack"
    state = STATE
    steps = 4
    repeatable = False
    digest_max = DIGEST_MAX

    def __init__(
        self,
        name: str,
        *,
        token: str,
        channel: str,
        base_url: str,
        timeout: float = 10.0,
        per_minute: tuple[int, int] = (0, 0),
    ) -> None:
        """``timeout`` in seconds, for the whole of a call; ``channel`` is an id or a name.

        ``per_minute``: messages of the channel, and updates of the workspace (0: no limit).
        """
        self.name = name
        self.timeout = timeout
        posts, updates = per_minute
        self._posts = Budget(key_of("slack", token, channel), posts)
        self._updates = Budget(key_of("slack-update", token), updates, UPDATE_BURST)
        self._channel = channel
        # A channel may be given by its name, which finds nothing and goes with a renaming.
        self._channel_id = ""
        self._api = SlackApi(token, base_url, timeout)
        self._people = SlackPeople(self._api.call)
        self._probe = Checker(token, base_url)

    def plan(self, view: View, receipt: Receipt) -> Step | None:
        """Post, page again, update, then tell the thread: in this order, each only if needed."""
        incident, page = view.incident, view.page
        unpaged = page.seq > max(receipt.paged_seq, receipt.failed_seq)
        if not STATE.of(receipt).ts:
            # Paged without a message and nothing shown: somebody deleted it. Paged without one and
            # a version shown: its post was unknown and could not be looked up. Given up for a cause
            # that may be put right meanwhile: it is shown, and rings nobody.
            given_up = page.seq <= receipt.failed_seq
            owed = unpaged or (not receipt.version and (not given_up or receipt.repairable))
            seq = page.seq if unpaged else 0
            return Step("post", seq=seq) if incident.is_open and owed else None
        if incident.wants(page) and unpaged:
            return Step("page", seq=page.seq)
        if receipt.version < incident.version:
            return Step("update")
        if noteworthy(view.timeline):
            return Step("note")
        return None

    def budget(self, _view: View, step: Step) -> Budget:
        """Messages are counted by channel, updates by workspace."""
        return self._updates if step.what == "update" else self._posts

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Do one step with one call (two when Slack refuses the layout)."""
        if step.what == "post":
            return await self._post(view, receipt, step)
        if step.what == "update":
            return await self._update(view, receipt)
        entries, posted = noteworthy(view.timeline), STATE.of(receipt)
        if step.what == "page":
            text = page_text(view, await self._people.mention(view.on_call))
        else:
            text = thread_note(view, entries)
        answer = await self._call(
            "chat_postMessage",
            channel=posted.channel,
            thread_ts=posted.ts,
            text=text,
            reply_broadcast=step.what == "page",
            metadata=metadata(view, step.what, step.seq, told(view, receipt)),
            **_QUIET,
        )
        if is_gone(answer):
            return self._deleted(view, receipt)
        if not isinstance(answer, dict):
            return answer
        attempt = Attempt(step.what, view.now, step.seq, cursor=told(view, receipt))
        return Delivered(after_reply(view, receipt, attempt))

    async def _post(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        text, blocks = incident_message(view)
        # What was paged before, or is taken by somebody, rings nobody again. What was given up and
        # reached nobody elsewhere does: it may be the first that anybody hears of it.
        given_up = 0 if view.incident.is_unreached else receipt.failed_seq
        done = max(receipt.paged_seq, given_up)
        rings = view.page.seq > done and view.incident.wants(view.page)
        who = ""
        if rings:
            people = await self._people.mention(view.on_call)
            who = f"{mention(view.page.mention)} {people}".strip()
        common = {"channel": self._channel_id or self._channel, **_QUIET}
        common["metadata"] = metadata(view, "post", step.seq, 0)
        answer = await self._call(
            "chat_postMessage", text=text, blocks=mention_block(view, who) + blocks, **common
        )
        plain = is_layout(answer)
        if plain:
            log.error("Slack refused the layout, sent as plain text: %s", answer)
            answer = await self._call(
                "chat_postMessage", text=f"{who} {plain_message(view)}".lstrip(), **common
            )
        if not isinstance(answer, dict):
            if answer.cause == "channel":
                self._channel_id = ""
            return answer
        self._channel_id = str(answer.get("channel") or common["channel"])
        return Delivered(after_post(view, receipt, answer, self._channel_id, plain=plain))

    async def digest(self, views: tuple[View, ...], key: str) -> Outcome:
        """Post one message that lists many incidents; it is found again by ``key``."""
        text, blocks = digest_message(views)
        answer = await self._call(
            "chat_postMessage",
            channel=self._channel,
            text=text,
            blocks=blocks,
            metadata=digest_metadata(views, key),
            **_QUIET,
        )
        if not isinstance(answer, dict):
            return answer
        return Delivered(Receipt())

    def listed(self, view: View, receipt: Receipt) -> Receipt:
        """Return the receipt of an incident in a digest: paged, with no message of its own."""
        return after_digest(view, receipt)

    async def _update(self, view: View, receipt: Receipt) -> Outcome:
        text, blocks = incident_message(view)
        posted = STATE.of(receipt)
        place = {"channel": posted.channel, "ts": posted.ts}
        plain = posted.plain
        if plain:
            answer = await self._call("chat_update", text=plain_message(view), **place)
        else:
            answer = await self._call("chat_update", text=text, blocks=blocks, **place)
            plain = is_layout(answer)
            if plain:
                log.error("Slack refused the layout, updated as plain text: %s", answer)
                answer = await self._call(
                    "chat_update", text=plain_message(view), blocks=[], **place
                )
        if is_gone(answer):
            return self._deleted(view, receipt)
        if not isinstance(answer, dict):
            return answer
        paged = receipt.paged_seq
        if not view.incident.wants(view.page):
            paged = view.page.seq  # Nobody needs to be paged any more.
        shown = {"version": view.incident.version, "paged_seq": paged, "delivered_at": view.now}
        if not noteworthy(view.timeline):
            shown["cursor"] = told(view, receipt)
        posted = msgspec.structs.replace(posted, plain=plain)
        return Delivered(STATE.put(receipt, posted, **shown))

    async def _call(self, method: str, **arguments: Any) -> Answer | Retry | Rejected:
        """Post or update; only an answer that names the message says that it is there."""
        return confirmed(await self._api.call(method, **arguments), arguments.get("ts", ""))

    @staticmethod
    def _deleted(view: View, receipt: Receipt) -> Outcome:
        """Somebody deleted the message: an open incident needs a new one."""
        if not view.incident.is_open:
            done = {"version": view.incident.version, "cursor": told(view, receipt)}
            return Delivered(msgspec.structs.replace(receipt, **done))
        # Who was paged stays paged, and an update that was refused does not bar the new message.
        posted = msgspec.structs.replace(STATE.of(receipt), ts="", plain=False)
        gone = STATE.put(receipt, posted, version=0, failed_seq=0)
        return Delivered(gone, note="its message was deleted in Slack; posted again")

    async def find(self, view: View, receipt: Receipt) -> Delivered | Absent | Retry | Rejected:
        """Look an unfinished post up by its metadata; the first one found is the one to keep."""
        return await find(self._api.call, self._channel_id or self._channel, view, receipt)

    def recover(self, view: View) -> Receipt:
        """Look its message up: that says which page it was."""
        return Receipt(attempt=Attempt("post", view.incident.opened_at, view.page.seq))

    async def check(self) -> Tried:
        """Ask whose token it is, and look at the channel."""
        return await self._probe.tried(self.name, self._channel)

    async def send_test(self, text: str) -> str:
        """Post it in the channel; it mentions nobody."""
        answer = await self._call(
            "chat_postMessage", channel=self._channel, text=mrkdwn(text, TEST_MAX)
        )
        return "" if isinstance(answer, dict) else answer.reason

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
