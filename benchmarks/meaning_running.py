"""The service itself with a configuration, and what its timelines say beside the table.

Incidents open at a few hours of the week, time goes on from one thing that is due to the next, and
nobody answers until an hour after the last page that the table knows: one more would be found.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import yaml

from benchmarks.meaning_table import WEEKS, Configured
from benchmarks.virtual import Week, running
from routing.meaning import Course, Plan, unanswered
from tests.support.app import NO_ACCOUNTS
from tests.support.fakes.integration import FakeIntegration
from tests.support.notification import alert, notification

HOUR_MS = 3_600_000
HOURS = (10, 112, 123)
"""Monday 10:00, Friday 16:00 and Saturday 03:00, UTC."""
CHANNELS = {"C0ALERTS": "alerts", "C0DBA": "dba"}
_STEP = re.compile(r"Step ([0-9]+), .*: notify (.*)")
_QUIET = {"incidents.stale_after": "0", "incidents.retention": "0", "log.level": "error"}


class Row(Protocol):
    """A row of the table."""

    @property
    def route(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def plan(self) -> Plan: ...


class _Expected:
    """An incident that is to open at ``start`` (ms), and what the table says of it."""

    def __init__(self, configured: Configured, row: Row, start: int) -> None:
        self.row = row
        self.start = start
        self.course: Course = unanswered(row.plan, start)
        self.end = max(page.at for page in self.course.pages) + HOUR_MS
        self.labels = {**configured.routes[row.route], "priority": row.priority}
        self.name = f"{configured.name}, route {row.route!r}, {row.priority}, from {start}"
        self.id = ""
        self.opened: list[str] = []

    @property
    def moments(self) -> set[int]:
        """Return when something is to be done or looked at."""
        return {self.start, self.end}


async def compare_running(
    configured: Configured, rows: Iterable[Row], hours: Sequence[int] = HOURS
) -> tuple[int, list[str]]:
    """Return how many pages were compared, and each incident that went otherwise in words."""
    monday = int(datetime.fromisoformat(WEEKS[configured.week]).timestamp() * 1000)
    every = [_Expected(configured, row, monday + hour * HOUR_MS) for row in rows for hour in hours]
    wrong: list[str] = []
    tickets = FakeIntegration(lambda: 0.0)
    await tickets.start()
    async with running(monday, _settings(configured, tickets.url), CHANNELS) as week:
        for at in sorted(set().union(*(one.moments for one in every))):
            await week.go_to(at)
            for one in every:
                if one.start == at:
                    await _open(week, one)
                if one.end == at:
                    wrong += await _differences(week, one)
    await tickets.stop()
    return sum(len(one.course.pages) for one in every), wrong


def _settings(configured: Configured, tickets: str) -> dict[str, Any]:
    data = yaml.safe_load(configured.text) or {}
    settings: dict[str, Any] = {**NO_ACCOUNTS, **_QUIET}
    for section in ("slack", "pagerduty"):
        for key, value in data.pop(section, {}).items():
            settings[f"{section}.{key}"] = value
    for integration in data.get("integrations", {}).values():
        integration["url"] = tickets
    return {**settings, **data}


async def _open(week: Week, one: _Expected) -> None:
    group = f"{one.row.route}-{one.row.priority}-{one.start}"
    status, answer = await week.app.post(
        notification(alert("Test", labels=one.labels), group=group)
    )
    if status != 202:
        raise AssertionError(answer)
    # An alert that takes several routes opens one incident on each; all have its labels.
    one.opened = answer["incidents"]
    opened = [await week.app.incident(name) for name in one.opened]
    (one.id,) = [found["id"] for found in opened if _route(found) == one.row.route]
    await week.settle()


def _route(incident: dict[str, Any]) -> str:
    return str(incident["group"]["route"])


async def _differences(week: Week, one: _Expected) -> list[str]:
    found = await week.app.incident(one.id)
    told = [
        (_ms(entry["at"]), *_STEP.fullmatch(entry["text"]).groups())  # type: ignore[union-attr]
        for entry in found["timeline"]
        if entry["kind"] in ("paged", "escalated")
    ]
    expected = [
        (page.at, str(page.step), ", ".join(to.notifier for to in page.notify))
        for page in one.course.pages
    ]
    due = _ms(found["deadlines"]["acknowledge"]["due"])
    paged = {to.notifier for page in one.course.pages for to in page.notify}
    undelivered = [
        sent["notifier"]
        for sent in found["deliveries"]
        if sent["notifier"] in paged and sent["paged"] < sent["page"]
    ]
    wrong = []
    if told != expected:
        wrong.append(f"{one.name}: said {expected}, did {told}")
    if due != one.course.acknowledge:
        wrong.append(f"{one.name}: acknowledge said {one.course.acknowledge}, was {due}")
    if found["state"] != "triggered" or undelivered:
        wrong.append(f"{one.name}: {found['state']}, not delivered: {undelivered}")
    for name in one.opened:
        await week.app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    await week.settle()
    return wrong


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
