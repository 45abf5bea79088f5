"""How the numbers of the response's metrics are kept in Redis: what a field of the hash is called.

The commit adds whatever a decision observes to such fields. A counter is one of them,
``name|label=value|...``. A histogram has one for each bucket that was hit, with ``|le=<bound>`` (of
its own observations alone, not those of the buckets below), and one with ``|sum``, in ms. Labels
and bounds are written out: a release with others makes sense of what an older one has counted.
"""

from bisect import bisect_left

import msgspec

from routing.decision import Observation

DAY = 86_400
RESPONSE_BUCKETS = (60, 300, 600, 1800, 3600, 7200, 14_400, 28_800, DAY, 2 * DAY, 5 * DAY, 7 * DAY)
"""From minutes to days: a response is measured against deadlines of 5 minutes to a week."""
LAG_BUCKETS = (0.25, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""Has the default ``deliver_within`` of every priority as a bound: 60 s, 10 min, 1 h."""

BOUNDS: dict[str, tuple[float, ...]] = {
    "incident_detection_delay_seconds": LAG_BUCKETS,
    "incident_resolution_duration_seconds": RESPONSE_BUCKETS,
    "incident_acknowledge_duration_seconds": RESPONSE_BUCKETS,
}
"""Bounds of the histograms, which the commit has to know."""

PAGES = "incident_pages"
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
    Pages are told by ``response.fields`` alone: they are no metric.
    """
    if observation.name == PAGES:
        return ()
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
    return ((names[place], 1), (names[-1], ms_of(observation)))


def ms_of(observation: Observation) -> int:
    """Return the value of an observation of s in ms."""
    value = observation.value if 0 <= observation.value < _INFINITE else 0.0
    return round(value * 1000)


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
