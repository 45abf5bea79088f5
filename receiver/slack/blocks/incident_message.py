"""One Block Kit message per incident: scannable on a phone in two seconds, inside every limit.

Limits: docs.slack.dev, "Block Kit" (header 150, section 3000, button 75 and value 2000, url 3000,
50 blocks); all text of a message stays well below the undocumented 12,000.
"""

from typing import Any

from receiver.notify.notifier import View
from receiver.slack.blocks.buttons import controls
from receiver.slack.blocks.findings import findings_text
from receiver.slack.blocks.looks import LOOKS
from receiver.slack.blocks.reach import unreached_line
from receiver.slack.blocks.spans import durations, whole_seconds
from receiver.slack.blocks.thread import TEXT_MAX
from receiver.slack.mrkdwn import escaped, moment, mrkdwn, plain
from routing.alert import Alert
from routing.duration import format_duration
from routing.incident import Incident
from routing.runbook import is_link

HEADER_MAX = 150
ALERTS_SHOWN = 5
# Five alerts, each with a name (80), where (120), since and a summary, fit into one section.
ALERT_MAX = 280
SUMMARY_NAMES = ("summary", "description", "message")
WHERE_NAMES = ("cluster", "system", "namespace", "service", "job", "instance", "pod")

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
    return f"{LOOKS[incident.state]} {escaped(line, TEXT_MAX)}"


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


def mention_block(view: View, who: str) -> list[Block]:
    """Return the block that rings ``who`` (as Slack parses it) in a new message; [] for nobody."""
    return [_section(view.incident, "mention", who)] if who else []


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
    line = f"{LOOKS[incident.state]} {incident.priority} {incident.state.upper()} {incident.title}"
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
        who = f"*{mrkdwn(by.principal, 160)}*" if by and by.via != "automatic" else "itself"
        if incident.merged_into:
            return f"Merged into `{incident.merged_into}` by {who}, {moment(incident.resolved_at)}"
        return f"Resolved by {who} {durations(incident)}, {moment(incident.resolved_at)}"
    if incident.state == "acknowledged" and incident.acknowledged_by:
        took = format_duration(whole_seconds(incident.acknowledged_at - opened))
        name = mrkdwn(incident.acknowledged_by.principal, 160)
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
    text = findings_text(incident)
    return [_section(incident, "found", text)] if text else []


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
        f"opened by {mrkdwn(incident.opened_by.principal, 160)}" if incident.opened_by else "",
        f"assigned to {mrkdwn(assigned.name, 80)}" if assigned else "",
        "flapping" if incident.flapping else "",
        "not reported any more" if incident.stale_at else "",
        f"{len(incident.parts)} merged into it" if incident.parts else "",
        "🔕 silenced in Alertmanager" if _is_silenced(view) else "",
    ]
    return "".join(f" · {mark}" for mark in found if mark)
