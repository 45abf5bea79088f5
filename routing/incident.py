"""The incident: everything the rules know about one group of alerts, as one frozen value.

Receipts (what each notifier has) and ``last_seen`` live outside it, or every delivery would make
the version it was made from stale.
"""

from typing import Literal

import msgspec

from routing.alert import Alert
from routing.group import Group

SCHEMA = 1
"""Version of the stored record. Older records are upgraded on reading, newer ones never written."""

State = Literal["tombstone", "triggered", "acknowledged", "resolved"]
OPEN_STATES = ("triggered", "acknowledged")
LANES = ("urgent", "normal")


class Actor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who did something, and through what: ``slack``, ``api``, ``pagerduty`` or ``automatic``."""

    name: str
    via: str
    id: str = ""


AUTOMATIC = Actor(name="alerts resolved", via="automatic")


class Deadline(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A response clock: when it is due and how it ended (0: not yet)."""

    due: int
    met_at: int = 0
    missed_at: int = 0

    @property
    def running(self) -> bool:
        """True until it is met or missed."""
        return not (self.met_at or self.missed_at)


class Page(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The wish that a notifier pages somebody (an update pages nobody).

    ``seq`` rises with each page, the receipt holds the last one delivered; ``since`` is the first
    of this episode and ``step`` the escalation step that asked for it.
    """

    seq: int
    since: int
    step: int
    reason: str
    mention: str = ""
    at: int = 0
    failed_seq: int = 0


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of the timeline. Its number is its place in the stored list, given by the commit."""

    at: int
    kind: str
    text: str
    by: str = ""
    via: str = ""


class Incident(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One episode or more of trouble in one group of alerts."""

    id: str
    group: Group
    state: State
    # A record that does not name its schema is of the first one, whatever SCHEMA is by then.
    schema: int = 1
    version: int = 0
    generation: int = 1
    episode: int = 0
    priority: str = "P4"
    priority_reason: str = ""
    severity: str = "none"
    title: str = ""
    team: str = ""
    source: str = "other"
    runbook_url: str = ""
    alertmanager_url: str = ""
    correlation_id: str = ""
    alerts: dict[str, Alert] = {}
    suspects: dict[str, Alert] = {}
    suspected_at: dict[str, int] = {}
    suppressed: dict[str, int] = {}
    opened_at: int = 0
    episode_opened_at: int = 0
    updated_at: int = 0
    seen_at: int = 0
    acknowledged_at: int = 0
    acknowledged_by: Actor | None = None
    acknowledge_counted: bool = False
    resolved_at: int = 0
    resolved_by: Actor | None = None
    deadlines: dict[str, Deadline] = {}
    timers: dict[str, int] = {}
    step: int = -1
    pages: dict[str, Page] = {}
    undeliverable_counted: bool = False

    @property
    def is_open(self) -> bool:
        """True while somebody should care."""
        return self.state in OPEN_STATES

    @property
    def lane(self) -> str:
        """P1 and P2 have their own lane of the agenda and never wait behind P3 and P4."""
        return lane_of(self.priority)

    def firing(self) -> list[Alert]:
        """Return the alerts that keep the incident open, most urgent first, then oldest."""
        alive = [
            alert
            for alert in self.alerts.values()
            if not alert.resolved and self.suppressed.get(alert.fingerprint) != alert.starts_at
        ]
        if len(alive) > 1:
            alive.sort(key=lambda alert: (alert.priority, alert.starts_at, alert.fingerprint))
        return alive


def lane_of(priority: str) -> str:
    """Return the agenda lane of a priority."""
    return "urgent" if priority <= "P2" else "normal"


def describe(alert: Alert) -> str:
    """Return one line that names an alert: its name and, when there is one, its summary."""
    name = alert.labels.get("alertname", "alert")
    annotations = alert.annotations
    summary = (
        annotations.get("summary") or annotations.get("title") or annotations.get("message") or ""
    )
    return f"{name}: {summary}" if summary and summary != name else name
