"""What a decision may change of an incident: its fields and their types, for the type checker."""

from typing import TypedDict

from routing.alert import Alert
from routing.group import Group
from routing.incident import State
from routing.incident_parts import (
    ActionItem,
    Actor,
    ClockEnd,
    Damage,
    Deadline,
    Finding,
    Page,
    Part,
    Pin,
    Publication,
    ReviewHead,
    Silence,
    Suspect,
    Unreached,
)


class Changes(TypedDict, total=False):
    """The fields of ``Incident`` but those that count its changes; a test compares the two."""

    group: Group
    state: State
    generation: int
    episode: int
    priority: str
    priority_reason: str
    severity: str
    title: str
    team: str
    source: str
    runbook_url: str
    alertmanager_url: str
    correlation_id: str
    sent_by: str
    alerts: dict[str, Alert]
    suspected: dict[str, Suspect]
    suppressed: dict[str, int]
    former: dict[str, Alert]
    opened_at: int
    episode_opened_at: int
    seen_at: int
    acknowledged_at: int
    acknowledged_by: Actor | None
    acknowledge_counted: bool
    automation_counted: bool
    resolved_at: int
    resolved_by: Actor | None
    deadlines: dict[str, Deadline]
    timers: dict[str, int]
    clock_started_at: int
    snoozed_at: int
    unacknowledged_at: int
    kind: str
    step: int
    pages: dict[str, Page]
    undeliverable_counted: bool
    held_reason: str
    grown: int
    told_firing: int
    assigned_to: Actor | None
    snoozed_until: int
    snoozed_from: str
    by_hand: bool
    changes: tuple[int, ...]
    flapping: bool
    fell_at: int
    asked: str
    stale_at: int
    vanished: dict[str, str]
    merged_into: str
    merged_firing: int
    parts: dict[str, Part]
    pin: Pin | None
    silences: tuple[Silence, ...]
    opened_by: Actor | None
    context: tuple[Finding, ...]
    clock_ends: tuple[ClockEnd, ...]
    action_items: tuple[ActionItem, ...]
    review: ReviewHead | None
    shortened: bool
    notes: int
    published: Publication | None
    unreached: Unreached | None
    damage: Damage | None
    trace: str
