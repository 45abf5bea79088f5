"""1,000 random incident histories in a ledger apart from the service agree with its figures.

The ledger knows what was done and when, and works the figures out itself: /metrics, the figures
per day and the ledger's own sums must be the same to the millisecond.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from benchmarks.virtual import Week, running
from receiver.observability.response_figures import by_priority
from tests.support.app import NO_ACCOUNTS
from tests.support.notification import alert, notification

NAME = "ledger"
HISTORIES = 1_000
HOURS = 10
MINUTE = 60_000
START = int(datetime(2026, 3, 2, 0, tzinfo=UTC).timestamp() * 1000)
# (acknowledge, resolve) within, in minutes: elapsed, so that the ledger needs no calendar.
WITHIN = {"P1": (5, 30), "P2": (15, 120), "P3": (60, 240), "P4": (120, 300)}
SEVERITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info"}
SETTINGS: dict[str, Any] = {
    **NO_ACCOUNTS,
    "log.level": "critical",
    "incidents.stale_after": "0",
    "incidents.flapping.changes": 0,
    "incidents.reopen_within": "30m",
    "priorities": {
        name: {
            "acknowledge_within": f"{acknowledge}m",
            "resolve_within": f"{resolve}m",
            "update_within": "off",
        }
        | ({"quiet_hours": False} if name == "P4" else {})
        for name, (acknowledge, resolve) in WITHIN.items()
    },
}

Report = Callable[[str, str, str, bool], None]
Sums = dict[tuple[str, ...], list[float]]
"""(what, priority, by or outcome ...) -> [number, seconds]."""


class Action(NamedTuple):
    """At minute ``at`` something is done to an incident: ``what``, in its ``episode``."""

    at: int
    what: str
    episode: int


async def run(report: Report) -> None:
    """Replay the histories minute by minute, then compare."""
    chance = random.Random(20260302)
    histories = [_history(chance) for _ in range(HISTORIES)]
    ledger: Sums = defaultdict(lambda: [0, 0.0])
    for priority, actions in histories:
        _enter(ledger, priority, actions)
    async with running(START, SETTINGS) as week:
        await _replay(week, histories)
        counted = await _metrics(week)
        _compare(ledger, counted, report)
        await _compare_days(week, ledger, report)


def _history(chance: random.Random) -> tuple[str, list[Action]]:
    """Return a priority and what happens: open, maybe acknowledge, maybe end, maybe all again."""
    priority = chance.choice(list(WITHIN))
    at = chance.randint(0, 120)
    actions: list[Action] = []
    for episode in range(chance.choice([1, 1, 2, 3])):
        actions.append(Action(at, "fire", episode))
        length = chance.randint(2, 150)
        if chance.random() < 0.6:
            taken = chance.randint(1, length)
            actions.append(Action(at + taken, "acknowledge", episode))
            if taken < length and chance.random() < 0.2:
                actions.append(Action(chance.randint(at + taken, at + length), "note", episode))
        at += length
        end = chance.choice(["calm", "calm", "resolve", "merge", ""])
        if not end:
            break
        actions.append(Action(at, end, episode))
        if end in ("merge", "resolve"):
            break
        at += chance.randint(1, 29)
    return priority, sorted(actions, key=lambda action: action.at)


def _enter(ledger: Sums, priority: str, actions: list[Action]) -> None:
    """Write one history into the ledger."""
    ledger["opened", priority][0] += 1
    for episode in range(actions[-1].episode + 1):
        mine = {action.what: action.at for action in actions if action.episode == episode}
        opened = mine["fire"]
        taken = mine.get("acknowledge")
        ends = [(mine[what], what) for what in ("calm", "resolve", "merge") if what in mine]
        ended, how = ends[0] if ends else (HOURS * 60, "")
        if episode:
            ledger["reopened", priority][0] += 1
        if taken is not None and taken <= ended:
            _add(ledger, ("acknowledge", priority, "human"), taken - opened)
        else:
            taken = None
        if how in ("calm", "resolve"):
            by = "human" if how == "resolve" else "automatic"
            _add(ledger, ("resolve", priority, by), ended - opened)
        _enter_deadlines(ledger, priority, (opened, taken, ended), how)


def _enter_deadlines(
    ledger: Sums, priority: str, times: tuple[int, int | None, int], how: str
) -> None:
    """Count how the clocks ended; one that is due in the minute of an answer is missed."""
    opened, taken, ended = times
    acknowledge, resolve = WITHIN[priority]
    answered = ended if taken is None else taken
    if answered >= opened + acknowledge:
        ledger["deadline", priority, "acknowledge", "missed", "nobody"][0] += 1
    elif taken is not None or how == "resolve":
        ledger["deadline", priority, "acknowledge", "met", "human"][0] += 1
    elif how:
        by = "human" if how == "merge" else "automatic"
        ledger["deadline", priority, "acknowledge", "void", by][0] += 1
    if taken is None:
        return
    if ended >= taken + resolve:
        ledger["deadline", priority, "resolve", "missed", "nobody"][0] += 1
    elif how == "merge":
        ledger["deadline", priority, "resolve", "void", "human"][0] += 1
    elif how:
        by = "human" if how == "resolve" else "automatic"
        ledger["deadline", priority, "resolve", "met", by][0] += 1


def _add(ledger: Sums, key: tuple[str, ...], minutes: int) -> None:
    ledger[key][0] += 1
    ledger[key][1] += minutes * 60


async def _replay(week: Week, histories: list[tuple[str, list[Action]]]) -> None:
    minutes: dict[int, list[tuple[int, Action]]] = defaultdict(list)
    for number, (_, actions) in enumerate(histories):
        for action in actions:
            minutes[action.at].append((number, action))
    _, answer = await week.app.post(notification(alert("Target"), group="target"))
    await week.app.post({"by": "ann"}, f"/v1/incidents/{answer['incidents'][0]}/note")
    ids: dict[int, str] = {-1: answer["incidents"][0]}
    for minute in range(HOURS * 60 + 1):
        await week.go_to(START + minute * MINUTE)
        # One after another for each incident, side by side for different ones.
        queues: dict[int, list[Action]] = defaultdict(list)
        for number, action in minutes[minute]:
            queues[number].append(action)
        await asyncio.gather(
            *(
                _act_all(week, number, histories[number][0], queue, ids)
                for number, queue in queues.items()
            )
        )
    await week.settle()


async def _act_all(
    week: Week, number: int, priority: str, actions: list[Action], ids: dict[int, str]
) -> None:
    for action in actions:
        if action.what in ("fire", "calm"):
            item = alert(
                "Ledger",
                resolved=action.what == "calm",
                labels={"severity": SEVERITIES[priority]},
                starts=f"2026-03-01T00:00:{action.episode:02}Z",
                ends=f"2026-03-01T00:00:{action.episode:02}.5Z",
            )
            status, answer = await week.app.post(notification(item, group=f"ledger-{number}"))
            if status == 202:
                ids[number] = answer["incidents"][0]
        else:
            more = {"note": {"text": "x"}, "merge": {"into": ids[-1]}}.get(action.what, {})
            body = {"by": "ann"} | more
            path = f"/v1/incidents/{ids[number]}/{action.what}"
            status, answer = await week.app.post(body, path)
        if status not in (200, 202):
            raise AssertionError(f"{action}: {status} {answer}")


async def _metrics(week: Week) -> Sums:
    """Return what /metrics says, in the ledger's form; the merge target is left out."""
    found: Sums = defaultdict(lambda: [0, 0.0])
    _, text = await week.app.get("/metrics")
    for row in str(text).splitlines():
        name, brace, rest = row.partition("{")
        if not brace or row.startswith("#"):
            continue
        inner, _, value = rest.rpartition("} ")
        labels = dict(part.split("=", 1) for part in inner.replace('"', "").split(",") if part)
        _read(found, name, labels, float(value))
    return found


