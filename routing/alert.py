"""One alert, and how two copies of it become one.

Times are integer milliseconds since the epoch, UTC; 0 means "none" (Alertmanager's zero time).
"""

from typing import Annotated, Literal, get_args

import msgspec

Time = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_999)]
"""A time (ms) of the years 1 to 9999: what is read from the store and is none of them is junk."""

PriorityName = Literal["P1", "P2", "P3", "P4"]
PRIORITIES: tuple[PriorityName, ...] = get_args(PriorityName)
"""Most urgent first. Comparing the strings compares the urgency: ``"P1" < "P2"``."""
URGENT: tuple[PriorityName, ...] = ("P1", "P2")
"""What pages people at night."""

SEVERITIES = ("critical", "error", "high", "warning", "info", "none", "other")
"""Closed list of severities as metric labels; anything else counts as ``other``."""


def severity_label(severity: str) -> str:
    """Return a severity as a metric label, from the closed list."""
    return severity if severity in SEVERITIES else "other"


class Alert(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is known of one fingerprint inside a group.

    ``priority`` and ``priority_reason`` are the most urgent classification any copy with this
    ``starts_at`` had, so that the order of copies cannot change it and a value that wobbles
    around a threshold does not lower the urgency while the alert fires. ``seen_firing`` tells a
    late first firing copy from an echo, and ``source_group`` is the sender's groupKey where a
    route regroups. Of an incident's many alerts most are ``summarized`` and have no labels: what
    asks for labels passes over those without.
    """

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Time = 0
    resolved: bool = False
    ends_at: Time = 0
    generator_url: str = ""
    priority: str = "P4"
    priority_reason: str = ""
    runbook_url: str = ""
    runbook_source: str = ""
    seen_firing: bool = False
    source_group: str = ""

    @property
    def rank(self) -> tuple[int, bool, int]:
        """The greatest of these wins: a later start, then resolved, then the later end."""
        return (self.starts_at, self.resolved, self.ends_at)


def summarized(alert: Alert) -> Alert:
    """Return what decisions need of an alert: no text, and no label."""
    return Alert(
        fingerprint=alert.fingerprint,
        labels={},
        starts_at=alert.starts_at,
        resolved=alert.resolved,
        ends_at=alert.ends_at,
        priority=alert.priority,
        seen_firing=alert.seen_firing,
    )


def is_summarized(alert: Alert) -> bool:
    """Return whether nothing is left to leave out; told at once, of the many that were before."""
    return not (alert.labels or alert.annotations) and alert == summarized(alert)


def merge_alert(known: Alert, incoming: Alert) -> Alert:
    """Join two copies of one fingerprint; commutative in state and priority, idempotent.

    Of equal rank the incoming copy wins, so that annotations show the current value.
    """
    if known.resolved is incoming.resolved and known == incoming:
        return known  # the very value, so that comparing the two again costs nothing
    if known.starts_at != incoming.starts_at:
        return known if known.starts_at > incoming.starts_at else incoming
    winner, loser = (incoming, known) if incoming.rank >= known.rank else (known, incoming)
    seen = known.seen_firing or incoming.seen_firing
    if loser.priority < winner.priority:
        return msgspec.structs.replace(
            winner,
            priority=loser.priority,
            priority_reason=loser.priority_reason,
            seen_firing=seen,
        )
    return (
        winner if winner.seen_firing == seen else msgspec.structs.replace(winner, seen_firing=seen)
    )
