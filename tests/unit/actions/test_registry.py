"""The registry of actions: every face is made of it, and knows the same ones by the same names."""

import json
import typing

import click
import msgspec
import pytest
from click.testing import CliRunner

from receiver.actions.registry import OPEN, PERMISSIONS, REGISTRY, permission_of
from receiver.actions.row import Action, Body, Field, Input, Request, read_json
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.cli.actions import COMMANDS
from receiver.cli.root import main
from receiver.errors import PayloadError
from receiver.slack.blocks.buttons import action_button, read_target, target
from receiver.slack.blocks.form import form
from receiver.slack.blocks.modals import more
from receiver.slack.blocks.verbs import asking, form_of, name_of, verb_of
from receiver.web.console_forms import forms_of
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Publication
from routing.person_event import Denied, PersonEvent, StatusHidden
from tests.support.fakes.slack_views import ViewChecker

ANN = Actor("ann", "api")
ID = "0-00000000000000aa-1"
OPENED = Incident(id=ID, group=Group("", "im", "g"), state="triggered", priority="P2", title="Slow")
GIVEN: dict[str, dict[str, object]] = {
    "assign": {"to": "bob"},
    "note": {"text": "looked at it"},
    "action-item": {"text": "rotate logs"},
    "action-item-change": {"number": 1, "due_on": "2026-03-02"},
    "action-item-done": {"number": 1},
    "review-save": {"impact": "Nobody could pay."},
    "priority": {"priority": "P2"},
    "snooze": {"for": "1h"},
    "merge": {"into": "0-x"},
    "status-update": {"status": "identified"},
}
FILLED = {"number": "3", "version": "2", "due_on": "2026-03-02"}


def test_each_event_of_a_person_is_an_action_of_the_registry() -> None:
    events = set(typing.get_args(PersonEvent)) - {Denied}
    names = {event.action for event in events - {StatusHidden}}
    shown = {StatusHidden(ANN, hidden).action for hidden in (True, False)}
    assert names | shown == set(REGISTRY)


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - set(SILENCE_ACTIONS)))
def test_a_body_becomes_the_event_of_its_name(name: str) -> None:
    row = REGISTRY[name]
    body = read_json(row.body, json.dumps(GIVEN.get(name, {}) | {"episode": 3}).encode())
    assert row.read is not None
    event = row.read(body, Request(ANN, 1_000, ["Shop"]))
    assert (event.action, event.actor, event.episode) == (name, ANN, 3)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_fields_of_a_row_are_those_of_its_body(name: str) -> None:
    row = REGISTRY[name]
    known = {field.encode_name for field in msgspec.structs.fields(row.body)}
    asked = [field.name for field in row.fields]
    assert len(set(asked)) == len(asked)
    assert set(asked) | {"by", "episode", "human"} | ({"id"} & known) == known


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_what_is_unknown_in_a_body_is_refused_with_what_is_allowed(name: str) -> None:
    fields = [field.encode_name for field in msgspec.structs.fields(REGISTRY[name].body)]
    with pytest.raises(PayloadError, match="allowed: " + ", ".join(fields)):
        read_json(REGISTRY[name].body, b'{"nothing": 1}')
    assert issubclass(REGISTRY[name].body, Body)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_each_action_needs_a_permission_there_is_or_none(name: str) -> None:
    needed = permission_of(name)
    assert needed in PERMISSIONS or name == "forget"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_slack_has_a_button_and_a_window_of_each(name: str) -> None:
    verb = verb_of(name_of(name))
    assert verb is not None
    assert (verb.action, verb.given) == (name, {})
    button = action_button(name, OPENED)
    assert button["text"]["text"] == REGISTRY[name].label
    assert read_target(button["value"]) == (ID, 0, {})
    if form_of(REGISTRY[name]):
        view = form(asking(name)[0], OPENED, "C1", choices={"into": [("0-b", "b")]})
        inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
        assert inputs == [field.name for field in form_of(REGISTRY[name])]
        if name != "status-update":  # its components are those of the configuration
            assert ViewChecker().check_view(view) == []


