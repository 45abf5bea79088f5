"""Calendars as they are configured: frozen, checked while the configuration is loaded."""

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self
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

from routing.calendar import USUAL_HOURS, Calendar, Spans
from routing.config.base import Section, Text
from routing.config.calendar_text import (
    DAY_MINUTES,
    DAY_NAMES,
    DayName,
    closed,
    hours_of,
    opened,
    spans_of,
    weekday,
)
from routing.time_limit import FORMS, TimeLimit, parse_within


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


Weekday = Annotated[DayName, BeforeValidator(weekday)]
DayHours = Annotated[Spans, BeforeValidator(spans_of)]
Hours = Annotated[dict[Weekday, DayHours], BeforeValidator(hours_of)]
ClosedDates = Annotated[dict[date, Text], BeforeValidator(closed)]
OpenDates = Annotated[dict[date, Spans], BeforeValidator(opened)]
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
        whole = all(self.hours[name] == ((0, DAY_MINUTES),) for name in self.days)
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
