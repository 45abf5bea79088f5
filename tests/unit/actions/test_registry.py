"""The registry of actions: every face knows the same ones, by the names that events carry."""

import json
import typing

import click
import msgspec
import pytest

from receiver.actions.incident import ACTIONS, Body, MergeBody, read_event, read_json
from receiver.actions.registry import PERMISSIONS, REGISTRY
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.actions.status_page import STATUS_ACTIONS, status_event
from receiver.cli.root import main
from receiver.errors import PayloadError
from receiver.slack.interactions.block_actions import _EVENTS, _NEEDS
from receiver.slack.interactions.view_submissions import ACTIONS as SUBMITTED
from routing.event import Denied, PersonEvent, StatusHidden
from routing.incident import Incident
from routing.incident_parts import Actor

ANN = Actor("ann", "api")
GIVEN: dict[str, dict[str, object]] = {
    "assign": {"to": "bob"},
    "note": {"text": "looked at it"},
    "action-item": {"text": "rotate logs"},
    "action-item-done": {"number": 1},
    "priority": {"priority": "P2"},
    "snooze": {"for": "1h"},
}


async def nobody(_incident: str) -> Incident | None:
    return None


def test_each_event_of_a_person_is_an_action_of_the_registry() -> None:
    events = set(typing.get_args(PersonEvent)) - {Denied}
    names = {event.action for event in events - {StatusHidden}}
    shown = {StatusHidden(ANN, hidden).action for hidden in (True, False)}
    assert names | shown == set(REGISTRY)
    assert set(ACTIONS) | set(SILENCE_ACTIONS) | set(STATUS_ACTIONS) == set(REGISTRY)


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - {"merge"}))
async def test_a_body_becomes_the_event_of_its_name(name: str) -> None:
    action = REGISTRY[name]
    body = read_json(action.body, json.dumps(GIVEN.get(name, {}) | {"episode": 3}).encode())
    event = await read_event(name, body, ANN, 1_000, nobody)
    assert (event.action, event.actor, event.episode) == (name, ANN, 3)


async def test_a_merge_needs_an_open_target() -> None:
    body = read_json(MergeBody, b'{"into": "0-x"}')
    with pytest.raises(PayloadError, match="no open incident '0-x'"):
        await read_event("merge", body, ANN, 1_000, nobody)


@pytest.mark.parametrize("name", sorted(STATUS_ACTIONS))
def test_the_status_page_takes_the_same_names(name: str) -> None:
    given = {"status": "identified"} if name == "status-update" else {}
    body = read_json(REGISTRY[name].body, json.dumps(given).encode())
    assert status_event(name, body, ANN, ["Shop"]).action == name


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_what_is_unknown_in_a_body_is_refused_with_what_is_allowed(name: str) -> None:
    fields = [field.encode_name for field in msgspec.structs.fields(REGISTRY[name].body)]
    with pytest.raises(PayloadError, match="allowed: " + ", ".join(fields)):
        read_json(REGISTRY[name].body, b'{"nothing": 1}')
    assert issubclass(REGISTRY[name].body, Body)


def test_slack_asks_for_permissions_there_are() -> None:
    asked = {action for action, _ in _EVENTS.values()} | set(_NEEDS.values())
    assert asked | set(SUBMITTED.values()) <= set(PERMISSIONS)
    assert set(PERMISSIONS) == asked | set(SUBMITTED.values()) | {"unsilence"}


def test_the_command_line_has_every_action() -> None:
    context = click.Context(main)
    incidents = main.get_command(context, "incidents")
    assert isinstance(incidents, click.Group)
    names = set(incidents.list_commands(context))
    short = {"acknowledge": "ack", "unacknowledge": "unack"}
    missing = {name for name in REGISTRY if name not in names and short.get(name) not in names}
    assert missing == set(), names
