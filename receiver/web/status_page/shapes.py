"""The public status page as programs read it."""

from typing import TypedDict

from receiver.incident_shapes import When


class Outage(TypedDict):
    """A day on which a component was not operational; ``seconds``: of partial or major outage."""

    day: str
    status: str
    seconds: int


class Uptime(TypedDict):
    """How a component was on each day (UTC) from ``first_day`` to today.

    ``days``: the worst impact of each, or ``no_data``. ``percent`` of the time of which there is
    data was without a partial or major outage; null where there is none.
    """

    percent: float | None
    first_day: str
    days: list[str]
    outages: list[Outage]


class PublicComponent(TypedDict):
    """What people know the service by."""

    name: str
    description: str
    status: str
    uptime: Uptime


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
    """An incident as outsiders read it; updates newest first.

    ``id`` stays the same as long as it is kept, and ``url`` leads to it.
    """

    id: str
    url: str
    title: str
    status: str
    impact: str
    started_at: When
    resolved_at: When
    components: list[Affected]
    updates: list[PublicText]


class PublicMaintenance(TypedDict):
    """Planned maintenance; ``status``: planned, in_progress or completed; ``at``: declared."""

    id: str
    title: str
    text: str
    status: str
    components: list[str]
    start: When
    end: When
    at: When


class StatusPage(TypedDict):
    """The public status page; ``status``: the worst impact, ``stale``: known ``as_of`` then."""

    title: str
    status: str
    summary: str
    as_of: When
    stale: bool
    components: list[PublicComponent]
    incidents: list[PublicIncident]
    maintenance: list[PublicMaintenance]
    history: list[PublicIncident]
    history_days: int


class PublicIncidentPage(TypedDict):
    """One incident, also after it left the page."""

    title: str
    as_of: When
    stale: bool
    incident: PublicIncident
