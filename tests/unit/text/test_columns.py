"""Tables of the command line: aligned by what a terminal shows, cut where there is no room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.text.columns import NARROWEST, aligned, cut, width


def test_words_stand_to_the_left_and_figures_to_the_right() -> None:
    rows = [("NAME", "N", "WHY"), ("a", "12", "because"), ("longer", "3", "")]
    assert aligned(rows, "<><") == [
        "NAME     N  WHY",
        "a       12  because",
        "longer   3",
    ]


def test_columns_are_as_wide_as_they_are_told_at_least() -> None:
    assert aligned([("a", "b", "c")], "<<<", least=(3, 2), gap=" ") == ["a   b  c"]


def test_no_rows_are_no_lines() -> None:
    assert aligned([], "<<") == []


def test_the_widest_words_are_cut_and_figures_never() -> None:
    (line,) = aligned([("w" * 40, "x" * 30, "123456789012")], "<<>", room=40)
    assert line == f"{'w' * 10}..  {'x' * 10}..  123456789012"
    assert len(line) <= 40


def test_what_is_narrow_is_not_cut_further() -> None:
    (line,) = aligned([("w" * 40, "9" * 40)], "<>", room=20)
    assert line == f"{'w' * (NARROWEST - 2)}..  {'9' * 40}"


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("🔥x", 3), ("a\u200bb", 2)],
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, cells: int) -> None:
    assert width(text) == cells


def test_wide_characters_do_not_push_what_follows() -> None:
    first, second = aligned([("日本", "x"), ("abcd", "y")], "<<")
    assert width(first) == width(second)


def test_what_would_end_a_line_or_colour_it_is_shown() -> None:
    (line,) = aligned([("a\nb\x1b[31m", "c")], "<<")
    assert "\n" not in line
    assert "\x1b" not in line


@given(st.text(max_size=30), st.integers(2, 20))
def test_a_text_is_cut_to_its_room(text: str, room: int) -> None:
    assert width(cut(text, room)) <= room
    if width(text) <= room:
        assert cut(text, room) == text


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.text(max_size=20), st.integers().map(str)), max_size=5
    )
)
def test_every_figure_ends_in_the_same_cell(rows: list[tuple[str, str, str]]) -> None:
    lines = aligned(rows, "<<>")
    assert len({width(line) for line in lines}) <= 1
