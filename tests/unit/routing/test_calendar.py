from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from routing.calendar import HORIZON_YEARS, Calendar, Span, public_holidays
from routing.config.base import Section
from routing.config.calendar import CalendarConfig, TimeLimitText
from routing.config.calendar_text import parse_spans
from routing.deadline import explain_due
from routing.time_limit import TimeLimit, parse_within
from tests.support.deadline_table import (
    BERLIN,
    BERLIN_ALWAYS,
    BERLIN_LUNCH,
    BERLIN_OWN,
    KOLKATA,
    LORD_HOWE,
    LORD_HOWE_ALWAYS,
    NEW_YORK,
    ROWS,
    TWO_DAYS,
    Row,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

CALENDARS = [
    CalendarConfig(**given).build()
    for given in (
        BERLIN,
        BERLIN_ALWAYS,
        BERLIN_LUNCH,
        BERLIN_OWN,
        NEW_YORK,
        KOLKATA,
        LORD_HOWE,
        LORD_HOWE_ALWAYS,
        TWO_DAYS,
        {"time_zone": "Europe/Berlin", "hours": {"sun": ["01:00-02:30", "02:45-24:00"]}},
    )
]


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def made(**given: Any) -> Calendar:
    return CalendarConfig(**given).build()


MOMENTS = st.integers(ms("2024-01-01T00:00Z"), ms("2029-12-31T00:00Z"))
WORKING = st.one_of(st.integers(0, 3 * DAY), st.integers(0, 60).map(lambda hours: hours * HOUR))
ANY = st.sampled_from(CALENDARS)
WITHINS = st.one_of(
    st.builds(TimeLimit, st.just("elapsed"), st.integers(1, 30 * DAY)),
    st.builds(TimeLimit, st.just("hours"), st.integers(1, 60 * HOUR)),
    st.builds(TimeLimit, st.just("days"), st.integers(1, 20)),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.note)
def test_the_table_of_deadlines(row: Row) -> None:
    calendar = made(**row.calendar)
    start, due = ms(row.start), ms(row.due)
    within = parse_within(row.within)
    assert calendar.local(within.due(start, calendar)).isoformat() == (
        datetime.fromisoformat(row.due).isoformat()
    )
    # Paused at its start and continued there, a clock ends where it would have ended.
    left = within.remaining(start, due, calendar)
    assert within.resume(start, left, calendar) == due
    lines = explain_due(within, start, calendar)
    assert (lines[0].at, lines[-1].at) == (start, due)
    assert lines == sorted(lines, key=lambda line: line.at)


def test_the_table_is_large_and_has_every_zone() -> None:
    assert len(ROWS) >= 40
    zones = {row.calendar.get("time_zone") for row in ROWS}
    assert zones >= {"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}
    assert len({row.note for row in ROWS}) == len(ROWS)


# --- what must hold for every calendar and every moment ---


@given(ANY, MOMENTS, MOMENTS, WORKING)
def test_a_later_start_is_never_due_earlier(
    calendar: Calendar, one: int, other: int, working: int
) -> None:
    early, late = sorted((one, one + other % (9 * DAY)))
    assert calendar.add_hours(early, working) <= calendar.add_hours(late, working)


@given(ANY, MOMENTS, WORKING, WORKING)
def test_more_is_never_due_earlier_and_parts_add_up(
    calendar: Calendar, start: int, one: int, more: int
) -> None:
    middle = calendar.add_hours(start, one)
    end = calendar.add_hours(middle, more)
    assert start <= middle <= end
    assert end == calendar.add_hours(start, one + more)


@given(ANY, MOMENTS, WORKING)
def test_hours_between_counts_what_was_added(calendar: Calendar, start: int, working: int) -> None:
    assert calendar.hours_between(start, calendar.add_hours(start, working)) == working


@given(ANY, MOMENTS, WITHINS, st.floats(0, 1), st.integers(0, 20 * DAY))
def test_a_paused_clock_goes_on_where_it_was(
    calendar: Calendar, start: int, within: TimeLimit, part: float, pause: int
) -> None:
    due = within.due(start, calendar)
    assert due >= start
    paused = start + int((due - start) * part)
    left = within.remaining(paused, due, calendar)
    # Between the last working moment and a deadline nothing is left to count; it is met by then.
    if left or paused == due:
        assert within.resume(paused, left, calendar) == due
    later = paused + pause
    assert within.remaining(later, within.resume(later, left, calendar), calendar) == left
    assert within.resume(later, left, calendar) >= max(later, paused)


@given(ANY, MOMENTS)
def test_opening_and_closing(calendar: Calendar, at: int) -> None:
    open_incident = calendar.next_open(at)
    assert open_incident >= at
    assert calendar.is_open(open_incident)
    assert calendar.is_open(at) == (open_incident == at) == (not calendar.why_closed(at))
    closing = calendar.next_close(at)
    assert closing > open_incident
    assert calendar.is_open(closing - 1)
    if calendar not in (CALENDARS[1], CALENDARS[7]):
        assert not calendar.is_open(closing)
        assert calendar.hours_between(open_incident, closing) == closing - open_incident


@given(ANY, MOMENTS)
def test_days_follow_each_other_without_gap(calendar: Calendar, at: int) -> None:
    number = calendar.day_of(at)
    day = calendar.day(number)
    assert day.begin <= at < day.end == calendar.day(number + 1).begin
    assert 23 * HOUR <= day.end - day.begin <= 25 * HOUR


@given(ANY, MOMENTS, st.integers(1, 15), st.integers(1, 15))
def test_business_days_add_up(calendar: Calendar, start: int, one: int, more: int) -> None:
    middle = calendar.end_of_business_day(start, one)
    # A closing at 24:00 is the next day's first moment: count on from just before it.
    end = calendar.end_of_business_day(middle - 1, more)
    assert start < middle < end
    assert end == calendar.end_of_business_day(start, one + more)


@given(WITHINS)
def test_a_time_allowed_is_read_back_from_its_text(within: TimeLimit) -> None:
    assert parse_within(str(within)) == within


@cache
def _open_minutes(zone: str, first: int, days: int) -> tuple[bool, ...]:
    """Ask the wall clock, minute by minute: nothing here knows of spans or of clock changes."""
    calendar = made(time_zone=zone)
    found = []
    for minute in range(days * 24 * 60):
        wall = datetime.fromtimestamp(first / 1000, UTC) + timedelta(minutes=minute)
        local = wall.astimezone(calendar.zone)
        found.append(local.weekday() < 5 and 9 <= local.hour < 17)
    return tuple(found)


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", "2026-03-26T00:00Z"),
        ("Europe/Berlin", "2026-10-22T00:00Z"),
        ("America/New_York", "2026-03-05T00:00Z"),
        ("America/New_York", "2026-10-29T00:00Z"),
        ("Australia/Lord_Howe", "2026-04-02T00:00Z"),
        ("Australia/Lord_Howe", "2026-10-01T00:00Z"),
    ],
)
@settings(max_examples=25)
@given(begin=st.integers(0, 5 * 24 * 60), minutes=st.integers(1, 10 * 60))
def test_agrees_with_counting_minutes(zone: str, first: str, begin: int, minutes: int) -> None:
    is_open = _open_minutes(zone, ms(first), 11)
    counted, minute = 0, begin
    while counted < minutes:
        counted += is_open[minute]
        minute += 1
    start = ms(first) + begin * MINUTE
    assert made_once(zone).add_hours(start, minutes * MINUTE) == ms(first) + minute * MINUTE


