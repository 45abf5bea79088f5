"""What a commit scheduled, by lane: whom to wake, and from when on there is something to claim."""

from collections.abc import Iterable

from routing.decision import Decision
from routing.vocabulary import Lane

SOON_MS = 1_000
"""What is due later is found by a lane that looks by itself."""


def scheduled_soon(decisions: Iterable[Decision], now: int) -> dict[Lane, int]:
    """Return for each lane when the first of what was scheduled there is due, if that is soon."""
    found: dict[Lane, int] = {}
    for decision in decisions:
        incident = decision.incident
        for item in decision.schedule if incident is not None else ():
            if incident is not None and item.due <= now + SOON_MS:
                lane = incident.lane_of_task(item.task)
                found[lane] = min(found.get(lane, item.due), item.due)
    return found
