"""How long something took, in the words of a message."""

from routing.duration import format_duration
from routing.incident import Incident


def durations(incident: Incident) -> str:
    """Return how long an incident that is over took, and how long its answer."""
    opened = incident.episode_opened_at
    took = f"after {format_duration(whole_seconds(incident.resolved_at - opened))}"
    if not incident.acknowledged_at:
        return took
    answered = format_duration(whole_seconds(incident.acknowledged_at - opened))
    return f"{took}, acknowledged after {answered}"


def whole_seconds(duration: int) -> int:
    """Return a duration (ms) in whole seconds, never below zero."""
    return max(0, duration) // 1000 * 1000
