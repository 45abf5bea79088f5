"""A time limit: so many hours, working hours or working days."""

import re
from typing import Literal

import msgspec

from routing.calendar import Calendar
from routing.duration import format_duration, parse_duration

HOUR, _MINUTE, _SECOND = 3_600_000, 60_000, 1_000
_UNITS = {"hour": HOUR, "minute": _MINUTE}
FORMS = "5m, 1h30m, 1d, 8 business hours, 90 business minutes, 1h30m business time, next business day, 5 business days"  # noqa: E501 - one line in every error
"""What ``parse_within`` reads, by example."""
_COUNTED = re.compile(r"([0-9]{1,6}) business (hour|minute|day)s?")
_WRITTEN = re.compile(r"(\S+) business time")
_MOST_MS = 10_000 * HOUR
_MOST_DAYS = 1_000


class TimeLimit(msgspec.Struct, frozen=True):
    """How long something may take: ms elapsed, ms of business ``hours``, or business ``days``.

    ``str`` gives a text that ``parse_within`` reads back.
    """

    kind: Literal["elapsed", "hours", "days"]
    amount: int

    def __str__(self) -> str:
        if self.kind == "days":
            return f"{self.amount} business day{'' if self.amount == 1 else 's'}"
        if self.kind == "elapsed":
            odd = self.amount % _SECOND
            return format_duration(self.amount - odd) * (odd < self.amount) + f"{odd}ms" * (odd > 0)
        for name, unit in _UNITS.items():
            count, rest = divmod(self.amount, unit)
            if not rest and (unit == HOUR or count < 60):  # noqa: PLR2004 - minutes
                return f"{count} business {name}{'' if count == 1 else 's'}"
        return f"{hours_text(self.amount)} business time"

    @property
    def nominal(self) -> int:
        """The length (ms) where no calendar is at hand: a business day counts as 24 hours."""
        return self.amount * 24 * HOUR if self.kind == "days" else self.amount

    def due(self, start: int, calendar: Calendar) -> int:
        """Return the deadline (ms) of what starts at ``start`` (ms), never before it.

        ValueError where the calendar does not come to it within HORIZON_YEARS.
        """
        if self.kind == "elapsed":
            return start + self.amount
        if self.kind == "hours":
            return calendar.add_hours(start, self.amount)
        return calendar.end_of_business_day(start, self.amount)

    def remaining(self, now: int, due: int, calendar: Calendar) -> int:
        """Return what is left (ms, at least 0) at ``now``: elapsed, else open time only."""
        if self.kind == "elapsed":
            return max(0, due - now)
        return calendar.hours_between(now, due)

    def resume(self, now: int, remaining: int, calendar: Calendar) -> int:
        """Return the deadline (ms) of a clock that goes on at ``now`` with this much left (ms)."""
        if self.kind == "elapsed":
            return now + remaining
        return calendar.add_hours(now, remaining)


def hours_text(ms: int) -> str:
    """Return a duration without days, as a day of business time has no fixed length."""
    hours, rest = divmod(ms, HOUR)
    odd = f"{rest % _SECOND}ms" if rest % _SECOND else ""
    short = format_duration(rest - rest % _SECOND) if rest >= _SECOND else ""
    return (f"{hours}h" if hours else "") + short + odd or "0h"


def parse_within(text: str) -> TimeLimit:
    """Read a text such as ``5m``, ``8 business hours`` or ``next business day`` (see FORMS).

    ValueError for other texts, for nothing at all, and above 10000 business hours or 1000 days.
    """
    words = " ".join(text.lower().split())
    if words == "next business day":
        return TimeLimit("days", 1)
    if found := _COUNTED.fullmatch(words):
        count = int(found[1])
        days = found[2] == "day"
        within = TimeLimit("days", count) if days else TimeLimit("hours", count * _UNITS[found[2]])
    elif found := _WRITTEN.fullmatch(words):
        if re.search(r"[ywd]", found[1]):
            raise ValueError(f"a day of business time is unclear: {text!r} (write business days)")
        within = TimeLimit("hours", _duration(found[1], text))
    else:
        # Not in lower case: here as everywhere the units of a duration are m and s, never M or S.
        within = TimeLimit("elapsed", _duration(text.strip(), text))
    if not within.amount:
        raise ValueError(f"no time at all: {text!r} (write for example {FORMS})")
    most = {"elapsed": within.amount, "hours": _MOST_MS, "days": _MOST_DAYS}[within.kind]
    if within.amount > most:
        raise ValueError(f"too long: {text!r} (at most 10000 business hours or 1000 business days)")
    return within


def _duration(text: str, whole: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        if "longer" in str(error):
            raise
        raise ValueError(f"not a time allowed: {whole!r} (write for example {FORMS})") from None
