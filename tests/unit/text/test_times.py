"""Times as programs read them: UTC, with milliseconds, and nothing for what has not happened."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.text.times import iso_ms, rfc3339
from tests.support.machine_zone import machine_zone

FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
"""The first and last ms that the store lets a record say."""


@pytest.fixture(params=["UTC", "America/St_Johns", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with machine_zone(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (1_772_445_600_000, "2026-03-02T10:00:00.000Z"),
        (1_772_445_600_001, "2026-03-02T10:00:00.001Z"),
        (1_772_445_600_999, "2026-03-02T10:00:00.999Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
        (2**31 * 1000, "2038-01-19T03:14:08.000Z"),
        (FIRST, "0001-01-01T00:00:00.000Z"),
        (LAST, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_written_in_utc_to_the_millisecond(at: int, wanted: str) -> None:
    assert rfc3339(at) == wanted


def test_what_has_not_happened_yet_is_no_time() -> None:
    assert rfc3339(0) is None


def test_the_zone_of_the_machine_changes_nothing(zone: str) -> None:
    assert rfc3339(1_772_445_600_000) == "2026-03-02T10:00:00.000Z", zone


@given(at=st.integers(FIRST, LAST).filter(bool))
@settings(max_examples=50)
def test_what_is_written_is_read_as_the_same_time(at: int) -> None:
    text = rfc3339(at)
    assert text is not None
    since = datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01T00:00:00Z")
    assert since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 == at


@given(times=st.lists(st.integers(10**9, LAST), min_size=2))
@settings(max_examples=50)
def test_texts_sort_as_their_times(times: list[int]) -> None:
    assert [rfc3339(at) for at in sorted(times)] == sorted(rfc3339(at) or "" for at in times)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-03-02T10:00:00Z", 1_772_445_600_000),
        ("2026-03-02T11:00:00.123999+01:00", 1_772_445_600_123),
        ("2026-03-02T10:00:00", 1_772_445_600_000),
        ("2026-03-02", 1_772_409_600_000),
        ("0001-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59.999999", LAST),
    ],
)
def test_a_text_is_a_time_and_without_a_zone_it_is_utc(zone: str, text: str, ms: int) -> None:
    assert iso_ms(text) == ms, zone


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+23:59"]
)
def test_what_is_no_time_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        iso_ms(text)


@given(at=st.integers(FIRST, LAST).filter(bool))
@settings(max_examples=50)
def test_what_we_write_we_read(at: int) -> None:
    assert iso_ms(rfc3339(at) or "") == at
