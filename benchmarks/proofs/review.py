"""Reviews of simulated incidents, one of them of 40 timeline entries, agree with a ledger.

The ledger is a list of what was done and when, and works out episodes, times and deadlines by
itself; JSON, Markdown, page and the histograms of /metrics must say the same to the millisecond.
"""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.review_ledger import PEOPLE, WITHIN, Act, Ledger, plan
from benchmarks.virtual import Week, running
from tests.support.app import NO_BUDGETS
from tests.support.notification import alert, notification

NAME = "review"
ENTRIES = 40
INCIDENTS = 8
SECOND = 1_000
START = int(datetime(2026, 3, 2, 0, tzinfo=UTC).timestamp() * 1000)
SETTINGS: dict[str, Any] = {
    **NO_BUDGETS,
    "log.level": "critical",
    "incidents.stale_after": "0",
    "incidents.flapping.changes": 0,
    "incidents.reopen_within": "1h",
    "priorities": {
        name: {"acknowledge_within": f"{one}s", "resolve_within": f"{two}s", "update_within": "off"}
        for name, (one, two) in WITHIN.items()
    },
}

ROW = r"^\| (\d) \| (2026\S+) \| (\S+) \|[^|]*\|[^|]*\| (\S+)"
"""Episode, opened, acknowledged and ended of a row of the Markdown."""

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Live through all incidents side by side, then compare every review."""
    chance = random.Random(20260302)
    plans = [plan(chance) for _ in range(INCIDENTS)]
    async with running(START, SETTINGS) as week:
        ids = await _live(week, plans)
        await _fill(week, ids[0], plans[0])
        ledgers = [Ledger(acts) for acts in plans]
        reviews = [await _get(week, f"/v1/incidents/{ids[n]}/review") for n in range(INCIDENTS)]
        _compare(report, reviews, ledgers)
        await _compare_text(report, week, ids, ledgers)
        await _compare_metrics(report, week, ledgers)


async def _live(week: Week, plans: list[list[Act]]) -> dict[int, str]:
    ids: dict[int, str] = {}
    for act, number in sorted(
        ((act, number) for number, acts in enumerate(plans) for act in acts),
        key=lambda pair: (pair[0].at, pair[1]),
    ):
        await week.go_to(START + act.at * SECOND)
        await _do(week, number, act, ids)
        await week.settle()
    return ids


async def _do(week: Week, number: int, act: Act, ids: dict[int, str]) -> None:
    if act.what in ("fire", "calm"):
        # A resolved copy ends the alert that fires, a later start is news.
        starts = _iso(max(0, act.at - 1)) if act.what == "fire" else ids[-1 - number]
        ids[-1 - number] = starts
        item = alert("Review", resolved=act.what == "calm", starts=starts, ends=_iso(act.at))
        status, answer = await week.app.post(notification(item, group=f"review-{number}"))
        ids[number] = answer["incidents"][0]
    else:
        action = {"priority_to": "priority", "item": "action-item"}.get(act.what, act.what)
        path = f"/v1/incidents/{ids[number]}/{action}"
        status, answer = await week.app.post({"by": act.by, **act.more}, path)
    if status not in (200, 202):
        raise AssertionError(f"{act}: {status} {answer}")


async def _fill(week: Week, incident: str, acts: list[Act]) -> None:
    """Add notes to the first incident until its timeline holds as many entries as promised."""
    while len((await week.app.incident(incident))["timeline"]) < ENTRIES:
        act = Act(acts[-1].at + 60, "note", PEOPLE[len(acts) % 3], {"text": f"later {len(acts)}"})
        acts.append(act)
        await week.go_to(START + act.at * SECOND)
        await _do(week, 0, act, {0: incident})


async def _get(week: Week, path: str) -> Any:
    status, answer = await week.app.get(path)
    if status != 200:
        raise AssertionError(f"{path}: {status} {answer}")
    return answer


def _iso(seconds: int) -> str:
    at = datetime.fromtimestamp(START / 1000 + seconds, UTC)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def _expected(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the episodes as the JSON has to have them."""
    return [
        {
            "number": number,
            "opened_at": _iso(spell.opened),
            "acknowledged_at": None if spell.taken is None else _iso(spell.taken),
            "acknowledged_by": spell.by,
            "to_acknowledge": None if spell.taken is None else spell.taken - spell.opened,
            "ended_at": None if spell.ended is None else _iso(spell.ended),
            "ended_by": spell.ended_by,
            "to_resolve": None if spell.ended is None else spell.ended - spell.opened,
            "cause": spell.cause,
            "clocks": [
                (name, _iso(due), outcome, _iso(at)) for name, due, outcome, at in spell.clocks
            ],
        }
        for number, spell in enumerate(ledger.spells, 1)
    ]


