"""The list that the slash command shows, and the short names it gives to incidents."""

import re
from collections.abc import Mapping
from typing import Any

from receiver.errors import PayloadError
from receiver.slack.blocks.buttons import button, target
from receiver.slack.blocks.looks import LOOKS
from receiver.slack.blocks.modal_parts import section, sections
from receiver.slack.blocks.modals import quoted
from receiver.slack.blocks.reach import unreached_line
from receiver.slack.mrkdwn import moment, mrkdwn, plain
from receiver.store.lists.legs import ListPage
from receiver.store.lists.query import Query
from routing.alert import PRIORITIES
from routing.incident import OPEN_STATES, Incident

Answer = dict[str, Any]
SHOWN = 15
PART_OF_ID = re.compile(r"\d+-[0-9a-f-]+")
"""An id that is not whole, or has too much."""
TEXT_MAX = 200


def read_list(text: str) -> Query:
    """Return the list that words ask for: priorities, one state, and what to look for."""
    words = text.split()
    ranks = {word.upper() for word in words if re.fullmatch(r"[pP]\d+", word)}
    for name in sorted(ranks.difference(PRIORITIES)):
        raise PayloadError(f"`{quoted(name)}` is no priority: {', '.join(PRIORITIES)}.")
    states = [word.lower() for word in words if word.lower() in OPEN_STATES]
    rest = [word for word in words if word.upper() not in ranks and word.lower() not in states]
    return Query(
        state=states[0] if states else "open",
        priorities=tuple(name for name in PRIORITIES if name in ranks),
        text=" ".join(rest)[:TEXT_MAX],
    )


def incident_list(page: ListPage[Incident], handles: Mapping[str, str], url: str) -> Answer:
    """Return the private answer that lists incidents; ``url``: where all of them are.

    ``handles``: what names each, by id.
    """
    blocks = []
    for incident in page.incidents[:SHOWN]:
        line = f"{LOOKS[incident.state]} *{incident.priority}* {mrkdwn(incident.title, 200)}"
        place = f"`{handles.get(incident.id, incident.id)}` · {_state(incident)}"
        if incident.is_unreached:
            place += f"\n{unreached_line(incident)}"
        block: Answer = {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"{line}\n{place}", "verbatim": True},
        }
        if incident.state == "triggered":
            block["accessory"] = button("Acknowledge", "acknowledge", value=target(incident))
        blocks.append(block)
    shown = len(blocks)
    if page.total is None:
        # To find the few that fit, many have to be read, and whoever asked waits 3 s at most.
        blocks.append(section(f"There may be more: <{url}|go on in the console>"))
        return say(f"{shown} found so far", blocks)
    if page.total > shown:
        blocks.append(section(f"and {page.total - shown:,} more: <{url}|all of them>"))
    return say(f"{page.total:,} open {'incident' if page.total == 1 else 'incidents'}", blocks)


def _state(incident: Incident) -> str:
    if incident.state == "acknowledged" and incident.acknowledged_by:
        return f"{mrkdwn(incident.acknowledged_by.principal, 160)} has it"
    if incident.state == "snoozed":
        return f"snoozed until {moment(incident.snoozed_until)}"
    deadline = incident.deadlines.get("acknowledge")
    due = f", acknowledge by {moment(deadline.due)}" if deadline and deadline.running else ""
    late = ", not acknowledged in time" if deadline and deadline.missed_at else ""
    return f"since {moment(incident.episode_opened_at)}{due}{late}"


def say(text: str, blocks: list[Answer] | None = None) -> Answer:
    """Return a private answer; ``text`` is mrkdwn, and what is shown where blocks are not."""
    shown = blocks if blocks is not None else sections(text)
    if blocks is not None and not any(block["type"] == "header" for block in blocks):
        head = {"type": "plain_text", "text": plain(text, 150), "emoji": False}
        shown = [{"type": "header", "text": head}, *blocks]
    return {"response_type": "ephemeral", "text": text, "blocks": shown}
