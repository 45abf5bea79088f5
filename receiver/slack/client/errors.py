"""What Slack's error answers mean: try again, find out first, or never.

Words: docs.slack.dev, "chat.postMessage" and "chat.update", errors.
"""

import re
from typing import Any

from receiver.notify.notifier import Rejected, Retry
from receiver.text.retry_after import retry_after

BLOCKED_MS = 30_000
"""How long others wait after a 429 that does not say how long."""
NOT_SLACK = "HTTP {}: not an answer of Slack's"
Answer = dict[str, Any]
_TS = re.compile(r"\d{1,16}\.\d{1,9}")
# These may pass by themselves.
_TRANSIENT = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "org_login_required",
        "external_channel_migrating",
        "update_failed",
    }
)
_MAYBE_APPLIED = frozenset({"internal_error", "fatal_error"})
_LAYOUT = (
    "invalid_blocks",
    "msg_blocks_too_long",
    "invalid_attachments",
    "msg_too_long",
    "downloading image failed",
)
_REPAIRS = {
    "invalid_auth": "set a valid slack.token",
    "not_authed": "set slack.token",
    "account_inactive": "the app's user was removed: reinstall the app",
    "token_revoked": "reinstall the app and set its new slack.token",
    "token_expired": "set a new slack.token",
    "not_allowed_token_type": "slack.token has to be a bot token (xoxb-...)",
    "missing_scope": "add the scope {needed} to the app and reinstall it",
    "no_permission": "let the app post in this channel",
    "channel_not_found": "set slack.channel to the id (C...) of a channel the app can see",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "unarchive the channel, or set another slack.channel",
    "restricted_action": "let the app post in this channel",
    "restricted_action_read_only_channel": "let the app post in this channel",
    "restricted_action_thread_only_channel": "let the app post in this channel",
    "ekm_access_denied": "Slack's key management keeps the app out: ask your workspace's admins",
}
"""What somebody has to do about an error that no repetition cures."""
_CAUSES = {
    "missing_scope": "scope",
    "channel_not_found": "channel",
    "not_in_channel": "channel",
    "is_archived": "channel",
    "no_permission": "channel",
    "restricted_action": "channel",
    "restricted_action_read_only_channel": "channel",
    "restricted_action_thread_only_channel": "channel",
}
_GONE = ("message_not_found", "thread_not_found")
_FINAL = (
    "no_text",
    "too_many_attachments",
    "invalid_arg",
    "cant_update_message",
    "edit_window_closed",
    "restricted_action",
    "metadata_too_large",
    "messages_tab_disabled",
)
"""What else Slack refuses for good. A word that is not known here is believed the second time."""
_NO_ACCESS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired")


def classify(response: Any) -> Retry | Rejected:
    """Return what an error answer means. An HTML body leaves nothing but the status."""
    # slack-sdk hands on the answer of aiohttp when it cannot read the body.
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    name = _name(data)
    if status == 429 or name in _TRANSIENT:  # noqa: PLR2004 - HTTP
        limited = status == 429 or name.startswith("rate")  # noqa: PLR2004 - HTTP
        after = retry_after(getattr(response, "headers", None) or {}) if limited else None
        blocks = (after or BLOCKED_MS) if limited else 0
        cause = "rate_limit" if limited else "server"
        return Retry(name or "ratelimited", after=after, blocks=blocks, cause=cause)
    if not name and status // 100 == 4:  # noqa: PLR2004 - HTTP
        return Rejected(NOT_SLACK.format(status), repairable=True, odd=True)
    if status >= 500 or name in _MAYBE_APPLIED or not name:  # noqa: PLR2004 - HTTP
        words = name or (f"HTTP {status}" if status >= 500 else NOT_SLACK.format(status))  # noqa: PLR2004
        return Retry(words, unknown=True, cause="server")
    return _refused(name, data)


def _refused(name: str, data: object) -> Rejected:
    words = repair_of(name, data)
    if words:
        return Rejected(f"{name}: {words}", repairable=True, cause=_CAUSES.get(name, "access"))
    details = data.get("response_metadata") if isinstance(data, dict) else None
    messages = details.get("messages") if isinstance(details, dict) else None
    lines = messages if isinstance(messages, list) else []
    words = "; ".join(str(line) for line in lines)[:500]
    known = name.startswith(_LAYOUT + _GONE + _FINAL)
    cause = "layout" if name.startswith(_LAYOUT) else "gone" if name in _GONE else "other"
    return Rejected(f"{name}: {words}" if words else name, cause=cause, odd=not known)


def _name(data: object) -> str:
    """Return Slack's word for an error, "" when there is none."""
    found = data.get("error") if isinstance(data, dict) else None
    return found[:80] if isinstance(found, str) else ""


def confirmed(answer: Answer | Retry | Rejected, ts: str = "") -> Answer | Retry | Rejected:
    """Return the answer to a post or an update; one that names no message confirms none.

    ``ts``: the message that was updated.
    """
    if not isinstance(answer, dict):
        return answer
    if is_ts(answer.get("ts")) and ts in ("", answer["ts"]):
        return answer
    return Retry("Slack says ok and names no message", unknown=True, cause="server")


def is_ts(value: object) -> bool:
    """Return whether it can be the time by which Slack names a message."""
    return isinstance(value, str) and bool(_TS.fullmatch(value))


def repair_of(name: str, data: object) -> str:
    """Return what somebody has to do about an error, "" when nothing can be done."""
    return _REPAIRS[name].format(needed=_needed(data)) if name in _REPAIRS else ""


def _needed(data: object) -> str:
    """Return the scope that Slack says is missing."""
    needed = data.get("needed") if isinstance(data, dict) else None
    return str(needed)[:80] if needed else "that Slack names in its app settings"


def is_layout(answer: object) -> bool:
    """Return whether Slack refused the blocks, so that plain text may still get through."""
    return isinstance(answer, Rejected) and answer.reason.startswith(_LAYOUT)


def is_gone(answer: object) -> bool:
    """Return whether the message to update or to reply to was deleted."""
    return isinstance(answer, Rejected) and answer.reason.startswith(_GONE)


def is_locked_out(answer: object) -> bool:
    """Return whether the token opens nothing at all, so that no other call can work either."""
    return isinstance(answer, Rejected) and answer.reason.startswith(_NO_ACCESS)
