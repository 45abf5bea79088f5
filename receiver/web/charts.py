"""Charts as SVG images, drawn by pygal: they carry no script and fetch nothing."""

import sys
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal import PluginImportFixer
from pygal.style import Style

from receiver.observability.response_figures import DayFigures, PriorityFigures
from routing.duration import format_duration

# pygal hooks into every later import to find plug-ins that nobody uses here, in a way Python 3.11
# warns of and 3.12 ignores.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]


WIDTH, HEIGHT = 160, 32
"""Of a line beside a text."""


def style(*colors: str) -> Style:
    """Return how a chart looks on a page of either scheme."""
    return Style(
        background="transparent",
        plot_background="transparent",
        # Grey that is readable on white and on black: an image does not know the page's scheme.
        foreground="#808792",
        foreground_strong="#808792",
        foreground_subtle="#80879255",
        guide_stroke_color="#80879255",
        major_guide_stroke_color="#80879255",
        guide_stroke_dasharray="2,4",
        major_guide_stroke_dasharray="2,4",
        font_family="system-ui, sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        value_font_size=12,
        no_data_font_size=16,
        colors=colors,
        opacity=".9",
    )


def options(**more: Any) -> dict[str, Any]:
    """Return what is the same for every chart."""
    return {
        "js": [],
        "width": 560,
        "height": 260,
        "legend_at_bottom": True,
        "show_y_guides": True,
        "no_data_text": "nothing yet",
        "margin": 6,
        "truncate_label": -1,
        **more,
    }


def duration(seconds: float | None) -> str:
    """Return a time in s as people write it."""
    return "" if seconds is None else format_duration(round(seconds) * 1000)


def response_times(figures: Sequence[PriorityFigures]) -> bytes:
    """Return MTTA and MTTR of each priority, as bars on a scale from seconds to days."""
    chart = pygal.HorizontalBar(
        **options(
            style=style("#4a7fd6", "#7a56c2", "#9aa3ad"),
            formatter=duration,
            logarithmic=True,
            range=(1, max([60.0, *_all(figures)])),
            show_x_labels=False,
        )
    )
    # The library draws upwards; people read downwards.
    figures = list(reversed(figures))
    chart.x_labels = [item.priority for item in figures]
    chart.add("MTTA (people)", [shown(item.mtta) for item in figures])
    chart.add("MTTR (people)", [shown(item.mttr_human) for item in figures])
    chart.add("MTTR (automatic)", [shown(item.mttr_automatic) for item in figures])
    return image(chart)


def _all(figures: Sequence[PriorityFigures]) -> list[float]:
    times = [(item.mtta, item.mttr_human, item.mttr_automatic) for item in figures]
    return [seconds for row in times for seconds in row if seconds is not None]


def shown(seconds: float | None) -> float | None:
    """Return a value for a logarithmic scale, which has no zero."""
    return None if seconds is None else max(1.0, seconds)


def deadlines(days: Sequence[DayFigures]) -> bytes:
    """Return the deadlines met and missed on each day, stacked."""
    chart = pygal.StackedBar(
        **options(
            style=style("#2f9e6e", "#d64545"),
            x_labels_major_every=max(1, len(days) // 6),
            show_minor_x_labels=False,
        )
    )
    chart.x_labels = [item.day.strftime("%d %b") for item in days]
    chart.add("met", [item.met or None for item in days])
    chart.add("missed", [item.missed or None for item in days])
    return image(chart)


def sparkline(points: Sequence[float | None]) -> dict[str, Any]:
    """Return a line of values as parts of an SVG of WIDTH by HEIGHT, {} for fewer than two.

    ``lines`` are the points of each unbroken part; a part of one value is drawn as a short dash.
    ``least``, ``most`` and ``last`` are values, as people read them.
    """
    known = [value for value in points if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - no line
        return {}
    least, most = min(known), max(known)
    apart = WIDTH / max(1, len(points) - 1)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(points):
        if value is None:
            lines.append([])
            continue
        share = (value - least) / (most - least) if most > least else 0.5
        lines[-1].append(f"{place * apart:.1f},{HEIGHT - 2 - share * (HEIGHT - 4):.1f}")
    drawn = [" ".join(line if len(line) > 1 else line * 2) for line in lines if line]
    shown = {"least": least, "most": most, "last": known[-1]}
    return {"lines": drawn, **{name: f"{value:.4g}" for name, value in shown.items()}}


def image(chart: Any) -> bytes:
    """Return the chart without the script that pygal puts into it for its tooltips."""
    root = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script"):
                parent.remove(child)
    image: bytes = ET.tostring(root, encoding="utf-8")
    return image
