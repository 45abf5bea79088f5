"""The days a report is about, in UTC whatever the clock of the machine says."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.cli.checks.weekly.period import Pair, Week

NOW = datetime(2026, 3, 12, 10, 30, tzinfo=UTC)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("last", "days", "first", "start", "end"),
    [
        (date(2026, 3, 11), 7, date(2026, 3, 5), "2026-03-05T00:00Z", "2026-03-12T00:00Z"),
        (date(2026, 3, 11), 1, date(2026, 3, 11), "2026-03-11T00:00Z", "2026-03-12T00:00Z"),
        # Today is over as far as it has come.
        (date(2026, 3, 12), 1, date(2026, 3, 12), "2026-03-12T00:00Z", "2026-03-12T10:30Z"),
        (date(2026, 3, 1), 2, date(2026, 2, 28), "2026-02-28T00:00Z", "2026-03-02T00:00Z"),
        (date(2024, 3, 1), 2, date(2024, 2, 29), "2024-02-29T00:00Z", "2024-03-02T00:00Z"),
    ],
)
def test_whole_days_up_to_the_last_one(
    last: date, days: int, first: date, start: str, end: str
) -> None:
    week = Week(last, days, NOW)
    assert week.first == first
    assert (week.start, week.end) == (at(start), at(end))
    assert week.seconds == at(end) - at(start)


def test_the_days_before_are_cut_at_the_same_hour() -> None:
    week = Week(date(2026, 3, 12), 7, NOW)
    before = week.before
    assert (before.first, before.last) == (date(2026, 2, 27), date(2026, 3, 5))
    assert before.end == at("2026-03-05T10:30Z")
    assert before.seconds == week.seconds
    assert before.last + timedelta(days=1) == week.first


@pytest.mark.parametrize("now", ["2026-03-12T00:00:00Z", "2026-03-12T00:00:30Z"])
def test_a_day_that_has_hardly_begun_is_a_minute_long(now: str) -> None:
    assert Week(date(2026, 3, 12), 1, datetime.fromisoformat(now)).seconds == 60


def test_the_zone_of_now_changes_nothing() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=13)))
    for last in (date(2026, 3, 11), date(2026, 3, 12)):
        assert Week(last, 7, east).end == Week(last, 7, NOW).end


@given(st.dates(date(2001, 1, 1), date(2026, 3, 12)), st.integers(1, 92))
@settings(max_examples=50)
def test_both_are_as_long_and_do_not_overlap(last: date, days: int) -> None:
    week = Week(last, days, NOW)
    assert week.before.seconds == week.seconds
    assert week.before.end <= week.start
    assert (week.last - week.first).days + 1 == days
    assert 60 <= week.seconds <= days * 86_400


def test_without_data_a_pair_is_nothing() -> None:
    assert (Pair().this, Pair().before) == (None, None)
    assert Pair(0, 0) != Pair()
