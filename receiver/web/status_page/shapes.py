"""The public status page as programs read it."""

from typing import TypedDict

from receiver.incident_shapes import When


class PublicComponent(TypedDict):
    """What people know the service by."""

    name: str
    description: str
    status: str


class Affected(TypedDict):
    """A component, and how an incident affects it."""

    name: str
    impact: str


class PublicText(TypedDict):
    """A text of an incident."""

    at: When
    status: str
    text: str


class PublicIncident(TypedDict):
    """An incident as outsiders read it; updates newest first."""

    id: str
    title: str
    status: str
    impact: str
    started_at: When
    resolved_at: When
    components: list[Affected]
    updates: list[PublicText]


class StatusPage(TypedDict):
    """The public status page; ``status``: the worst impact, ``stale``: known ``as_of`` then."""

    title: str
    status: str
    summary: str
    as_of: When
    stale: bool
    components: list[PublicComponent]
    incidents: list[PublicIncident]
    history: list[PublicIncident]
    history_days: int
