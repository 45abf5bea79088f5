"""What windows are made of: each part as Slack wants it, and what is beyond its limits refused."""

from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError

from receiver.slack.blocks import modals
from receiver.slack.blocks.buttons import button
from receiver.slack.blocks.modal_parts import (
    OPTION_MAX,
    SECTION_MAX,
    VALUE,
    Origin,
    context,
    field,
    line,
    lines,
    modal,
    option,
    plain_text,
    read_origin,
    section,
    sections,
    somebody,
)
from tests.support.fakes.slack_views import ViewChecker

ORIGIN = Origin("0-00000000000000aa-1", 3, "C1", "k")


def words(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def test_a_window_that_asks() -> None:
    block = section("*Hello*")
    view = modal("note", "Add a note", "Add", [block], ORIGIN)
    assert view == {
        "type": "modal",
        "callback_id": "note",
        "title": words("Add a note"),
        "submit": words("Add"),
        "close": words("Cancel"),
        "private_metadata": view["private_metadata"],
        "blocks": [block],
    }
    assert read_origin(view) == ORIGIN


def test_a_window_that_only_shows_has_nothing_to_send() -> None:
    view = modal("notice", "Hello", "", [section("x")], Origin())
    assert view["close"] == words("Close")
    assert "submit" not in view


@pytest.mark.parametrize(
    ("title", "submit", "count", "channel", "why"),
    [
        ("x" * 25, "", 1, "C1", "title must be between 1 and 24 characters"),
        ("x", "x" * 25, 1, "C1", "submit cannot exceed 24 characters"),
        ("x", "", 0, "C1", "between 1 and 100 blocks"),
        ("x", "", 101, "C1", "between 1 and 100 blocks"),
        ("x", "", 1, "C" * 3_000, "private_metadata cannot exceed 3000 characters"),
    ],
)
def test_a_frame_beyond_the_limits_is_refused(
    title: str, submit: str, count: int, channel: str, why: str
) -> None:
    blocks = [section("x")] * count
    with pytest.raises(SlackObjectFormationError, match=why):
        modal("notice", title, submit, blocks, Origin(channel=channel))


def test_the_largest_frame_is_taken() -> None:
    blocks = [section(f"{number}") for number in range(100)]
    view = modal("notice", "x" * 24, "y" * 24, blocks, Origin(channel="C" * 2_900))
    assert ViewChecker().check_view(view) == []


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"private_metadata": ""},
        {"private_metadata": None},
        {"private_metadata": 7},
        {"private_metadata": "null"},
        {"private_metadata": "[]"},
        {"private_metadata": '{"incident": 1}'},
        {"private_metadata": '{"episode": "one"}'},
        {"private_metadata": '{"incident": "\\ud800"}'},
        {"private_metadata": "\ud800"},
        {"private_metadata": "[" * 100_000},
    ],
)
def test_a_window_of_somebody_else_has_no_origin(view: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="carries no origin"):
        read_origin(view)


def test_an_origin_of_a_newer_release_is_read() -> None:
    assert read_origin({"private_metadata": '{"incident": "x", "new": [1]}'}) == Origin("x")


def test_a_section_with_a_button_beside_it() -> None:
    beside = button("Do it", "do", value="x", style="danger")
    assert section("*a*", beside) == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*a*", "verbatim": True},
        "accessory": beside,
    }
    assert section("a", verbatim=None)["text"] == {"type": "mrkdwn", "text": "a"}


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("x" * (SECTION_MAX + 1), {}, "text attribute cannot exceed 3000"),
        ("x", {"value": "v" * 2_001}, "value attribute cannot exceed 2000"),
        ("x", {"url": "u" * 3_001}, "url attribute cannot exceed 3000"),
        ("x", {"style": "green"}, "style attribute must be one of"),
    ],
)
def test_a_section_beyond_the_limits_is_refused(text: str, more: Any, why: str) -> None:
    with pytest.raises(SlackObjectFormationError, match=why):
        section(text, button("Do it", "do", **more))


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("", [0]),
        ("a\n\nb\n", [5]),
        ("x" * 3_000, [3_000]),
        ("x" * 3_001, [3_000]),
        ("x" * 1_499 + "\n" + "y" * 1_500, [3_000]),
        ("x" * 1_500 + "\n" + "y" * 1_500, [1_500, 1_500]),
        ("\n".join(["z" * 999] * 7), [2_999, 2_999, 999]),
    ],
)
def test_a_text_of_any_length_is_cut_between_its_lines(text: str, lengths: list[int]) -> None:
    found = [block["text"].get("text", "") for block in sections(text)]
    assert [len(part) for part in found] == lengths
    if max(map(len, text.split("\n"))) <= SECTION_MAX:
        assert "\n".join(found) == text
    else:
        assert found[0].endswith("…")


def test_a_notice_holds_whatever_an_error_says() -> None:
    view = modals.notice(
        "Nothing changed", "what was sent: " + "x" * 4_000 + "\nmore", section("a")
    )
    assert len(view["blocks"]) == 3
    assert ViewChecker().check_view(view) == []


def test_small_print() -> None:
    element = {"type": "mrkdwn", "text": "_a_", "verbatim": True}
    assert context("_a_") == {"type": "context", "elements": [element]}


def test_a_line_and_lines() -> None:
    assert line("Why?", 50, "because").to_dict() == {
        "type": "plain_text_input",
        "action_id": VALUE,
        "placeholder": words("Why?"),
        "initial_value": "because",
        "max_length": 50,
    }
    assert line("").to_dict() == {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": 2_000,
    }
    assert lines("", "a\nb").to_dict() == line("", initial="a\nb").to_dict() | {"multiline": True}


@pytest.mark.parametrize("optional", [True, False])
def test_a_field_says_whether_it_may_stay_empty(*, optional: bool) -> None:
    assert field("to", "Who", somebody(), optional=optional) == {
        "type": "input",
        "block_id": "to",
        "label": words("Who"),
        "optional": optional,
        "element": {
            "type": "users_select",
            "action_id": VALUE,
            "placeholder": words("Choose somebody"),
        },
    }


@pytest.mark.parametrize(
    ("place", "label", "hint", "why"),
    [
        ("p" * 256, "a", "", "block_id cannot exceed 255"),
        ("p", "a" * 2_001, "", "label attribute cannot exceed 2000"),
        ("p", "a", "h" * 151, "placeholder attribute cannot exceed 150"),
    ],
)
def test_a_field_beyond_the_limits_is_refused(place: str, label: str, hint: str, why: str) -> None:
    with pytest.raises(SlackObjectFormationError, match=why):
        field(place, label, line(hint))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("P1", "P1"),
        ("x" * 75, "x" * 75),
        ("x" * 76, "x" * 74 + "…"),
        ("", "-"),
        ("<b> & *c*", "<b> & *c*"),
    ],
)
def test_an_option_is_cut_to_what_a_menu_shows(text: str, shown: str) -> None:
    made = option(text, "v").to_dict()
    assert made == {"text": words(shown), "value": "v"}
    assert len(shown) <= OPTION_MAX


def test_the_value_of_an_option_is_never_cut() -> None:
    assert option("a", "v" * 150).to_dict()["value"] == "v" * 150
    with pytest.raises(SlackObjectFormationError, match="value attribute cannot exceed 150"):
        option("a", "v" * 151).to_dict()


def test_a_text_without_markup() -> None:
    assert plain_text(":tada:").to_dict() == words(":tada:")
