"""Adds up the figures of days: percentiles and counts of all, of each group, day by day, by hour.

Pure. Percentiles are off by 2 % at most (``store.response.spread``).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from receiver.store.response.fields import ALONE, LABELS, SLOT_MS, SLOTS, Key
from receiver.store.response.read import DayRows
from receiver.store.response.spread import percentile
from receiver.web.response.asked import Asked

GROUPINGS = ("priority", "team", "service", "rule")
URGENT = ("P1", "P2")
NIGHT = (22, 7)
"""From which hour, and before which, it is night."""
_PLACE = {name: LABELS["opened"].index(name) + 1 for name in GROUPINGS}
_OF_SUBJECT = frozenset({"opened", "reopened", "escalation", "acknowledge", "resolve", "deadline"})


class Figures:
    """What is added up of one group of incidents. ``spreads``: (figure, by) -> bucket -> number."""

    __slots__ = ("counts", "spreads")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.spreads: dict[tuple[str, str], Counter[int]] = {}

    def copy(self) -> "Figures":
        """Return the same, to be added to."""
        found = Figures()
        found.counts = self.counts.copy()
        found.spreads = {key: spread.copy() for key, spread in self.spreads.items()}
        return found

    def add(self, name: str, part: str, bucket: int, number: int) -> None:
        """Add a figure; ``part``: the outcome of a deadline, or who ended or answered something."""
        if bucket < 0:
            self.counts[part or name] += number
            return
        spread = self.spreads.get((name, part))
        if spread is None:
            spread = self.spreads[name, part] = Counter()
        spread[bucket] += number

    def number(self, name: str, *by: str) -> int:
        """Return how many were acknowledged, or resolved, by any of these."""
        return sum(sum(self.spreads.get((name, one), {}).values()) for one in by)

    def at(self, share: float, name: str, *by: str) -> float | None:
        """Return the time (s) that a share of those took at most."""
        joined: Counter[int] = Counter()
        for one in by:
            joined.update(self.spreads.get((name, one), {}))
        return percentile(joined, share)


class Load:
    """Who is interrupted when. ``hours``: (weekday, hour) -> openings and reopenings.

    ``people``: person -> answers; ``pages``: (notifier, mention) -> pages; each with ``all``,
    ``night`` and ``urgent`` (P1, P2).
    """

    def __init__(self) -> None:
        self.hours: Counter[tuple[int, int]] = Counter()
        self.night = 0
        self.people: dict[str, Counter[str]] = {}
        self.pages: dict[tuple[str, str], Counter[str]] = {}

    def copy(self) -> "Load":
        """Return the same, to be added to."""
        found = Load()
        found.hours, found.night = self.hours.copy(), self.night
        found.people = {name: counted.copy() for name, counted in self.people.items()}
        found.pages = {name: counted.copy() for name, counted in self.pages.items()}
        return found


class Added:
    """Everything that a page shows: of all, by group, by period, and the load."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.all = Figures()
        self.groups: dict[str, dict[str, Figures]] = {name: {} for name in GROUPINGS}
        self.periods: dict[date, Figures] = {start: Figures() for start in _starts(asked)}
        self.load = Load()
        self._own: set[int] = set()

    def copy(self) -> "Added":
        """Return the same, to be added to; a group is copied when it is."""
        found = Added(self.asked)
        found.all, found.load = self.all.copy(), self.load.copy()
        found.groups = {name: dict(groups) for name, groups in self.groups.items()}
        found.periods = dict(self.periods)
        return found

    def of_group(self, grouping: str, name: str) -> Figures:
        """Return the figures of a group, to be added to."""
        return self._owned(self.groups[grouping], name)

    def of_period(self, start: date) -> Figures:
        """Return the figures of a period, to be added to."""
        return self._owned(self.periods, start)

    def _owned(self, figures: dict[Any, Figures], name: Any) -> Figures:
        found = figures.get(name)
        if found is None or id(found) not in self._own:
            found = figures[name] = found.copy() if found else Figures()
            self._own.add(id(found))
        return found


def added_up(days: Iterable[DayRows], asked: Asked, past: Added | None = None) -> Added:
    """Return the sums of days of those that are asked for; ``past``: of those before them."""
    found = past.copy() if past else Added(asked)
    zone = ZoneInfo(asked.zone)
    wanted = [(_PLACE[name], value) for name, value in asked.subject.items()]
    # Of the load no service and no rule is known.
    narrow = any(name in asked.subject for name in ("service", "rule"))
    of_load = [pair for pair in wanted if pair[0] <= _PLACE["team"]]
    of_all: dict[Key, int] = {}
    for day in days:
        period = found.of_period(_start_of(day.day, asked)) if day.rows else Figures()
        hour_of = _hours_of(day.day, zone)
        for key, number in day.rows:
            if key[0] in _OF_SUBJECT:
                if all(key[place] == value for place, value in wanted):
                    of_all[key] = of_all.get(key, 0) + number
                    period.add(*_part_of(key), number)
                continue
            of_this = not narrow and all(key[place] == value for place, value in of_load)
            if of_this and key[0] in LABELS:
                _add_load(found.load, key, number, hour_of)
    for key, number in of_all.items():
        part = _part_of(key)
        found.all.add(*part, number)
        for grouping, place in _PLACE.items():
            found.of_group(grouping, key[place]).add(*part, number)
    return found


def _part_of(key: Key) -> tuple[str, str, int]:
    """Return figure, part and bucket (-1 for none) of a key."""
    name = key[0]
    if name in ("acknowledge", "resolve"):
        return name, key[5], int(key[6])
    return name, key[6] if name == "deadline" else "", -1


def _add_load(load: Load, key: Key, number: int, hour_of: Callable[[str], tuple[int, int]]) -> None:
    weekday, hour = hour_of(key[-1])
    night = number if is_night(hour) else 0
    if key[0] == "hour":
        load.hours[weekday, hour] += number
        load.night += night
        return
    if key[0] == "answer":
        counted = load.people.setdefault(key[3], Counter())
    else:
        counted = load.pages.setdefault((key[3], key[4]), Counter())
    counted["all"] += number
    counted["night"] += night
    counted["urgent"] += number if key[1] in URGENT else 0


def is_night(hour: int) -> bool:
    """Return whether an hour of the day is of the night."""
    return hour >= NIGHT[0] or hour < NIGHT[1]


def _hours_of(day: date, zone: ZoneInfo) -> Callable[[str], tuple[int, int]]:
    """Return what tells weekday and hour in a zone of a quarter of an hour of a day (UTC)."""
    known: dict[str, tuple[int, int]] = {}
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)

    def hour_of(slot: str) -> tuple[int, int]:
        found = known.get(slot)
        if found is None:
            at = midnight + timedelta(milliseconds=int(slot) % SLOTS * SLOT_MS)
            local = at.astimezone(zone)
            found = known[slot] = (local.weekday(), local.hour)
        return found

    return hour_of


def _start_of(day: date, asked: Asked) -> date:
    """Return the first day of the period that a day is in; the first period may be a part."""
    if asked.step == "day":
        return day
    return max(asked.first, day - timedelta(days=day.weekday()))


def _starts(asked: Asked) -> list[date]:
    days = (asked.first + timedelta(days=n) for n in range(asked.days))
    return list(dict.fromkeys(_start_of(day, asked) for day in days))


def last_of(start: date, asked: Asked) -> date:
    """Return the last day of the period that begins with a day."""
    if asked.step == "day":
        return start
    return start + min(asked.last - start, timedelta(days=6 - start.weekday()))


PEOPLE, MACHINES = ("human",), ("automatic", ALONE)
"""Who ended an episode."""