def test_what_slack_shows_of_more_follows_the_rows() -> None:
    def verbs(incident: Incident, *, public: bool = False) -> list[str]:
        blocks = more(incident, "C1", public=public)["blocks"]
        return [block["accessory"]["action_id"] for block in blocks if "accessory" in block]

    usual = ["priority", "snooze_x", "resolve_cause", "merge", "action_item", "silence", "review"]
    usual[1] = "snooze"
    assert verbs(OPENED) == ["resolve_cause", "priority", "snooze", *usual[3:]]
    taken = msgspec.structs.replace(OPENED, state="acknowledged")
    assert "unacknowledge" in verbs(taken)
    assert "status_update" in verbs(OPENED, public=True)


def test_a_button_carries_one_field_whatever_is_in_it() -> None:
    text = target(OPENED, silence="a:b c")
    assert read_target(text) == (ID, 0, {"silence": "a:b c"})
    with pytest.raises(ValueError, match="no episode"):
        read_target(f"{ID} x")


def test_a_word_that_stands_for_no_action_is_none() -> None:
    assert verb_of("dance") is None
    assert verb_of("action-item") is None
    assert verb_of("snooze_hour") is not None
    assert verb_of("snooze_hour").given == {"for": "1h"}


def test_the_console_has_a_form_of_all_that_can_be_done() -> None:
    names = [one["action"] for one in forms_of(OPENED, None, public=False)]
    wanted = {
        name
        for name, row in REGISTRY.items()
        if row.when(OPENED) and not name.startswith("status-")
    }
    assert set(names) == wanted - {"acknowledge"}
    published = Publication("t", 1, {"Shop": "degraded"}, (), hidden=True)
    public = msgspec.structs.replace(OPENED, published=published)
    shown = {one["action"] for one in forms_of(public, None, public=True)} - set(names)
    assert shown == {"status-show", "status-update"}


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_form_of_the_console_becomes_the_body_of_the_api(name: str) -> None:
    row = REGISTRY[name]
    values = {
        field.name: field.choices[0][0] if field.choices else FILLED.get(field.name, "x")
        for field in row.fields
    }
    values |= {"update": "2"} if "update" in values else {}
    body = row.body_of(values, 4)
    assert body.episode == (4 if row.of_episode else None)
    made = msgspec.to_builtins(body)
    for field in row.fields:
        known = made[field.name]
        many = field.input in (Input.LIST, Input.CHOICES)
        assert list(known) == [values[field.name]] if many else known
        assert known not in ("", 0, False, [])


def test_what_a_form_holds_that_is_none_of_the_fields_is_refused_with_its_place() -> None:
    with pytest.raises(PayloadError, match="is not a number") as refused:
        REGISTRY["action-item-done"].body_of({"number": "²"}, None)
    assert refused.value.position == "number"


def test_the_command_line_has_every_action() -> None:
    context = click.Context(main)
    incidents = main.get_command(context, "incidents")
    assert isinstance(incidents, click.Group)
    names = set(incidents.list_commands(context))
    assert {row.command or name for name, row in REGISTRY.items()} | {OPEN} <= names


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_each_command_says_what_it_takes(command: click.Command) -> None:
    shown = CliRunner().invoke(command, ["--help"])
    assert shown.exit_code == 0
    row = {one.command or name: one for name, one in REGISTRY.items()}.get(str(command.name))
    for field in row.fields if row else ():
        written = _written(field)
        assert written in shown.output
        assert field.help.split()[:2] == [] or field.help.split()[0] in shown.output


def _written(field: Field) -> str:
    if field.positional:
        choices = "|".join(value for value, _ in field.choices)
        return choices or field.metavar or field.name.upper()
    return (field.option or f"--{field.name}").split("/")[0]


def test_labels_and_meanings_fit_every_face() -> None:
    for row in REGISTRY.values():
        assert isinstance(row, Action)
        assert 0 < len(row.label) <= 24  # docs.slack.dev, "Views": titles
        assert row.meaning.endswith(".")
        assert all(len(field.hint) <= 150 for field in row.fields)  # placeholders
