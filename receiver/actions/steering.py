"""Rows of the registry: how people move an incident on: to whom, how urgent, when."""

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
    read_until,
)
from receiver.errors import PayloadError
from receiver.text.ids import is_user_id
from routing.alert import PRIORITIES
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import (
    Escalated,
    PersonEvent,
    PriorityChanged,
    Reassigned,
    Snoozed,
)

WORKING_HOURS = "working_hours"


class SnoozeBody(Body, rename={"span": "for"}):
    """Either ``for`` (a duration), or ``until`` (RFC 3339, or ``working_hours``)."""

    span: str = ""
    until: str = ""


class AssignBody(Body):
    """``to``: whom; ``id``: their Slack user id, so that they are mentioned."""

    to: str = ""
    id: str = ""


class EscalateBody(Body):
    """``reason``: why."""

    reason: str = ""


class PriorityBody(Body):
    """``priority``: P1 to P4; ``reason``: why."""

    priority: str = ""
    reason: str = ""


def _snooze(body: Any, request: Request) -> PersonEvent:
    if body.until == WORKING_HOURS and not body.span:
        return Snoozed(request.actor, body.episode)
    or_hours = f' or {{"until": "{WORKING_HOURS}"}}'
    until = read_until(body.span, body.until, request.now, or_hours)
    return Snoozed(request.actor, body.episode, until)


def _assign(body: Any, request: Request) -> PersonEvent:
    to = check_text("to", body.to, NAME_MAX, needed=True)
    if body.id and not is_user_id(body.id):
        raise PayloadError("is not a Slack user id such as U0123ABCD", "id")
    via = "slack" if body.id else request.actor.via
    return Reassigned(request.actor, Actor(to, via, body.id), body.episode)


def _escalate(body: Any, request: Request) -> PersonEvent:
    reason = check_text("reason", body.reason, TEXT_MAX)
    return Escalated(request.actor, body.episode, reason)


def _priority(body: Any, request: Request) -> PersonEvent:
    wanted = body.priority.upper()
    if wanted not in PRIORITIES:
        raise PayloadError(f"is {body.priority!r}; allowed: {', '.join(PRIORITIES)}", "priority")
    reason = check_text("reason", body.reason, TEXT_MAX)
    return PriorityChanged(request.actor, wanted, reason, body.episode)


def _what_escalating_means(_incident: Incident) -> str:
    return "The next step of the escalation policy is paged at once."


STEERING_ACTIONS: Mapping[str, Action] = {
    Escalated.action: Action(
        EscalateBody,
        "Escalate",
        "Page the next step of the policy now.",
        "escalate incidents",
        _escalate,
        (Field("reason", "Why", help="Why.", form=False),),
        when=is_open,
        at_once=True,
        confirm=Confirm("Escalate now?", _what_escalating_means, "Escalate"),
        answers="`escalated`: the next step is paged now",
    ),
    Reassigned.action: Action(
        AssignBody,
        "Assign",
        "Say who works on it.",
        "assign incidents",
        _assign,
        (
            Field("to", "Assign to", Input.PERSON, needed=True, positional=True),
            Field("id", "Slack user id", help="Slack user id, to mention them there.", form=False),
        ),
        when=is_open,
        answers="`assigned`",
    ),
    PriorityChanged.action: Action(
        PriorityBody,
        "Change priority",
        "Override the priority and say why.",
        "change priorities",
        _priority,
        (
            Field(
                "priority",
                "Priority",
                Input.CHOICE,
                needed=True,
                positional=True,
                choices=tuple((name, name) for name in PRIORITIES),
            ),
            Field(
                "reason",
                "Why",
                hint="What do you know that the rules do not?",
                help="Why.",
                insist=True,
            ),
        ),
        when=is_open,
        note="A more urgent priority pages anew; a lower one pages nobody.",
        submit="Change",
        answers=(
            "`priority_raised`: pages anew; `priority_lowered`: pages nobody; "
            "`same_priority`. It holds until an alert is more urgent than any was"
        ),
    ),
    Snoozed.action: Action(
        SnoozeBody,
        "Snooze",
        "All clocks pause until a time.",
        "snooze incidents",
        _snooze,
        (
            Field("for", "For how long", Input.DURATION, help="As in 1h30m.", insist=True),
            Field(
                "until",
                "Snooze until",
                Input.MOMENT,
                help=f"RFC 3339, or {WORKING_HOURS}.",
                insist=True,
                metavar="TIME",
            ),
        ),
        when=is_open,
        answers="`snoozed`: all clocks pause; `no_such_time`",
    ),
}
