"""What a metric is: its name, its help, and labels whose values are closed lists."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import product
from typing import Literal, NamedTuple

Key = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]
OWN = "incident_manager"


class Closed(NamedTuple):
    """The values a label may take, and the one that stands for all others."""

    values: tuple[str, ...]
    rest: str = "other"


class Across(StrEnum):
    """How the numbers of several processes become that of all; the words are PromQL's."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    MEAN = "avg"
    SAME = "same"
    """Read from Redis or from the machine: whoever is asked has just looked (``max`` in PromQL)."""
    STORED = "stored"
    """Counted in Redis, and shown by some process before: it never falls while the data is the
    same (``max`` in PromQL)."""


class Family(NamedTuple):
    """One metric. ``first``: the label values, in the order of ``labels``, of the first series.

    ``stored``: its numbers are counted in Redis by the commit, and the same on every replica.
    ``gauged``: how those of several processes become one, of what is not stored.
    """

    kind: Kind
    name: str
    help: str
    labels: dict[str, Closed]
    first: tuple[Key, ...]
    buckets: tuple[float, ...] = ()
    stored: bool = False
    gauged: Across = Across.SUM

    @property
    def across(self) -> Across:
        """Return how the numbers of several processes become one."""
        return Across.STORED if self.stored else self.gauged

    @property
    def rises(self) -> bool:
        """Whether its numbers only rise while a process lives, and are added to others'."""
        return self.kind != "gauge" and not self.stored


def every(*lists: Iterable[str]) -> tuple[Key, ...]:
    """Return every combination of the lists' values."""
    return tuple(product(*lists))


def _all(labels: dict[str, Closed]) -> tuple[Key, ...]:
    return every(*(closed.values for closed in labels.values()))


def counter(
    name: str, text: str, labels: dict[str, Closed], first: tuple[Key, ...] | None = None
) -> Family:
    """Return a counter; ``first`` None: all its series are made at once."""
    return Family("counter", name, text, labels, _all(labels) if first is None else first)


def gauge(
    name: str,
    text: str,
    labels: dict[str, Closed] = {},  # noqa: B006 - read only
    first: tuple[Key, ...] | None = None,
    *,
    across: Across,
) -> Family:
    """Return a gauge; ``first`` None: all its series are made at once."""
    made = _all(labels) if first is None else first
    return Family("gauge", name, text, labels, made, gauged=across)


def histogram(
    name: str,
    text: str,
    labels: dict[str, Closed],
    buckets: tuple[float, ...],
    first: tuple[Key, ...] | None = None,
) -> Family:
    """Return a histogram; ``first`` None: all its series are made at once."""
    made = _all(labels) if first is None else first
    return Family("histogram", name, text, labels, made, buckets)
