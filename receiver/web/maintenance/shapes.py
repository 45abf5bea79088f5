"""The shapes of planned maintenance in the API."""

from typing import TypedDict

from receiver.incident_shapes import When


class Planned(TypedDict):
    """A maintenance; ``status``: planned, in_progress or completed."""

    id: str
    title: str
    text: str
    components: list[str]
    status: str
    start: When
    end: When
    by: str | None
    at: When


class PlannedList(TypedDict):
    """All that is kept, the first to begin first."""

    maintenance: list[Planned]


class Declared(TypedDict):
    """What became of it: ``planned``, ``already_planned``, ``ended`` or ``cancelled``."""

    result: str
    maintenance: Planned
