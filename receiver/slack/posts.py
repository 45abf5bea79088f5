"""What was posted to Slack: how receipts change by it, and how it is found again.

Every message carries metadata that names the incident and the attempt, so that whoever finds an
attempt of unknown outcome looks it up before posting again.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from receiver.notify.notifier import Absent, Delivered, Rejected, Retry, View
from receiver.slack.client.errors import Answer, is_gone, is_locked_out, is_ts
from receiver.slack.receipt import STATE, Posted
from routing.receipt import Attempt, Receipt
from routing.vocabulary import Lane

EVENT_TYPE = "incident_manager"
LOOK_BACK_S = 60
PAGES_SEARCHED = 10
PAGE_SIZE = 100

Call = Callable[..., Awaitable[Answer | Retry | Rejected]]


async def find(
    call: Call, channel: str, view: View, receipt: Receipt
) -> Delivered | Absent | Retry | Rejected:
    """Look an unfinished post up by its metadata; the first one found is the one to keep."""
    attempt = receipt.attempt
    if attempt is None or attempt.what == "update":
        return Absent()
    search: dict[str, Any] = {"include_all_metadata": True, "limit": PAGE_SIZE}
    if attempt.what in ("post", "digest"):
        method = "conversations_history"
        search |= {"channel": STATE.of(receipt).channel or channel}
        search |= {"oldest": f"{attempt.at / 1000 - LOOK_BACK_S:.6f}"}
    else:
        method = "conversations_replies"
        posted = STATE.of(receipt)
        search |= {"channel": posted.channel, "ts": posted.ts}
    found = await _search(call, method, search, view.incident.id, attempt)
    if found is None or is_gone(found):
        return Absent()
    if isinstance(found, Rejected) and found.odd:
        found = Retry(found.reason, cause=found.cause)
    if isinstance(found, Retry):
        # Whatever became of the look-up, nobody knows more of the attempt than before.
        return msgspec.structs.replace(found, unknown=True)
    if isinstance(found, Rejected):
        return found if is_locked_out(found) else _unfindable(view, receipt, attempt)
    return Delivered(_after_found(view, receipt, attempt, found))


def _after_found(view: View, receipt: Receipt, attempt: Attempt, found: Answer) -> Receipt:
    """Return the receipt of an attempt that was found to have been applied."""
    if attempt.what == "digest":
        return after_digest(view, receipt)
    if attempt.what != "post":
        return after_reply(view, receipt, attempt)
    # It shows the incident as it was then: an update follows. And it says which page it was.
    paged = max(receipt.paged_seq, min(attempt.seq, found["seq"]))
    then = {"version": 0, "paged_seq": paged, "cursor": attempt.cursor}
    posted = after_post(view, receipt, found, found["channel"], plain=False)
    return msgspec.structs.replace(posted, **then)


async def _search(
    call: Call, method: str, search: dict[str, Any], incident: str, attempt: Attempt
) -> Answer | Retry | Rejected | None:
    """Return the oldest message of the attempt, as an answer to posting it would look."""
    oldest: Answer | None = None
    for _ in range(PAGES_SEARCHED):
        answer = await call(method, **search)
        if not isinstance(answer, dict):
            return answer
        messages = answer.get("messages")
        if not isinstance(messages, list):
            # What was not listed may be there all the same.
            return Retry("Slack says ok and lists no messages", cause="server")
        for message in messages:
            if _is_of(message, incident, attempt) and (
                oldest is None or message["ts"] < oldest["ts"]
            ):
                seq = message["metadata"]["event_payload"].get("seq")
                seq = seq if isinstance(seq, int) else attempt.seq
                oldest = {"ts": message["ts"], "channel": search["channel"], "seq": seq}
        cursor = _object(answer.get("response_metadata")).get("next_cursor")
        if not cursor:
            return oldest
        search["cursor"] = cursor
    return oldest or Rejected("too many messages to look through")


def metadata(view: View, what: str, seq: int, cursor: int) -> dict[str, Any]:
    """Return what a message carries so that it is found again."""
    payload = {"incident": view.incident.id, "what": what, "seq": seq, "cursor": cursor}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_of(message: object, incident: str, attempt: Attempt) -> bool:
    carried = _object(_object(message).get("metadata"))
    payload = _object(carried.get("event_payload"))
    if carried.get("event_type") != EVENT_TYPE or not is_ts(_object(message).get("ts")):
        return False
    if attempt.what == "digest":
        # Whoever lost its lease just before the call holds the attempt, and is not in the list.
        known = payload.get("what") == "digest" and payload.get("key") == attempt.key
        return bool(known and _mark(incident) in str(payload.get("lists", "")))
    if payload.get("incident") != incident:
        return False
    if attempt.what == "post":
        return bool(payload.get("what") == "post")
    wanted = {"what": attempt.what, "seq": attempt.seq, "cursor": attempt.cursor}
    return all(payload.get(name) == value for name, value in wanted.items())


def digest_metadata(views: Sequence[View], key: str) -> dict[str, Any]:
    """Return what a digest carries so that each incident it lists finds it again.

    A short mark stands for each of them: Slack limits metadata, and does not say how far.
    """
    lists = " ".join(_mark(view.incident.id) for view in views)
    payload = {"what": "digest", "key": key, "lists": lists}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def _mark(incident: str) -> str:
    return hashlib.blake2b(incident.encode(), digest_size=5).hexdigest()


def after_digest(view: View, receipt: Receipt) -> Receipt:
    """Return the receipt of an incident that was listed: paged, with no message to update."""
    attempt = receipt.attempt
    return msgspec.structs.replace(
        receipt,
        attempt=None,
        paged_seq=max(receipt.paged_seq, attempt.seq if attempt else 0),
        cursor=max(receipt.cursor, attempt.cursor if attempt else 0),
        version=view.incident.version,
        delivered_at=view.now,
    )


def after_post(
    view: View, receipt: Receipt, answer: Answer, channel: str, *, plain: bool
) -> Receipt:
    """Return the receipt after a message of its own in ``channel``; ``plain``: without blocks."""
    return STATE.put(
        receipt,
        Posted(channel, str(answer["ts"]), plain),
        version=view.incident.version,
        paged_seq=view.page.seq,
        cursor=told(view, receipt),
        delivered_at=view.now,
    )


def told(view: View, receipt: Receipt) -> int:
    """Return the cursor once everything in view is told."""
    return receipt.cursor + len(view.timeline)


def after_reply(view: View, receipt: Receipt, attempt: Attempt) -> Receipt:
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
    if view.incident.lane == Lane.URGENT:
        return Absent("the outcome of a post is unknown and cannot be looked up: sent once more")
    note = "the outcome of a post is unknown and cannot be looked up: not sent again"
    kept = {"paged_seq": max(receipt.paged_seq, attempt.seq)}
    kept["cursor"] = max(receipt.cursor, attempt.cursor)
    if attempt.what in ("post", "digest"):
        # Without its ts there is nothing to bring up to date; a further page posts a message.
        kept["version"] = view.incident.version
    return Delivered(msgspec.structs.replace(receipt, **kept), note=note)
