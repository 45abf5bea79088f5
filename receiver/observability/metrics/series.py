"""The series of a metric: what to call for its label values, and none beyond closed lists."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from receiver.observability.metrics.family import Closed, Family, Key

Apply = Callable[[float], None]


class Bound(dict[Key, Apply]):
    """What to call for a tuple of label values: ``inc``, ``set`` or ``observe`` of a series.

    A tuple that is not there is cleaned to the closed lists first, so that only closed values are
    ever kept or exposed.
    """

    def __init__(self, family: Family, registry: CollectorRegistry) -> None:
        super().__init__()
        self.names = tuple(family.labels)
        self._lists = [shown(closed) for closed in family.labels.values()]
        self._metric = _make(family, registry)
        for key in family.first:
            self[key]  # looking a series up makes it

    def __missing__(self, key: Key) -> Apply:
        clean = self.clean(key)
        known = self.get(clean)
        if known is None:
            known = self[clean] = self._bind(clean)
        return known

    def clean(self, key: Key) -> Key:
        """Return the key with every value that is not on its list replaced."""
        return cleaned(key, self._lists)

    def of(self, labels: Mapping[str, str]) -> Apply:
        """Return what to call for these labels; KeyError unless they are exactly this metric's."""
        if len(labels) != len(self.names):
            raise KeyError(f"expected the labels {self.names}, got {tuple(labels)}")
        return self[tuple([labels[name] for name in self.names])]

    def _bind(self, key: Key) -> Apply:
        series = self._metric.labels(*key) if key else self._metric
        if isinstance(series, Counter):
            return series.inc
        return series.set if isinstance(series, Gauge) else series.observe


def cleaned(key: Key, lists: Sequence[tuple[dict[str, str], str]]) -> Key:
    """Return the key with every value that is not on its list (see ``shown``) replaced."""
    return tuple(known.get(value, rest) for value, (known, rest) in zip(key, lists, strict=True))


def shown(closed: Closed) -> tuple[dict[str, str], str]:
    """Return how each allowed value is shown, and the value for all others.

    A name in a configuration may hold what UTF-8 cannot, and one such label fails every scrape.
    """
    found = {value: value.encode(errors="replace").decode() for value in closed.values}
    return {**found, closed.rest: closed.rest}, closed.rest


def _make(family: Family, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    names = tuple(family.labels)
    if family.kind == "counter":
        return Counter(family.name, family.help, names, registry=registry)
    if family.kind == "gauge":
        return Gauge(family.name, family.help, names, registry=registry)
    return Histogram(family.name, family.help, names, registry=registry, buckets=family.buckets)
