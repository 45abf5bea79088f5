"""What an observation adds to its day and to the total, and the labels of each figure of a day."""

from collections.abc import Iterable

from receiver.store.response_totals import added
from routing.decision import Observation

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
    return ((f"{name}|{rest}", 1), (f"{name}_ms|{rest}", round(observation.value * 1000)))


class Sums:
    """What a batch adds to its day and to the total.

    Each field is sent once, and meant by its number after that: of a batch of a hundred incidents
    nearly all add to the same few fields.
    """

    def __init__(self) -> None:
        self._day: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def of(self, observations: Iterable[Observation]) -> list[int]:
        """Return the number of a field, what is added to it, and so on (of a day's: negative)."""
        found: list[int] = []
        day, total = self._day, self._total
        for observation in observations:
            for field, number in day_fields(observation):
                found += (-day.setdefault(field, len(day) + 1), number)
            for field, number in added(observation):
                found += (total.setdefault(field, len(total) + 1), number)
        return found

    @property
    def fields(self) -> tuple[list[str], list[str]]:
        """The fields by their numbers, from 1 on: of the day, of the total."""
        return list(self._day), list(self._total)
