"""What Slack says of whoever asked: nothing is believed to be there, or to be of its type."""

from typing import Any

import pytest

from receiver.slack.client.directory import ID_MAX, NAME_MAX
from receiver.slack.interactions.payload import (
    Interaction,
    name_of,
    read_command,
    read_interaction,
    read_values,
    table,
    text,
    user_of,
)
from routing.incident_parts import Actor

ODD: list[Any] = [None, True, 0, 7, 1.5, [], ["x"], {}, {"x": "y"}]
"""What is no text."""
PRESS: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U1", "username": "ann.s", "name": "ann", "team_id": "T1"},
    "container": {"type": "message", "channel_id": "C2"},
    "channel": {"id": "C1", "name": "alerts"},
    "trigger_id": "12.34.ab",
    "response_url": "https://hooks.slack.com/actions/T1/2/3",
}


def test_a_press_under_a_message() -> None:
    assert read_interaction(PRESS) == Interaction(
        user_id="U1",
        user_name="ann",
        channel="C1",
        trigger_id="12.34.ab",
        response_url="https://hooks.slack.com/actions/T1/2/3",
        moment="12.34.ab",
    )


def test_a_press_in_a_window_and_in_the_home() -> None:
    window = read_interaction(PRESS | {"view": {"type": "modal", "id": "V1"}})
    assert (window.view_id, window.home) == ("V1", False)
    home = read_interaction(PRESS | {"view": {"type": "home", "id": "V2"}})
    assert (home.view_id, home.home) == ("", True)
    other = read_interaction(PRESS | {"view": {"type": "workflow_step", "id": "V3"}})
    assert (other.view_id, other.home) == ("", False)


@pytest.mark.parametrize("channel", [*ODD, {"id": 7}, {"id": ""}, {"id": "C" * (ID_MAX + 1)}])
def test_the_channel_may_only_be_in_the_container(channel: Any) -> None:
    assert read_interaction(PRESS | {"channel": channel}).channel == "C2"
    bare = PRESS | {"channel": channel, "container": channel}
    assert read_interaction(bare).channel == ""


@pytest.mark.parametrize("key", ["channel", "container", "view", "trigger_id", "response_url"])
@pytest.mark.parametrize("odd", ODD)
def test_what_is_of_no_use_is_left_out(key: str, odd: Any) -> None:
    missing = {name: value for name, value in PRESS.items() if name != key}
    assert read_interaction(PRESS | {key: odd}) == read_interaction(missing)


@pytest.mark.parametrize(
    "user",
    [
        *ODD,
        {"name": "ann"},
        {"id": ""},
        {"id": None},
        {"id": 7},
        {"id": ["U1"]},
        {"id": "U 1"},
        {"id": "U1>"},
        {"id": "<@U1>"},
        {"id": "U\u0661"},
        {"id": "\ud800"},
        {"id": "U" * (ID_MAX + 1)},
    ],
)
def test_who_asked_has_to_be_named(user: Any) -> None:
    with pytest.raises(ValueError, match="nobody is named"):
        read_interaction(PRESS | {"user": user})
    with pytest.raises(ValueError, match="nobody is named"):
        read_command({"user_id": user.get("id") if isinstance(user, dict) else user})


def test_nobody_at_all() -> None:
    for read in (read_interaction, read_command):
        with pytest.raises(ValueError, match="nobody is named"):
            read({})


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ({"name": "ann", "username": "ann.s"}, "ann"),
        ({"username": "ann.s"}, "ann.s"),
        ({"name": "", "username": "ann.s"}, "ann.s"),
        ({"name": 7, "username": "ann.s"}, "ann.s"),
        ({"name": None, "username": None}, "U1"),
        ({}, "U1"),
        ({"name": "x" * (NAME_MAX + 1)}, "x" * NAME_MAX),
        ({"name": "a\x00n\x1bn\u202e\ud800"}, "ann"),
        ({"name": "\u200b\u202e", "username": "ann.s"}, "ann.s"),
        ({"name": "\x00"}, "U1"),
        ({"name": "   "}, "U1"),
        ({"name": " Ann  Sö "}, "Ann  Sö"),
    ],
)
def test_whoever_asked_has_a_name_that_can_be_seen(user: Any, shown: str) -> None:
    found = read_interaction(PRESS | {"user": {"id": "U1", **user}})
    assert found.user_name == shown
    assert found.actor == Actor(shown, "slack", "U1")


