"""Whole numbers as people write them, and what is none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.text.numbers import whole


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", 1),
        ("500", 500),
        ("007", 7),
        ("0", None),
        ("501", None),
        ("1000", None),
        ("0007", None),
        ("", None),
        (" 5", None),
        ("5\n", None),
        ("+5", None),
        ("-5", None),
        ("5.0", None),
        ("5e2", None),
        ("5_0", None),
        ("0x10", None),
        ("five", None),
        ("\u0665", None),
        ("\u00b2", None),
        ("\uff15", None),
        ("5\u200f", None),
        ("5\x00", None),
        ("9" * 5_000, None),
        ("0" * 5_000, None),
    ],
)
def test_only_plain_digits_within_the_bounds_are_a_number(text: str, wanted: int | None) -> None:
    assert whole(text, 500) == wanted


@pytest.mark.parametrize(
    ("text", "least", "wanted"), [("0", 0, 0), ("7", 7, 7), ("6", 7, None), ("8", 7, 8)]
)
def test_the_least_is_allowed_itself(text: str, least: int, wanted: int | None) -> None:
    assert whole(text, 9, least) == wanted


@given(number=st.integers(0, 10**30), greatest=st.integers(0, 10**30), least=st.integers(0, 10))
@settings(max_examples=50)
def test_a_written_number_is_read_as_itself_exactly_within_its_bounds(
    number: int, greatest: int, least: int
) -> None:
    wanted = number if least <= number <= greatest else None
    assert whole(str(number), greatest, least) == wanted


@given(text=st.text())
@settings(max_examples=50)
def test_no_text_fails_and_none_gives_a_number_beyond_the_bounds(text: str) -> None:
    found = whole(text, 99, 3)
    assert found is None or 3 <= found <= 99
