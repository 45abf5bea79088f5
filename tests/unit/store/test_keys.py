"""Names and numbers in Redis: what is one, and what is junk however many digits it has."""

import pytest

from receiver.store.keys import TIME_MAX, is_generation, is_id, is_time

LONG = b"9" * 5_000
"""More digits than Python makes a number of."""
NO_NUMBERS = (b"", b"-1", b"+1", b" 1", b"1.0", b"1e3", b"0x1", b"1_0", b"many", b"\xb2", b"\xff")
OTHERS = ("²".encode(), "٣".encode(), b"9" * 19, LONG)


@pytest.mark.parametrize("raw", [b"1", b"10", b"9" * 18])
def test_a_generation_is_a_number_from_one_on(raw: bytes) -> None:
    assert is_generation(raw)


@pytest.mark.parametrize("raw", [*NO_NUMBERS, *OTHERS, b"0", b"01", b"000"])
def test_what_is_no_generation(raw: bytes) -> None:
    assert not is_generation(raw)


@pytest.mark.parametrize("raw", [b"0", b"1772445600000", b"%d" % TIME_MAX])
def test_a_time_is_one_that_has_a_date(raw: bytes) -> None:
    assert is_time(raw)


@pytest.mark.parametrize("raw", [*NO_NUMBERS, *OTHERS, b"%d" % (TIME_MAX + 1), b"9" * 18])
def test_what_is_no_time(raw: bytes) -> None:
    assert not is_time(raw)


@pytest.mark.parametrize("generation", [*NO_NUMBERS, *OTHERS])
def test_an_id_has_a_generation(generation: bytes) -> None:
    assert is_id(b"0-ac9be29a07573e57-0", 0)
    assert not is_id(b"0-ac9be29a07573e57-" + generation, 0)