@cache
def made_once(zone: str) -> Calendar:
    return made(time_zone=zone)


# --- opening, closing, and the reasons ---


@pytest.mark.parametrize(
    ("given_at", "words"),
    [
        ("2026-03-27T16:59:59.999+01:00", ""),
        ("2026-03-27T17:00+01:00", "outside working hours (09:00-17:00)"),
        ("2026-03-28T12:00+01:00", "Saturday"),
        ("2026-04-03T12:00+02:00", "holiday: Karfreitag"),
        ("2026-06-05T12:00+02:00", "closed: Betriebsausflug"),
        ("2026-12-24T13:00+01:00", "outside working hours (09:00-12:00)"),
        ("2026-05-01T12:00+02:00", ""),
        ("2026-06-06T12:00+02:00", ""),
    ],
)
def test_says_why_it_is_closed(given_at: str, words: str) -> None:
    assert made(**BERLIN_OWN).why_closed(ms(given_at)) == words


def test_a_closed_date_without_a_name() -> None:
    calendar = made(closed=["2026-06-05"])
    assert calendar.why_closed(ms("2026-06-05T12:00Z")) == "closed on this date"


def test_next_open_and_next_close() -> None:
    calendar = made(**BERLIN_LUNCH)
    noon = ms("2026-06-01T12:00+02:00")
    assert calendar.next_open(noon) == noon + HOUR
    assert calendar.next_close(noon) == ms("2026-06-01T18:00+02:00")
    assert calendar.next_close(noon - 1) == noon
    assert calendar.next_open(noon - 1) == noon - 1
    friday_night = ms("2026-06-05T18:00+02:00")
    assert calendar.next_open(friday_night) == ms("2026-06-08T09:00+02:00")


