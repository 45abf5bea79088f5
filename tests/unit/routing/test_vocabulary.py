"""The words of decisions: each is said, handled or left out on purpose, and none is by hand."""

import ast
from pathlib import Path

import msgspec
import pytest

import routing
from receiver.actions.words import DONE, REFUSED
from receiver.notify.log import _PAGING
from receiver.observability.metrics.service import RESULT_OF
from receiver.pagerduty.webhook import APPLIED
from receiver.review.build import _ESCALATION, TRIED
from receiver.slack.blocks.thread import _SAID_BY_PAGE, NOTEWORTHY
from receiver.web.console import _SAID, _said
from routing.clocks import _LATE, _MISSED
from routing.escalation import WHY, held_for, why
from routing.group import Group
from routing.incident import Incident
from routing.timers import _TIMERS
from routing.vocabulary import CLOCKS, Ended, Kind, Lane, PageReason, Reason, Timer

QUIET_IN_THREADS = {
    Kind.ACTION_ITEM_DONE,
    Kind.ALERTS_CHANGED,
    Kind.DENIED,
    Kind.ECHO_DROPPED,
    Kind.ECHO_SUSPECTED,
    Kind.FORGOTTEN,
    Kind.HELD,
    Kind.OPENED,
    Kind.PAGED,
    Kind.PRIORITY_LOWERED,
    Kind.REMINDED,
    Kind.REPORTED_AGAIN,
    Kind.REVIEW_SAVED,
    Kind.SHORTENED,
    Kind.SUMMARIZED,
}
"""What the message itself shows, what nobody can do anything about, and what is for the audit."""
REFUSALS = {
    Reason.ALREADY_ACKNOWLEDGED,
    Reason.ALREADY_DONE,
    Reason.ALREADY_EXPIRED,
    Reason.ALREADY_MERGED,
    Reason.ALREADY_OPEN,
    Reason.ALREADY_RESOLVED,
    Reason.DAMAGED,
    Reason.HIDDEN,
    Reason.MERGED,
    Reason.NOT_ACKNOWLEDGED,
    Reason.NOT_PUBLISHED,
    Reason.NO_COMPONENT,
    Reason.NO_SUCH_TIME,
    Reason.REVIEW_CONFLICT,
    Reason.SAME_ACTION_ITEM,
    Reason.SAME_PRIORITY,
    Reason.STALE,
    Reason.TOO_MANY_ACTION_ITEMS,
    Reason.TOO_MANY_NOTES,
    Reason.TOO_MANY_VERSIONS,
    Reason.UNCHANGED,
    Reason.UNKNOWN_ACTION_ITEM,
    Reason.UNKNOWN_INCIDENT,
    Reason.UNKNOWN_SILENCE,
}
"""What changes nothing although a person asked for it."""


def test_each_kind_of_line_is_told_in_threads_or_left_out_on_purpose() -> None:
    assert set(NOTEWORTHY) | QUIET_IN_THREADS == set(Kind)
    assert not set(NOTEWORTHY) & QUIET_IN_THREADS


def test_each_refusal_is_said_in_words() -> None:
    assert set(REFUSED) == REFUSALS
    assert all(words.endswith(".") for words in (*DONE.values(), *REFUSED.values()))


def test_each_timer_has_its_handler_and_each_clock_its_words() -> None:
    assert set(_TIMERS) == set(Timer)
    assert set(_LATE) == set(_MISSED) == set(CLOCKS)


def test_each_reason_to_page_has_its_words() -> None:
    assert set(WHY) == set(PageReason)
    assert why("deadline") == "not acknowledged in time"


def test_what_a_newer_release_says_is_shown_and_decides_nothing() -> None:
    assert why("asked_by_the_sea") == "asked by the sea"
    group = Group("", "im", "g")
    held = Incident(id="0-1", group=group, state="triggered", held_reason="asked_by_the_sea")
    assert held_for(held) is PageReason.OPENED
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(held), type=Incident)
    assert kept.held_reason == "asked_by_the_sea"


def test_a_record_keeps_plain_words() -> None:
    group = Group("", "im", "g")
    made = Incident(id="0-1", group=group, state="triggered", timers={Timer.ESCALATE: 5})
    packed = msgspec.msgpack.encode(made)
    plain = Incident(id="0-1", group=group, state="triggered", timers={"escalate": 5})
    assert packed == msgspec.msgpack.encode(plain)
    assert {str(lane) for lane in Lane} == {"urgent", "normal", "background"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (_SAID_BY_PAGE, Kind),
        (TRIED, Kind),
        (_ESCALATION, Kind),
        (_PAGING, Kind),
        (RESULT_OF, Reason),
    ],
)
def test_tables_are_keyed_by_words_there_are(table: object, words: type) -> None:
    assert all(isinstance(word, words) for word in table)  # type: ignore[attr-defined]


def test_the_console_knows_the_words_of_its_buttons() -> None:
    for reason in (Reason.ACKNOWLEDGED, Reason.RESOLVED, Reason.STALE, Reason.ALREADY_RESOLVED):
        assert _said(f"{reason}:0-1")


def test_no_timer_is_looked_for_by_hand() -> None:
    """mypy takes any text for a key of what is stored: a slip would look for no timer at all."""
    for path in Path(routing.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            sought = node.comparators if isinstance(node, ast.Compare) else ()
            stored = any(getattr(one, "attr", "") in ("timers", "deadlines") for one in sought)
            if isinstance(node, ast.Subscript):
                stored = getattr(node.value, "attr", "") in ("timers", "deadlines")
            named = getattr(node, "left", getattr(node, "slice", None))
            by_hand = isinstance(named, ast.Constant) and isinstance(named.value, str)
            assert not (stored and by_hand), (path, node.lineno)  # type: ignore[attr-defined]


def test_what_pagerduty_applied_and_what_the_console_says_are_words_there_are() -> None:
    assert all(isinstance(word, Reason) for word in APPLIED)
    assert set(_SAID) - set(Reason) == {"yours"}


def test_no_word_of_a_decision_is_written_by_hand() -> None:
    """``say``, ``timer``, ``stop``, ``done`` and ``Decision`` take the words of this vocabulary."""
    calls = {"say", "timer", "stop", "done", "Decision", "settle", "miss"}
    words = {str(word) for kinds in (Reason, Kind, Timer, Ended) for word in kinds}
    for path in Path(routing.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            by_hand = isinstance(first, ast.Constant) and first.value in words
            assert name not in calls or not by_hand, (path, node.lineno)
