"""One Block Kit message per incident: scannable on a phone in two seconds, inside every limit.

Limits: docs.slack.dev, "Block Kit" (header 150, section 3000, button 75 and value 2000, url 3000,
50 blocks); all text of a message stays well below the undocumented 12,000.
"""

from collections.abc import Mapping
from typing import Any

from receiver.config_types import is_user_id
from receiver.notify.notifier import View
from receiver.slack.blocks.buttons import controls
from receiver.slack.blocks.reach import unreached_line
from receiver.slack.mrkdwn import escaped, mention, moment, mrkdwn, plain
from receiver.templates import render
from routing.alert import Alert
from routing.duration import format_duration
from routing.escalation import why
from routing.incident import Incident
from routing.incident_parts import Entry, Finding
from routing.runbook import is_link
from routing.vocabulary import Kind

HEADER_MAX = 150
TEXT_MAX = 300
ALERTS_SHOWN = 5
# Five alerts, each with a name (80), where (120), since and a summary, fit into one section.
ALERT_MAX = 280
NOTE_MAX = 2_500
SUMMARY_NAMES = ("summary", "description", "message")
WHERE_NAMES = ("cluster", "system", "namespace", "service", "job", "instance", "pod")
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
FINDING_MAX, FOUND_MAX = 220, 2_900
# What does not fit into one section is left out: first a line's link, then the line.
_FOUND = {
    "summary": ("🧭", ""),
    "prometheus": ("📈", "graph"),
    "changes": ("🚀", "change"),
    "similar": ("🕘", "incident"),
    "runbook": ("📖", ""),
    "on_call": ("📟", ""),
}
"""What was found out, in the order and with the looks of a message, and the word of its link."""
_LOOKS = {
    "triggered": "🔴",
    "acknowledged": "🟡",
    "snoozed": "💤",
    "resolved": "🟢",
    "damaged": "⚠️",
    "newer": "⚠️",
}

Block = dict[str, Any]


def incident_message(view: View) -> tuple[str, list[Block]]:
    """Return (text for notifications, blocks) of an incident as it is now."""
    incident = view.incident
    if incident.is_open:
        blocks = [
            _header(incident),
            *_unreached(incident),
            _section(incident, "clock", _clock_line(view)),
            _section(incident, "alerts", _alert_lines(incident)),
            *_findings(incident),
        ]
    else:
        blocks = [_section(incident, "over", f"{_over_line(incident)}\n{_clock_line(view)}")]
    blocks.append(_context(view))
    found = controls(view)
    if found:
        blocks.append(
            {"type": "actions", "block_id": _block_id(incident, "actions"), "elements": found}
        )
    return message_text(incident), blocks


def _unreached(incident: Incident) -> list[Block]:
    line = unreached_line(incident)
    return [_section(incident, "unreached", line)] if line else []


def _over_line(incident: Incident) -> str:
    """Return the first line of what is over: it shrinks, so that what is open stands out."""
    title = mrkdwn(incident.title, HEADER_MAX)
    look, word = ("🔗", "MERGED") if incident.merged_into else ("🟢", "RESOLVED")
    return f"{look} {incident.priority} *{word}* {title}"


def message_text(incident: Incident) -> str:
    """Return the one line that a phone shows of the message."""
    line = f"{incident.priority} {incident.state}: {incident.title}"
    return f"{_LOOKS[incident.state]} {escaped(line, TEXT_MAX)}"


def plain_message(view: View) -> str:
    """Return the message without any layout, for when Slack refuses the layout."""
    incident = view.incident
    lines = [message_text(incident), _clock_line(view)]
    if incident.unreached is not None:
        lines.insert(1, unreached_line(incident))
    if is_link(incident.runbook_url):
        lines.append(f"Runbook: {escaped(incident.runbook_url, 1000)}")
    if is_link(view.url):
        lines.append(f"Incident: {escaped(view.url, 1000)}")
    return "\n".join(lines)


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


def mention_block(view: View, who: str) -> list[Block]:
    """Return the block that rings ``who`` (as Slack parses it) in a new message; [] for nobody."""
    return [_section(view.incident, "mention", who)] if who else []


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
        texts[ends[-1]] += f" ({_durations(view.incident)})"
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


def _durations(incident: Incident) -> str:
    opened = incident.episode_opened_at
    took = f"after {format_duration(_whole(incident.resolved_at - opened))}"
    if not incident.acknowledged_at:
        return took
    answered = format_duration(_whole(incident.acknowledged_at - opened))
    return f"{took}, acknowledged after {answered}"


def _block_id(incident: Incident, part: str) -> str:
    """Return a block id that is new with each version, as Slack asks for updated messages."""
    return f"{part}-{incident.version}"


def _section(incident: Incident, part: str, text: str) -> Block:
    return {
        "type": "section",
        "block_id": _block_id(incident, part),
        "text": {"type": "mrkdwn", "text": text, "verbatim": True},
    }


def _header(incident: Incident) -> Block:
    line = f"{_LOOKS[incident.state]} {incident.priority} {incident.state.upper()} {incident.title}"
    return {
        "type": "header",
        "block_id": _block_id(incident, "header"),
        "text": {"type": "plain_text", "text": plain(line, HEADER_MAX), "emoji": False},
    }


