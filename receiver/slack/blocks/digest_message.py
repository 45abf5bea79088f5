"""One Slack message that lists many new incidents, when each of its own would drown the channel."""

from collections.abc import Sequence
from typing import Any

from receiver.notify.notifier import View
from receiver.slack.mrkdwn import mrkdwn
from routing.runbook import is_link

DIGEST_MAX = 40
LINE_MAX = 200
"""Forty such lines stay below the 9,000 characters that all text of a message may have."""
LINES_A_SECTION = 12


def digest_message(views: Sequence[View]) -> tuple[str, list[dict[str, Any]]]:
    """Return (text for notifications, blocks) that list up to DIGEST_MAX incidents."""
    ordered = sorted(views, key=lambda view: (view.incident.priority, view.incident.opened_at))
    title = f"📋 {len(ordered)} new {_priorities(ordered)} incidents"
    lines = [_line(view) for view in ordered]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
    ]
    for at in range(0, len(lines), LINES_A_SECTION):
        text = "\n".join(lines[at : at + LINES_A_SECTION])
        blocks.append(
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
        )
    blocks.append(
        {
            "type": "context",
            "elements": [
                {
                    "type": "mrkdwn",
                    "text": "Too many at once for a message each. One that becomes more urgent"
                    " or pages again gets its own.",
                }
            ],
        }
    )
    return title, blocks


def _priorities(views: Sequence[View]) -> str:
    return "/".join(sorted({view.incident.priority for view in views}))


def _line(view: View) -> str:
    incident = view.incident
    name = mrkdwn(incident.title, 120).replace("|", "¦") or incident.id
    linked = f"<{view.url}|{name}>" if is_link(view.url) and len(view.url) < LINE_MAX else name
    line = f"• *{incident.priority}* {linked}"
    return line if len(line) <= LINE_MAX else f"• *{incident.priority}* {name}"