def test_a_command() -> None:
    form = {
        "user_id": "W1",
        "user_name": "bob",
        "channel_id": "D1",
        "trigger_id": "t",
        "response_url": "https://hooks.slack.com/commands/1",
        "text": "list",
    }
    assert read_command(form) == Interaction(
        "W1", "bob", "D1", "t", "https://hooks.slack.com/commands/1", moment="t"
    )
    assert read_command({"user_id": "W1"}) == Interaction("W1", "W1")


@pytest.mark.parametrize(
    ("moment", "filled", "found"),
    [
        ("t1", "", "slack:0-a-1:resolve:U1:t1"),
        ("t1", "ab", "slack:0-a-1:resolve:U1:t1:ab"),
        ("", "", ""),
        ("", "ab", ""),
    ],
)
def test_what_tells_one_press_from_another(moment: str, filled: str, found: str) -> None:
    interaction = Interaction("U1", "ann", moment=moment)
    assert interaction.event_id("0-a-1", "resolve", filled) == found


@pytest.mark.parametrize("odd", ODD)
def test_a_text_is_a_text_or_none(odd: Any) -> None:
    for found in (text({"a": odd}, "a"), name_of({"a": odd}, "a"), user_of({"a": odd}, "a")):
        assert found == ""
    assert text({}, "a") == name_of({}, "a") == user_of({}, "a") == ""
    assert text({"a": " x\ud800 "}, "a") == " x\ud800 "


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("C1", True),
        ("1700000000.12 ab/+=", True),
        ("https://hooks.slack.com/x?y=%20", True),
        ("x" * ID_MAX, True),
        ("x" * (ID_MAX + 1), False),
        # The store keeps names as they are: what has no bytes would cost others their commit.
        ("\ud800", False),
        ("t\u0661", False),
        ("a\nb", False),
        ("a\x00", False),
    ],
)
def test_what_names_a_thing(value: str, *, named: bool) -> None:
    assert name_of({"a": value}, "a") == (value if named else "")


@pytest.mark.parametrize("odd", [None, True, 7, "x", [], [{"x": 1}]])
def test_an_object_is_an_object_or_empty(odd: Any) -> None:
    assert table({"a": odd}, "a") == {}
    assert table({}, "a") == {}
    assert table({"a": {"b": odd}}, "a") == {"b": odd}


def filled(*elements: Any) -> dict[str, Any]:
    blocks = {f"b{number}": {"value": element} for number, element in enumerate(elements)}
    return {"state": {"values": blocks}}


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"type": "plain_text_input", "value": "a\nb"}, "a\nb"),
        ({"type": "plain_text_input", "value": None}, ""),
        ({"type": "users_select", "selected_user": "U2"}, "U2"),
        ({"type": "users_select", "selected_user": None}, ""),
        ({"type": "static_select", "selected_option": {"value": "P1", "text": {}}}, "P1"),
        ({"type": "static_select", "selected_option": None}, ""),
        ({"type": "static_select", "selected_option": "P1"}, ""),
        ({"type": "static_select", "selected_option": {"value": 1}}, ""),
        ({"selected_options": [{"value": "a"}, {"value": "b"}]}, "a\nb"),
        ({"selected_options": []}, ""),
        ({"selected_options": [None, "x", {"value": "b"}, {"value": 3}]}, "b\n"),
        ({"selected_options": {"value": "a"}}, ""),
        ({"selected_date_time": 1_700_000_000}, "1700000000"),
        ({"selected_date_time": None}, ""),
        ({"selected_date_time": "1700000000"}, ""),
        ({"selected_date_time": 1.5}, ""),
        ({}, ""),
    ],
)
def test_what_was_filled_in(element: Any, value: str) -> None:
    assert read_values(filled(element)) == {"b0": value}


@pytest.mark.parametrize("element", [None, 7, "x", [], [{"value": "x"}]])
def test_what_is_no_element_fills_nothing(element: Any) -> None:
    assert read_values(filled(element, {"value": "kept"})) == {"b1": "kept"}


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"state": None},
        {"state": []},
        {"state": {"values": None}},
        {"state": {"values": []}},
        {"state": {"values": {"b": None}}},
        {"state": {"values": {"b": "x"}}},
        {"state": {"values": {"b": ["x"]}}},
        {"state": {"values": {"b": {}}}},
    ],
)
def test_a_window_that_holds_nothing(view: Any) -> None:
    assert read_values(view) == {}
