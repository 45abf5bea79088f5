"""Shows the response's metrics as they are kept in Redis: the same numbers on every replica."""

import contextlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock

from receiver.observability.metrics.family import Family, Key
from receiver.observability.metrics.numbers import Numbers, spread_numbers
from receiver.observability.metrics.series import cleaned, shown
from receiver.observability.metrics.text import OwnCollector
from receiver.store.response_totals import ID, Field, read_field

Rows = Sequence[Mapping[bytes, bytes]]
"""The hash of every shard."""
_Place = tuple[str, Key]


class ResponseCollector(OwnCollector):
    """Shows what was read last, nothing before that. No number falls while the data is the same.

    To Prometheus a number that falls is a restart from zero, and all that was ever counted an
    increase: after a failover that lost the last second, or a start while Redis is away.
    """

    def __init__(self, families: Iterable[Family]) -> None:
        super().__init__()
        self._families = {family.name: family for family in families}
        self._lists = {
            name: [shown(closed) for closed in family.labels.values()]
            for name, family in self._families.items()
        }
        self._rows: Rows | None = None
        self._id: tuple[bytes, ...] = ()
        self._shown: dict[_Place, list[int]] = {}
        self._refreshing = Lock()

    @property
    def data(self) -> tuple[bytes, ...]:
        """The id of the data that is shown."""
        return self._id

    def set(self, rows: Rows) -> None:
        """Take what was read from Redis; it is looked at when a page is made."""
        self._rows = rows

    def refresh(self) -> None:
        """Make the numbers of what was taken. Takes milliseconds: not for the event loop."""
        with self._refreshing:
            if self._rows is not None:
                self._refresh(self._rows)

    def _refresh(self, rows: Rows) -> None:
        found = self._zeros()
        for field, raw in (item for row in rows for item in row.items() if item[0] != ID):
            # What no release has written was put aside when it was read from Redis.
            with contextlib.suppress(ValueError):
                self._add(found, read_field(field, raw))
        identity = tuple(row.get(ID, b"") for row in rows)
        if identity == self._id:
            for place, before in self._shown.items():
                now = found.setdefault(place, before)
                if now != before:
                    found[place] = [max(pair) for pair in zip(before, now, strict=True)]
        self._id, self._shown = identity, found

    def families(self) -> Iterator[tuple[Family, Mapping[Key, Numbers]]]:
        """Yield every metric with all its series."""
        series: dict[str, dict[Key, Numbers]] = {name: {} for name in self._families}
        for (name, key), numbers in self._shown.items():
            series[name][key] = _shown(numbers)
        for name, family in self._families.items():
            yield family, series[name]

    def _zeros(self) -> dict[_Place, list[int]]:
        return {
            (name, key): _none(family)
            for name, family in self._families.items()
            for key in family.first
        }

    def _add(self, found: dict[_Place, list[int]], field: Field) -> None:
        """Add a field to its series; that of a metric as another release has it is passed over.

        A label that is not there, or whose value is not on its list (a team that is gone), counts
        as the rest. A bound that exists no more counts under the next one, never as faster.
        """
        family = self._families.get(field.name)
        if family is None or (family.kind == "histogram") != (field.is_sum or field.le > 0):
            return
        key = tuple([field.labels.get(name, "") for name in family.labels])
        place = (field.name, cleaned(key, self._lists[field.name]))
        numbers = found.setdefault(place, _none(family))
        numbers[bisect_left(family.buckets, field.le) if field.le else -1] += field.number


def _none(family: Family) -> list[int]:
    """Return the numbers of a new series: one, or of a histogram its buckets' and the sum."""
    return [0] * (len(family.buckets) + 2 if family.kind == "histogram" else 1)


def _shown(numbers: list[int]) -> Numbers:
    """Return what is shown of a series; the sum of a spread is kept in ms."""
    if len(numbers) == 1:
        return (float(numbers[0]),)
    return spread_numbers(numbers[:-1], numbers[-1] / 1000)
