"""What the thread under an incident's message is told."""

from collections.abc import Mapping

from receiver.notify.notifier import View
from receiver.slack.blocks.spans import durations
from receiver.slack.mrkdwn import mention, moment, mrkdwn
from receiver.templates import render
from receiver.text.ids import is_user_id
from routing.escalation import why
from routing.incident_parts import Entry
from routing.vocabulary import Kind

NOTE_MAX = 2_500
NOTES_SHOWN = 20
NOTEWORTHY: Mapping[str, str] = {
    Kind.ESCALATED: "📣",
    Kind.DEADLINE_MISSED: "⏰",
    Kind.DELIVERY_FAILED: "⚠️",
    Kind.DELIVERY_LATE: "⚠️",
    Kind.DELIVERY_NOTE: "⚠️",
    Kind.UNDELIVERABLE: "⚠️",
    Kind.REACHED: "✅",
    Kind.DELIVERY_RECOVERED: "✅",
    Kind.EXHAUSTED: "⚠️",
    Kind.ACKNOWLEDGED: "🟡",
    Kind.RESOLVED: "🟢",
    Kind.REOPENED: "🔴",
    Kind.ECHO_BELIEVED: "🔴",
    Kind.PRIORITY_RAISED: "🔺",
    Kind.UNACKNOWLEDGED: "↩️",
    Kind.SNOOZED: "💤",
    Kind.SNOOZE_ENDED: "🔔",
    Kind.ASSIGNED: "👤",
    Kind.ESCALATED_BY: "📣",
    Kind.NOTE: "📝",
    Kind.ACTION_ITEM: "📌",
    Kind.ACTION_ITEM_CHANGED: "📌",
    Kind.MERGED: "🔗",
    Kind.MERGED_IN: "🔗",
    Kind.PART_CHANGED: "🔗",
    Kind.PRIORITY_SET: "🔻",
    Kind.SILENCED: "🔕",
    Kind.SILENCE_EXPIRED: "🔔",
    Kind.FLAPPING: "〰️",
    Kind.CALMED: "〰️",
    Kind.JOINED: "🔴",
    Kind.GROWN: "📈",
    Kind.PUBLISHED: "🌐",
    Kind.STATUS_UPDATE: "🌐",
    Kind.STATUS_HIDDEN: "🌐",
    Kind.STALE: "❔",
    Kind.VANISHED: "❔",
    Kind.CONTINUED: "🔗",
}
"""Timeline entries a thread is told, and how they look; a quiet thread is a feature."""
_SAID_BY_PAGE = frozenset(
    {
        Kind.ACKNOWLEDGED,
        Kind.DEADLINE_MISSED,
        Kind.DELIVERY_FAILED,
        Kind.DELIVERY_LATE,
        Kind.DELIVERY_RECOVERED,
        Kind.ECHO_BELIEVED,
        Kind.ESCALATED,
        Kind.ESCALATED_BY,
        Kind.EXHAUSTED,
        Kind.PRIORITY_RAISED,
        Kind.REACHED,
        Kind.REOPENED,
        Kind.RESOLVED,
        Kind.SNOOZE_ENDED,
        Kind.UNACKNOWLEDGED,
        Kind.UNDELIVERABLE,
    }
)
"""What led to a page, which says enough of it; anything else a page tells the thread as well."""
TEXT_MAX = 300


def page_text(view: View, people: str = "") -> str:
    """Return the broadcast reply that pages again: whom, what and why.

    ``people`` is mrkdwn that names who is on call.
    """
    incident, page = view.incident, view.page
    deadline = incident.deadlines.get("acknowledge")
    beside = [entry for entry in noteworthy(view.timeline) if entry.kind not in _SAID_BY_PAGE]
    return render(
        "slack/page.j2",
        note=thread_note(view, beside) if beside else "",
        who=f"{mention(page.mention)} {people}".strip(),
        priority=incident.priority,
        title=mrkdwn(incident.title, TEXT_MAX),
        step=page.step + 1,
        why=why(page.reason),
        deadline_missed=bool(deadline and deadline.missed_at and incident.state == "triggered"),
        due=moment(deadline.due) if deadline else "",
    )


def noteworthy(entries: tuple[Entry, ...]) -> list[Entry]:
    """Return the timeline entries a thread is told."""
    return [entry for entry in entries if entry.kind in NOTEWORTHY]


def thread_note(view: View, entries: list[Entry]) -> str:
    """Return one reply that tells several timeline entries; the end says how long it took."""
    shown = entries[-NOTES_SHOWN:]
    share = max(60, NOTE_MAX // len(shown))
    texts = [_note_text(view, entry, share) for entry in shown]
    ends = [place for place, entry in enumerate(shown) if entry.kind == Kind.RESOLVED]
    if ends and view.incident.state == "resolved":
        texts[ends[-1]] += f" ({durations(view.incident)})"
    looks = [NOTEWORTHY[entry.kind] for entry in shown]
    return render("slack/note.j2", entries=list(zip(looks, texts, strict=True)))


def _note_text(view: View, entry: Entry, limit: int) -> str:
    """Return the words of an entry; whoever was assigned is told so."""
    text, assignee = mrkdwn(entry.text, limit), view.incident.assigned_to
    known = assignee is not None and is_user_id(assignee.id)
    if (
        assignee
        and known
        and entry.kind == Kind.ASSIGNED
        and f" to {assignee.name} by" in entry.text
    ):
        return f"{text} <@{assignee.id}>"
    return text
