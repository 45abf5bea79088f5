"""One alert: what is known of one fingerprint inside a group.

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


class Start(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A start that was told of an alert (``at``, ms), and the most urgent priority told with it.

    ``began``: what counts. Not much later than it was told; where it was ``believed`` although it
    began before a known end, when it was first told. ``ahead``: it was told much too early, by a
    clock that was ahead of ours. ``over``: an end of it is known.
    """

    at: Time
    began: Time
    priority: str = "P4"
    reason: str = ""
    ahead: bool = False
    believed: bool = False
    over: bool = False


class End(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An end that was told of an alert (``at``, ms). ``by``: what counts, not after it was told.

    ``ahead``: it comes from a clock that is, and was first told ``came`` (ms). ``told`` False: only
    that it is over, not since when.
    """

    at: Time
    by: Time
    ahead: bool = False
    came: Time = 0
    told: bool = True


class Past(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The latest starts and ends that were told of an alert, oldest first."""

    starts: tuple[Start, ...] = ()
    ends: tuple[End, ...] = ()


class Alert(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is known of one fingerprint inside a group.

    ``starts_at`` 0: the sender does not say. ``priority`` and ``priority_reason`` are the most
    urgent classification any copy of this firing had, so that the order of copies cannot change it
    and a value that wobbles around a threshold does not lower the urgency while the alert fires.
    ``source_group`` is the sender's groupKey where a route regroups. ``past``: what ``interval``
    has to know beyond one start and one end, None as a rule. Of an incident's many alerts most are
    ``summarized`` and have no labels: what asks for labels passes over those without.
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
    source_group: str = ""
    past: Past | None = None


def summarized(alert: Alert) -> Alert:
    """Return what decisions need of an alert: no text, and no label."""
    return Alert(
        fingerprint=alert.fingerprint,
        labels={},
        starts_at=alert.starts_at,
        resolved=alert.resolved,
        ends_at=alert.ends_at,
        priority=alert.priority,
        past=alert.past,
    )


def is_summarized(alert: Alert) -> bool:
    """Return whether nothing is left to leave out; told at once, of the many that were before."""
    return not (alert.labels or alert.annotations) and alert == summarized(alert)
