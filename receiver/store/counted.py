"""What an observation adds to the figures of its day, and the labels each figure is kept by."""

from collections.abc import Iterable

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


def figures_of(observations: Iterable[Observation]) -> list[tuple[str, int]]:
    """Return what observations add to the fields of their day."""
    added: dict[str, int] = {}
    for observation in observations:
        counted = _COUNTED.get(observation.name)
        if counted is None:
            continue
        name, labels = counted
        rest = "|".join([observation.labels[label].replace("|", "/") for label in labels])
        number = 1 if name in _TIMED else round(observation.value)
        added[f"{name}|{rest}"] = added.get(f"{name}|{rest}", 0) + number
        if name in _TIMED:
            field = f"{name}_ms|{rest}"
            added[field] = added.get(field, 0) + round(observation.value * 1000)
    return list(added.items())
