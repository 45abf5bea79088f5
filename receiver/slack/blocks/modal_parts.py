"""What every window is made of: its frame, its blocks, and where it was opened from.

Limits: see ``form``.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from receiver.slack.mrkdwn import mrkdwn, plain
from routing.incident import Incident

View = dict[str, Any]
Block = dict[str, Any]

TEXT_MAX = 2_000
OPTION_MAX = 75
VALUE = "value"


class Origin(msgspec.Struct, frozen=True):
    """Where a window was opened from: carried in it, and handed back with what was filled in."""

    incident: str = ""
    episode: int = 0
    channel: str = ""
    key: str = ""


def origin_of(incident: Incident, channel: str) -> Origin:
    """Return the origin of a window about an incident."""
    return Origin(incident.id, incident.episode, channel)


def read_origin(view: Mapping[str, Any]) -> Origin:
    """Return where a window came from; ValueError when it is none of ours."""
    try:
        return msgspec.json.decode(str(view.get("private_metadata", "")), type=Origin)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"the window carries no origin: {error}") from None


def modal(callback: str, title: str, submit: str, blocks: list[Block], origin: Origin) -> View:
    """Return a window; without the words of ``submit`` it only shows something."""
    view: View = {
        "type": "modal",
        "callback_id": callback,
        "title": plain_text(title),
        "close": plain_text("Cancel" if submit else "Close"),
        "private_metadata": json.dumps(msgspec.to_builtins(origin)),
        "blocks": blocks,
    }
    if submit:
        view["submit"] = plain_text(submit)
    return view


def about(incident: Incident) -> Block:
    """Return the block that says which incident it is."""
    return section(f"*{incident.priority}* {incident.state}: {mrkdwn(incident.title, 300)}")


def section(text: str) -> Block:
    """Return a block of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(text: str) -> Block:
    """Return a block of small mrkdwn."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def field(place: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """Return an input; ``place`` is the field of the body that it fills."""
    return {
        "type": "input",
        "block_id": place,
        "label": plain_text(label),
        "element": element,
        "optional": optional,
    }


def line(placeholder: str, most: int = TEXT_MAX) -> Block:
    """Return an element for one line of text."""
    element = {"type": "plain_text_input", "action_id": VALUE, "max_length": most}
    return element | ({"placeholder": plain_text(placeholder)} if placeholder else {})


def lines(placeholder: str) -> Block:
    """Return an element for some lines of text."""
    return line(placeholder) | {"multiline": True}


def somebody() -> Block:
    """Return an element that names one person."""
    return {
        "type": "users_select",
        "action_id": VALUE,
        "placeholder": plain_text("Choose somebody"),
    }


def option(text: str, value: str) -> Block:
    """Return an option of a menu."""
    return {"text": plain_text(plain(text, OPTION_MAX)), "value": value}


def plain_text(text: str) -> Block:
    """Return a text without markup."""
    return {"type": "plain_text", "text": text, "emoji": False}
