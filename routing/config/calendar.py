"""Calendars as they are configured: frozen, checked while the configuration is loaded."""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import available_timezones

import holidays
from holidays.registry import COUNTRIES
from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from routing.calendar import USUAL_HOURS, Calendar, Span, Spans
from routing.config.base import Section, Text
from routing.deadline import FORMS, TimeLimit, parse_within

_DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAY_NAMES: tuple[_DayName, ...] = get_args(_DayName)
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*")


def parse_spans(texts: str | Iterable[str]) -> Spans:
    """Return the spans of ``09:00-17:00``, ``09:00-12:00, 13:00-18:00`` or a list of such texts.

    They come back in order, touching ones joined. ValueError for anything else, for spans that
    overlap, and for spans that cross midnight.
    """
    parts = texts.split(",") if isinstance(texts, str) else texts
    joined: list[Span] = []
    for span in sorted(_parse_span(part) for part in parts):
        before = joined[-1] if joined else None
        if before and span.start < before.end:
            raise ValueError(f"the hours {before} and {span} overlap")
        if before and span.start == before.end:
            joined[-1] = Span(before.start, span.end)
        else:
            joined.append(span)
    if not joined:
        raise ValueError("hours need at least one span such as 09:00-17:00")
    return tuple(joined)


def _parse_span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"not working hours: {text!r} (write for example 09:00-17:00)")
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if max(minute, end_minute) > 59 or max(start, end) > _DAY_MINUTES:  # noqa: PLR2004 - minutes
        raise ValueError(f"no such time of day: {text!r} (from 00:00 to 24:00)")
    if start == end:
        raise ValueError(f"hours without length: {text!r} (a whole day is 00:00-24:00)")
    if start > end:
        days = f"{Span(start, _DAY_MINUTES)} on one day" if start < _DAY_MINUTES else ""
        days += " and " if days and end else ""
        days += f"{Span(0, end)} on the next" if end else ""
        raise ValueError(f"hours that cross midnight: {text!r} (write {days})")
    return Span(start, end)


def _spans(value: Any) -> Any:
    if isinstance(value, str):
        return parse_spans(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, Span) for item in value):
            return value
        if all(isinstance(item, str) for item in value):
            return parse_spans(value)
    # YAML reads 9:30 as 570: only a text with both ends is clear.
    raise ValueError('hours are a text such as "09:00-17:00", or a list of such texts')


def _weekday(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    return DAY_NAMES[_FULL_NAMES.index(word)] if word in _FULL_NAMES else word


def _hours(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return dict.fromkeys(DAY_NAMES, _spans(value))
    found = {_weekday(name): spans for name, spans in value.items()}
    if len(found) < len(value):
        raise ValueError("names a weekday twice")
    return found


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"no such day in the calendar: {value!r}") from None
    raise ValueError(f"not a date: {value!r} (write for example 2026-12-24)")


def _dates(value: Any, usual: Any) -> Any:
    """Return date -> what belongs to it, ``usual`` where nothing does."""
    if isinstance(value, Mapping):
        pairs = [(_date(day), usual if item is None else item) for day, item in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(_date(day), usual) for day in value]
    else:
        raise ValueError("must be a list of dates such as 2026-12-24")  # noqa: TRY004
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("names a date twice")
    return found


def _closed(value: Any) -> Any:
    return _dates(value, "")


def _opened(value: Any) -> Any:
    found = _dates(value, ())
    return {day: spans if spans == () else _spans(spans) for day, spans in found.items()}


def _within(value: Any) -> Any:
    if isinstance(value, TimeLimit):
        return value
    if isinstance(value, str):
        return parse_within(value)
    # YAML reads 1:30 as 90 and 300 as a number of nobody knows what: only words are clear.
    raise ValueError(f"a time needs a unit (write for example {FORMS})")


def _near(word: str, names: Mapping[str, str]) -> str:
    """Return a question after what was meant; ``names`` maps spellings in lower case to names."""
    near = difflib.get_close_matches(word.casefold(), names, n=3, cutoff=0.7)
    found = dict.fromkeys(names[spelling] for spelling in near)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _zone(value: str) -> str:
    known = available_timezones()
    if value in known:
        return value
    # Most people who leave something out leave out the continent.
    names = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(known, reverse=True)}
    names |= {zone.casefold(): zone for zone in known}
    near = _near(value.replace(" ", "_"), names)
    raise ValueError(f"unknown time zone {value!r}{near or ' (write for example Europe/Berlin)'}")


