"""Rows of the registry: what people write down, and incidents that are joined or removed."""

from collections.abc import Mapping
from typing import Any

from receiver.actions.row import (
    NAME_MAX,
    TEXT_MAX,
    Action,
    Body,
    Confirm,
    Field,
    Input,
    Request,
    check_text,
    is_open,
    never,
)
from receiver.errors import PayloadError
from routing.incident import Incident
from routing.incident_parts import ITEMS_MAX
from routing.person_event import (
    ActionItemAdded,
    ActionItemDone,
    Forgotten,
    Merged,
    Noted,
    PersonEvent,
)

ITEM_MAX = 500


class NoteBody(Body):
    """``text``: what is to be remembered."""

    text: str = ""


class ActionItemBody(Body):
    """``text``: what is to be done; ``owner``: by whom."""

    text: str = ""
    owner: str = ""


class ActionItemDoneBody(Body):
    """``number``: of the action item; ``done``: false when it is not, after all."""

    number: int = 0
    done: bool = True


class ForgetBody(Body):
    """``force``: although it is open, or keeps alerts quiet."""

    force: bool = False


class MergeBody(Body):
    """``into``: the id of the incident that goes on."""

    into: str = ""


def _note(body: Any, request: Request) -> PersonEvent:
    text = check_text("text", body.text, TEXT_MAX, needed=True)
    return Noted(request.actor, text, body.episode)


def _action_item(body: Any, request: Request) -> PersonEvent:
    text = check_text("text", body.text, ITEM_MAX, needed=True)
    owner = check_text("owner", body.owner, NAME_MAX)
    if "\n" in owner:
        raise PayloadError("is a name on one line", "owner")
    return ActionItemAdded(request.actor, text, owner, body.episode)


def _action_item_done(body: Any, request: Request) -> PersonEvent:
    if not 1 <= body.number <= ITEMS_MAX:
        raise PayloadError(f"is {body.number}; allowed: 1 to {ITEMS_MAX}", "number")
    return ActionItemDone(request.actor, body.number, body.done, body.episode)


def _merge(body: Any, request: Request) -> PersonEvent:
    return Merged(request.actor, body.into, body.episode)


def _forget(body: Any, request: Request) -> PersonEvent:
    return Forgotten(request.actor, body.force, body.episode)


def _what_forgetting_means(_incident: Incident) -> str:
    return "Record, timeline and deliveries are removed for good. There is no way back."


RECORD_ACTIONS: Mapping[str, Action] = {
    Noted.action: Action(
        NoteBody,
        "Add a note",
        "Write down what you saw, tried or decided.",
        "add notes",
        _note,
        (
            Field(
                "text",
                "Note",
                Input.LINES,
                "What did you see, try, or decide?",
                needed=True,
                positional=True,
            ),
        ),
        note="It goes into the timeline and counts as a status update.",
        submit="Add",
        answers="`noted`; it counts as the status update; `too_many_notes` (500)",
    ),
    Merged.action: Action(
        MergeBody,
        "Merge",
        "Let another open incident go on for both: it is the same trouble.",
        "merge incidents",
        _merge,
        (Field("into", "Goes on as", Input.INCIDENT, needed=True, positional=True),),
        when=is_open,
        note="This one is closed, and counts in no response time.",
        answers="`merged_now`, `already_merged`",
    ),
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
            Field("owner", "By whom", Input.PERSON, help="Who is to do it."),
        ),
        note="The post-incident review lists it, and has a button to tick it off.",
        submit="Add",
        of_episode=False,
        answers=(
            "`action_item_added` (at any time, also afterwards; the review lists them),"
            " `same_action_item`, `too_many_action_items` (50)"
        ),
    ),
    ActionItemDone.action: Action(
        ActionItemDoneBody,
        "Tick off",
        "Tick off an action item (its number is in the review).",
        read=_action_item_done,
        fields=(
            Field("number", "Number", Input.NUMBER, needed=True, positional=True, form=False),
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
    Forgotten.action: Action(
        ForgetBody,
        "Forget",
        "Remove a closed incident for good: record, timeline and deliveries.",
        read=_forget,
        fields=(
            Field(
                "force",
                "Although it is open, or keeps alerts quiet",
                Input.FLAG,
                help="Although it is open, or keeps alerts quiet.",
                form=False,
            ),
        ),
        when=never,
        confirm=Confirm("Forget it for good?", _what_forgetting_means, "Forget"),
        answers=(
            "`forgotten`: record, timeline and deliveries are removed for good. Without"
            " `force` an open one is `still_open`, and one whose alerts a person made "
            "quiet, or that goes on in another, is `keeps_alerts_quiet`: forgotten, "
            "they would open anew. What Slack and PagerDuty have stays there as it is"
        ),
    ),
}
