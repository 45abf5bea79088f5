"""Rows of the registry: how people answer an incident, and move it."""

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
from receiver.config_types import is_user_id
from receiver.errors import PayloadError
from routing.alert import PRIORITIES
from routing.event import (
    Acknowledged,
    Escalated,
    PersonEvent,
    PriorityChanged,
    Reassigned,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.incident import Incident
from routing.incident_parts import Actor

WORKING_HOURS = "working_hours"


class ResolveBody(Body):
    """``cause``: what it was."""

    cause: str = ""


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


def _what_resolving_means(incident: Incident) -> str:
    if incident.kind == "manual":
        return "It was opened by hand, and nothing but a person ends it."
    return "Alerts that still fire stay quiet until they resolve or change."


def _what_escalating_means(_incident: Incident) -> str:
    return "The next step of the escalation policy is paged at once."


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
        answers="`snoozed`: all clocks stand still; `no_such_time`",
    ),
    Unacknowledged.action: Action(
        Body,
        "Give back",
        "Nobody is on it any more: the policy starts again.",
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
