"""The page of metrics as text, in Prometheus's own format (0.0.4).

As prometheus_client writes it, to the byte. Nearly all of a page is families of ours: their lines
are put together once and kept, and a page only fills in those numbers that are others than before.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from receiver.observability.metrics.family import Family, Key
from receiver.observability.metrics.numbers import Numbers
from receiver.observability.metrics.whole import Figures, Table

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PLAIN_BELOW = 1e6
"""Up to here Python writes a float as Go does."""


class OwnCollector(Collector):
    """A collector of families of ours, which writes its part of the page by itself."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, Key], tuple[str, Numbers, str]] = {}

    @abstractmethod
    def families(self) -> Iterable[tuple[Family, Mapping[Key, Numbers]]]:
        """Return every family with its series; their keys are of closed lists."""

    def figures(self) -> dict[str, Table]:
        """Return what other processes need to show theirs with ours."""
        return {
            family.name: Table(family.across, family.rises, dict(series))
            for family, series in self.families()
        }

    def of_all(self, whole: Figures) -> Iterable[tuple[Family, Mapping[Key, Numbers]]]:
        """Return every family with its series of all processes."""
        for family, own in self.families():
            table = whole.tables.get(family.name)
            yield family, own if table is None else table.series

    def collect(self) -> Iterator[Metric]:
        """Yield every family as the library knows it."""
        return self.metrics(None)

    def metrics(self, whole: Figures | None) -> Iterator[Metric]:
        """Yield every family as the library knows it, of this process (None) or of all."""
        for family, series in self.families() if whole is None else self.of_all(whole):
            yield _metric(family, series)

    def text(self, whole: Figures | None) -> Iterator[str]:
        """Yield every family as it is written, of this process (None) or of all."""
        for family, series in self.families() if whole is None else self.of_all(whole):
            yield _head(family)
            for key, numbers in series.items():
                place = (family.name, key)
                lines, before, text = self._written.get(place) or (_lines(family, key), (), "")
                if before != numbers:
                    text = _filled(lines, numbers)
                    self._written[place] = (lines, numbers, text)
                yield text


class WholeCollector(Collector):
    """What the library is asked for where several processes are shown as one."""

    def __init__(self, part: "Part", whole: Figures | None) -> None:
        self._part = part
        self._whole = whole

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the part."""
        return iter(self._part.metrics(self._whole))


class Part(Protocol):
    """A part of the page: a collector that also tells what it shows, and shows that of all."""

    def figures(self) -> dict[str, Table]:
        """Return what other processes need to show theirs with ours."""

    def metrics(self, whole: Figures | None) -> Iterable[Metric]:
        """Yield every family, of this process (None) or of all."""


def page(parts: Iterable[Part], whole: Figures | None = None) -> bytes:
    """Return the page. Takes some 0.5 ms a thousand lines: not for the event loop."""
    return b"".join(
        "".join(part.text(whole)).encode()
        if isinstance(part, OwnCollector)
        else generate_latest(WholeCollector(part, whole))
        for part in parts
    )


def _head(family: Family) -> str:
    """Return what stands before the series of a family."""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"


def _lines(family: Family, key: Key) -> str:
    """Return the lines of a series, with a place for each of its numbers."""
    labels = dict(zip(family.labels, key, strict=True))
    if family.kind != "histogram":
        return _line(family.name, labels)
    buckets = [_line(f"{family.name}_bucket", {**labels, "le": le}) for le in _bounds(family)]
    return "".join((*buckets, *(_line(f"{family.name}_{of}", labels) for of in ("count", "sum"))))


def _line(name: str, labels: Mapping[str, str]) -> str:
    texts = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels.items()))
    start = f"{name}{{{texts}}}" if texts else name
    return f"{start.replace('%', '%%')} %s\n"


def _filled(lines: str, numbers: Numbers) -> str:
    """Return lines with their numbers."""
    # Of a spread the last two are the greatest.
    for number in numbers[-2:]:
        if not -PLAIN_BELOW < number < PLAIN_BELOW:
            return lines % tuple(map(_number, numbers))
    return lines % numbers


def _metric(family: Family, series: Mapping[Key, Numbers]) -> Metric:
    names = list(family.labels)
    if family.kind == "histogram":
        spread = HistogramMetricFamily(family.name, family.help, labels=names)
        bounds = _bounds(family)
        for key, (*numbers, _count, total) in series.items():
            spread.add_metric(key, list(zip(bounds, numbers, strict=True)), total)
        return spread
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    made = kind(family.name, family.help, labels=names)
    for key, (number,) in series.items():
        made.add_metric(key, number)
    return made


def _bounds(family: Family) -> list[str]:
    """Return the bounds of a histogram's buckets as its lines have them."""
    return [_number(bound) for bound in (*family.buckets, float("inf"))]


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
