"""A Prometheus with a past: series of two weeks, written as blocks by the real promtool."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.tools import promtool

STEP_S = 300
DAY_S = 86_400
Value = Callable[[float], float]
"""The value at a time, in days since the start of the week; negative in the week before."""


class Past:
    """Series of the 14 days before today (UTC)."""

    def __init__(self) -> None:
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.end = midnight.timestamp()
        self.start_of_week = (midnight - timedelta(days=7)).timestamp()
        self._lines: dict[str, list[str]] = {}

    def series(self, series: str, value: Value, *, days: float = 14, step: float = STEP_S) -> None:
        """A series of the last ``days``."""
        name = series.partition("{")[0]
        lines = self._lines.setdefault(name, [])
        at = self.end - days * DAY_S
        while at <= self.end:
            lines.append(f"{series} {value((at - self.start_of_week) / DAY_S):.9g} {at:.0f}")
            at += step

    def counter(self, series: str, before: float, this: float) -> None:
        """A counter that grows by so much an hour, in the week before and in this one."""
        self.series(series, lambda day: 24 * (before * min(day + 7, 7) + this * max(day, 0)))

    def firing(self, labels: str, day: float, minutes: int) -> None:
        """An alert that fired once."""
        lines = self._lines.setdefault("ALERTS", [])
        begin = self.start_of_week + day * DAY_S
        for minute in range(minutes):
            lines.append(f'ALERTS{{alertstate="firing",{labels}}} 1 {begin + 60 * minute:.0f}')

    def write(self, folder: Path) -> None:
        """Write everything below ``folder/prometheus``."""
        file = folder / "past.om"
        with file.open("w") as output:
            for lines in self._lines.values():
                output.writelines(f"{line}\n" for line in lines)
            output.write("# EOF\n")
        storage = folder / "prometheus"
        promtool("tsdb", "create-blocks-from", "openmetrics", str(file), str(storage))
