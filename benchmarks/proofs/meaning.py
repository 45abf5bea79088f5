"""The table of ``check-config`` is what happens: twenty configurations, every route and priority.

At each hour of a week an alert opens an incident, nobody answers, and later somebody does. What
the rules do to it as time passes, timer by timer, is compared with what ``check-config -o json``
says: whom each page tells and when, and the deadlines. Then the service itself runs each
configuration at three hours of the week, on a clock that stands still until it is moved.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from click.testing import CliRunner

from benchmarks.meaning_played import answered as play_answered
from benchmarks.meaning_played import received
from benchmarks.meaning_played import unanswered as play_unanswered
from benchmarks.meaning_running import compare_running
from benchmarks.meaning_table import CONFIGURATIONS, WEEKS, Configured
from receiver.cli.root import main
from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from receiver.settings.rules import build_assignment
from routing.duration import parse_duration
from routing.meaning import Plan, PlannedStep, Recipient, answered, unanswered
from routing.time_limit import parse_within

NAME = "meaning"
HOUR_MS = 3_600_000
HOURS = range(168)
LATER_MS = 90_001
"""After the first page somebody answers: at no moment at which anything else is due."""
SHOWN = 10
Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report how often the table and what happens differ."""
    checked, wrong, names = 0, [], 0
    for configured in CONFIGURATIONS:
        number, differences = compare(configured)
        checked += number
        names += 1
        wrong += differences
    for line in wrong[:SHOWN]:
        print(f"    {line}")
    what = f"{names} configurations, {checked} alerts"
    report("the table and the rules, 168 hours", f"{len(wrong)} of {what}", "0 differ", not wrong)
    pages, wrong = 0, []
    for configured in CONFIGURATIONS:
        number, differences = await compare_running(configured, rows_of(configured))
        pages += number
        wrong += differences
    for line in wrong[:SHOWN]:
        print(f"    {line}")
    report("the table and the service", f"{len(wrong)} of {pages} pages", "0 differ", not wrong)


class Row(NamedTuple):
    """One row of the table, read back from what the command printed."""

    route: str
    priority: str
    plan: Plan


def load(configured: Configured, folder: Path) -> tuple[Settings, Path]:
    """Return the settings of a configuration, and its file."""
    file = folder / "incident-manager.yml"
    file.touch(mode=0o600)
    file.write_text(configured.text)
    return load_settings(file, {}, {}), file


def rows_of(configured: Configured) -> list[Row]:
    """Return the rows of the table that the command prints."""
    with TemporaryDirectory() as folder:
        settings, file = load(configured, Path(folder))
        return list(read_table(settings, file))


def read_table(settings: Settings, file: Path) -> Iterator[Row]:
    """Yield what ``check-config -o json`` says of a file; the calendars are built by their name."""
    result = CliRunner().invoke(main, ["check-config", "-o", "json", str(file)])
    assert result.exit_code == 0, result.output
    calendars = {name: config.build() for name, config in settings.calendars.items()}
    for route in json.loads(result.stdout)["routes"]:
        assert route["reached"], route["route"]
        for row in route["priorities"]:
            if route["own_priority"] in (None, row["priority"]):
                plan = _plan(row, calendars)
                yield Row(route["route"], row["priority"], plan)


def _plan(row: Mapping[str, Any], calendars: Mapping[str, Any]) -> Plan:
    steps = []
    for number, step in enumerate(row["steps"]):
        to = tuple(Recipient(to["notifier"], to["mention"]) for to in step["notify"])
        after = parse_duration(step["after"]) if number and step["after"] else None
        steps.append(PlannedStep(after, to))
    texts = [row[f"{name}_within"] for name in ("acknowledge", "resolve", "update")]
    acknowledge, resolve, update = (parse_within(text) if text else None for text in texts)
    remind = row["remind"]
    return Plan(
        tuple(steps),
        row["repeat"],
        parse_duration(row["round"]),
        acknowledge,
        resolve,
        update,
        row["quiet_hours"],
        calendars[row["calendar"]],
        parse_duration(remind["after"]) if remind else 0,
        tuple(remind["notify"]) if remind else (),
    )


def compare(configured: Configured, hours: range = HOURS) -> tuple[int, list[str]]:
    """Return how many alerts were compared, and each difference in words."""
    monday = int(datetime.fromisoformat(WEEKS[configured.week]).timestamp() * 1000)
    checked, wrong = 0, []
    with TemporaryDirectory() as folder:
        settings, file = load(configured, Path(folder))
        assignment = build_assignment(settings, frozenset())
        rows = list(read_table(settings, file))
        assert {row.route for row in rows} == configured.routes.keys(), configured.name
        for row in rows:
            labels = {**configured.routes[row.route], "priority": row.priority}
            rules = assignment.rules(row.route)
            for hour in hours:
                start = monday + hour * HOUR_MS
                event = received(assignment, row.route, labels, start)
                assert {alert.priority for alert in event.alerts} == {row.priority}
                last_first = bool(hour % 2)
                said = unanswered(row.plan, start)
                done = play_unanswered(event, start, rules, last_first=last_first)
                at = said.pages[0].at + LATER_MS
                then = answered(row.plan, start, at)
                did = play_answered(event, start, at, rules, last_first=last_first)
                checked += 1
                where = f"{configured.name}, route {row.route!r}, {row.priority}, hour {hour}"
                if said != done:
                    wrong.append(f"{where}: {_first_difference(said, done)}")
                if then != did:
                    wrong.append(f"{where}, answered: said {then}, did {did}")
    return checked, wrong


def _first_difference(said: Any, did: Any) -> str:
    for name in said._fields:
        one, other = getattr(said, name), getattr(did, name)
        if one != other:
            return f"{name}: said {one}, did {other}"
    return ""
