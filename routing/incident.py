"""The incident: everything the rules know about one group of alerts, as one frozen value.

Receipts (what each notifier has) and ``last_seen`` live outside it, or every delivery would make
the version it was made from stale.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from routing.alert import Alert, Time
from routing.alerts import Alerts
from routing.group import Group
from routing.incident_parts import (
    INFORMED,
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
from routing.vocabulary import Lane, Timer

SCHEMA = 6
"""Version of the stored record. Older records are upgraded on reading, newer ones never written."""

State = Literal[
    "tombstone",
    "triggered",
    "acknowledged",
    "snoozed",
    "resolved",
    "beating",
    "missing",
    "damaged",
    "newer",
]
"""``beating`` and ``missing`` are those of a watched heartbeat, which is no incident itself;
``damaged``: it stands for a record that could not be read; ``newer``: it shows one that a newer
release wrote, and is never stored."""
OPEN_STATES = ("triggered", "acknowledged", "snoozed")
NOT_INCIDENTS = ("tombstone", "beating", "missing")
"""States of records that no list shows and nobody does anything to."""
BACKGROUND = frozenset({Timer.ENRICH, Timer.SUMMARIZE})
"""Timers of the last lane, beside the deliveries to notifiers that ring nobody."""


COMPLETE_KEPT = 1_000
"""Alerts kept with labels and text, the most urgent ones; nobody reads more, and a change of an
incident costs what it weighs. Of the others state and times are kept."""


class Incident(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One episode or more of trouble in one group of alerts.

    ``kind``: what it is of: alert, heartbeat or manual. ``clock_started_at``: from when a policy's
    times count. ``held_reason``: why a page waits for the end of quiet hours. ``grown``: alerts
    that joined since the last page; ``told_firing``: how many fired then. ``snoozed_from``: the
    state a snooze returns to. ``unacknowledged_at``: when it was last given back. ``by_hand``:
    opened by a person, whom alone it obeys until something fires. ``changes``: the latest openings,
    ends and other changes that page, to notice flapping; ``fell_at``: when the priority last fell,
    until it rises. ``asked``: the priority its alerts ask for, whatever a person chose or flapping
    holds. ``stale_at``: since when nobody reported it. ``vanished``: what became of alerts nobody
    reports, in words, by fingerprint. ``merged_firing``: firing alerts the target was last told of.
    ``suspected``: firing copies of what is over. ``former``: alerts that ended in earlier
    generations, summarized. ``suppressed``: since when what a person silenced fires. ``opened_by``:
    the person who opened a manual one. ``context``: what was found out about this episode.
    ``clock_ends``: how the newest clocks to acknowledge and to resolve ended, of all episodes.
    ``published``: what outsiders read of it. ``unreached``: that nobody could be told of this
    episode. ``entries`` and ``notes``: how many its timeline has; ``shortened``: so many that only
    what matters is added. ``damage``: why its record had to be put aside. ``trace``: W3C trace
    context of the latest change ("": not traced), which no rule looks at.
    """

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
    sent_by: str = ""
    """Who sent the alerts that opened it: which credential, from which address."""
    alerts: dict[str, Alert] = {}
    suspected: dict[str, Suspect] = {}
    suppressed: dict[str, int] = {}
    former: dict[str, Alert] = {}
    opened_at: Time = 0
    episode_opened_at: Time = 0
    updated_at: Time = 0
    seen_at: Time = 0
    acknowledged_at: Time = 0
    acknowledged_by: Actor | None = None
    acknowledge_counted: bool = False
    automation_counted: bool = False
    resolved_at: Time = 0
    resolved_by: Actor | None = None
    deadlines: dict[str, Deadline] = {}
    timers: dict[str, Time] = {}
    clock_started_at: Time = 0
    snoozed_at: Time = 0
    unacknowledged_at: Time = 0
    kind: str = "alert"
    step: int = -1
    pages: dict[str, Page] = {}
    undeliverable_counted: bool = False
    held_reason: str = ""
    grown: int = 0
    told_firing: int = 0
    assigned_to: Actor | None = None
    snoozed_until: Time = 0
    snoozed_from: str = ""
    by_hand: bool = False
    changes: tuple[int, ...] = ()
    flapping: bool = False
    fell_at: Time = 0
    asked: str = ""
    stale_at: Time = 0
    vanished: dict[str, str] = {}
    merged_into: str = ""
    merged_firing: int = 0
    parts: dict[str, Part] = {}
    pin: Pin | None = None
    silences: tuple[Silence, ...] = ()
    opened_by: Actor | None = None
    context: tuple[Finding, ...] = ()
    clock_ends: tuple[ClockEnd, ...] = ()
    action_items: tuple[ActionItem, ...] = ()
    review: ReviewHead | None = None
    entries: int = 0
    shortened: bool = False
    notes: int = 0
    published: Publication | None = None
    unreached: Unreached | None = None
    damage: Damage | None = None
    trace: str = ""

    @property
    def is_open(self) -> bool:
        """True while somebody should care."""
        return self.state in OPEN_STATES

    @property
    def is_unreached(self) -> bool:
        """True while it is open and nobody could be told of it."""
        return self.unreached is not None and not self.unreached.until

    @property
    def lane(self) -> Lane:
        """Its lane of the agenda: P1 and P2 have their own and never wait behind P3 and P4."""
        return lane_of(self.priority)

    def lane_of_task(self, task: str) -> Lane:
        """Return the agenda lane of one task: what pages nobody delays nothing that does."""
        page = self.pages.get(task.removeprefix("notify:")) if task.startswith("notify:") else None
        informs = page is not None and page.step == INFORMED
        return Lane.BACKGROUND if informs or task in BACKGROUND else self.lane

    def wants(self, page: Page) -> bool:
        """Return whether a page is still wanted."""
        return page_wanted(self.state, page)

    @property
    def asks_again(self) -> bool:
        """True while a page insists although somebody acknowledged."""
        return any(page.insists and self.wants(page) for page in self.pages.values())

    def watched(self) -> list[Alert]:
        """Return the alerts somebody still counts as firing, here or in the target of a merge."""
        return firing_of(self.alerts, {}) if self.merged_into else self.firing()

    def fires(self, fingerprint: str) -> bool:
        """Return whether an alert fires and nobody silenced it."""
        alert = self.alerts.get(fingerprint)
        if alert is None or alert.resolved:
            return False
        return not self.suppressed or self.suppressed.get(fingerprint) != alert.starts_at

    def complete_alerts(self) -> list[Alert]:
        """Return the alerts that are worth showing: all of few, of many those with labels."""
        return labelled(self.alerts.values(), len(self.alerts))

    def firing(self) -> list[Alert]:
        """Return the alerts that keep the incident open, most urgent first, then oldest."""
        return firing_of(self.alerts, self.suppressed)


