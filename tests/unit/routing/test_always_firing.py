"""Alerts that fire all the time: known by name, believed by what else they say, and no incident."""

from typing import Any

import pytest

from receiver.settings.check import complete
from receiver.settings.model import Settings
from receiver.settings.rules import build_assignment
from routing.alert import Alert
from routing.always_firing import HEARTBEATS, INHIBITORS, always_fires, is_heartbeat
from routing.assignment import Assignment, Sender
from routing.decide import decide
from routing.event import AlertsReceived
from tests.support.builders import NOW, rules

GRAPH = "http://prometheus.example/graph?g0.expr={}&g0.tab=1"
SENDER = Sender("", "incident-manager", "{}:{}")


def assignment(**config: Any) -> Assignment:
    settings, problems = complete(Settings.model_validate(config))
    assert problems == []
    return build_assignment(settings, frozenset())


def watchdog(**labels: str) -> Alert:
    return Alert(
        "w", {"alertname": "Watchdog", "severity": "none", **labels}, starts_at=NOW, resolved=False
    )


def assigned(found: Assignment, *alerts: Alert) -> AlertsReceived:
    (event,) = found.assign(alerts, SENDER, 1)
    return event


@pytest.mark.parametrize(
    ("labels", "expression", "always"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, "", True),
        ({"alertname": "DeadMansSwitch"}, "", True),
        ({"alertname": "dead-mans-switch", "severity": "INFO"}, "", True),
        ({"alertname": "InfoInhibitor", "severity": "none"}, "", True),
        # Somebody's alert that the switch was let go says how bad that is.
        ({"alertname": "DeadMansSwitch", "severity": "critical"}, "", False),
        ({"alertname": "DeadMansSwitch", "severity": "critical"}, "up%20%3D%3D%200", False),
        ({"alertname": "DeadMansSwitch", "severity": "critical"}, "vector%281%29", True),
        (
            {"alertname": "PrometheusAlertmanagerE2eDeadManSwitch", "severity": "critical"},
            "vector%28+1+%29",
            True,
        ),
        # People test their way to Slack like this.
        ({"alertname": "TestAlert", "severity": "none"}, "vector%281%29", False),
        ({"alertname": "WatchdogFailed", "severity": "none"}, "", False),
        ({}, "vector%281%29", False),
    ],
)
def test_what_always_fires(labels: dict[str, str], expression: str, *, always: bool) -> None:
    assert always_fires(labels, GRAPH.format(expression)) is always


def test_an_address_that_is_none_says_nothing() -> None:
    assert not always_fires({"alertname": "Watchdog", "severity": "page"}, "http://[::1/graph")


def test_heartbeats_are_to_be_watched_and_inhibitors_are_not() -> None:
    assert all(is_heartbeat(name) for name in HEARTBEATS)
    assert not any(is_heartbeat(name) for name in INHIBITORS)


def test_it_makes_no_incident_and_leaves_no_tombstone() -> None:
    event = assigned(assignment(), watchdog())
    decision = decide(None, event, NOW, rules())
    assert (decision.reason, decision.incident) == ("repeat", None)


def test_beside_others_it_does_not_show() -> None:
    other = Alert("b", {"alertname": "Disk", "severity": "warning"}, starts_at=NOW)
    incident = decide(None, assigned(assignment(), watchdog(), other), NOW, rules()).incident
    assert incident is not None
    assert set(incident.alerts) == {"b"}


def test_an_incident_that_an_earlier_release_made_of_it_ends() -> None:
    kept = assigned(assignment(classify={"rules": [{"priority": "P4"}]}), watchdog())
    opened = decide(None, kept, NOW, rules()).incident
    assert opened is not None
    assert opened.state == "triggered"
    over = decide(opened, assigned(assignment(), watchdog()), NOW + 1000, rules())
    assert over.incident is not None
    assert over.incident.state == "resolved"
    again = decide(over.incident, assigned(assignment(), watchdog()), NOW + 2000, rules())
    assert again.reason == "repeat"


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"classify": {"rules": [{"matchers": ['alertname="Watchdog"'], "priority": "P3"}]}}, {}),
        ({"route": {"routes": [{"matchers": ['alertname="Watchdog"'], "priority": "P2"}]}}, {}),
        ({}, {"priority": "P1"}),
        ({}, {"severity": "critical"}),
    ],
)
def test_whatever_was_given_a_priority_stays_an_alert(
    config: dict[str, Any], labels: dict[str, str]
) -> None:
    incident = decide(None, assigned(assignment(**config), watchdog(**labels)), NOW, rules())
    assert incident.reason == "opened"
