"""Which days of the response are asked for, and of what."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.asked.parameters import read_choice, read_number, read_one
from receiver.http.asked.spec import Parameter
from receiver.store.daily_figures import DAYS_MAX
from routing.alert import PRIORITIES

TEXT_MAX, SHOWN = 200, 40
OLDEST = 2000
"""Years before it had no incidents of ours, and 400 days before them have to exist, too."""
DAYS = Parameter("days", "how many days", 28, least=1, greatest=DAYS_MAX)
END = Parameter("end", "the last of them (UTC), from 2000-01-01; without it today", form="date")
STEP = Parameter("step", "a row a day, or a week that begins on Monday", "day", ("day", "week"))
ZONE = Parameter("zone", "of hours, weekdays and nights, as Europe/Berlin", "UTC", most=TEXT_MAX)
PRIORITY = Parameter("priority", "of this priority", choices=PRIORITIES)
TEAM = Parameter("team", "of this team", most=TEXT_MAX)
SERVICE = Parameter("service", "of this service", most=TEXT_MAX)
RULE = Parameter("rule", "of this rule (alertname)", most=TEXT_MAX)
SUBJECT = (PRIORITY, TEAM, SERVICE, RULE)
PARAMETERS = (DAYS, END, STEP, ZONE, *SUBJECT)


class Asked(msgspec.Struct, frozen=True):
    """Days up to ``last``, of what ``subject`` names (parameter -> value), in steps."""

    last: date
    days: int
    step: str = "day"
    zone: str = "UTC"
    subject: dict[str, str] = {}
    ends_today: bool = True

    @property
    def first(self) -> date:
        """The first of the days."""
        return self.last - timedelta(days=self.days - 1)

    def dates(self) -> list[date]:
        """Return the days, oldest first."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    def parameters(self) -> list[tuple[str, str]]:
        """Return what asks for the same over HTTP."""
        given = [
            ("days", str(self.days) if self.days != DAYS.usual else ""),
            ("end", "" if self.ends_today else self.last.isoformat()),
            ("step", self.step if self.step != STEP.usual else ""),
            ("zone", self.zone if self.zone != ZONE.usual else ""),
            *self.subject.items(),
        ]
        return [(name, value) for name, value in given if value]

    def address(self, base: str, **change: object) -> str:
        """Return where it is shown, with something else asked for."""
        asked = msgspec.structs.replace(self, **change).parameters()
        return f"{base}?{urlencode(asked, errors='replace')}" if asked else base


def read_asked(request: web.Request, now: int, *, form: bool = True) -> Asked:
    """Return what is asked for at ``now`` (ms); PayloadError names what is wrong.

    ``form``: it may come from a form, which sends empty what nobody wrote.
    """
    end, today = read_one(request, END.name).strip(), datetime.fromtimestamp(now / 1000, UTC).date()
    last = _day(end) if end or (not form and END.name in request.query) else today
    zone = _short(request, ZONE.name) or "UTC"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        words = f"zone is {zone[:SHOWN]!r}; allowed: a time zone, as UTC or Europe/Berlin"
        raise PayloadError(words, ZONE.name) from None
    subject = {one.name: _short(request, one.name) for one in SUBJECT}
    if subject["priority"]:
        read_choice(request, PRIORITY, "")
    step = read_one(request, STEP.name) or "day"
    return Asked(
        last=last,
        days=read_number(request, DAYS),
        step=read_choice(request, STEP, step),
        zone=zone,
        subject={name: value for name, value in subject.items() if value},
        ends_today=not end,
    )


def asks(request: Mapping[str, str]) -> bool:
    """Return whether anything is asked for that is not usual."""
    return any(request.get(one.name) for one in PARAMETERS)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if day.year < OLDEST:
        words = f"end is {text[:SHOWN]!r}; allowed: a day, as 2026-03-02"
        raise PayloadError(words, END.name)
    return day


def _short(request: web.Request, name: str) -> str:
    found = read_one(request, name).strip()
    if len(found) > TEXT_MAX:
        raise PayloadError(f"{name} is longer than {TEXT_MAX} characters", name)
    return found
