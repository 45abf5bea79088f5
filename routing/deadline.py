"""How long something may take - elapsed or business time - and how a deadline came about.

Business hours count open time only. n business days end at the closing of the n-th working day
after the day, in the calendar's zone, on which they started: that day never counts, at whatever
hour it was, so what starts on a Saturday counts from the Monday on.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from routing.calendar import HORIZON_YEARS, Calendar, Day
from routing.duration import format_duration
from routing.time_limit import TimeLimit, hours_text

_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FIRST_LINES, _LAST_LINES = 8, 6
_FEW_CLOSED = 3
_HORIZON_DAYS = HORIZON_YEARS * 366


class Line(NamedTuple):
    """One step of how a deadline came about: the moment (ms) it is about, and the words."""

    at: int
    words: str


def explain_due(within: TimeLimit, start: int, calendar: Calendar) -> list[Line]:
    """Return readable steps from the start to the deadline, in the order of time.

    Runs of closed days are one line, and of very many lines the middle is left out. ValueError as
    for ``TimeLimit.due``.
    """
    due = within.due(start, calendar)
    show = _Clock(calendar)
    if within.kind == "elapsed":
        steps = iter([Line(start, f"started {show(start)}: every hour counts, day and night")])
    else:
        explain = _business_hours if within.kind == "hours" else _business_days
        steps = explain(within.amount, start, show)
    first, *rest = _shorten([*steps], show)
    changes = _shorten([*_clock_changes(start, due, show)], show)
    other = "" if calendar.time_zone == "UTC" else f" ({show.utc(due)} UTC)"
    rest = sorted([*changes, *rest], key=lambda line: line.at)
    return [first, *rest, Line(due, f"due {show(due)}{other}")]


class _Clock:
    """Moments in words, by the clock of a calendar's zone."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def __call__(self, at: int) -> str:
        """Return ``Fri 2026-03-27 16:30 CET``."""
        return f"{self.date(at)} {self.time(at)} {self.zone(at)}"

    def date(self, at: int) -> str:
        return _date(self.calendar.local(at).date())

    def time(self, at: int) -> str:
        return _time(self.calendar.local(at))

    def zone(self, at: int) -> str:
        """Return the zone's letters, or the offset where it has none."""
        letters = self.calendar.local(at).strftime("%Z")
        return letters if letters.isalpha() else self.offset(at)

    def offset(self, at: int) -> str:
        text = self.calendar.local(at).strftime("%z")
        return f"UTC{text[:3]}:{text[3:5]}"

    def utc(self, at: int) -> str:
        """Return the time in UTC, with the date where it is another one."""
        local = self.calendar.local(at)
        utc = local.astimezone(UTC)
        return _time(utc) if utc.date() == local.date() else f"{utc.date()} {_time(utc)}"

    def span(self, start: int, end: int, day: Day) -> str:
        """Return ``Mon 2026-03-30 09:00 CEST-17:00``; both offsets where they differ."""
        until = "24:00" if end == day.end else self.time(end)
        late = self.zone(max(start, end - 1))
        return f"{self(start)}-{until}" + (f" {late}" if late != self.zone(start) else "")


def _date(day: date) -> str:
    return f"{_NAMES[day.weekday()]} {day}"


def _time(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S").removesuffix(":00")


def _days_from(start: int, calendar: Calendar) -> Iterator[Day]:
    first = calendar.day_of(start)
    return (calendar.day(number) for number in range(first, first + _HORIZON_DAYS + 1))


def _business_hours(working_ms: int, start: int, show: _Clock) -> Iterator[Line]:
    left = working_ms
    closed: list[Day] = []
    if why := show.calendar.why_closed(start):
        yield Line(start, f"started {show(start)}: closed, {why}; {hours_text(left)} to count")
    for day in _days_from(start, show.calendar):
        if day.closed and day.begin > start:
            closed.append(day)
        for opening, closing in day.spans:
            if closing <= start:
                continue
            yield from _closed_days(closed)
            closed = []
            counted = min(left, closing - max(opening, start))
            left -= counted
            words = f"{hours_text(counted)} counted, {hours_text(left) if left else 'nothing'} left"
            if opening <= start:
                until = "24:00" if closing == day.end else show.time(closing)
                yield Line(start, f"started {show(start)} (open until {until}): {words}")
            else:
                yield Line(opening, f"{show.span(opening, closing, day)}: {words}")
            if not left:
                return


def _business_days(days: int, start: int, show: _Clock) -> Iterator[Line]:
    count = 0
    closed: list[Day] = []
    following = _days_from(start, show.calendar)
    today = next(following)
    why = f" ({today.closed})" if today.closed else ""
    yield Line(start, f"started {show(start)}: the day of the start does not count{why}")
    for day in following:
        if day.closed:
            closed.append(day)
            continue
        yield from _closed_days(closed)
        closed = []
        count += 1
        opening, closing = day.spans[0][0], day.spans[-1][1]
        span = show.span(opening, closing, day)
        yield Line(opening, f"{span}: business day {count} of {days}")
        if count == days:
            return


def _closed_days(days: list[Day]) -> Iterator[Line]:
    if len(days) <= _FEW_CLOSED:
        for day in days:
            closed = day.closed if day.closed.startswith("closed") else f"{day.closed}, closed"
            yield Line(day.begin, f"{_date(day.date)}: {closed}")
        return
    why = ", ".join(dict.fromkeys(day.closed.removeprefix("closed: ") for day in days))
    between = f"{_date(days[0].date)} to {_date(days[-1].date)}"
    yield Line(days[0].begin, f"{between}: {len(days)} days closed ({why})")


def _clock_changes(start: int, due: int, show: _Clock) -> Iterator[Line]:
    calendar = show.calendar
    for day in _days_from(start, calendar):
        if day.begin >= due:
            return
        change = calendar.offset_change(max(day.begin, start), min(day.end, due))
        if change is not None:
            before, after = (calendar.local(at).utcoffset() for at in (change - 1, change))
            by = (after or timedelta()) - (before or timedelta())
            way = "forward" if by > timedelta() else "back"
            size = format_duration(abs(by) // timedelta(milliseconds=1))
            offsets = f"{show.offset(change - 1)} to {show.offset(change)}"
            yield Line(change, f"{show(change)}: clocks go {way} by {size} ({offsets})")


def _shorten(lines: list[Line], show: _Clock) -> list[Line]:
    left_out = lines[_FIRST_LINES:-_LAST_LINES]
    if len(left_out) <= 1:
        return lines
    until = show.date(left_out[-1].at)
    words = f"... {len(left_out)} more steps, until {until} ..."
    return [*lines[:_FIRST_LINES], Line(left_out[0].at, words), *lines[-_LAST_LINES:]]
