import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("500ms", 500),
        ("45s", 45_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        (" 1d ", 86_400_000),
        ("2w", 14 * 86_400_000),
        ("1y1w1d1h1m1s1ms", (365 + 7 + 1) * 86_400_000 + 3_661_001),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_reads_what_people_write(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "text", ["", " ", "5", "-5m", "1.5h", "30m1h", "5m5m", "5 m", "m", "1H", "٣m", "101y", "9" * 99]
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|100 years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (-5, "0s"), (7, "7ms"), (45_000, "45s"), (45_678, "45s"), (5_400_000, "1h30m")],
)
def test_writes_for_people(ms: int, text: str) -> None:
    assert format_duration(ms) == text


@given(st.integers(0, 36_000 * 86_400))
def test_whole_seconds_make_the_round_trip(seconds: int) -> None:
    assert parse_duration(format_duration(seconds * 1000)) == seconds * 1000


@given(st.integers(0, 999))
def test_milliseconds_make_the_round_trip(ms: int) -> None:
    assert parse_duration(format_duration(ms)) == ms


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        ms = parse_duration(text)
    except ValueError:
        ms = 0
    assert 0 <= ms <= 100 * 365 * 86_400_000
