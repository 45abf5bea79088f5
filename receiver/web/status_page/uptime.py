"""How the components were, day by day: from what really was an outage on the page. Pure.

A day is as bad as the worst of it. Only partial and major outages count against the share of time
without one: who is slow is not down. Of a day on which the service did not run, or the component
was not on the page yet, or whose incidents may have been forgotten, nothing is known, and it says
so: green would be a claim.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from receiver.store.status.state import StatusState
from receiver.web.status_page.shapes import Outage, Uptime
from receiver.web.status_page.view import Notice
from routing.status_rule import IMPACTS, worst

DAYS = 90
NO_DATA = "no_data"
OUTAGES = ("partial_outage", "major_outage")
DAY_MS = 86_400_000


class Known(msgspec.Struct, frozen=True):
    """What is known of the time before ``now`` (ms).

    ``since``: from when on (ms) whatever was on the page is still there to be counted.
    """

    now: int
    since: int
    state: StatusState


class _Day(msgspec.Struct):
    day: str
    start: int
    end: int
    status: str
    seconds: int


def uptime_of(name: str, notices: Iterable[Notice], known: Known) -> Uptime:
    """Return how a component was on each of the last days, today as the last."""
    spans = [
        (notice.started, int(min(notice.ended, known.now)), notice.components[name])
        for notice in notices
        if name in notice.components
    ]
    days = [_day(name, start, spans, known) for start in _starts(known.now)]
    counted = [day for day in days if day.status != NO_DATA]
    lasted = sum(day.end - day.start for day in counted) // 1000
    down = sum(day.seconds for day in counted)
    outages: list[Outage] = [
        {"day": day.day, "status": day.status, "seconds": day.seconds}
        for day in counted
        if day.status != IMPACTS[0]
    ]
    return {
        "percent": round(100 * (1 - min(down, lasted) / lasted), 3) if lasted else None,
        "first_day": days[0].day,
        "days": [day.status for day in days],
        "outages": outages,
    }


def _starts(now: int) -> list[int]:
    today = now // DAY_MS * DAY_MS
    return [today - DAY_MS * back for back in range(DAYS - 1, -1, -1)]


def _day(name: str, start: int, spans: Sequence[tuple[int, int, str]], known: Known) -> _Day:
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start)).date().isoformat()
    end = min(start + DAY_MS, known.now)
    touching = [
        (max(start, began), min(end, ended), impact)
        for began, ended, impact in spans
        if began < end and (ended > start or began == ended >= start)
    ]
    status = IMPACTS[0]
    for _, _, impact in touching:
        status = worst(status, impact)
    if not touching and not _is_known(name, day, start, known):
        return _Day(day, start, end, NO_DATA, 0)
    return _Day(day, start, end, status, _union(touching) // 1000)


def _is_known(name: str, day: str, start: int, known: Known) -> bool:
    """Return whether nothing on the page means that nothing was wrong."""
    first = known.state.since.get(name, "9999")
    return start >= known.since and day in known.state.ran and first <= day


def _union(spans: Iterable[tuple[int, int, str]]) -> int:
    """Return for how long (ms) there was an outage; two at once count once."""
    total = last = 0
    for began, ended in sorted((one, two) for one, two, impact in spans if impact in OUTAGES):
        total += max(0, ended - max(began, last))
        last = max(last, ended)
    return total


def words_of(uptime: Uptime, words: Mapping[str, str]) -> str:
    """Return what the bars show, in words."""
    bad = len(uptime["outages"])
    unknown = uptime["days"].count(NO_DATA)
    found = [f"{len(uptime['days'])} days"]
    if uptime["percent"] is not None:
        found.append(f"{shown_percent(uptime['percent'])} without an outage")
    worst_days: dict[str, int] = {}
    for one in uptime["outages"]:
        worst_days[one["status"]] = worst_days.get(one["status"], 0) + 1
    found += [
        f"{number} {'day' if number == 1 else 'days'} with {words.get(status, status)}"
        for status, number in worst_days.items()
    ]
    if unknown:
        found.append(f"{unknown} {'day' if unknown == 1 else 'days'} without data")
    elif not bad:
        found.append("no day with a problem")
    return ", ".join(found)


def shown_percent(percent: float) -> str:
    """Return a share of time; what is below the whole is never shown as the whole."""
    if percent == 100:  # noqa: PLR2004 - the whole
        return "100 %"
    return f"{min(percent, 99.99):.2f} %"
