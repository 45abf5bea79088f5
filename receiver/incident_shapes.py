"""The shapes of incidents in the API, by name: checked by mypy, shown by the OpenAPI document.

Times are RFC 3339 in UTC, null for "not yet"; everything else that is absent is null too.
"""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from routing.alert import PRIORITIES
from routing.incident import State

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
When = Time | None
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})] | None
"""A day (UTC) without a time, by the end of which something is due."""
Priority = Annotated[str, Meta(extra_json_schema={"enum": [*PRIORITIES, ""]})]
"""``""`` where none was given."""
DeliveryState = Literal["pending", "retrying", "delivered", "failed", "not needed"]
Count = int
"""Not bounded: what is damaged is shown as it is stored."""


class Assignee(TypedDict):
    """Somebody, and by which way (``slack``, ``api``, ``pagerduty`` ...) they are known."""

    name: str
    via: str
    id: str


class Actor(Assignee):
    """Who did something; ``human``: whether it counts as a person's doing."""

    human: bool


class Deadline(TypedDict):
    """A response clock."""

    due: When
    met_at: When
    missed_at: When
    paused_at: When


class Silence(TypedDict):
    """A silence in Alertmanager that was made from the incident."""

    id: str
    matchers: str
    until: When
    by: str
    expired_at: When


class PublicUpdate(TypedDict):
    """A text on the public status page."""

    number: Count
    at: When
    status: str
    text: str
    by: str | None
    hidden: bool


class Published(TypedDict):
    """What the status page says; ``components``: its impact on each."""

    title: str
    status: str
    components: dict[str, str]
    started_at: When
    resolved_at: When
    hidden: bool
    updates: list[PublicUpdate]


class Unreached(TypedDict):
    """Nobody could be told; ``exhausted``: no escalation step is left."""

    since: When
    why: str
    exhausted: bool


class Damage(TypedDict):
    """The record cannot be read; ``kept_in``: the key that keeps what was there."""

    since: When
    why: str
    size_bytes: Count
    kept_in: str | None
    what_to_do: str


class IncidentSummary(TypedDict):
    """An incident as lists have it; ``escalation_step`` counts from 1."""

    id: str
    state: State
    priority: Priority
    priority_reason: str
    title: str
    severity: str
    labels: dict[str, str]
    team: str
    runbook_url: str | None
    opened_at: When
    episode: Count
    episode_opened_at: When
    acknowledged_at: When
    acknowledged_by: Actor | None
    resolved_at: When
    resolved_by: Actor | None
    deadlines: dict[str, Deadline]
    escalation_step: Count
    kind: str
    assigned_to: Assignee | None
    snoozed_until: When
    silences: list[Silence]
    opened_by: Actor | None
    published: Published | None
    flapping: bool
    flapping_until: When
    asked_priority: str | None
    unreached: Unreached | None
    stale_since: When
    damaged: Damage | None
    merged_into: str | None
    merged: list[str]
    firing: Count
    resolved: Count


class Group(TypedDict):
    """What made its alerts one group."""

    cluster: str
    receiver: str
    group_key: str
    route: str


class Finding(TypedDict):
    """What was found about the incident.

    ``points``: values of the hour before, at equal distances; null where there was none.
    """

    enricher: str
    text: str
    url: str | None
    at: When
    points: list[float | None]


class Alert(TypedDict):
    """An alert of the incident; ``vanished``: why it counts no more, where it does not."""

    fingerprint: str
    status: Literal["firing", "resolved"]
    suppressed: bool
    suspected_echo: bool
    vanished: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    source_group: str | None
    starts_at: When
    ends_at: When
    generator_url: str | None
    priority: Priority
    priority_reason: str
    runbook_url: str | None


class ActionItem(TypedDict):
    """What is to be done so that it does not happen again."""

    number: Count
    text: str
    owner: str | None
    at: When
    by: str
    done_at: When
    done_by: str | None
    due_on: Day


class TimelineEntry(TypedDict):
    """What happened; numbers count from 1 and have no gaps."""

    number: Count
    at: When
    kind: str
    text: str
    by: str | None
    via: str | None
    automatic: bool


class Delivery(TypedDict):
    """How one notifier stands: its newest page, and what it has said. Notifiers add their own."""

    notifier: str
    state: DeliveryState
    page: int
    paged: int
    mention: str
    version: int
    delivered_at: When
    failures: int
    last_error: str | None


class Incident(IncidentSummary):
    """Everything there is to know of an incident, as of one moment."""

    version: int
    group: Group
    correlation_id: str
    sent_by: str | None
    context: list[Finding]
    last_seen_at: When
    timers: dict[str, When]
    alerts: list[Alert]
    alerts_summarized: Count
    action_items: list[ActionItem]
    timeline: list[TimelineEntry]
    timeline_total: Count
    deliveries: list[Delivery]
