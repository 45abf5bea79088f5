"""The series of a metric: what to call for its label values, and none beyond closed lists."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry

from receiver.observability.metrics.family import Closed, Family, Key
from receiver.observability.metrics.numbers import Count, Level, Numbers, Series, Spread, Timed
from receiver.observability.metrics.text import OwnCollector

Apply = Callable[[float], None]


class Bound(dict[Key, Apply]):
    """What to call for a tuple of label values: what a series takes a number with.

    A tuple that is not there is cleaned to the closed lists first, so that only closed values are
    ever kept or exposed.
    """

    def __init__(self, family: Family, registry: CollectorRegistry) -> None:
        super().__init__()
        self.names = tuple(family.labels)
        self.shown = BoundCollector(family)
        self._lists = [shown(closed) for closed in family.labels.values()]
        for key in family.first:
            self[key]  # looking a series up makes it
        registry.register(self.shown)

    def __missing__(self, key: Key) -> Apply:
        clean = self.clean(key)
        known = self.get(clean)
        if known is None:
            known = self[clean] = self.shown.series(clean).apply
        return known

    def series(self, key: Key) -> Series:
        """Return the series that a key leads to."""
        return self.shown.series(self.clean(key))

    def clean(self, key: Key) -> Key:
        """Return the key with every value that is not on its list replaced."""
        return cleaned(key, self._lists)

    def of(self, labels: Mapping[str, str]) -> Apply:
        """Return what to call for these labels; KeyError unless they are exactly this metric's."""
        if len(labels) != len(self.names):
            raise KeyError(f"expected the labels {self.names}, got {tuple(labels)}")
        return self[tuple([labels[name] for name in self.names])]


class TimedBy(dict[Key, Timed]):
    """What to count and time together, by label values of which each has its part."""

    def __init__(self, counts: Bound, times: Bound, counted: slice, timed: slice) -> None:
        """``counted``, ``timed``: which of the values are the counter's, and the histogram's."""
        super().__init__()
        self._parts = (counts, counted), (times, timed)

    def __missing__(self, key: Key) -> Timed:
        count, spread = (bound.series(key[part]) for bound, part in self._parts)
        if not (isinstance(count, Count) and isinstance(spread, Spread)):
            raise TypeError("a counter and a histogram are counted together")
        made = Timed(count, spread)
        if all(bound.clean(key[part]) == key[part] for bound, part in self._parts):
            # Only closed values are ever kept.
            self[key] = made
        return made


class BoundCollector(OwnCollector):
    """The series of a family, as prometheus_client and the page want them."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self._family = family
        self._series: dict[Key, Series] = {}

    def series(self, key: Key) -> Series:
        """Return the series of a key, a new one if there is none yet."""
        known = self._series.get(key)
        # Two threads that make one at once get the same.
        return self._series.setdefault(key, self._new()) if known is None else known

    def _new(self) -> Series:
        if self._family.kind == "counter":
            return Count()
        return Level() if self._family.kind == "gauge" else Spread(self._family.buckets)

    def families(self) -> Iterator[tuple[Family, Mapping[Key, Numbers]]]:
        """Yield the family with its series."""
        series = self._series.copy()
        yield self._family, {key: one.numbers() for key, one in series.items()}


def cleaned(key: Key, lists: Sequence[tuple[dict[str, str], str]]) -> Key:
    """Return the key with every value that is not on its list (see ``shown``) replaced."""
    return tuple(known.get(value, rest) for value, (known, rest) in zip(key, lists, strict=True))


def shown(closed: Closed) -> tuple[dict[str, str], str]:
    """Return how each allowed value is shown, and the value for all others.

    A name in a configuration may hold what UTF-8 cannot, and one such label fails every scrape.
    """
    found = {value: value.encode(errors="replace").decode() for value in closed.values}
    return {**found, closed.rest: closed.rest}, closed.rest
