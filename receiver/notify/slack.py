"""Slack through slack-sdk: one message per incident, updated in place; pages as thread replies.

``chat.update`` pings nobody, so a further page is a broadcast reply with a mention. slack-sdk would
repeat ``chat.postMessage`` after a reset by itself: its retries are off, and whoever finds an
unfinished attempt looks it up by the message's metadata before posting again.
"""

import asyncio
import ipaddress
import logging
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from receiver.notify.base import Absent, Delivered, Outcome, Rejected, Retry, Step, View
from receiver.notify.slack_answers import classify, is_gone, is_layout, is_locked_out
from receiver.notify.slack_blocks import (
    incident_message,
    mention_block,
    noteworthy,
    page_text,
    plain_message,
    thread_note,
)
from receiver.notify.slack_people import SlackPeople
from receiver.notify.slack_text import mention
from routing.receipt import Attempt, Receipt

log = logging.getLogger("notify.slack")

EVENT_TYPE = "incident_manager"
LOOK_BACK_S = 60
PAGES_SEARCHED = 10
PAGE_SIZE = 100
# What alert texts name must neither be fetched by Slack nor fill the channel.
_QUIET: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}

Answer = dict[str, Any]


class SlackNotifier:
    """Brings one Slack channel up to date."""

    kind = "slack"
    steps = 4

    def __init__(
        self, name: str, *, token: str, channel: str, base_url: str, timeout: float = 10.0
    ) -> None:
        """``timeout`` in seconds, for the whole of a call; ``channel`` is an id or a name."""
        self.name = name
        self.timeout = timeout
        self._token = token
        self._channel = channel
        self._base_url = base_url
        self._session: ClientSession | None = None
        self._client: AsyncWebClient | None = None
        self._people = SlackPeople(self._call)

    def plan(self, view: View, receipt: Receipt) -> Step | None:
        """Post, page again, update, then tell the thread: in this order, each only if needed."""
        incident, page = view.incident, view.page
        unpaged = page.seq > max(receipt.paged_seq, receipt.failed_seq)
        if not receipt.ts:
            # Paged without a message and nothing shown: somebody deleted it. Paged without one and
            # a version shown: its post was unknown and could not be looked up.
            owed = unpaged or (not receipt.version and page.seq > receipt.failed_seq)
            seq = page.seq if unpaged else 0
            return Step("post", seq=seq) if incident.is_open and owed else None
        if incident.wants(page) and unpaged:
            return Step("page", seq=page.seq)
        if receipt.version < incident.version:
            return Step("update")
        if noteworthy(view.timeline):
            return Step("note")
        return None

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        """Do one step with one call (two when Slack refuses the layout)."""
        if step.what == "post":
            return await self._post(view, receipt, step)
        if step.what == "update":
            return await self._update(view, receipt)
        told = noteworthy(view.timeline)
        if step.what == "page":
            text = page_text(view, await self._people.mention(view.on_call))
        else:
            text = thread_note(view, told)
        answer = await self._call(
            "chat_postMessage",
            channel=receipt.channel,
            thread_ts=receipt.ts,
            text=text,
            reply_broadcast=step.what == "page",
            metadata=_metadata(view, step.what, step.seq, _told(view, receipt)),
            **_QUIET,
        )
        if is_gone(answer):
            return self._deleted(view, receipt)
        if not isinstance(answer, dict):
            return answer
        attempt = Attempt(step.what, view.now, step.seq, cursor=_told(view, receipt))
        return Delivered(_after_reply(view, receipt, attempt))

    async def _post(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        text, blocks = incident_message(view)
        # What was paged before, or is taken by somebody, rings nobody again.
        rings = view.page.seq > receipt.paged_seq and view.incident.wants(view.page)
        who = ""
        if rings:
            people = await self._people.mention(view.on_call)
            who = f"{mention(view.page.mention)} {people}".strip()
        common = {"channel": self._channel, **_QUIET}
        common["metadata"] = _metadata(view, "post", step.seq, 0)
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
            return answer
        if not answer.get("ts"):
            return Retry("an answer without a ts", unknown=True)
        return Delivered(_after_post(view, receipt, answer, plain=plain))

    async def _update(self, view: View, receipt: Receipt) -> Outcome:
        text, blocks = incident_message(view)
        place = {"channel": receipt.channel, "ts": receipt.ts}
        plain = receipt.plain
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
        shown["plain"] = plain
        if not noteworthy(view.timeline):
            shown["cursor"] = _told(view, receipt)
        return Delivered(msgspec.structs.replace(receipt, **shown))

    @staticmethod
    def _deleted(view: View, receipt: Receipt) -> Outcome:
        """Somebody deleted the message: an open incident needs a new one."""
        if not view.incident.is_open:
            done = {"version": view.incident.version, "cursor": _told(view, receipt)}
            return Delivered(msgspec.structs.replace(receipt, **done))
        # Who was paged stays paged, and an update that was refused does not bar the new message.
        gone = msgspec.structs.replace(receipt, ts="", version=0, failed_seq=0, plain=False)
        return Delivered(gone, note="its message was deleted in Slack; posted again")

    async def find(self, view: View, receipt: Receipt) -> Delivered | Absent | Retry | Rejected:
        """Look an unfinished post up by its metadata; the first one found is the one to keep."""
        attempt = receipt.attempt
        if attempt is None or attempt.what == "update":
            return Absent()
        search: dict[str, Any] = {"include_all_metadata": True, "limit": PAGE_SIZE}
        if attempt.what == "post":
            method = "conversations_history"
            search |= {"channel": receipt.channel or self._channel}
            search |= {"oldest": f"{attempt.at / 1000 - LOOK_BACK_S:.6f}"}
        else:
            method = "conversations_replies"
            search |= {"channel": receipt.channel, "ts": receipt.ts}
        found = await self._search(method, search, view.incident.id, attempt)
        if found is None or is_gone(found):
            return Absent()
        if isinstance(found, Retry):
            # Whatever became of the look-up, nobody knows more of the attempt than before.
            return msgspec.structs.replace(found, unknown=True)
        if isinstance(found, Rejected):
            return found if is_locked_out(found) else _unfindable(view, receipt, attempt)
        if attempt.what != "post":
            return Delivered(_after_reply(view, receipt, attempt))
        posted = _after_post(view, receipt, found, plain=False)
        # It shows the incident as it was then: an update follows.
        paged = max(receipt.paged_seq, attempt.seq)
        then = {"version": 0, "paged_seq": paged, "cursor": attempt.cursor}
        return Delivered(msgspec.structs.replace(posted, **then))

    async def _search(
        self, method: str, search: dict[str, Any], incident: str, attempt: Attempt
    ) -> Answer | Retry | Rejected | None:
        """Return the oldest message of the attempt, as an answer to posting it would look."""
        oldest: Answer | None = None
        for _ in range(PAGES_SEARCHED):
            answer = await self._call(method, **search)
            if not isinstance(answer, dict):
                return answer
            for message in answer.get("messages", []):
                if _is_of(message, incident, attempt) and (
                    oldest is None or message["ts"] < oldest["ts"]
                ):
                    oldest = {"ts": message["ts"], "channel": search["channel"]}
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return oldest
            search["cursor"] = cursor
        return oldest or Rejected("too many messages to look through")

    async def _call(self, method: str, **arguments: Any) -> Answer | Retry | Rejected:
        """Make one call; every way it can end is a value."""
        try:
            response = await getattr(self._connected(), method)(**arguments)
        except SlackApiError as error:
            return classify(error.response)
        except ClientConnectorError as error:
            return Retry(f"network: {error}", unknown=False)
        except (ClientError, SlackClientError, TimeoutError, OSError, ValueError) as error:
            return Retry(f"network: {str(error)[:200] or type(error).__name__}", unknown=True)
        return dict(response.data)

    def _connected(self) -> AsyncWebClient:
        if self._client is None:
            # With a session of our own slack-sdk's timeout is not applied: the session has it.
            self._session = ClientSession(timeout=ClientTimeout(total=self.timeout))
            self._client = AsyncWebClient(
                token=self._token,
                base_url=self._base_url,
                session=self._session,
                retry_handlers=[],
            )
            if _is_direct(self._base_url):
                # slack-sdk reads the proxy variables but not NO_PROXY.
                self._client.proxy = None
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            # aiohttp closes its transports in the next turn of the loop.
            await asyncio.sleep(0)


def _is_direct(base_url: str) -> bool:
    """Return whether no proxy is to be used: NO_PROXY says so, or it is this machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host == "localhost" or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _metadata(view: View, what: str, seq: int, cursor: int) -> dict[str, Any]:
    payload = {"incident": view.incident.id, "what": what, "seq": seq, "cursor": cursor}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def _is_of(message: dict[str, Any], incident: str, attempt: Attempt) -> bool:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    if metadata.get("event_type") != EVENT_TYPE or payload.get("incident") != incident:
        return False
    if attempt.what == "post":
        return bool(payload.get("what") == "post")
    wanted = {"what": attempt.what, "seq": attempt.seq, "cursor": attempt.cursor}
    return all(payload.get(name) == value for name, value in wanted.items())


def _after_post(view: View, receipt: Receipt, answer: Answer, *, plain: bool) -> Receipt:
    return msgspec.structs.replace(
        receipt,
        ts=str(answer["ts"]),
        channel=str(answer.get("channel") or receipt.channel),
        plain=plain,
        version=view.incident.version,
        paged_seq=view.page.seq,
        cursor=_told(view, receipt),
        delivered_at=view.now,
    )


def _told(view: View, receipt: Receipt) -> int:
    """Return the cursor once everything in view is told."""
    return receipt.cursor + len(view.timeline)


def _after_reply(view: View, receipt: Receipt, attempt: Attempt) -> Receipt:
    """Return the receipt after a reply; a page has told the thread what led to it as well."""
    page = attempt.what == "page"
    paged = max(receipt.paged_seq, attempt.seq) if page else receipt.paged_seq
    return msgspec.structs.replace(
        receipt,
        paged_seq=paged,
        cursor=max(receipt.cursor, attempt.cursor),
        delivered_at=view.now,
    )


def _unfindable(view: View, receipt: Receipt, attempt: Attempt) -> Delivered | Absent:
    """The look-up is not allowed: a P1 or P2 is worth a double, anything else is not."""
    if view.incident.lane == "urgent":
        return Absent("the outcome of a post is unknown and cannot be looked up: sent once more")
    note = "the outcome of a post is unknown and cannot be looked up: not sent again"
    kept = {"paged_seq": max(receipt.paged_seq, attempt.seq)}
    kept["cursor"] = max(receipt.cursor, attempt.cursor)
    if attempt.what == "post":
        # Without its ts there is nothing to bring up to date; a further page posts a message.
        kept["version"] = view.incident.version
    return Delivered(msgspec.structs.replace(receipt, **kept), note=note)
