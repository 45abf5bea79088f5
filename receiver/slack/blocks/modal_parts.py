"""What every window is made of: its frame, its blocks, and where it was opened from.

They are models of Slack's library, which refuse what Slack would. Limits: see ``form``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from slack_sdk.models import views as models
from slack_sdk.models.blocks import (
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    UserSelectElement,
)

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


def modal(
    callback: str, title: str, submit: str, blocks: Sequence[Block | InputBlock], origin: Origin
) -> View:
    """Return a window; without the words of ``submit`` it only shows something.

    SlackObjectFormationError for one that Slack would refuse.
    """
    return models.View(
        type="modal",
        callback_id=callback,
        title=plain_text(title),
        close=plain_text("Cancel" if submit else "Close"),
        submit=plain_text(submit) if submit else None,
        private_metadata=json.dumps(msgspec.to_builtins(origin)),
        blocks=blocks,
    ).to_dict()


def about(incident: Incident) -> Block:
    """Return the block that says which incident it is."""
    return section(f"*{incident.priority}* {incident.state}: {mrkdwn(incident.title, 300)}")


def section(text: str) -> Block:
    """Return a block of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def context(text: str) -> Block:
    """Return a block of small mrkdwn."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def field(
    place: str, label: str, element: InputInteractiveElement, *, optional: bool = False
) -> InputBlock:
    """Return an input; ``place`` is the field of the body that it fills."""
    return InputBlock(block_id=place, label=plain_text(label), element=element, optional=optional)


def line(
    placeholder: str, most: int = TEXT_MAX, *, initial: str = "", many: bool = False
) -> PlainTextInputElement:
    """Return an element for one line of text, or ``many``."""
    return PlainTextInputElement(
        action_id=VALUE,
        max_length=most,
        placeholder=plain_text(placeholder) if placeholder else None,
        initial_value=initial or None,
        multiline=many or None,
    )


def somebody() -> UserSelectElement:
    """Return an element that names one person."""
    return UserSelectElement(action_id=VALUE, placeholder=plain_text("Choose somebody"))


def option(text: str, value: str) -> Option:
    """Return an option of a menu."""
    return Option(text=plain_text(plain(text, OPTION_MAX)), value=value)


def plain_text(text: str) -> PlainTextObject:
    """Return a text without markup."""
    return PlainTextObject(text=text, emoji=False)
