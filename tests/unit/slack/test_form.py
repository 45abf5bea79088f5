"""Windows of Slack made of rows: each kind of field, what is filled in, what may be chosen."""

from typing import Any

import pytest

from receiver.actions.registry import REGISTRY
from receiver.actions.row import Field, Input
from receiver.slack.blocks import form as forms
from receiver.slack.blocks.form import DURATIONS, OPTIONS_MAX, form
from receiver.slack.blocks.modal_parts import VALUE, read_origin
from receiver.slack.blocks.status_modal import KEEP, status_update
from receiver.slack.blocks.verbs import asking, name_of, row_of, verb_of
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Publication, PublicUpdate
from tests.support.fakes.slack_views import ViewChecker

OPENED = Incident(
    id="0-00000000000000aa-1", group=Group("", "im", "g"), state="triggered", priority="P2"
)


def inputs(view: Any) -> dict[str, Any]:
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def element(one: Field, initial: str = "", *choices: tuple[str, str]) -> Any:
    return forms._element(one, initial, choices or one.choices).to_dict()


def test_a_line_and_lines_take_what_is_filled_in() -> None:
    made = element(Field("a", "A", hint="Why?", most=50), "because")
    assert (made["type"], made["initial_value"], made["max_length"]) == (
        "plain_text_input",
        "because",
        50,
    )
    assert made["placeholder"]["text"] == "Why?"
    assert "multiline" not in made
    many = element(Field("a", "A", Input.LINES))
    assert many["multiline"]
    assert "placeholder" not in many
    assert "initial_value" not in many


@pytest.mark.parametrize(("length", "kept"), [(50, True), (51, False)])
def test_what_does_not_fit_is_not_filled_in(length: int, *, kept: bool) -> None:
    made = element(Field("a", "A", most=50), "x" * length)
    assert ("initial_value" in made) is kept


def test_a_choice_shows_what_was_chosen() -> None:
    one = Field("a", "A", Input.CHOICE, choices=(("x", "X"), ("y", "Y")))
    made = element(one, "y")
    assert made["initial_option"]["text"]["text"] == "Y"
    assert [shown["value"] for shown in made["options"]] == ["x", "y"]
    unknown = element(one, "z")
    assert "initial_option" not in unknown
    assert unknown["placeholder"]["text"] == "Choose one"


def test_several_choices_show_those_that_were_chosen() -> None:
    one = Field("a", "A", Input.CHOICES, "Which?")
    made = element(one, "c\na\nnone", ("a", "A"), ("b", "B"), ("c", "C"))
    assert made["type"] == "multi_static_select"
    assert [shown["value"] for shown in made["initial_options"]] == ["a", "c"]
    assert "initial_option" not in made
    assert "initial_options" not in element(one, "", ("a", "A"))


@pytest.mark.parametrize("number", [1, OPTIONS_MAX, OPTIONS_MAX + 1, 500])
def test_no_more_options_than_slack_takes(number: int) -> None:
    choices = [(f"0-{n}", f"P1 {'x' * 200}") for n in range(number)]
    made = element(Field("into", "Goes on as", Input.INCIDENT), "", *choices)
    assert len(made["options"]) == min(number, OPTIONS_MAX)
    assert all(len(one["text"]["text"]) <= 75 for one in made["options"])


def test_durations_are_chosen_and_an_hour_is_usual() -> None:
    made = element(Field("for", "For how long", Input.DURATION))
    assert made["initial_option"]["value"] == "1h"
    assert len(made["options"]) == len(DURATIONS)
    assert element(Field("for", "", Input.DURATION), "7d")["initial_option"]["value"] == "7d"


def test_a_flag_is_yes_or_no_and_no_at_first() -> None:
    made = element(Field("a", "A", Input.FLAG))
    assert [one["value"] for one in made["options"]] == ["true", "false"]
    assert made["initial_option"]["value"] == "false"


def test_moments_and_people_have_slacks_own_elements() -> None:
    assert element(Field("a", "A", Input.MOMENT), "1700000000") == {
        "type": "datetimepicker",
        "action_id": VALUE,
        "initial_date_time": 1_700_000_000,
    }
    assert "initial_date_time" not in element(Field("a", "A", Input.MOMENT))
    assert element(Field("a", "A", Input.PERSON))["type"] == "users_select"


