"""What every window is made of: its frame, its blocks, and where it was opened from.

Made with the models of slack-sdk, which know Slack's limits and refuse what is beyond them
(``SlackObjectFormationError``). See ``form``.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from slack_sdk.models.blocks import (
    ContextBlock,
    InputBlock,
    InputInteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    UserSelectElement,
)
from slack_sdk.models.views import View as ViewModel

from receiver.slack.mrkdwn import mrkdwn, plain
from routing.incident import Incident

View = dict[str, Any]
Block = dict[str, Any]

TEXT_MAX = 2_000
OPTION_MAX = Option.label_max_length
SECTION_MAX = SectionBlock.text_max_length
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
    frame = ViewModel(
        type="modal",
        callback_id=callback,
        title=plain_text(title),
        submit=plain_text(submit) if submit else None,
        close=plain_text("Cancel" if submit else "Close"),
        private_metadata=json.dumps(msgspec.to_builtins(origin)),
    )
    # Each was checked as it was made: its model would read it, and check it, once more.
    frame.blocks = blocks  # type: ignore[assignment]
    return frame.to_dict()


def about(incident: Incident) -> Block:
    """Return the block that says which incident it is."""
    return section(f"*{incident.priority}* {incident.state}: {mrkdwn(incident.title, 300)}")


def section(text: str, accessory: Block | None = None, *, verbatim: bool | None = True) -> Block:
    """Return a block of mrkdwn, with an element beside it."""
    words = MarkdownTextObject(text=text, verbatim=verbatim)
    return SectionBlock(text=words, accessory=accessory).to_dict()


def sections(text: str) -> list[Block]:
    """Return blocks of mrkdwn that hold a text of any length, cut between its lines."""
    parts: list[str] = []
    for words in text.split("\n"):
        line = words if len(words) <= SECTION_MAX else f"{words[: SECTION_MAX - 1]}…"
        if parts and len(parts[-1]) + len(line) < SECTION_MAX:
            parts[-1] += f"\n{line}"
        else:
            parts.append(line)
    return [section(part) for part in parts]


def context(text: str) -> Block:
    """Return a block of small mrkdwn."""
    return ContextBlock(elements=[MarkdownTextObject(text=text, verbatim=True)]).to_dict()


def field(
    place: str, label: str, element: InputInteractiveElement, *, optional: bool = False
) -> Block:
    """Return an input; ``place`` is the field of the body that it fills."""
    return InputBlock(
        block_id=place, label=plain_text(label), element=element, optional=optional
    ).to_dict()


def line(
    placeholder: str, most: int = TEXT_MAX, initial: str = "", *, multiline: bool | None = None
) -> PlainTextInputElement:
    """Return an element for one line of text."""
    return PlainTextInputElement(
        action_id=VALUE,
        placeholder=plain_text(placeholder) if placeholder else None,
        initial_value=initial,
        max_length=most,
        multiline=multiline,
    )


def lines(placeholder: str, initial: str = "") -> PlainTextInputElement:
    """Return an element for some lines of text."""
    return line(placeholder, initial=initial, multiline=True)


def somebody() -> UserSelectElement:
    """Return an element that names one person."""
    return UserSelectElement(action_id=VALUE, placeholder=plain_text("Choose somebody"))


def option(text: str, value: str) -> Option:
    """Return an option of a menu."""
    return Option(text=plain_text(plain(text, OPTION_MAX)), value=value)


def plain_text(text: str) -> PlainTextObject:
    """Return a text without markup."""
    return PlainTextObject(text=text, emoji=False)
