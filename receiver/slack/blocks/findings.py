"""What was found out beside an incident, as lines of its message."""

from receiver.slack.mrkdwn import moment, mrkdwn
from routing.incident import Incident
from routing.incident_parts import Finding
from routing.links import named

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


def findings_text(incident: Incident) -> str:
    """Return what was found out beside the alerts, "" for nothing.

    It names who is on call, and rings nobody.
    """
    lines: list[str] = []
    left = FOUND_MAX
    for found in incident.context:
        text, link = _line(found)
        line = text + link if len(text + link) <= left else text
        if text and len(line) <= left:
            lines.append(line)
            left -= len(line) + 1
    return "\n".join(lines)


def _line(found: Finding) -> tuple[str, str]:
    """Return a finding's words and its link, both as Slack parses them."""
    if found.enricher not in _FOUND:
        return "", ""
    look, word = _FOUND[found.enricher]
    text = mrkdwn(found.text, FINDING_MAX)
    if found.enricher == "similar":
        text = f"{moment(found.at)} {text}"
    # A "|" or ">" in an address would end it.
    url = found.url.replace("&", "&amp;").replace("|", "%7C").replace(">", "%3E")
    shown = word if found.enricher == "similar" else named(word, found.url)
    return f"{look} {text}", f"  <{url}|{shown}>" if word and url else ""