def test_a_night_shift_closes_in_the_morning() -> None:
    calendar = made(hours={"mon": "22:00-24:00", "tue": "00:00-06:00"})
    assert calendar.next_close(ms("2026-06-01T23:00Z")) == ms("2026-06-02T06:00Z")


def test_round_the_clock_closes_at_midnight() -> None:
    calendar = made(**BERLIN_ALWAYS)
    assert calendar.next_close(ms("2026-06-01T10:00+02:00")) == ms("2026-06-02T00:00+02:00")
    # Where it is open every day but one, the closing is a real one as soon as it is near.
    closed = made(**BERLIN_ALWAYS, closed=["2026-06-05"])
    assert closed.next_close(ms("2026-06-01T10:00+02:00")) == ms("2026-06-05T00:00+02:00")


def test_no_time_is_no_time() -> None:
    calendar = made(**BERLIN)
    saturday = ms("2026-03-28T12:00+01:00")
    assert calendar.add_hours(saturday, 0) == saturday
    assert calendar.hours_between(saturday, saturday) == 0
    assert calendar.hours_between(saturday, saturday - 5) == 0
    for text in ("1h", "1 business hour", "next business day"):
        assert parse_within(text).remaining(saturday, saturday - DAY, calendar) == 0


def test_pause_and_continue() -> None:
    calendar = made(**BERLIN)
    start, paused = ms("2026-06-01T10:00+02:00"), ms("2026-06-01T12:00+02:00")
    resumed = ms("2026-06-03T15:00+02:00")
    elapsed, hours, days = (
        parse_within(text) for text in ("1d", "8 business hours", "next business day")
    )
    for within, left, due in (
        (elapsed, 22 * HOUR, "2026-06-04T13:00+02:00"),
        (hours, 6 * HOUR, "2026-06-04T13:00+02:00"),
        (days, 13 * HOUR, "2026-06-05T12:00+02:00"),
    ):
        assert within.remaining(paused, within.due(start, calendar), calendar) == left
        assert within.resume(resumed, left, calendar) == ms(due)


# --- clocks that change at night, at midnight, or by a day ---


def test_a_day_without_midnight_begins_when_the_gap_ends() -> None:
    calendar = made(time_zone="America/Sao_Paulo", hours="00:00-24:00", days=["sun"])
    day = calendar.day(date(2018, 11, 4).toordinal())
    assert calendar.local(day.begin).isoformat() == "2018-11-04T01:00:00-02:00"
    assert day.spans == ((day.begin, day.begin + 23 * HOUR),)
    assert calendar.day_of(day.begin) == calendar.day_of(day.begin - 1) + 1


def test_clocks_that_go_back_over_midnight_do_not_repeat_the_day() -> None:
    calendar = made(time_zone="America/Goose_Bay", hours="00:00-24:00", days=["sat", "sun"])
    # 2010-11-07 00:01 became 2010-11-06 23:01: that hour by the wall clock is Saturday again.
    again = ms("2010-11-06T23:30-04:00")
    assert calendar.local(again).date() == date(2010, 11, 6)
    assert calendar.day_of(again) == date(2010, 11, 7).toordinal()
    assert calendar.is_open(again)
    assert calendar.hours_between(ms("2010-11-06T00:00-03:00"), again + 30 * MINUTE) == 25 * HOUR


