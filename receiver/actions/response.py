"""Rows of the registry: how people answer an incident, and end it."""

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
)
from routing.incident import Incident
from routing.person_event import (
    Acknowledged,
    PersonEvent,
    Reopened,
    Resolved,
    Unacknowledged,
)


class ResolveBody(Body):
    """``cause``: what it was."""

    cause: str = ""


def needs_answer(incident: Incident) -> bool:
    """Return whether somebody is asked to take it."""
    return incident.state in ("triggered", "snoozed") or incident.asks_again


def _is_taken(incident: Incident) -> bool:
    return incident.state == "acknowledged"


def _is_over(incident: Incident) -> bool:
    return not incident.is_open and not incident.merged_into


def _acknowledge(body: Any, request: Request) -> PersonEvent:
    return Acknowledged(request.actor, body.episode)


def _unacknowledge(body: Any, request: Request) -> PersonEvent:
    return Unacknowledged(request.actor, body.episode)


def _reopen(body: Any, request: Request) -> PersonEvent:
    return Reopened(request.actor, body.episode)


def _resolve(body: Any, request: Request) -> PersonEvent:
    return Resolved(request.actor, body.episode, check_text("cause", body.cause, TEXT_MAX))


def _what_resolving_means(incident: Incident) -> str:
    if incident.kind == "manual":
        return "It was opened by hand, and nothing but a person ends it."
    return "Alerts that still fire stay quiet until they resolve or change."


RESPONSE_ACTIONS: Mapping[str, Action] = {
    Acknowledged.action: Action(
        Body,
        "Acknowledge",
        "Take it: the acknowledge clock stops.",
        "acknowledge incidents",
        _acknowledge,
        when=needs_answer,
        at_once=True,
        command="ack",
        answers="`acknowledged`, `already_acknowledged`",
    ),
    Resolved.action: Action(
        ResolveBody,
        "Resolve",
        "It is over. Alerts that still fire stay quiet until they resolve or change.",
        "resolve incidents",
        _resolve,
        (
            Field(
                "cause",
                "Cause",
                Input.LINES,
                "What was it, and what ended it?",
                "What it was, for the timeline.",
                insist=True,
            ),
        ),
        when=is_open,
        at_once=True,
        confirm=Confirm("Resolve this incident?", _what_resolving_means, "Resolve"),
        answers="`resolved`; what still fires stays quiet until it resolves or changes",
    ),
    Unacknowledged.action: Action(
        Body,
        "Give back",
        "Nobody is on it any more: the escalation policy starts again.",
        "give incidents back",
        _unacknowledge,
        when=_is_taken,
        at_once=True,
        done="Given back: the escalation policy starts again.",
        command="unack",
        answers="`unacknowledged`, `not_acknowledged`: it pages again from the first step",
    ),
    Reopened.action: Action(
        Body,
        "Reopen",
        "It is not over: open it again.",
        "reopen incidents",
        _reopen,
        when=_is_over,
        at_once=True,
        answers="`reopened`, `already_open`",
    ),
}
