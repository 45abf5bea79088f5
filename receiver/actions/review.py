"""Rows of the registry: what people write in a review, and what is to be done after it."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from receiver.actions.row import (
    NAME_MAX,
    NUMBER_MAX,
    Action,
    Body,
    Field,
    Input,
    Request,
    check_text,
    never,
)
from receiver.errors import PayloadError
from routing.incident_parts import ITEMS_MAX
from routing.person_event import (
    ActionItemAdded,
    ActionItemChanged,
    ActionItemDone,
    PersonEvent,
    ReviewSaved,
)
from routing.review_sections import SECTIONS, VERSIONS_MAX

ITEM_MAX = 500
SECTION_MAX, LINES_MAX = 10_000, 1_000
"""Characters and lines of a section. Versions are compared line by line."""
_BREAKS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})
"""What ends a line in texts from word processors."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class ActionItemBody(Body):
    """``text``: what is to be done; ``owner``: by whom; ``due_on``: by which day, as 2026-03-02."""

    text: str = ""
    owner: str = ""
    due_on: str = ""


class ActionItemChangeBody(Body):
    """``number``: of the action item; what is null stays, "" takes owner or day away."""

    number: int = 0
    text: str | None = None
    owner: str | None = None
    due_on: str | None = None


class ActionItemDoneBody(Body):
    """``number``: of the action item; ``done``: false when it is not, after all."""

    number: int = 0
    done: bool = True


class ReviewSaveBody(Body):
    """The sections to save; what is null stays as it is.

    ``version``: the one that was read before, 0 where there was none; null: whichever is current.
    """

    impact: str | None = None
    causes: str | None = None
    lessons: str | None = None
    version: int | None = None


def read_day(place: str, text: str) -> str:
    """Return a day as 2026-03-02, "" for none; PayloadError for what is none of this age."""
    wanted = text.strip()
    if not wanted:
        return ""
    try:
        day = date.fromisoformat(wanted)
    except ValueError:
        day = None
    if day is None or wanted != day.isoformat() or day.year < 2000:  # noqa: PLR2004 - long before
        raise PayloadError(f"is {wanted[:40]!r}; allowed: a day, as 2026-03-02", place)
    return wanted


def check_section(place: str, text: str) -> str:
    r"""Return a section with ``\n`` between its lines, or refuse it with what is wrong where."""
    shown = text.replace("\r\n", "\n").replace("\r", "\n").translate(_BREAKS)
    shown = "\n".join(line.rstrip() for line in shown.split("\n")).strip("\n")
    if len(shown) > SECTION_MAX:
        raise PayloadError(f"has {len(shown):,} characters; allowed: {SECTION_MAX:,}", place)
    lines = shown.split("\n")
    if len(lines) > LINES_MAX:
        raise PayloadError(f"has {len(lines):,} lines; allowed: {LINES_MAX:,}", place)
    for number, line in enumerate(lines, 1):
        wrong = _CONTROL.search(line)
        if wrong:
            words = f"line {number} has the control character U+{ord(wrong[0]):04X}; take it out"
            raise PayloadError(words, place)
    return shown


def _owner(text: str) -> str:
    owner = check_text("owner", text, NAME_MAX)
    if "\n" in owner:
        raise PayloadError("is a name on one line", "owner")
    return owner


def _number(number: int) -> int:
    if not 1 <= number <= ITEMS_MAX:
        raise PayloadError(f"is {number}; allowed: 1 to {ITEMS_MAX}", "number")
    return number


def _action_item(body: Any, request: Request) -> PersonEvent:
    text = check_text("text", body.text, ITEM_MAX, needed=True)
    owner, due = _owner(body.owner), read_day("due_on", body.due_on)
    return ActionItemAdded(request.actor, text, owner, due, body.episode)


