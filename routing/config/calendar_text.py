"""How calendars are written: hours, days and dates."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal, get_args

from routing.calendar import Span, Spans

_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*")
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAY_NAMES: tuple[DayName, ...] = get_args(DayName)
DAY_MINUTES = 24 * 60


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
    if max(minute, end_minute) > 59 or max(start, end) > DAY_MINUTES:  # noqa: PLR2004 - minutes
        raise ValueError(f"no such time of day: {text!r} (from 00:00 to 24:00)")
    if start == end:
        raise ValueError(f"hours without length: {text!r} (a whole day is 00:00-24:00)")
    if start > end:
        days = f"{Span(start, DAY_MINUTES)} on one day" if start < DAY_MINUTES else ""
        days += " and " if days and end else ""
        days += f"{Span(0, end)} on the next" if end else ""
        raise ValueError(f"hours that cross midnight: {text!r} (write {days})")
    return Span(start, end)


def spans_of(value: Any) -> Any:
    """Return the spans of a day: a text as "09:00-12:00, 13:00-17:00", or a list of such."""
    if isinstance(value, str):
        return parse_spans(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, Span) for item in value):
            return value
        if all(isinstance(item, str) for item in value):
            return parse_spans(value)
    # YAML reads 9:30 as 570: only a text with both ends is clear.
    raise ValueError('hours are a text such as "09:00-17:00", or a list of such texts')


def weekday(value: Any) -> Any:
    """Return the short name of a day of the week; anything else as it is."""
    word = value.strip().lower() if isinstance(value, str) else value
    return DAY_NAMES[_FULL_NAMES.index(word)] if word in _FULL_NAMES else word


def hours_of(value: Any) -> Any:
    """Return the hours of each day: one text for all of them, or a table by day."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(DAY_NAMES, spans_of(value))
    found = {weekday(name): spans for name, spans in value.items()}
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


def closed(value: Any) -> Any:
    """Return dates on which nobody works, with why."""
    return _dates(value, "")


def opened(value: Any) -> Any:
    """Return dates on which somebody works, with their hours."""
    found = _dates(value, ())
    return {day: spans if spans == () else spans_of(spans) for day, spans in found.items()}
