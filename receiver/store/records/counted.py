"""What an observation adds to its day and to the total, and the labels of each figure of a day."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from receiver.store.response.fields import OF_LOAD, response_fields, slot_of, subject_of
from receiver.store.response.spread import bucket_of
from receiver.store.response_totals import BOUNDS, added, ms_of
from receiver.store.script_keys import FIXED
from routing.decision import Observation
from routing.incident import Incident

_COUNTED = {
    "incidents_total": ("opened", ("priority",)),
    "incident_reopened_total": ("reopened", ("priority",)),
    "incident_flapping_total": ("flapping", ("priority",)),
    "incident_undeliverable_total": ("undeliverable", ("priority",)),
    "incident_deadlines_total": ("deadline", ("priority", "clock", "outcome", "by")),
    "incident_escalations_total": ("escalation", ("priority", "step", "reason")),
    "incident_acknowledge_duration_seconds": ("acknowledge", ("priority", "team", "by")),
    "incident_resolution_duration_seconds": ("resolve", ("priority", "team", "by")),
}
"""Metric -> the figure's name and the labels it is kept by."""
LABELS = {name: len(labels) for name, labels in _COUNTED.values()}
"""How many labels a figure has; one that is not listed is a newer release's, and shown nowhere."""
_DAY, _TOTAL, _RESPONSE = (
    FIXED["commit_decisions"].index(name) + 1 for name in ("day", "total", "response")
)
"""The numbers of their keys, as the commit's script counts them."""
_TIMED = frozenset({"acknowledge", "resolve"})
"""Figures that keep a sum of ms beside the number, under ``<name>_ms``."""


def day_fields(observation: Observation) -> tuple[tuple[str, int], ...]:
    """Return what an observation adds to which fields of its day."""
    counted = _COUNTED.get(observation.name)
    if counted is None:
        return ()
    name, labels = counted
    rest = "|".join([observation.labels[label].replace("|", "/") for label in labels])
    if name not in _TIMED:
        return ((f"{name}|{rest}", round(observation.value)),)
    return ((f"{name}|{rest}", 1), (f"{name}_ms|{rest}", ms_of(observation)))


_Field = tuple[int, str]
"""The number of a key, and a field of it."""
_Counts = tuple[tuple[_Field, int], ...]
"""What is added to which fields."""


class _Bundle(NamedTuple):
    """What observations of the same kinds add.

    ``shared``: to the day and the total, and to the load of the response, each the same object for
    whatever adds the same; ``own``: to what the response tells of a rule. ``sums``: fields of sums,
    each with the place of the observation whose ms it adds.
    """

    shared: tuple[_Counts, _Counts]
    own: _Counts
    sums: tuple[tuple[_Field, int], ...]


_bundles: dict[tuple[object, ...], _Bundle] = {}
"""By what they are made of: the same few come again and again."""
_shared: dict[_Counts, _Counts] = {}
BUNDLES_MAX = 2_000


class Sums:
    """What a batch adds to its day, to the total and to the response of its day.

    Each field is sent once, and meant by its number after that. What one decision adds is sent as
    three bundles: nearly all of a batch of a hundred incidents add the same few.
    """

    def __init__(self, now: int) -> None:
        """``now``: when the batch is committed (ms)."""
        self._slot = slot_of(now)
        self._now = now
        self._numbers: dict[_Field, int] = {}
        self._known: dict[int, int] = {}
        self._sent: list[list[int]] = []
        self._alive: list[_Counts] = []

    def of(self, incident: Incident, observations: Sequence[Observation]) -> list[int]:
        """Return the numbers of bundles, then that of a field, what is added to it, and so on."""
        if not observations:
            return []
        key: list[object] = [self._slot, *subject_of(incident)]
        for one in observations:
            name, value = one.name, one.value
            bounds = BOUNDS.get(name)
            if bounds is None:
                key += (name, one.detail, value)
            else:
                key += (name, one.detail, bisect_left(bounds, value), bucket_of(value))
            key += one.labels.values()
        bundle = _bundles.get(tuple(key))
        if bundle is None:
            bundle = _kept(tuple(key), _made(incident, observations, self._now))
        known = self._known
        found = [
            known.get(id(counts)) or self._send(counts) for counts in (*bundle.shared, bundle.own)
        ]
        for field, place in bundle.sums:
            found += (self._number(field), ms_of(observations[place]))
        return found

    def _send(self, counts: _Counts) -> int:
        numbers = self._numbers
        sent: list[int] = []
        for field, number in counts:
            sent += (numbers.setdefault(field, len(numbers) + 1), number)
        self._sent.append(sent)
        # As long as it is here, no other one has its id.
        self._alive.append(counts)
        self._known[id(counts)] = found = len(self._sent)
        return found

    def _number(self, field: _Field) -> int:
        return self._numbers.setdefault(field, len(self._numbers) + 1)

    @property
    def fields(self) -> tuple[list[str], list[int], list[list[int]]]:
        """The fields by their numbers, from 1 on, of each the number of its key; the bundles."""
        names = self._numbers
        return [field for _, field in names], [place for place, _ in names], self._sent


def _kept(key: tuple[object, ...], bundle: _Bundle) -> _Bundle:
    if len(_bundles) >= BUNDLES_MAX:
        _bundles.clear()
        _shared.clear()
    first, second = (_shared.setdefault(counts, counts) for counts in bundle.shared)
    _bundles[key] = found = bundle._replace(shared=(first, second))
    return found


def _made(incident: Incident, observations: Sequence[Observation], now: int) -> _Bundle:
    counts: dict[_Field, int] = {}
    sums: list[tuple[_Field, int]] = []
    for place, observation in enumerate(observations):
        for key, pairs in ((_DAY, day_fields(observation)), (_TOTAL, added(observation))):
            # Of two the second is the sum.
            for field, number in pairs[:1]:
                counts[key, field] = counts.get((key, field), 0) + number
            sums += [((key, field), place) for field, _ in pairs[1:]]
    own: dict[_Field, int] = {}
    load: dict[_Field, int] = {}
    for field in response_fields(incident, observations, now):
        of = load if field.startswith(OF_LOAD) else own
        of[_RESPONSE, field] = of.get((_RESPONSE, field), 0) + 1
    return _Bundle((tuple(counts.items()), tuple(load.items())), tuple(own.items()), tuple(sums))
