"""Values for tests of the rules."""

from typing import Any

from routing.alert import Alert
from routing.escalation import Clock, Rules, Step
from routing.event import AlertsReceived
from routing.group import Group

NOW = 1_772_445_600_000
MINUTE = 60_000
GROUP = Group(cluster="", receiver="incident-manager", group_key="{}:{}")
KEY = "0-aaaaaaaaaaaaaaaa"


def clock(*steps: Step, **more: Any) -> Clock:
    """A clock of 5 minutes; by default PagerDuty and Slack, then Slack with a mention."""
    usual = (Step(("pagerduty", "slack")), Step(("slack",), mention="!here"))
    return Clock(
        **{
            "acknowledge_within": 5 * MINUTE,
            "deliver_within": MINUTE,
            "steps": steps or usual,
            **more,
        }
    )


def rules(*steps: Step, **more: Any) -> Rules:
    """The same clock for every priority."""
    options = {key: more.pop(key) for key in ("repeat",) if key in more}
    return Rules(
        clocks={name: clock(*steps, **options) for name in ("P1", "P2", "P3", "P4")}, **more
    )


def alert(fingerprint: str = "a", *, resolved: bool = False, **more: Any) -> Alert:
    """One copy of an alert as the assignment hands it on."""
    return Alert(
        **{
            "fingerprint": fingerprint,
            "labels": {"alertname": "HighErrorRate", "severity": "critical"},
            "starts_at": NOW - MINUTE,
            "resolved": resolved,
            "ends_at": NOW if resolved else 0,
            "priority": "P1",
            "priority_reason": "severity critical",
            "seen_firing": not resolved,
            **more,
        }
    )


def received(*alerts: Alert) -> AlertsReceived:
    """A snapshot of the group."""
    return AlertsReceived(key=KEY, group=GROUP, alerts=alerts, source="alertmanager")
