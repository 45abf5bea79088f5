"""The figures of one process, and what those of several are together. Pure.

Counters and histograms are added, also those of processes that ended: to Prometheus a number that
falls is a restart from zero. Gauges become one as their family says (``Across``).
"""

from collections.abc import Iterable, Sequence

import msgspec

from receiver.observability.metrics.family import Across, Key
from receiver.observability.metrics.numbers import Numbers


class Table(msgspec.Struct, frozen=True, array_like=True):
    """One metric: how it is made one, whether its numbers only rise, and its series."""

    across: Across
    rises: bool
    series: dict[Key, Numbers]


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """What a process shows: its metrics by name.

    ``data``: the id of the data in Redis that the stored ones were read from.
    """

    tables: dict[str, Table]
    data: tuple[bytes, ...] = ()


NOTHING = Figures({})


def ended(before: Figures, last: Figures) -> Figures:
    """Return what goes on to count of processes that ended, one more of which showed ``last``."""
    found = dict(before.tables)
    for name, table in last.tables.items():
        if table.rises:
            known = found.get(name)
            every = [table, known] if known else [table]
            found[name] = Table(table.across, True, _joined(Across.SUM, every))
    return Figures(found)


def together(asked: Figures, others: Sequence[Figures], gone: Figures) -> Figures:
    """Return what a process shows for all: ``asked`` is its own, ``gone`` of those that ended."""
    tables = {}
    for name, own in asked.tables.items():
        rest = [one for one in others if own.across is not Across.STORED or one.data == asked.data]
        every = [own, *_named(name, rest), *_named(name, [gone] if own.rises else [])]
        tables[name] = Table(own.across, own.rises, _joined(own.across, every))
    return Figures(tables, asked.data)


def _named(name: str, figures: Iterable[Figures]) -> list[Table]:
    return [one.tables[name] for one in figures if name in one.tables]


def _joined(across: Across, tables: Sequence[Table]) -> dict[Key, Numbers]:
    """Return the series of all; of the first alone where all say the same."""
    if across is Across.SAME or len(tables) == 1:
        return tables[0].series
    found: dict[Key, list[Numbers]] = {}
    for table in tables:
        for key, numbers in table.series.items():
            found.setdefault(key, []).append(numbers)
    return {key: _one(across, every) for key, every in found.items()}


def _one(across: Across, every: list[Numbers]) -> Numbers:
    # Another release may have other bounds; then the first, which is shown, counts alone.
    alike = [numbers for numbers in every if len(numbers) == len(every[0])]
    if len(alike) == 1:
        return alike[0]
    columns = zip(*alike, strict=True)
    if across is Across.SUM:
        return tuple(map(sum, columns))
    if across is Across.MEAN:
        return tuple(sum(column) / len(alike) for column in columns)
    return tuple(map(min if across is Across.MIN else max, columns))