def test_a_window_says_what_it_is_about_and_comes_back_to_it() -> None:
    view = form("note", OPENED, "C1")
    assert view["callback_id"] == "note"
    assert (view["title"]["text"], view["submit"]["text"]) == ("Add a note", "Add")
    origin = read_origin(view)
    assert (origin.incident, origin.episode, origin.channel) == (OPENED.id, 0, "C1")
    assert view["blocks"][-1]["elements"][0]["text"].endswith("counts as a status update.")
    assert ViewChecker().check_view(view) == []


def test_what_the_api_can_do_without_a_form_may_want_all_the_same() -> None:
    fields = inputs(form("priority", OPENED, "C1"))
    assert not fields["reason"]["optional"]
    fields = inputs(form("action_item", OPENED, "C1"))
    assert (fields["text"]["optional"], fields["owner"]["optional"]) == (False, True)


def test_blocks_around_the_fields_stay_where_they_are() -> None:
    before, after = {"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "a"}
    view = form("note", OPENED, "C1", before=[before], after=[after])
    assert view["blocks"][1] is before
    assert view["blocks"][-1] is after


def test_a_verb_that_stands_for_nothing_has_no_window() -> None:
    with pytest.raises(ValueError, match="'dance' stands for no action"):
        form("dance", OPENED, "C1")


@pytest.mark.parametrize(
    ("action", "verb", "words"),
    [
        ("resolve", "resolve_cause", "Resolve with cause…"),
        ("assign", "assign", "Assign…"),
        ("unacknowledge", "unacknowledge", "Give back"),
        ("acknowledge", "acknowledge", "Acknowledge"),
        ("action-item", "action_item", "Add an action item…"),
        ("status-hide", "status_hide", "Take it back"),
    ],
)
def test_which_button_asks_for_more(action: str, verb: str, words: str) -> None:
    assert asking(action) == (verb, words)


@pytest.mark.parametrize(
    ("name", "action", "asks"),
    [
        ("acknowledge", "acknowledge", False),
        ("resolve", "resolve", False),
        ("resolve_cause", "resolve", True),
        ("snooze", "snooze", True),
        ("snooze_morning", "snooze", False),
        ("unsilence", "unsilence", False),
        ("action_item_done", "action-item-done", False),
        ("status_update", "status-update", True),
    ],
)
def test_what_a_verb_does(name: str, action: str, *, asks: bool) -> None:
    verb = verb_of(name)
    assert verb is not None
    assert (verb.action, verb.asks) == (action, asks)
    assert row_of(name) is REGISTRY[action]


@pytest.mark.parametrize(
    "name", ["", "open", "refresh_home", "status-update", "RESOLVE", "__class__"]
)
def test_what_is_no_verb(name: str) -> None:
    assert verb_of(name) is None


@pytest.mark.parametrize("action", sorted(REGISTRY))
def test_a_name_leads_back_to_its_action(action: str) -> None:
    verb = verb_of(name_of(action))
    assert verb is not None
    assert verb.action == action


def published(*, hidden: bool = False, state: Any = "triggered") -> Incident:
    update = PublicUpdate(at=1, status="identified", text="We are on <it> & *that*")
    page = Publication("Payments fail", 1, {"Shop": "degraded"}, (update,), hidden=hidden)
    return Incident(id=OPENED.id, group=OPENED.group, state=state, published=page)


def test_what_is_public_is_shown_and_kept() -> None:
    view = status_update(published(), "C1", ["Shop", "Search"])
    fields = inputs(view)
    assert fields["impact"]["element"]["initial_option"]["value"] == KEEP
    chosen = fields["components"]["element"]["initial_options"]
    assert [one["value"] for one in chosen] == ["Shop"]
    so_far = view["blocks"][1]
    assert "We are on &lt;it&gt; &amp;" in so_far["text"]["text"]
    assert so_far["accessory"]["action_id"] == "status_hide"
    assert ViewChecker().check_view(view) == []


def test_what_was_withdrawn_can_only_be_shown_again() -> None:
    view = status_update(published(hidden=True), "C1", ["Shop"])
    assert inputs(view) == {}
    assert view["blocks"][1]["accessory"]["action_id"] == "status_show"
    assert "submit" not in view


def test_what_is_over_has_one_status_left() -> None:
    fields = inputs(status_update(published(state="resolved"), "C1", ["Shop"]))
    assert [one["value"] for one in fields["status"]["element"]["options"]] == ["resolved"]


def test_what_nobody_reads_yet_says_so() -> None:
    view = status_update(OPENED, "C1", ["Shop"])
    assert view["blocks"][1]["text"]["text"] == "This incident is not on the status page."
    assert inputs(view)["status"]["element"]["initial_option"]["value"] == "investigating"