def firing_of(alerts: dict[str, Alert], suppressed: Mapping[str, int]) -> list[Alert]:
    """Return the alerts that fire and that nobody silenced, most urgent first, then oldest.

    Nobody may change the list.
    """
    alive = Alerts.of(alerts).alive
    if not suppressed:
        return alive
    return [one for one in alive if suppressed.get(one.fingerprint) != one.starts_at]


def labelled(alerts: Iterable[Alert], among: int) -> list[Alert]:
    """Return the alerts whose labels are known, of an incident of so many.

    Of few alerts all are, also of one that came without any; see ``alert.summarized``.
    """
    return [alert for alert in alerts if alert.labels or among <= COMPLETE_KEPT]


def page_wanted(state: str, page: Page) -> bool:
    """Return whether a page is still wanted in this state: nobody has answered it."""
    if state == "triggered":
        return True
    return state == "acknowledged" and page.insists and page.seq > page.answered_seq


def lane_of(priority: str) -> Lane:
    """Return the agenda lane of a priority."""
    return Lane.URGENT if priority <= "P2" else Lane.NORMAL


def describe(alert: Alert) -> str:
    """Return one line that names an alert: its name and, when there is one, its summary."""
    name = alert.labels.get("alertname") or "alert"
    annotations = alert.annotations
    summary = (
        annotations.get("summary") or annotations.get("title") or annotations.get("message") or ""
    )
    return f"{name}: {summary}" if summary and summary != name else name
