"""Planned maintenance as outsiders read it. Pure."""

from collections.abc import Iterable

from receiver.store.status.maintenance import Maintenance
from receiver.text.times import rfc3339
from receiver.web.status_page.shapes import PublicMaintenance

AFTER_MS = 7 * 86_400_000
"""How long what is over stays on the page."""
IN_PROGRESS = "in_progress"
MAINTENANCE = "maintenance"
"""The state of a component that is being maintained."""


def status_of(one: Maintenance, now: int) -> str:
    """Return planned, in_progress or completed."""
    if one.end <= now:
        return "completed"
    return IN_PROGRESS if one.start <= now else "planned"


def shown_maintenance(found: Iterable[Maintenance], now: int) -> list[PublicMaintenance]:
    """Return what is on the page at a time (ms): what goes on, then what is to come, then past."""
    order = {IN_PROGRESS: 0, "planned": 1, "completed": 2}
    shown: list[tuple[tuple[int, int], PublicMaintenance]] = []
    for one in found:
        status = status_of(one, now)
        if one.end < now - AFTER_MS:
            continue
        place = (order[status], -one.end if status == "completed" else one.start)
        shown.append(
            (
                place,
                {
                    "id": one.id,
                    "title": one.title,
                    "text": one.text,
                    "status": status,
                    "components": list(one.components),
                    "start": rfc3339(one.start),
                    "end": rfc3339(one.end),
                    "at": rfc3339(one.at or one.start),
                },
            )
        )
    return [one for _, one in sorted(shown, key=lambda pair: pair[0])]


def maintained(shown: Iterable[PublicMaintenance]) -> set[str]:
    """Return the components that are being maintained."""
    going_on = (one for one in shown if one["status"] == IN_PROGRESS)
    return {name for one in going_on for name in one["components"]}
