"""A virtual clock drives the whole app: golden deadlines of four time zones, a week of escalation.

Deadlines are the hand-worked rows of ``tests/support/deadline_table``; each has a route and a
calendar of its own. They are looked up in the incident, and missed neither a millisecond early nor
late.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from benchmarks.escalation_table import SETTINGS, START, STORIES, Story
from benchmarks.virtual import Week, running
from tests.support.app import NO_ACCOUNTS
from tests.support.deadline_table import ROWS, Row
from tests.support.notification import alert, notification

NAME = "clocks"
DAY_MS = 86_400_000
Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report the rows that came out as expected."""
    await _deadlines(report)
    await _escalations(report)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


async def _deadlines(report: Report) -> None:
    calendars = {f"c{number}": dict(row.calendar) for number, row in enumerate(ROWS)}
    routes = [
        {
            "name": f"r{number}",
            "matchers": [f'row="{number}"'],
            "calendar": f"c{number}",
            "priorities": {"P3": {"acknowledge_within": row.within, "quiet_hours": False}},
        }
        for number, row in enumerate(ROWS)
    ]
    settings = {
        **NO_ACCOUNTS,
        "calendars": calendars,
        # Of one clock alone: no other one may contradict it.
        "priorities": {"P3": {"resolve_within": "off", "deliver_within": "30s"}},
        "route": {"routes": routes},
        "incidents.stale_after": "0",
        "incidents.retention": "0",
        "log.level": "error",
    }
    first = min(_ms(row.start) for row in ROWS)
    moments: list[tuple[int, int, str]] = []
    for number, row in enumerate(ROWS):
        start, due = _ms(row.start), _ms(row.due)
        moments += [(start, number, "start"), (due, number, "due")]
        if due > start:
            moments.append((due - 1, number, "before"))
    ids: dict[int, str] = {}
    wrong: set[int] = set()
    async with running(first, settings) as week:
        for at, number, what in sorted(moments, key=_in_order):
            await week.go_to(at)
            if not await _as_expected(week, ROWS[number], number, what, ids):
                wrong.add(number)
    for number in sorted(wrong):
        row = ROWS[number]
        report(f"{row.within} from {row.start}", "another deadline", row.due, False)
    zones = {str(row.calendar.get("time_zone", "UTC")) for row in ROWS}
    right = f"{len(ROWS) - len(wrong)} in {len(zones)} zones"
    report("deadlines as worked out by hand", right, f"{len(ROWS)}", not wrong)


def _in_order(moment: tuple[int, int, str]) -> tuple[int, int]:
    return moment[0], ("start", "before", "due").index(moment[2])


async def _as_expected(week: Week, row: Row, number: int, what: str, ids: dict[int, str]) -> bool:
    if what == "start":
        item = alert("Row", labels={"severity": "warning", "row": str(number)})
        status, answer = await week.app.post(notification(item, group=f"row-{number}"))
        if status != 202:
            raise AssertionError(answer)
        (ids[number],) = answer["incidents"]
    found = (await week.app.incident(ids[number]))["deadlines"]["acknowledge"]
    if what == "due":
        await week.settle()
        found = (await week.app.incident(ids[number]))["deadlines"]["acknowledge"]
    missed = found["missed_at"]
    return _ms(found["due"]) == _ms(row.due) and (missed is not None) == (what == "due")


async def _escalations(report: Report) -> None:
    """Drive all stories through the week side by side, and compare what was said and when."""
    start = _ms(START)
    actions = sorted(
        (start + at * 1000, number, action)
        for number, story in enumerate(STORIES)
        for at, action in enumerate_actions(story)
    )
    ids: dict[int, str] = {}
    async with running(start, SETTINGS) as week:
        for at, number, action in actions:
            await week.go_to(at)
            await _act(week, STORIES[number], number, action, ids)
            await week.settle()
        await week.go_to(start + 7 * DAY_MS)
        for number, story in enumerate(STORIES):
            told = (await week.app.incident(ids[number]))["timeline"]
            happened = [_line(entry, start) for entry in told]
            good = happened == list(story.expected)
            if not good:
                for line in happened:
                    print(f"    {line!r},")
            report(f"story: {story.name}", f"{len(happened)} entries", "as written", good)


def enumerate_actions(story: Story) -> list[tuple[int, str]]:
    """Return (seconds after the start, action) of a story."""
    return [(_seconds(at), action) for at, action in story.actions]


def _seconds(text: str) -> int:
    """Return the seconds of ``2d03:04:05``."""
    days, _, clock = text.rpartition("d")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _line(entry: Any, start: int) -> str:
    """Return a timeline entry as ``0d00:05:00 kind: text``."""
    seconds = (_ms(entry["at"]) - start) // 1000
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}d{clock} {entry['kind']}: {entry['text']}"


async def _act(week: Week, story: Story, number: int, action: str, ids: dict[int, str]) -> None:
    """Do ``fire N [severity]``, ``resolve-alerts``, or what a person does over the API."""
    word, _, rest = action.partition(" ")
    if word in ("fire", "calm"):
        count, _, severity = rest.partition(" ")
        labels = {"severity": severity or story.severity, "story": story.name}
        more: dict[str, Any] = {"resolved": word == "calm", "starts": START}
        more["ends"] = "2026-04-10T00:00:00Z"
        items = [
            alert(f"A{at}", labels=labels, annotations={"summary": ""}, **more)
            for at in range(int(count or 1))
        ]
        _, answer = await week.app.post(notification(*items, group=f"story-{number}"))
        ids.setdefault(number, answer["incidents"][0])
        return
    key, _, value = rest.partition("=")
    body = {"by": "ann", **({key: value} if key else {})}
    status, answer = await week.app.post(body, f"/v1/incidents/{ids[number]}/{word}")
    if status != 200:
        raise AssertionError(f"{story.name}: {action}: {answer}")