def _read(found: Sums, name: str, labels: dict[str, str], value: float) -> None:
    histograms = {
        "incident_acknowledge_duration_seconds": "acknowledge",
        "incident_resolution_duration_seconds": "resolve",
    }
    base, _, part = name.rpartition("_")
    if base in histograms and part in ("count", "sum"):
        key = (histograms[base], labels["priority"], labels["by"])
        found[key][part == "sum"] += value
    elif name == "incident_deadlines_total":
        found["deadline", labels["priority"], labels["clock"], labels["outcome"], labels["by"]][
            0
        ] += value
    elif name == "incident_reopened_total":
        found["reopened", labels["priority"]][0] += value
    elif name == "incidents_total":
        found["opened", labels["priority"]][0] += value


def _compare(ledger: Sums, counted: Sums, report: Report) -> None:
    # The target of the merges is an incident too: a P1 that nobody acknowledges.
    ledger["opened", "P1"][0] += 1
    ledger["deadline", "P1", "acknowledge", "missed", "nobody"][0] += 1
    for what in ("opened", "acknowledge", "resolve", "reopened", "deadline"):
        keys = {key for key in ledger.keys() | counted.keys() if key[0] == what}
        wrong = [key for key in sorted(keys) if not _same(ledger[key], counted[key])]
        for key in wrong:
            figure = f"{counted[key][0]:.0f}, {counted[key][1]:.3f} s"
            report(" ".join(key), figure, f"{ledger[key][0]:.0f}, {ledger[key][1]:.3f} s", False)
        number = sum(ledger[key][0] for key in keys)
        seconds = sum(ledger[key][1] for key in keys)
        figure = f"{number:,.0f}" + (f", {seconds:,.0f} s" if seconds else "")
        report(f"{what}: {len(keys)} series agree", figure, "the ledger's own", not wrong)


def _same(one: list[float], other: list[float]) -> bool:
    return one[0] == other[0] and abs(one[1] - other[1]) < 0.001


async def _compare_days(week: Week, ledger: Sums, report: Report) -> None:
    today = datetime.fromtimestamp(week.clock.at / 1000, UTC).date()
    figures = by_priority(await week.app.service.figures.days(today, 2))
    wrong = []
    for row in figures:
        number, seconds = ledger["acknowledge", row.priority, "human"]
        mtta = seconds / number
        ends = [ledger["resolve", row.priority, by] for by in ("human", "automatic")]
        mttr = sum(end[1] for end in ends) / sum(end[0] for end in ends)
        good = abs((row.mtta or 0) - mtta) < 0.001 and abs((row.mttr or 0) - mttr) < 0.001
        if not good:
            wrong.append(row.priority)
    shown = ", ".join(f"{row.priority} {row.mtta:.0f}/{row.mttr:.0f} s" for row in figures)
    report("MTTA/MTTR of the figures per day", shown, "the ledger's own", not wrong)
