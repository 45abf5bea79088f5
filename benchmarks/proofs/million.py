"""A million open incidents, each with its timeline, receipts and timers."""

from typing import Any

from benchmarks import million


async def run(report: Any) -> None:
    """Take the rows of the benchmark as lines; what has no aim is left to it."""

    def line(
        figure: str,
        measured: str,
        against: str = "",
        ratio: float | None = None,
        aim: str = "",
        ok: bool | None = None,  # noqa: FBT001 - a table's column
    ) -> None:
        if ok is not None:
            times = f" ({ratio:.2f} x {against})" if ratio else ""
            report(figure, f"{measured}{times}", aim, ok, timed=True)

    await million.run(line)
