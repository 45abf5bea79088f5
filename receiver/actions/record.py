"""Rows of the registry: what people write down, and incidents that are joined or removed."""

from collections.abc import Mapping
from typing import Any

from receiver.actions.row import (
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
from routing.incident import Incident
from routing.person_event import (
    Forgotten,
    Merged,
    Noted,
    PersonEvent,
)


class NoteBody(Body):
    """``text``: what is to be remembered."""

    text: str = ""


class ForgetBody(Body):
    """``force``: although it is open, or keeps alerts quiet."""

    force: bool = False


class MergeBody(Body):
    """``into``: the id of the incident that goes on."""

    into: str = ""


def _note(body: Any, request: Request) -> PersonEvent:
    text = check_text("text", body.text, TEXT_MAX, needed=True)
    return Noted(request.actor, text, body.episode)


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