def test_a_day_that_was_left_out_is_no_working_day() -> None:
    calendar = made(time_zone="Pacific/Apia")
    thursday = ms("2011-12-29T12:00-10:00")
    skipped = calendar.day(date(2011, 12, 30).toordinal())
    assert (skipped.begin, skipped.spans) == (skipped.end, ())
    assert skipped.closed == "left out by a change of the clocks"
    assert calendar.end_of_business_day(thursday, 1) == ms("2012-01-02T17:00+14:00")
    texts = [line.words for line in explain_due(TimeLimit("days", 1), thursday, calendar)]
    assert "Fri 2011-12-30: left out by a change of the clocks, closed" in texts


def test_wall_times_that_come_twice_or_never() -> None:
    calendar = made(time_zone="Europe/Berlin")
    twice = calendar.moment(datetime(2026, 10, 25, 2, 30))  # noqa: DTZ001 - a wall time
    assert twice == ms("2026-10-25T02:30+02:00")
    never = calendar.moment(datetime(2026, 3, 29, 2, 30))  # noqa: DTZ001 - a wall time
    assert never == ms("2026-03-29T03:00+02:00")


# --- holidays ---


def test_names_do_not_depend_on_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en_US")
    public_holidays.cache_clear()
    assert public_holidays("DE", "BE", 2026)[date(2026, 3, 8)] == "Frauentag"
    assert public_holidays("US", None, 2027)[date(2027, 12, 31)] == "New Year's Day (observed)"
    public_holidays.cache_clear()


def test_years_without_known_lunar_holidays_have_the_others() -> None:
    # The package warns here, and a warning fails a test.
    assert date(2040, 1, 26) in public_holidays("IN", None, 2040)
    assert public_holidays("IN", None, 2500) == {}


# --- bounds ---


def test_ends_are_bounded() -> None:
    rare = made(hours={"mon": "09:00-09:01"})
    start = ms("2026-01-01T00:00Z")
    assert rare.add_hours(start, 500 * MINUTE) < start + HORIZON_YEARS * 366 * DAY
    for within in (TimeLimit("hours", 600 * MINUTE), TimeLimit("days", 600)):
        with pytest.raises(ValueError, match="within 10 years"):
            within.due(start, rare)
    with pytest.raises(ValueError, match="within 10 years"):
        rare.hours_between(start, start + 20 * 366 * DAY)


def test_the_end_of_time_is_an_error_with_words() -> None:
    calendar = made(**BERLIN)
    for at in (ms("9999-12-31T12:00+00:00"), 10**15, -(10**15), 10**30):
        with pytest.raises(ValueError, match="years 1 to 9999"):
            calendar.is_open(at)


@settings(max_examples=20)
@given(st.integers(0, 6), st.sampled_from(["Europe/Berlin", "Pacific/Apia", "Africa/Cairo"]))
@example(5, "Asia/Kathmandu")
def test_one_working_day_a_week_is_enough(weekday: int, zone: str) -> None:
    calendar = Calendar(zone, days=[weekday])
    now = ms("2026-01-01T00:00Z")
    assert now <= calendar.next_open(now) <= now + 8 * DAY


# --- texts ---


@pytest.mark.parametrize(
    ("text", "within", "shown"),
    [
        ("5m", TimeLimit("elapsed", 5 * MINUTE), "5m"),
        (" 1h30m ", TimeLimit("elapsed", 90 * MINUTE), "1h30m"),
        ("1s500ms", TimeLimit("elapsed", 1_500), "1s500ms"),
        ("250ms", TimeLimit("elapsed", 250), "250ms"),
        ("8 business hours", TimeLimit("hours", 8 * HOUR), "8 business hours"),
        ("1 Business  Hour", TimeLimit("hours", HOUR), "1 business hour"),
        ("45 business minutes", TimeLimit("hours", 45 * MINUTE), "45 business minutes"),
        ("90 business minutes", TimeLimit("hours", 90 * MINUTE), "1h30m business time"),
        ("1h30m business time", TimeLimit("hours", 90 * MINUTE), "1h30m business time"),
        ("30h5s business time", TimeLimit("hours", 30 * HOUR + 5_000), "30h5s business time"),
        ("next business day", TimeLimit("days", 1), "1 business day"),
        ("1 business day", TimeLimit("days", 1), "1 business day"),
        ("5 business days", TimeLimit("days", 5), "5 business days"),
    ],
)
def test_reads_and_writes_times_allowed(text: str, within: TimeLimit, shown: str) -> None:
    assert parse_within(text) == within
    assert str(within) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write for example 5m"),
        ("8", "write for example 5m"),
        ("8 hours", "8 business hours"),
        ("1.5 business hours", "write for example"),
        ("business day", "next business day"),
        ("-1 business days", "write for example"),
        ("1 business week", "write for example"),
        ("5M", "write for example"),
        ("1d business time", "write business days"),
        ("0", "no time at all"),
        ("0 business hours", "no time at all"),
        ("0 business days", "no time at all"),
        ("10001 business hours", "too long"),
        ("1001 business days", "too long"),
        ("101y", "longer than 100 years"),
    ],
)
def test_refuses_other_times_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_within(text)


