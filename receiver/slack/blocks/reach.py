"""What Slack shows of an incident that nobody could be told of."""

from receiver.slack.mrkdwn import moment, mrkdwn
from routing.duration import format_duration
from routing.incident import Incident

WHY_MAX = 300


def unreached_line(incident: Incident) -> str:
    """Return that nobody could be reached, since when and why, or for how long it was so; or ""."""
    found = incident.unreached
    if found is None:
        return ""
    if not found.until:
        why = mrkdwn(found.why, WHY_MAX)
        return f"⚠️ *Nobody could be reached* since {moment(found.since)}: {why}"
    took = format_duration(max(0, found.until - found.since) // 1000 * 1000)
    return f"⚠️ Nobody could be reached for {took}, until {moment(found.until)}"
