"""Business time: when people work, in their time zone, without weekends, holidays and own dates.

Every moment is in ms UTC. A day is what lies between two local midnights, so it has 23, 24 or 25
hours; where clocks change, a wall time that occurs twice means its first occurrence, and one that
does not occur means the moment the gap ends.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

HORIZON_YEARS = 10
"""How far a search goes: what does not end within these years is refused, not waited for."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HORIZON_DAYS = HORIZON_YEARS * 366
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_REMEMBERED_DAYS = 1000
_WEEK_MS = 7 * 86_400_000


class Span(NamedTuple):
    """Working hours of a day: minutes after 00:00 by the wall clock, start < end <= 1440."""

    start: int
    end: int

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


Spans = tuple[Span, ...]
USUAL_HOURS: Spans = (Span(9 * 60, 17 * 60),)


class Day(NamedTuple):
    """One local day, its times in ms UTC: from ``begin`` up to ``end``, open during ``spans``.

    ``closed`` says why it is no working day, such as ``Saturday``; "" on a working day.
    """

    date: date
    begin: int
    end: int
    spans: tuple[tuple[int, int], ...]
    closed: str


@lru_cache(maxsize=512)
def public_holidays(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    """Return date -> name, in the country's own language, of one year's public holidays.

    ``country`` and ``subdivision`` are codes of the package ``holidays``; ValueError for others.
    """
    # Some lunar holidays are known for some decades only, and the package warns beyond them: that
    # is no reason to be silent about all other holidays, nor to repeat it for every deadline.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            known = holidays.country_holidays(country, subdiv=subdivision)
            # Without a language named, names would depend on the locale of the process.
            language = known.default_language
            found = holidays.country_holidays(
                country, subdiv=subdivision, years=year, expand=False, language=language
            )
        except (NotImplementedError, KeyError) as error:
            raise ValueError(f"no holidays are known for it: {error}") from None
        return dict(found.items())


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


class Calendar:
    """When people work. A value: nothing changes after it is made.

    ``hours`` maps a weekday (0 Monday to 6 Sunday) to its spans; ``days`` are the working weekdays,
    each with hours. ``country`` and ``subdivision`` name the public holidays. ``closed`` maps own
    closed dates to their name or "", and ``opened`` maps extra working dates to their hours, or to
    () for the weekday's (where it has none: the first working weekday's). An opened date wins over
    weekday, hours and holiday. ValueError when the zone or the country is unknown, a date is both,
    or the calendar never opens.
    """

    __slots__ = ("_closed", "_days", "_hours", "_opened", "_place", "time_zone", "weekdays", "zone")

    def __init__(
        self,
        time_zone: str = "UTC",
        hours: Mapping[int, Spans] | None = None,
        days: Iterable[int] = range(5),
        holidays_of: tuple[str, str | None] | None = None,
        closed: Mapping[date, str] | None = None,
        opened: Mapping[date, Spans] | None = None,
    ) -> None:
        self.time_zone = time_zone
        self.weekdays: Sequence[int] = tuple(sorted(set(days)))
        self._hours = dict.fromkeys(range(7), USUAL_HOURS) if hours is None else dict(hours)
        self._closed = dict(closed or {})
        self._opened = dict(opened or {})
        self._place = holidays_of
        self._days: dict[int, Day] = {}
        try:
            self.zone = ZoneInfo(time_zone)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"unknown time zone {time_zone!r}") from None
        self._check()

    def _check(self) -> None:
        if not self.weekdays:
            raise ValueError("it never opens: there is no working weekday")
        for weekday in self.weekdays:
            if not self._hours.get(weekday):
                raise ValueError(f"{WEEKDAYS[weekday]} is a working day but has no hours")
        both = sorted(self._closed.keys() & self._opened.keys())
        if both:
            raise ValueError(f"{both[0]} is both closed and open")
        # Weekdays come again and holidays leave most of them, so only own dates can fill a year.
        # One such year checked even without own dates shows that the holidays can be looked up.
        for year in sorted({2028, *(day.year for day in self._closed)}):
            first = date(year, 1, 1).toordinal()
            if not any(self.day(number).spans for number in range(first, first + 365)):
                raise ValueError(f"it never opens in {year}: every working day is closed")

    def local(self, at: int) -> datetime:
        """Return a moment by the wall clock of the calendar's zone; ValueError after year 9999."""
        try:
            return (_EPOCH + at * _MS).astimezone(self.zone)
        except OverflowError:
            raise _beyond() from None

    def moment(self, wall: datetime) -> int:
        """Return the moment (ms) of a wall time without a zone, as this module's head resolves it.

        ValueError beyond the years 1 to 9999.
        """
        try:
            first = _ms(wall.replace(tzinfo=self.zone))
            if self.local(first).replace(tzinfo=None) == wall:
                return first
            # In a gap, fold=1 counts from the offset after it and so gives a moment before it.
            return self.offset_change(_ms(wall.replace(tzinfo=self.zone, fold=1)), first) or first
        except OverflowError:
            raise _beyond() from None

    def read(self, text: str) -> int:
        """Return the time (ms) of RFC 3339, or of a wall time; ValueError for what is none."""
        try:
            found = datetime.fromisoformat(text.strip())
            return self.moment(found) if found.tzinfo is None else (found - _EPOCH) // _MS
        except (ValueError, OverflowError):
            words = "is no time (write 2026-03-27T16:30, or 2026-03-27T15:30:00Z)"
            raise ValueError(f"{text!r} {words}") from None

    def offset_change(self, low: int, high: int) -> int | None:
        """Return the moment in (low, high] from which the UTC offset is another than at ``low``.

        None when both have the same; with several changes in between it is one of them.
        """
        before = self.local(low).utcoffset()
        if self.local(high).utcoffset() == before:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.local(middle).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high

    def day(self, number: int) -> Day:
        """Return the local day with this ordinal (``date.toordinal``); ValueError beyond them."""
        found = self._days.get(number)
        if found is None:
            if not 1 < number < date.max.toordinal():
                raise _beyond()
            if len(self._days) >= _REMEMBERED_DAYS:
                self._days.clear()
            found = self._days[number] = self._make_day(number)
        return found

    def _make_day(self, number: int) -> Day:
        day = date.fromordinal(number)
        midnight = datetime.fromordinal(number)
        begin, end = (self.moment(midnight + timedelta(days=more)) for more in (0, 1))
        closed = self._why_no_working_day(day)
        if closed:
            return Day(day, begin, end, (), closed)
        walls = (tuple(midnight + timedelta(minutes=m) for m in span) for span in self.hours(day))
        moments = ((self.moment(start), self.moment(stop)) for start, stop in walls)
        # A span that lies within the gap of a clock change does not occur on this day.
        spans = tuple((start, stop) for start, stop in moments if start < stop)
        return Day(day, begin, end, spans, "" if spans else "left out by a change of the clocks")

    def _why_no_working_day(self, day: date) -> str:
        if day in self._opened:
            return ""
        if day in self._closed:
            name = self._closed[day]
            return f"closed: {name}" if name else "closed on this date"
        if day.weekday() not in self.weekdays:
            return WEEKDAYS[day.weekday()]
        holiday = public_holidays(*self._place, day.year).get(day) if self._place else None
        return f"holiday: {holiday}" if holiday else ""

    def hours(self, day: date) -> Spans:
        """Return the working hours of a date, were it a working day."""
        usual = self._hours.get(day.weekday()) or self._hours[self.weekdays[0]]
        return self._opened.get(day) or usual

    def day_of(self, at: int) -> int:
        """Return the ordinal of the local day in which a moment lies."""
        number = self.local(at).toordinal()
        # Where clocks go back over midnight the wall clock shows a date again that was over.
        day = self.day(number)
        return number - (at < day.begin) + (at >= day.end)

    def is_open(self, at: int) -> bool:
        """Return whether a moment is within working hours; the closing moment is not."""
        return any(start <= at < end for start, end in self.day(self.day_of(at)).spans)

    def why_closed(self, at: int) -> str:
        """Return why it is closed: ``Saturday``, ``holiday: Karfreitag``, ...; "" while open."""
        if self.is_open(at):
            return ""
        number = self.day_of(at)
        hours = ", ".join(str(span) for span in self.hours(date.fromordinal(number)))
        return self.day(number).closed or f"outside working hours ({hours})"

    def open_from(self, at: int) -> Iterator[tuple[int, int]]:
        """Yield the open times (start, end) from a moment on, day by day for HORIZON_YEARS."""
        first = self.day_of(at)
        for number in range(first, first + _HORIZON_DAYS):
            for start, end in self.day(number).spans:
                if end > at:
                    yield max(start, at), end

    def next_open(self, at: int) -> int:
        """Return ``at`` itself while open, else the next opening."""
        for start, _end in self.open_from(at):
            return start
        raise _too_far("is not open")

    def next_close(self, at: int) -> int:
        """Return when it closes next, after ``at``; where it is open round the clock: midnight.

        Round the clock means that it stays open for more than a week.
        """
        joined: tuple[int, int] | None = None
        for start, end in self.open_from(at):
            if joined is not None and (start > joined[1] or start - joined[0] > _WEEK_MS):
                break
            joined = (joined[0] if joined else start, end)
        if joined is None:
            raise _too_far("is not open")
        round_the_clock = joined[1] - joined[0] > _WEEK_MS
        return self.day(self.day_of(joined[0])).end if round_the_clock else joined[1]

    def add_hours(self, start: int, working_ms: int) -> int:
        """Return the moment at which this much open time has passed; ``start`` itself for 0.

        An end on a closing is that closing, not the next opening. ValueError when it takes longer
        than HORIZON_YEARS.
        """
        left = working_ms
        if left <= 0:
            return start
        for opening, closing in self.open_from(start):
            if left <= closing - opening:
                return opening + left
            left -= closing - opening
        raise _too_far("is not open that long")

    def hours_between(self, start: int, end: int) -> int:
        """Return the open time (ms) between two moments, 0 when the end comes first."""
        total = 0
        for opening, closing in self.open_from(start):
            if opening >= end:
                return total
            total += min(closing, end) - opening
        raise _too_far("cannot count")

    def end_of_business_day(self, start: int, days: int) -> int:
        """Return the closing of the n-th working day after the day of ``start`` (n at least 1).

        The day of ``start`` never counts, whether it is a working day or not.
        """
        left = max(days, 1)
        first = self.day_of(start) + 1
        for number in range(first, first + _HORIZON_DAYS):
            spans = self.day(number).spans
            left -= bool(spans)
            if not left:
                return spans[-1][1]
        raise _too_far("has not that many working days")


def _beyond() -> ValueError:
    return ValueError("a moment beyond the years 1 to 9999")


def _too_far(what: str) -> ValueError:
    return ValueError(f"the calendar {what} within {HORIZON_YEARS} years")
