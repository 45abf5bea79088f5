"""How the numbers of the response's metrics are kept in Redis: what a field of the hash is called.

The commit adds whatever a decision observes to such fields. A counter is one of them,
``name|label=value|...``. A histogram has one for each bucket that was hit, with ``|le=<bound>`` (of
its own observations alone, not those of the buckets below), and one with ``|sum``, in ms. Labels
and bounds are written out: a release with others makes sense of what an older one has counted.
"""

from bisect import bisect_left

import msgspec

from receiver.response_families import BOUNDS
from routing.decision import Observation

ID = b"id"
"""The field that tells one set of data from another: numbers of the same one never fall."""
VALUE_MAX = 100
"""Characters of a label's value that are kept."""
DIGITS_MAX = 19
NAMES_MAX = 10_000
_INFINITE = float("inf")
_names: dict[tuple[str, ...], tuple[str, ...]] = {}
"""Fields by metric and labels: the same few come again and again."""


def added(observation: Observation) -> tuple[tuple[str, int], ...]:
    """Return what an observation adds to which fields.

    A value that is negative or not finite counts as 0: a single one would spoil a sum for ever.
    """
    labels = observation.labels
    key = (observation.name, *labels, *labels.values())
    names = _names.get(key)
    if names is None:
        if len(_names) >= NAMES_MAX:
            _names.clear()
        names = _names[key] = _named(observation)
    value = observation.value if 0 <= observation.value < _INFINITE else 0.0
    if len(names) == 1:
        return ((names[0], round(value)),)
    place = bisect_left(BOUNDS[observation.name], value)
    return ((names[place], 1), (names[-1], round(value * 1000)))


def _named(observation: Observation) -> tuple[str, ...]:
    """Return the fields of a series: one, or of a histogram its buckets' and the sum."""
    labels = observation.labels.items()
    stem = "|".join([observation.name, *(f"{name}={_plain(value)}" for name, value in labels)])
    bounds = BOUNDS.get(observation.name)
    if bounds is None:
        return (stem,)
    texts = [*map(str, bounds), "+Inf"]
    return (*(f"{stem}|le={text}" for text in texts), f"{stem}|sum")


def _plain(value: str) -> str:
    """Return a value as a field can hold it: without our separator and what UTF-8 cannot hold."""
    return value.replace("|", "/")[:VALUE_MAX].encode(errors="replace").decode()


class Field(msgspec.Struct, frozen=True):
    """One field, read. ``le``: of a bucket, 0 for a counter and for a sum (``is_sum``, in ms)."""

    name: str
    labels: dict[str, str]
    number: int
    le: float = 0
    is_sum: bool = False


def is_number(raw: bytes) -> bool:
    """Return whether Redis can have counted it."""
    return raw.isdigit() and len(raw) <= DIGITS_MAX


def read_field(field: bytes, raw: bytes) -> Field:
    """Return what a field says; ValueError for what no release of ours has written."""
    if not is_number(raw):
        raise ValueError("not a number")
    name, *parts = field.decode().split("|")
    is_sum = parts[-1:] == ["sum"]
    labels = dict(part.split("=", 1) for part in parts[: len(parts) - is_sum])
    bound = labels.pop("le", None)
    le = float(bound) if bound is not None else 0.0
    if (bound is not None and not le > 0) or (is_sum and le):
        raise ValueError("not a bound")
    return Field(name, labels, int(raw), le, is_sum)
