"""Rows of a benchmark's table: figure, what was measured, beside what, the ratio, the aim."""

from collections.abc import Callable
from typing import Protocol

import msgspec


class Report(Protocol):
    """Takes a row; ``against``: the floor or the peer, ``ok`` None where there is no aim."""

    def __call__(
        self,
        figure: str,
        measured: str,
        against: str = "",
        ratio: float | None = None,
        aim: str = "",
        ok: bool | None = None,  # noqa: FBT001
    ) -> None: ...


class Row(msgspec.Struct):
    """A row as JSON has it."""

    figure: str
    measured: str
    against: str
    ratio: float | None
    aim: str
    ok: bool | None


class Table:
    """Prints rows as they come, and keeps them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def head(self) -> None:
        """Print the names of the columns."""
        self._print("figure", "measured", "floor or peer", "ratio", "aim", "")

    def add(
        self,
        figure: str,
        measured: str,
        against: str = "",
        ratio: float | None = None,
        aim: str = "",
        ok: bool | None = None,  # noqa: FBT001
    ) -> None:
        """Print a row, and keep it."""
        self.rows.append(Row(figure, measured, against, ratio, aim, ok))
        word = "" if ok is None else "ok" if ok else "SHORT"
        self._print(figure, measured, against, f"{ratio:.2f}" if ratio else "", aim, word)

    @property
    def holds(self) -> bool:
        """True unless a row is short of its aim."""
        return all(row.ok is not False for row in self.rows)

    @staticmethod
    def _print(*cells: str) -> None:
        widths = (44, 26, 30, 8, 14, 0)
        line = "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        print(line.rstrip(), flush=True)


def printed(part: Callable[[Report], None]) -> int:
    """Run one part and print its table; return the exit code: 1 when a row is short."""
    table = Table()
    table.head()
    part(table.add)
    return 0 if table.holds else 1
