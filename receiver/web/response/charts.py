"""Charts of the response, period by period."""

from datetime import date
from typing import Any

import pygal

from receiver.web.charts import duration, image, options, shown, style
from receiver.web.response.figures import MACHINES, PEOPLE, Added

LABELS_SHOWN = 6
HOUR, DAY = 3_600, 86_400
TICKS = (1, 10, 60, 600, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)
"""Times (s) that the scale names."""


def times(found: Added) -> bytes:
    """Return how long people took to acknowledge, and an incident took, as lines."""
    rows = list(found.periods.items())
    lines = {
        "acknowledged, p50": [one.at(0.5, "acknowledge", *PEOPLE) for _, one in rows],
        "acknowledged, p90": [one.at(0.9, "acknowledge", *PEOPLE) for _, one in rows],
        "resolved, p50": [one.at(0.5, "resolve", *PEOPLE, *MACHINES) for _, one in rows],
        "resolved, p90": [one.at(0.9, "resolve", *PEOPLE, *MACHINES) for _, one in rows],
    }
    known = [seconds for line in lines.values() for seconds in line if seconds is not None]
    most = max([60.0, *known])
    chart = pygal.Line(
        **options(
            style=style("#4a7fd6", "#9bb8e8", "#7a56c2", "#b7a3de"),
            formatter=duration,
            logarithmic=True,
            range=(1, most),
            y_labels=[{"label": duration(at), "value": at} for at in TICKS if at <= most],
            dots_size=2,
            **_labels(len(rows)),
        )
    )
    chart.x_labels = [_day(start) for start, _ in rows]
    for name, line in lines.items():
        chart.add(name, [shown(seconds) for seconds in line], allow_interruptions=True)
    return image(chart)


def numbers(found: Added) -> bytes:
    """Return how many were opened, ended by people and by themselves, as bars."""
    rows = list(found.periods.items())
    chart = pygal.StackedBar(
        **options(style=style("#2f9e6e", "#9aa3ad", "#d64545"), **_labels(len(rows)))
    )
    chart.x_labels = [_day(start) for start, _ in rows]
    chart.add("ended by people", [one.number("resolve", *PEOPLE) or None for _, one in rows])
    chart.add("by themselves", [one.number("resolve", *MACHINES) or None for _, one in rows])
    chart.add("deadlines missed", [one.counts["missed"] or None for _, one in rows])
    return image(chart)


def _labels(number: int) -> dict[str, Any]:
    return {"x_labels_major_every": max(1, number // LABELS_SHOWN), "show_minor_x_labels": False}


def _day(start: date) -> str:
    return start.strftime("%d %b")


CHARTS = {"times": times, "numbers": numbers}