def test_the_nominal_length() -> None:
    lengths = [parse_within(text).nominal for text in ("5m", "8 business hours", "2 business days")]
    assert lengths == [5 * MINUTE, 8 * HOUR, 2 * DAY]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("09:00-17:00", [(540, 1020)]),
        (["13:00-18:00", "9:00 - 12:00"], [(540, 720), (780, 1080)]),
        ("09:00-12:00, 12:00-13:00", [(540, 780)]),
        ("00:00-24:00", [(0, 1440)]),
    ],
)
def test_reads_hours(text: str | list[str], spans: list[tuple[int, int]]) -> None:
    assert list(parse_spans(text)) == spans


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9-17", "write for example 09:00-17:00"),
        ("09:00", "write for example 09:00-17:00"),
        ("09:60-17:00", "no such time of day"),
        ("09:00-24:01", "no such time of day"),
        ("22:00-06:00", r"cross midnight.*22:00-24:00 on one day and 00:00-06:00 on the next"),
        ("22:00-00:00", r"cross midnight.*\(write 22:00-24:00 on one day\)"),
        ("24:00-06:00", r"cross midnight.*\(write 00:00-06:00 on the next\)"),
        ("09:00-09:00", "without length"),
        ("09:00-12:00, 11:00-13:00", "09:00-12:00 and 11:00-13:00 overlap"),
        ([], "at least one span"),
    ],
)
def test_refuses_other_hours(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_spans(text)


def test_a_span_is_shown_as_it_is_written() -> None:
    assert str(Span(0, 1440)) == "00:00-24:00"


# --- configuration ---


def test_the_usual_calendar() -> None:
    calendar = CalendarConfig().build()
    assert calendar.time_zone == "UTC"
    assert calendar.is_open(ms("2026-06-05T16:59Z"))
    assert not calendar.is_open(ms("2026-06-06T12:00Z"))


def test_days_follow_the_hours_unless_named() -> None:
    assert CalendarConfig(hours={"Monday": "09:00-12:00", "SAT": ["10:00-11:00"]}).days == (  # type: ignore[dict-item]
        "mon",
        "sat",
    )
    named = CalendarConfig(hours={"mon": "09:00-12:00", "sat": "10:00-11:00"}, days=["mon"])  # type: ignore[arg-type, dict-item]
    calendar = made(
        hours={"mon": "09:00-12:00", "sat": "10:00-11:00"}, days=["Mon"], open=["2026-06-06"]
    )
    assert named.days == ("mon",)
    assert not calendar.is_open(ms("2026-06-13T10:30Z"))
    assert calendar.next_close(ms("2026-06-06T10:30Z")) == ms("2026-06-06T11:00Z")


def test_an_extra_day_without_hours_has_those_of_the_first_working_day() -> None:
    calendar = made(hours={"tue": "07:00-08:00", "fri": "09:00-10:00"}, open=[date(2026, 6, 6)])
    assert calendar.next_open(ms("2026-06-06T00:00Z")) == ms("2026-06-06T07:00Z")


def test_a_calendar_is_read_from_texts_and_dates_alike() -> None:
    dates = CalendarConfig(closed=[date(2026, 6, 5)], open={date(2026, 6, 6): "10:00-11:00"})  # type: ignore[arg-type, dict-item]
    texts = CalendarConfig(closed={"2026-06-05": ""}, open={"2026-06-06": ["10:00-11:00"]})  # type: ignore[dict-item]
    assert dates == texts
    assert CalendarConfig(**dict(dates)) == dates


def test_countries_and_subdivisions_in_any_spelling() -> None:
    config = CalendarConfig(holidays={"country": "de", "subdivision": "Berlin"})  # type: ignore[arg-type]
    assert config.holidays is not None
    assert (config.holidays.country, config.holidays.subdivision) == ("DE", "BE")


@pytest.mark.parametrize(
    ("given_values", "words"),
    [
        ({"time_zone": "Europe/Berln"}, r"unknown time zone.*did you mean Europe/Berlin"),
        ({"time_zone": "new york"}, "America/New_York"),
        ({"time_zone": "Europe"}, "unknown time zone"),
        ({"time_zone": "../../etc/passwd"}, "unknown time zone"),
        ({"time_zone": ""}, "write for example Europe/Berlin"),
        ({"hours": 9}, "hours are a text"),
        ({"hours": {"mon": 570}}, "hours are a text"),
        ({"hours": {"mon": "22:00-06:00"}}, "cross midnight"),
        ({"hours": {"mon": "09:00-10:00", "Monday": "09:00-10:00"}}, "a weekday twice"),
        ({"hours": {}}, "has no hours"),
        ({"hours": {"funday": "09:00-10:00"}}, "'mon', 'tue'"),
        ({"days": ["someday"]}, "'mon', 'tue'"),
        ({"days": []}, "never opens: there is no working weekday"),
        ({"days": ["sat"], "hours": {"mon": "09:00-17:00"}}, "Saturday is a working day but has"),
        ({"holidays": {"country": "germani"}}, "no holidays are known.*did you mean DE"),
        ({"holidays": {"country": False}}, "in quotes"),
        ({"holidays": {"country": "FR", "subdivision": 57}}, "in quotes"),
        (
            {"holidays": {"country": "DE", "subdivision": "Berlim"}},
            r"no subdivision 'Berlim' of DE; did you mean BE\? \(known: BB, BE,",
        ),
        ({"closed": "2026-06-05"}, "a list of dates"),
        ({"closed": ["05.06.2026"]}, "write for example 2026-12-24"),
        ({"closed": ["2026-02-29"]}, "no such day"),
        ({"closed": [20260605]}, "not a date"),
        ({"closed": [datetime(2026, 6, 5, tzinfo=UTC)]}, "not a date"),
        ({"closed": ["2026-06-05", "2026-06-05"]}, "a date twice"),
        ({"closed": {"2026-06-05": "line\nbreak"}}, "line break"),
        ({"open": {"2026-06-06": 9}}, "hours are a text"),
        ({"open": ["2026-06-05"], "closed": ["2026-06-05"]}, "both closed and open"),
        ({"zone": "UTC"}, "Extra inputs"),
    ],
)
def test_refuses_other_calendars(given_values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CalendarConfig(**given_values)


def test_a_calendar_closed_all_year_is_refused() -> None:
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]
    with pytest.raises(ValidationError, match="never opens in 2027"):
        CalendarConfig(closed=days)  # type: ignore[arg-type]
    assert CalendarConfig(closed=days[:-1]).build().is_open(ms("2027-12-31T12:00Z"))  # type: ignore[arg-type]


def test_a_calendar_made_directly_checks_itself() -> None:
    with pytest.raises(ValueError, match="unknown time zone"):
        Calendar("Mars/Olympus")
    with pytest.raises(ValueError, match="no holidays are known"):
        Calendar(holidays_of=("XX", None))
    with pytest.raises(ValueError, match="no holidays are known"):
        Calendar(holidays_of=("DE", "XX"))


class _Sample(Section):
    acknowledge_within: TimeLimitText


def test_a_time_allowed_in_the_configuration() -> None:
    config = _Sample.model_validate({"acknowledge_within": "8 business hours"})
    assert config.acknowledge_within == TimeLimit("hours", 8 * HOUR)
    assert _Sample(**dict(config)) == config


@pytest.mark.parametrize("value", [300, 0, 1.5, True, None, ["5m"]])
def test_a_time_allowed_is_a_text(value: object) -> None:
    with pytest.raises(ValidationError, match=r"a time needs a unit.*next business day"):
        TypeAdapter(TimeLimitText).validate_python(value)


# --- the steps in words ---


def _texts(within: str, start: str, calendar: Calendar) -> Iterator[str]:
    return (line.words for line in explain_due(parse_within(within), ms(start), calendar))


def test_explains_business_hours_over_a_clock_change() -> None:
    assert list(_texts("8 business hours", "2026-03-27T16:30+01:00", made(**BERLIN))) == [
        "started Fri 2026-03-27 16:30 CET (open until 17:00): 30m counted, 7h30m left",
        "Sat 2026-03-28: Saturday, closed",
        "Sun 2026-03-29: Sunday, closed",
        "Sun 2026-03-29 03:00 CEST: clocks go forward by 1h (UTC+01:00 to UTC+02:00)",
        "Mon 2026-03-30 09:00 CEST-17:00: 7h30m counted, nothing left",
        "due Mon 2026-03-30 16:30 CEST (14:30 UTC)",
    ]


def test_explains_business_days_with_holidays() -> None:
    assert list(_texts("2 business days", "2026-12-23T16:30:05+01:00", made(**BERLIN))) == [
        "started Wed 2026-12-23 16:30:05 CET: the day of the start does not count",
        "Thu 2026-12-24 09:00 CET-17:00: business day 1 of 2",
        "Fri 2026-12-25: holiday: Erster Weihnachtstag, closed",
        "Sat 2026-12-26: Saturday, closed",
        "Sun 2026-12-27: Sunday, closed",
        "Mon 2026-12-28 09:00 CET-17:00: business day 2 of 2",
        "due Mon 2026-12-28 17:00 CET (16:00 UTC)",
    ]


def test_explains_lunch_and_a_start_while_closed() -> None:
    assert list(_texts("4 business hours", "2026-06-01T07:00+02:00", made(**BERLIN_LUNCH))) == [
        (
            "started Mon 2026-06-01 07:00 CEST: closed, outside working hours"
            " (09:00-12:00, 13:00-18:00); 4h to count"
        ),
        "Mon 2026-06-01 09:00 CEST-12:00: 3h counted, 1h left",
        "Mon 2026-06-01 13:00 CEST-18:00: 1h counted, nothing left",
        "due Mon 2026-06-01 14:00 CEST (12:00 UTC)",
    ]


def test_explains_a_change_within_working_hours() -> None:
    assert list(_texts("24 business hours", "2026-10-24T23:00+02:00", made(**BERLIN_ALWAYS))) == [
        "started Sat 2026-10-24 23:00 CEST (open until 24:00): 1h counted, 23h left",
        "Sun 2026-10-25 00:00 CEST-24:00 CET: 23h counted, nothing left",
        "Sun 2026-10-25 02:00 CET: clocks go back by 1h (UTC+02:00 to UTC+01:00)",
        "due Sun 2026-10-25 22:00 CET (21:00 UTC)",
    ]


def test_explains_elapsed_time_in_a_zone_without_letters() -> None:
    assert list(_texts("1d", "2026-10-03T12:00+10:30", made(**LORD_HOWE))) == [
        "started Sat 2026-10-03 12:00 UTC+10:30: every hour counts, day and night",
        "Sun 2026-10-04 02:30 UTC+11:00: clocks go forward by 30m (UTC+10:30 to UTC+11:00)",
        "due Sun 2026-10-04 12:30 UTC+11:00 (01:30 UTC)",
    ]


def test_a_long_closure_is_one_line() -> None:
    closed = {f"2026-12-{day}": "Betriebsferien" for day in (21, 22, 23, 24)}
    calendar = made(**{**BERLIN, "closed": closed})
    assert list(_texts("1 business hour", "2026-12-18T17:00+01:00", calendar))[1] == (
        "Sat 2026-12-19 to Sun 2026-12-27: 9 days closed"
        " (Saturday, Sunday, Betriebsferien, holiday: Erster Weihnachtstag)"
    )


def test_very_many_steps_are_cut_in_the_middle() -> None:
    texts = list(_texts("400 business hours", "2026-06-01T09:00Z", made()))
    assert len(texts) < 20
    assert sum(text.startswith("... ") for text in texts) == 1
    assert texts[-1] == "due Fri 2026-08-07 17:00 UTC"


@settings(max_examples=50)
@given(ANY, MOMENTS, WITHINS)
def test_every_explanation_ends_at_the_deadline(
    calendar: Calendar, start: int, within: TimeLimit
) -> None:
    lines = explain_due(within, start, calendar)
    assert lines[0].at == start
    assert lines[-1].at == within.due(start, calendar)
    assert lines == sorted(lines, key=lambda line: line.at)
    assert all(line.words.isprintable() for line in lines)