def _alert_lines(incident: Incident) -> str:
    firing = incident.firing()
    lines = [_alert_line(alert, incident) for alert in firing[:ALERTS_SHOWN]]
    if len(firing) > ALERTS_SHOWN:
        lines.append(f"and {len(firing) - ALERTS_SHOWN} more")
    return "\n".join(lines) or "No alert fires any more."


def _alert_line(alert: Alert, incident: Incident) -> str:
    """Return what the title does not say of an alert already."""
    name = mrkdwn(alert.labels.get("alertname", "alert"), 80) or "alert"
    where = " ".join(alert.labels[name] for name in WHERE_NAMES if alert.labels.get(name))
    notes = alert.annotations
    summary = next((notes[key] for key in SUMMARY_NAMES if notes.get(key)), "")
    parts = [f"• *{name}*", mrkdwn(where, 120), f"since {moment(alert.starts_at)}"]
    line = "  ".join(part for part in parts if part)
    told = not summary.strip() or summary in incident.title
    return line if told else f"{line}\n    {mrkdwn(summary, ALERT_MAX)}"


def _clock_line(view: View) -> str:
    incident = view.incident
    opened = incident.episode_opened_at
    if not incident.is_open:
        by = incident.resolved_by
        who = f"*{mrkdwn(by.name, 80)}*" if by and by.via != "automatic" else "itself"
        if incident.merged_into:
            return f"Merged into `{incident.merged_into}` by {who}, {moment(incident.resolved_at)}"
        return f"Resolved by {who} {_durations(incident)}, {moment(incident.resolved_at)}"
    if incident.state == "acknowledged" and incident.acknowledged_by:
        took = format_duration(_whole(incident.acknowledged_at - opened))
        name = mrkdwn(incident.acknowledged_by.name, 80)
        return f"Acknowledged by *{name}* after {took}{_next_deadline(incident, 'resolve')}"
    if incident.state == "snoozed":
        return f"💤 Snoozed until {moment(incident.snoozed_until)}: all clocks paused"
    since = f"Open since {moment(opened)}"
    return f"{_next_deadline(incident, 'acknowledge')}  ·  {since}".strip(" ·")


def _next_deadline(incident: Incident, name: str) -> str:
    deadline = incident.deadlines.get(name)
    if deadline is None:
        return ""
    if deadline.missed_at:
        return f"  ⏰ *Not {name}d in time*: it was due {moment(deadline.due)}"
    return f"  ⏱ {name.capitalize()} by *{moment(deadline.due)}*"


def _whole(duration: int) -> int:
    """Return a duration (ms) in whole seconds, never below zero."""
    return max(0, duration) // 1000 * 1000


def _context(view: View) -> Block:
    incident = view.incident
    step = f" · escalation step {incident.step + 1}" if incident.step > 0 else ""
    again = f" · open for the {_ordinal(incident.episode + 1)} time" if incident.episode else ""
    reason = mrkdwn(incident.priority_reason, 200)
    text = f"{incident.priority}: {reason}{step}{again}{_marks(view)} · `{incident.id}`"
    return {
        "type": "context",
        "block_id": _block_id(incident, "context"),
        "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}],
    }


def _findings(incident: Incident) -> list[Block]:
    """Return what was found out beside the alerts; it names who is on call, and rings nobody."""
    lines: list[str] = []
    left = FOUND_MAX
    for found in incident.context:
        text, link = _finding_line(found)
        line = text + link if len(text + link) <= left else text
        if text and len(line) <= left:
            lines.append(line)
            left -= len(line) + 1
    return [_section(incident, "found", "\n".join(lines))] if lines else []


def _finding_line(found: Finding) -> tuple[str, str]:
    """Return a finding's words and its link, both as Slack parses them."""
    if found.enricher not in _FOUND:
        return "", ""
    look, word = _FOUND[found.enricher]
    text = mrkdwn(found.text, FINDING_MAX)
    if found.enricher == "similar":
        text = f"{moment(found.at)} {text}"
    # A "|" or ">" in an address would end it.
    url = found.url.replace("&", "&amp;").replace("|", "%7C").replace(">", "%3E")
    return f"{look} {text}", f"  <{url}|{word}>" if word and url else ""


def _ordinal(number: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else ends.get(number % 10, 'th')}"


def _is_silenced(view: View) -> bool:
    silences = view.incident.silences
    return any(not silence.expired_at and silence.until > view.now for silence in silences)


def _marks(view: View) -> str:
    """Return what is unusual about the incident, in a few words."""
    incident = view.incident
    if not incident.is_open:
        return ""
    assigned = incident.assigned_to
    found = [
        f"opened by {mrkdwn(incident.opened_by.name, 80)}" if incident.opened_by else "",
        f"assigned to {mrkdwn(assigned.name, 80)}" if assigned else "",
        "flapping" if incident.flapping else "",
        "not reported any more" if incident.stale_at else "",
        f"{len(incident.parts)} merged into it" if incident.parts else "",
        "🔕 silenced in Alertmanager" if _is_silenced(view) else "",
    ]
    return "".join(f" · {mark}" for mark in found if mark)
