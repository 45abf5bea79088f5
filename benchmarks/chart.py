"""Draws what was measured into docs/performance.md, as Mermaid.

``python -m benchmarks.chart BENCH WHERE``: the JSON of ``benchmarks.bench -o BENCH`` and of
``benchmarks.where -o WHERE``.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.rows import Row

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- charts -->\n", "<!-- end of charts -->\n"
FLOOR = "bare handler"


def ratios(rows: Sequence[Row]) -> str:
    """Return the chart of what a webhook costs, in times the floor, with the aims as a line."""
    found = [row for row in rows if row.ratio and row.against.startswith(FLOOR) and row.aim]
    found = [row for row in found if row.figure.startswith(("ingest", "with deliveries"))]
    names = [row.figure.replace(", ", ": ", 1).replace(" 30/50/20", "") for row in found]
    aims = [row.aim.removesuffix(" x") for row in found]
    return _chart(
        "CPU of a webhook, in times that of a bare handler (line: the aim)",
        names,
        "times",
        [f"{row.ratio:.1f}" for row in found if row.ratio],
        aims,
    )


def parts(where: Mapping[str, float]) -> str:
    """Return the chart of where a webhook's time goes."""
    ordered = sorted(where.items(), key=lambda item: -item[1])
    return _chart(
        "Where it goes: one alert of a new group",
        [name.partition(":")[0].partition(",")[0] for name, _ in ordered],
        "microseconds",
        [f"{cost:.0f}" for _, cost in ordered],
    )


def _chart(
    title: str, names: Sequence[str], axis: str, bars: Sequence[str], line: Sequence[str] = ()
) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    rows = [
        "```mermaid",
        "xychart-beta horizontal",
        f'  title "{title}"',
        f"  x-axis [{quoted}]",
        f'  y-axis "{axis}"',
        f"  bar [{', '.join(bars)}]",
    ]
    if line:
        rows.append(f"  line [{', '.join(line)}]")
    return "\n".join([*rows, "```", ""])


def with_charts(text: str, rows: Sequence[Row], where: Mapping[str, float]) -> str:
    """Return the page with the charts of these figures."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{ratios(rows)}\n{parts(where)}{END}{after}"


if __name__ == "__main__":
    _bench, _where = (Path(name).read_bytes() for name in sys.argv[1:])
    _rows = msgspec.json.decode(_bench, type=list[Row])
    PAGE.write_text(with_charts(PAGE.read_text(), _rows, json.loads(_where)))