def _compare(report: Report, reviews: list[Any], ledgers: list[Ledger]) -> None:
    first = len(reviews[0]["timeline"])
    report("entries of the first timeline", f"{first}", f"{ENTRIES}", first == ENTRIES)
    wrong = missed = total = 0
    for review, ledger in zip(reviews, ledgers, strict=True):
        wanted = _expected(ledger)
        for found, want in zip(review["episodes"], wanted, strict=True):
            clocks = [
                tuple(c[key] for key in ("name", "due", "outcome", "at")) for c in found["clocks"]
            ]
            seen = {key: found[key] for key in want} | {"clocks": clocks}
            if seen != want:
                print(f"    {seen}\n    {want}")
                wrong += 1
            total += 1
            missed += sum(clock[2] == "missed" for clock in want["clocks"])
    figure = f"{total - wrong} of {total}, {missed} missed"
    report("episodes: times, deadlines, causes", figure, "all, as the ledger", not wrong)
    people = sum(
        {one["name"]: one["actions"] for one in review["people"]} == ledger.people
        for review, ledger in zip(reviews, ledgers, strict=True)
    )
    report("who did how much", f"{people} of {len(reviews)}", "all", people == len(reviews))
    means = sum(
        _mean([spell.taken - spell.opened for spell in ledger.spells if spell.taken is not None])
        == review["mtta"]
        and _mean(
            [spell.ended - spell.opened for spell in ledger.spells if spell.ended is not None]
        )
        == review["mttr"]
        for review, ledger in zip(reviews, ledgers, strict=True)
    )
    report("MTTA and MTTR of each", f"{means} of {len(reviews)}", "all", means == len(reviews))


def _mean(spans: list[int]) -> float | None:
    return round(sum(spans) * SECOND / len(spans)) / SECOND if spans else None


async def _compare_text(
    report: Report, week: Week, ids: dict[int, str], ledgers: list[Ledger]
) -> None:
    """Look for every time of the ledger in the rows of the Markdown and of the page."""
    good = {"markdown": 0, "html": 0}
    for number, ledger in enumerate(ledgers):
        path = f"/v1/incidents/{ids[number]}/review?format="
        text = await _get(week, f"{path}markdown")
        rows = re.findall(ROW, text, re.MULTILINE)
        good["markdown"] += rows == [
            (str(at), _short(spell.opened), _short(spell.taken), _short(spell.ended))
            for at, spell in enumerate(ledger.spells, 1)
        ]
        page = await _get(week, f"{path}html")
        table = page.split("<h2>Times</h2>")[1].split("<h3>")[0]
        times = re.findall(r'<time datetime="([^"]+)">', table)
        wanted = [
            _short(at)
            for spell in ledger.spells
            for at in (spell.opened, spell.taken, spell.ended)
            if at is not None
        ]
        wanted += [
            _short(at) for spell in ledger.spells for end in spell.clocks for at in (end[1], end[3])
        ]
        good["html"] += times == wanted
    for shape, number in good.items():
        report(
            f"times in the {shape}", f"{number} of {len(ledgers)}", "all", number == len(ledgers)
        )


def _short(seconds: int | None) -> str:
    return "\N{EN DASH}" if seconds is None else f"{_iso(seconds)[:19]}Z"


async def _compare_metrics(report: Report, week: Week, ledgers: list[Ledger]) -> None:
    """The service's own histograms counted the same answers and ends."""
    spells = [spell for ledger in ledgers for spell in ledger.spells]
    text = str(await _get(week, "/metrics"))
    for what, spans in (
        ("acknowledge", [s.taken - s.opened for s in spells if s.taken is not None]),
        ("resolution", [s.ended - s.opened for s in spells if s.ended is not None]),
    ):
        name = rf"^incident_{what}_duration_seconds"
        count = sum(map(float, re.findall(rf"{name}_count\{{.*\}} (\S+)$", text, re.MULTILINE)))
        total = sum(map(float, re.findall(rf"{name}_sum\{{.*\}} (\S+)$", text, re.MULTILINE)))
        figure = f"{count:.0f}, {total:,.0f} s"
        good = count == len(spans) and abs(total - sum(spans)) < 0.001
        report(f"/metrics: {what}", figure, f"{len(spans)}, {sum(spans):,} s", good)