def _action_item_change(body: Any, request: Request) -> PersonEvent:
    number = _number(body.number)
    text = None if body.text is None else check_text("text", body.text, ITEM_MAX, needed=True)
    owner = None if body.owner is None else _owner(body.owner)
    due = None if body.due_on is None else read_day("due_on", body.due_on)
    if text is owner is due is None:
        raise PayloadError("say what is to change: text, owner or due_on")
    return ActionItemChanged(request.actor, number, text, owner, due, body.episode)


def _action_item_done(body: Any, request: Request) -> PersonEvent:
    return ActionItemDone(request.actor, _number(body.number), body.done, body.episode)


def _review_save(body: Any, request: Request) -> PersonEvent:
    given = {name: getattr(body, name) for name in SECTIONS}
    found = {name: check_section(name, text) for name, text in given.items() if text is not None}
    if not found:
        raise PayloadError(f"say what is to be saved: {', '.join(SECTIONS)}")
    if body.version is not None and not 0 <= body.version <= NUMBER_MAX:
        raise PayloadError(f"is {body.version}; allowed: 0 to {NUMBER_MAX}", "version")
    return ReviewSaved(request.actor, found, body.version, body.episode)


_ITEM = Field("number", "Number", Input.NUMBER, needed=True, positional=True, form=False)
_OWNER = Field("owner", "By whom", Input.PERSON, help="Who is to do it.", most=NAME_MAX)
_DUE = Field("due_on", "By which day", Input.DAY, help="By which day, as 2026-03-02.")

REVIEW_ACTIONS: Mapping[str, Action] = {
    ActionItemAdded.action: Action(
        ActionItemBody,
        "Add an action item",
        "Keep what is to be done so that it does not happen again.",
        "change action items",
        _action_item,
        (
            Field(
                "text",
                "What is to be done",
                hint="So that it does not happen again",
                needed=True,
                positional=True,
                most=ITEM_MAX,
            ),
            _OWNER,
            _DUE,
        ),
        note="The post-incident review lists it, and has a button to tick it off.",
        submit="Add",
        of_episode=False,
        answers=(
            "`action_item_added` (at any time, also afterwards; the review lists them),"
            f" `same_action_item`, `too_many_action_items` ({ITEMS_MAX})"
        ),
    ),
    ActionItemChanged.action: Action(
        ActionItemChangeBody,
        "Change an action item",
        "Put it otherwise, or say by whom or until when it is to be done.",
        read=_action_item_change,
        fields=(
            _ITEM,
            Field("text", "What is to be done", help="What is to be done.", most=ITEM_MAX),
            _OWNER._replace(clears=True),
            _DUE._replace(clears=True),
        ),
        when=never,
        of_episode=False,
        answers=(
            "`action_item_changed`, `unchanged`, `same_action_item`, `unknown_action_item`;"
            ' what is left out stays, `""` takes owner or day away'
        ),
    ),
    ActionItemDone.action: Action(
        ActionItemDoneBody,
        "Tick off",
        "Tick off an action item (its number is in the review).",
        read=_action_item_done,
        fields=(
            _ITEM,
            Field(
                "done",
                "Done",
                Input.FLAG,
                help="Whether it is done, or not after all.",
                form=False,
                option="--done/--undo",
            ),
        ),
        when=never,
        of_episode=False,
        answers=(
            "`action_item_done`, `action_item_open`, `already_done`, `not_done`, "
            "`unknown_action_item`"
        ),
    ),
    ReviewSaved.action: Action(
        ReviewSaveBody,
        "Save the review",
        "Write what a review says in people's own words.",
        read=_review_save,
        fields=(
            *(
                Field(name, name.capitalize(), Input.LINES, hint, hint, most=SECTION_MAX)
                for name, hint in SECTIONS.items()
            ),
            Field(
                "version",
                "Version",
                Input.NUMBER,
                help="The version you read: saved only if nobody saved another since.",
                form=False,
                least=0,
            ),
        ),
        when=never,
        of_episode=False,
        answers=(
            "`review_saved`, `unchanged`; `review_conflict` (409: somebody saved another version"
            f" than the one you name; nothing is saved), `too_many_versions` ({VERSIONS_MAX})"
        ),
    ),
}
