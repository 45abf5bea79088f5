"""Values for tests of the rules."""

from typing import Any

import msgspec

from routing.alert import Alert
from routing.config.calendar import CalendarConfig
from routing.decide import decide
from routing.decision import Decision
from routing.event import AlertsReceived, Event
from routing.group import Group
from routing.incident import Incident
from routing.rules import Clock, Rules, Step
from routing.time_limit import parse_within

NOW = 1_772_445_600_000
MINUTE = 60_000
GROUP = Group(cluster="", receiver="incident-manager", group_key="{}:{}")
CALENDAR = CalendarConfig().build()
KEY = "0-aaaaaaaaaaaaaaaa"


def clock(*steps: Step, **more: Any) -> Clock:
    """A clock of 5 minutes; by default PagerDuty and Slack, then Slack with a mention."""
    usual = (Step(("pagerduty", "slack")), Step(("slack",), mention="!here"))
    return Clock(
        **{
            "acknowledge_within": parse_within("5m"),
            "calendar": CALENDAR,
            "deliver_within": MINUTE,
            "steps": steps or usual,
            **more,
        }
    )


def rules(*steps: Step, **more: Any) -> Rules:
    """The same clock for every priority; ``more`` is of the clock or of the rules."""
    options = {key: more.pop(key) for key in Clock.__struct_fields__ if key in more}
    # What runs beside every incident is left out unless a test is about it.
    usual = {"stale_after": 0, "retention": 0, "flap_changes": 0}
    clocks = {name: clock(*steps, **options) for name in ("P1", "P2", "P3", "P4")}
    return Rules(clocks=clocks, **{**usual, **more})


def rules_of(**clocks: Clock) -> Rules:
    """Rules with a clock of its own for each priority."""
    return msgspec.structs.replace(rules(), clocks=clocks)


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
            **more,
        }
    )


def play(*moves: tuple[int, Event], found: Rules) -> tuple[Incident, list[Decision]]:
    """Decide events at minutes after NOW; return the incident and all decisions."""
    incident: Incident | None = None
    decisions = []
    for minute, event in moves:
        decision = decide(incident, event, NOW + minute * MINUTE, found)
        incident = decision.incident
        decisions.append(decision)
    assert incident is not None
    return incident, decisions


def received(*alerts: Alert) -> AlertsReceived:
    """A snapshot of the group."""
    return AlertsReceived(key=KEY, group=GROUP, alerts=alerts, source="alertmanager")