def _code(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    # YAML reads NO, Norway's code, as false, and the French 75 as a number.
    raise ValueError('put the code in quotes, as in "NO"')


Weekday = Annotated[_DayName, BeforeValidator(_weekday)]
DayHours = Annotated[Spans, BeforeValidator(_spans)]
Hours = Annotated[dict[Weekday, DayHours], BeforeValidator(_hours)]
ClosedDates = Annotated[dict[date, Text], BeforeValidator(_closed)]
OpenDates = Annotated[dict[date, Spans], BeforeValidator(_opened)]
TimeLimitText = Annotated[InstanceOf[TimeLimit], BeforeValidator(_within), PlainSerializer(str)]
"""How long something may take, written as ``parse_within`` reads it; a bare number is refused."""


class HolidaysConfig(Section):
    """Whose public holidays count: codes of ISO 3166, or names of the package ``holidays``."""

    country: Annotated[str, BeforeValidator(_code)]
    subdivision: Annotated[str | None, BeforeValidator(_code)] = None

    @field_validator("country")
    @classmethod
    def _country(cls, value: str) -> str:
        codes = holidays.list_supported_countries()
        if value.strip().upper() in codes:
            return value.strip().upper()
        names = {code.casefold(): code for code in codes}
        names |= {name.replace("_", " "): row[1] for name, row in COUNTRIES.items()}
        near = _near(value.strip(), names)
        raise ValueError(f"no holidays are known for the country {value!r}{near}")

    @field_validator("subdivision")
    @classmethod
    def _subdivision(cls, value: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if not value or country is None:  # a country that is refused has no subdivisions
            return None
        known = holidays.country_holidays(country)
        names = {name.casefold(): name for name in known.subdivisions}
        names |= {name.casefold(): code for name, code in known.subdivisions_aliases.items()}
        code = names.get(value.strip().casefold())
        if code is None:
            near = _near(value.strip(), names)
            allowed = ", ".join(known.subdivisions) or "none"
            raise ValueError(f"no subdivision {value!r} of {country}{near} (known: {allowed})")
        return code


class CalendarConfig(Section):
    """When people work.

    ``hours`` are one text or list for every day, or a mapping of weekdays; ``days`` follow the
    mapping and are otherwise Monday to Friday. ``closed`` lists own closed dates, or maps them to
    names. ``open`` lists extra working dates, or maps them to their hours; it wins over weekday,
    hours and holidays, so a short day can be written here as well.
    """

    time_zone: str = "UTC"
    hours: Hours = dict.fromkeys(DAY_NAMES, USUAL_HOURS)
    days: tuple[Weekday, ...] = DAY_NAMES[:5]
    holidays: HolidaysConfig | None = None
    closed: ClosedDates = Field(default={})
    open: OpenDates = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _days_follow_hours(cls, value: Any) -> Any:
        hours = value.get("hours") if isinstance(value, Mapping) else None
        if isinstance(hours, Mapping) and hours and "days" not in value:
            return {**value, "days": tuple(hours)}
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return _zone(value)

    @model_validator(mode="after")
    def _opens(self) -> Self:
        self.build()
        return self

    @property
    def always_open(self) -> bool:
        """Whether it never closes: nothing waits for it to open."""
        whole = all(self.hours[name] == ((0, _DAY_MINUTES),) for name in self.days)
        return (
            whole and len(set(self.days)) == len(DAY_NAMES) and not (self.holidays or self.closed)
        )

    def build(self) -> Calendar:
        """Return the calendar; what cannot be one was refused while the configuration was read."""
        place = self.holidays
        return Calendar(
            self.time_zone,
            {DAY_NAMES.index(name): spans for name, spans in self.hours.items()},
            [DAY_NAMES.index(name) for name in self.days],
            (place.country, place.subdivision) if place else None,
            self.closed,
            self.open,
        )
