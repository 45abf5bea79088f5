"""Rows of the registry: what each body becomes, and what is refused with its place."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.actions.registry import REGISTRY
from receiver.actions.row import (
    NAME_MAX,
    NUMBER_MAX,
    TEXT_MAX,
    Body,
    Input,
    Request,
    check_text,
    read_json,
    read_until,
)
from receiver.errors import PayloadError
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor, Publication
from tests.support.builders import NOW

ANN = Actor("ann", "api")
HOUR = 3_600_000
OPENED = Incident(id="0-a-1", group=Group("", "im", "g"), state="triggered", priority="P2")


def ask(name: str, **given: Any) -> Any:
    """Return the event of a body as the API would be sent it."""
    row = REGISTRY[name]
    body = read_json(row.body, msgspec.json.encode(given))
    assert row.read is not None
    return row.read(body, Request(ANN, NOW, ("Shop", "Search")))


def refused(name: str, **given: Any) -> tuple[str, str]:
    """Return the place and the words of a refusal."""
    with pytest.raises(PayloadError) as found:
        ask(name, **given)
    return found.value.position, found.value.message


@pytest.mark.parametrize("name", ["acknowledge", "unacknowledge", "reopen"])
def test_what_needs_nothing_takes_the_episode_that_was_seen(name: str) -> None:
    assert ask(name).episode is None
    assert ask(name, episode=0).episode == 0
    assert ask(name, episode=7).actor is ANN


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - {"silence", "unsilence"}))
def test_an_episode_that_is_no_number_is_refused_with_its_place(name: str) -> None:
    assert refused(name, episode="1")[0] == "episode"
    assert refused(name, episode=1.5)[0] == "episode"


def test_a_cause_is_kept_as_it_is_written() -> None:
    assert ask("resolve").cause == ""
    assert ask("resolve", cause="  full disk\nagain ").cause == "full disk\nagain"
    assert ask("resolve", cause="x" * TEXT_MAX).cause == "x" * TEXT_MAX
    assert refused("resolve", cause="x" * (TEXT_MAX + 1)) == (
        "cause",
        f"is longer than {TEXT_MAX} characters",
    )


@pytest.mark.parametrize("text", ["\x00", "a\x1b[31m", "\u202e", "\u2066x", "a\tb", "\u200b"])
@pytest.mark.parametrize(
    ("name", "field", "more"),
    [
        ("resolve", "cause", {}),
        ("escalate", "reason", {}),
        ("note", "text", {}),
        ("action-item", "text", {}),
        ("action-item", "owner", {"text": "x"}),
        ("priority", "reason", {"priority": "P1"}),
        ("assign", "to", {}),
        ("status-update", "text", {"status": "identified"}),
        ("status-update", "title", {"status": "identified"}),
    ],
)
def test_what_hides_or_steers_is_refused(
    name: str, field: str, more: dict[str, str], text: str
) -> None:
    position, words = refused(name, **{field: f"x{text}y"}, **more)
    assert (position, words) == (field, "contains control or invisible characters")


@pytest.mark.parametrize(
    ("given", "until"),
    [
        ({"for": "1h"}, NOW + HOUR),
        ({"for": "30s"}, NOW + 30_000),
        ({"for": "1d"}, NOW + 24 * HOUR),
        ({"until": "2026-03-02T12:00:00Z"}, 1_772_452_800_000),
        ({"until": "2026-03-02T12:00:00+01:00"}, 1_772_452_800_000 - HOUR),
        ({"until": "working_hours"}, 0),
    ],
)
def test_until_when_it_is_snoozed(given: dict[str, str], until: int) -> None:
    assert ask("snooze", **given).until == until


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({}, "", "say either for how long"),
        ({"for": "1h", "until": "2026-03-02T12:00:00Z"}, "", "say either for how long"),
        ({"for": "1h", "until": "working_hours"}, "", "say either for how long"),
        ({"for": "an hour"}, "for", "not a duration"),
        ({"for": "-1h"}, "for", "not a duration"),
        ({"for": "0s"}, "for", "this is not in the future"),
        ({"until": "tomorrow"}, "until", "Invalid isoformat"),
        ({"until": "2026-03-02T12:00:00"}, "until", "a time needs its zone"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "this is not in the future"),
        ({"until": "WORKING_HOURS"}, "until", "Invalid isoformat"),
    ],
)
def test_a_snooze_that_is_none_says_what_is_allowed(
    given: dict[str, str], place: str, words: str
) -> None:
    position, message = refused("snooze", **given)
    assert position == place
    assert words in message


def test_the_end_of_all_time_is_refused_and_no_traceback() -> None:
    for text in ("9" * 30 + "h", "999999999d"):
        with pytest.raises(PayloadError):
            read_until(text, "", NOW)
    with pytest.raises(PayloadError, match="not in the future"):
        read_until("", "0001-01-01T00:00:00Z", NOW)


@pytest.mark.parametrize("name", ["P1", "P2", "P3", "P4", "p1", "p4"])
def test_priorities_are_taken_in_any_case(name: str) -> None:
    assert ask("priority", priority=name).priority == name.upper()


@pytest.mark.parametrize("name", ["", "P0", "P5", "1", "P1 ", "critical", "\u04201"])
def test_what_is_no_priority_is_refused_with_those_there_are(name: str) -> None:
    position, words = refused("priority", priority=name)
    assert position == "priority"
    assert words == f"is {name!r}; allowed: P1, P2, P3, P4"


def test_whoever_is_assigned_by_their_id_is_of_slack() -> None:
    assert ask("assign", to="bob").assignee == Actor("bob", "api")
    assert ask("assign", to="bob", id="U0123ABCD").assignee == Actor("bob", "slack", "U0123ABCD")
    assert ask("assign", to="x" * NAME_MAX).assignee.name == "x" * NAME_MAX


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "to"),
        ({"to": "  "}, "to"),
        ({"to": "x" * (NAME_MAX + 1)}, "to"),
        ({"to": "bob", "id": "bob"}, "id"),
        ({"to": "bob", "id": "U1><!channel>"}, "id"),
    ],
)
def test_nobody_is_assigned(given: dict[str, str], place: str) -> None:
    assert refused("assign", **given)[0] == place


def test_an_action_item_has_a_text_and_maybe_an_owner() -> None:
    made = ask("action-item", text=" rotate logs ", owner=" bob ")
    assert (made.text, made.owner) == ("rotate logs", "bob")
    assert refused("action-item", text="x" * 501)[0] == "text"
    assert refused("action-item", text="x", owner="a\nb") == ("owner", "is a name on one line")


@pytest.mark.parametrize(
    ("given", "done"), [({"number": 1}, True), ({"number": 50, "done": False}, False)]
)
def test_an_action_item_is_ticked_off_and_opened_again(given: Any, *, done: bool) -> None:
    made = ask("action-item-done", **given)
    assert (made.number, made.done) == (given["number"], done)


@pytest.mark.parametrize("number", [0, -1, 51, 2**40])
def test_there_are_so_many_action_items(number: int) -> None:
    assert refused("action-item-done", number=number) == (
        "number",
        f"is {number}; allowed: 1 to 50",
    )


def test_components_are_those_of_the_page_each_once() -> None:
    made = ask("status-update", status="identified", components=["Shop", "Search", "Shop"])
    assert made.components == ("Shop", "Search")
    assert refused("status-update", status="identified", components=["Shop", "Till"]) == (
        "components",
        "there is no component 'Till'; allowed: Shop, Search",
    )


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, "status"),
        ({"status": "Identified"}, "status"),
        ({"status": "identified", "impact": "bad"}, "impact"),
        ({"status": "identified", "title": "x" * 121}, "title"),
        ({"status": "identified", "title": "a\nb"}, "title"),
        ({"status": "identified", "text": "x" * 2_001}, "text"),
        ({"status": "identified", "components": "Shop"}, "components"),
    ],
)
def test_what_cannot_be_public_is_refused(given: dict[str, Any], place: str) -> None:
    assert refused("status-update", **given)[0] == place


@pytest.mark.parametrize("name", ["status-update", "status-hide", "status-show"])
def test_without_a_page_there_is_nothing_to_tell(name: str) -> None:
    row = REGISTRY[name]
    assert row.read is not None
    with pytest.raises(PayloadError, match=r"set status_page\.components"):
        row.read(row.body(), Request(ANN, NOW))


@pytest.mark.parametrize(("name", "hidden"), [("status-hide", True), ("status-show", False)])
def test_one_update_or_all_of_it_is_withdrawn_and_shown(name: str, *, hidden: bool) -> None:
    assert (ask(name).hidden, ask(name).update) == (hidden, 0)
    assert ask(name, update=3).update == 3
    assert refused(name, update=-1)[0] == "update"


STATES: dict[str, tuple[Incident, set[str]]] = {
    "triggered": (
        OPENED,
        {"acknowledge", "resolve", "escalate", "assign", "priority", "snooze", "silence", "merge"},
    ),
    "acknowledged": (
        msgspec.structs.replace(OPENED, state="acknowledged"),
        {
            *("resolve", "escalate", "assign", "priority", "snooze", "silence", "merge"),
            "unacknowledge",
        },
    ),
    "snoozed": (
        msgspec.structs.replace(OPENED, state="snoozed"),
        {"acknowledge", "resolve", "escalate", "assign", "priority", "snooze", "silence", "merge"},
    ),
    "resolved": (msgspec.structs.replace(OPENED, state="resolved"), {"reopen"}),
    "merged": (
        msgspec.structs.replace(OPENED, state="resolved", merged_into="0-b-1"),
        set(),
    ),
}
ALWAYS = {"note", "action-item"}


@pytest.mark.parametrize("state", sorted(STATES))
def test_what_is_offered_follows_the_state(state: str) -> None:
    incident, wanted = STATES[state]
    offered = {name for name, row in REGISTRY.items() if row.when(incident)}
    assert {name for name in offered if not name.startswith("status")} == wanted | ALWAYS


@pytest.mark.parametrize(
    ("published", "offered"),
    [
        (None, {"status-update"}),
        (Publication("t", 1, {}, ()), {"status-update", "status-hide"}),
        (Publication("t", 1, {}, (), hidden=True), {"status-update", "status-show"}),
    ],
)
def test_what_is_offered_of_the_page_follows_what_is_on_it(
    published: Publication | None, offered: set[str]
) -> None:
    incident = msgspec.structs.replace(OPENED, published=published)
    names = {name for name, row in REGISTRY.items() if row.when(incident)}
    assert {name for name in names if name.startswith("status")} == offered


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b'{"by": 5}', "Expected `str`"),
        (b'{"\xff": 1}', "not JSON in UTF-8: 0xff at byte 2"),
        (b"[" * 100_000, "Expected `object`"),
        (b'{"episode": ' + b"[" * 100_000, "not JSON|Expected"),
        (b'{"by": "a\\nb"}', "control or invisible"),
        (b'{"by": "' + b"x" * 81 + b'"}', "longer than 80"),
    ],
)
def test_a_body_that_is_none_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        read_json(Body, raw)


@pytest.mark.parametrize("raw", [b"", b"  ", b"{}", b"\n{}\n"])
def test_nothing_is_a_body(raw: bytes) -> None:
    assert read_json(Body, raw) == Body()


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_a_text_that_is_taken_is_printable_and_trimmed(text: str) -> None:
    try:
        kept = check_text("text", text, 20)
    except PayloadError:
        assert len(text) > 20 or any(not line.isprintable() for line in text.split("\n"))
        return
    assert kept == text.strip()
    assert all(line.isprintable() for line in kept.split("\n"))


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(REGISTRY)),
    st.dictionaries(
        st.sampled_from(["for", "text", "number", "matchers", "done", "to", "id", "by", "nobody"]),
        st.text(max_size=12),
        max_size=4,
    ),
    st.integers(0, 5),
)
def test_whatever_a_form_holds_is_a_body_or_a_refusal_with_its_place(
    name: str, values: dict[str, str], episode: int
) -> None:
    row = REGISTRY[name]
    body: Body | None = None
    place = ""
    try:
        body = row.body_of(values, episode)
    except PayloadError as error:
        place = error.position
    if body is None:
        assert place in {field.name for field in row.fields}
    else:
        assert isinstance(body, row.body)
        assert body.episode == (episode if row.of_episode else None)


def test_of_two_ways_to_say_how_long_a_form_asks_for_one() -> None:
    row = REGISTRY["snooze"]
    assert [field.name for field in row.form(Input.MOMENT)] == ["until"]
    assert [field.name for field in row.form(Input.DURATION)] == ["for"]
    # A silence asks for a duration alone, on every face.
    for kind in (Input.MOMENT, Input.DURATION):
        names = [field.name for field in REGISTRY["silence"].form(kind)]
        assert names == ["for", "matchers", "comment"]


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.0", "1e3", " 1", "٣", str(NUMBER_MAX + 1), "9" * 99]
)
def test_what_is_no_number_of_a_form_is_refused(text: str) -> None:
    with pytest.raises(PayloadError) as found:
        REGISTRY["status-hide"].body_of({"update": text}, None)
    assert found.value.position == "update"


@pytest.mark.parametrize(
    ("text", "done"), [("true", True), ("yes", True), ("on", True), ("false", False), ("0", False)]
)
def test_a_flag_of_a_form_is_yes_or_no(text: str, *, done: bool) -> None:
    body: Any = REGISTRY["action-item-done"].body_of({"number": "1", "done": text}, None)
    assert body.done is done


def test_lines_of_a_form_are_a_list_without_the_empty_ones() -> None:
    body: Any = REGISTRY["silence"].body_of({"for": "1h", "matchers": 'a="1"\n\n  \nb="2"'}, 0)
    assert body.matchers == ('a="1"', 'b="2"')


@pytest.mark.parametrize("name", ["resolve", "escalate"])
def test_what_is_done_at_once_says_what_it_means_before(name: str) -> None:
    confirm = REGISTRY[name].confirm
    assert confirm is not None
    assert confirm.question.endswith("?")
    assert confirm.text(OPENED).endswith(".")


def test_an_incident_opened_by_hand_ends_by_hand() -> None:
    confirm = REGISTRY["resolve"].confirm
    assert confirm is not None
    by_hand = msgspec.structs.replace(OPENED, kind="manual")
    assert "nothing but a person ends it" in confirm.text(by_hand)
    assert "stay quiet" in confirm.text(OPENED)
