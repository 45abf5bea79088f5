"""The post-incident review: what an incident's timeline says of what happened, to learn from it.

Pure: facts from the stored incident and timeline. Times are those of the newest episode; the
timeline is whole.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from receiver.notify.slack_text import moment, mrkdwn
from receiver.slack.windows import told
from routing.duration import format_duration
from routing.incident import Entry, Incident

SHOWN = 30
LINE_MAX = 160
UNTOLD = frozenset({"paged", "denied"})


class Review(msgspec.Struct, frozen=True):
    """Durations in ms, None where it has not happened; ``people``: who did anything, in order."""

    to_acknowledge: int | None
    to_resolve: int | None
    alerts: int
    people: tuple[str, ...]
    entries: tuple[Entry, ...]


def review_of(incident: Incident, timeline: Sequence[Entry]) -> Review:
    """Return the facts of an incident."""
    opened = incident.episode_opened_at
    acknowledged, resolved = incident.acknowledged_at, incident.resolved_at
    by = dict.fromkeys(entry.by for entry in timeline if entry.by and entry.kind != "denied")
    return Review(
        to_acknowledge=max(0, acknowledged - opened) if acknowledged else None,
        to_resolve=max(0, resolved - opened) if resolved else None,
        alerts=len(incident.alerts),
        people=tuple(by),
        entries=tuple(entry for entry in timeline if entry.kind not in UNTOLD),
    )


def review_window(incident: Incident, timeline: Sequence[Entry]) -> dict[str, Any]:
    """Return a Slack window with the review of an incident."""
    review = review_of(incident, timeline)
    lines = [
        f"*{incident.priority}* {incident.state}: {mrkdwn(incident.title, 300)}",
        f"*Opened* {moment(incident.episode_opened_at)}, episode {incident.episode + 1}",
        f"*To acknowledge* {_took(review.to_acknowledge)}",
        f"*To resolve* {_took(review.to_resolve)}",
        f"*Alerts* {review.alerts}   *People* {mrkdwn(', '.join(review.people), 300) or 'nobody'}",
        "",
    ]
    left = len(review.entries) - SHOWN
    if left > 0:
        lines.append(f"_{left} earlier entries_")
    lines += [
        f"{moment(entry.at)}  {mrkdwn(entry.text, LINE_MAX)}" for entry in review.entries[-SHOWN:]
    ]
    text = ""
    # A section holds 3,000 characters: what is newest matters most, and the head above all.
    head, entries = lines[:6], lines[6:]
    room = 2_900 - len("\n".join(head))
    for line in reversed(entries):
        if len(text) + len(line) + 1 > room:
            break
        text = f"{line}\n{text}"
    return told("Post-incident review", "\n".join([*head, text]).rstrip())


def _took(span: int | None) -> str:
    return "not yet" if span is None else format_duration(span // 1000 * 1000)
