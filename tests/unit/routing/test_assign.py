"""From the alerts of one payload to events."""

from typing import Any

import msgspec
import pytest

from routing.alert import Alert
from routing.always_firing import REASON
from routing.assignment import Assignment, Sender
from routing.config.base import ClassifyConfig
from routing.config.route import RouteConfig
from routing.event import AlertsReceived
from routing.group import group_stem, split_id
from routing.incident_parts import Actor
from routing.matcher import label_finder
from routing.priority import Classifier
from routing.route import RouteTree
from routing.rules import Rules
from routing.runbook import Runbooks
from tests.support.builders import MINUTE, NOW, clock

SENDER = Sender(
    cluster="eu",
    receiver="web",
    group_key='{}:{alertname="X"}',
    group_labels={"alertname": "X"},
    source="alertmanager",
    alertmanager_url="http://am.example",
    correlation_id="c-1",
)
PRIORITIES = ("P1", "P2", "P3", "P4")


def assignment(route: dict[str, Any] | None = None, **classify: Any) -> Assignment:
    books = Runbooks(
        "https://wiki.example/{alertname}",
        frozenset({"db/DiskFull"}),
        "system",
        "https://im.example",
    )
    clocks = {
        "": {name: clock() for name in PRIORITIES},
        "night": {name: clock(deliver_within=9 * MINUTE) for name in PRIORITIES},
    }
    return Assignment(
        RouteTree(RouteConfig.model_validate(route or {})),
        Classifier(ClassifyConfig.model_validate(classify)),
        books,
        lambda route: clocks[(route.changes[-1]["P1"].escalation if route.changes else None) or ""],
        Rules(clocks={}, reopen_within=7 * MINUTE, echo_window=2 * MINUTE),
    )


def raw(fingerprint: str, *, resolved: bool = False, **labels: str) -> Alert:
    """One alert as the payload's parser hands it on."""
    return Alert(
        fingerprint=fingerprint,
        labels={"alertname": "DiskFull", **labels},
        starts_at=NOW,
        resolved=resolved,
        ends_at=NOW if resolved else 0,
    )


def assign(found: Assignment, *alerts: Alert, shards: int = 1) -> list[AlertsReceived]:
    return found.assign(alerts, SENDER, shards)


def members(event: AlertsReceived) -> list[str]:
    return [alert.fingerprint for alert in event.alerts]


def test_one_payload_is_one_event_that_knows_its_sender() -> None:
    (event,) = assign(assignment(), raw("a"), raw("b"))
    assert members(event) == ["a", "b"]
    assert (event.group.cluster, event.group.receiver) == ("eu", "web")
    assert (event.group.group_key, event.group.route) == (SENDER.group_key, "")
    assert event.group.labels == {"alertname": "X"}
    assert (event.source, event.alertmanager_url, event.correlation_id) == (
        "alertmanager",
        "http://am.example",
        "c-1",
    )


def test_alerts_are_classified_and_get_their_runbook() -> None:
    (event,) = assign(
        assignment(),
        raw("a", severity="critical", system="db"),
        raw("b", severity="info"),
        raw("c", priority="P2", alertname="a b"),
    )
    known = {alert.fingerprint: alert for alert in event.alerts}
    assert (known["a"].priority, known["a"].priority_reason) == ("P1", "severity critical")
    assert known["a"].runbook_url == "https://im.example/runbooks/db/DiskFull"
    assert known["a"].runbook_source == "catalogue"
    assert (known["b"].priority, known["b"].runbook_source) == ("P4", "template")
    assert (known["c"].priority_reason, known["c"].runbook_url) == (
        "label priority=P2",
        "https://wiki.example/a%20b",
    )


def test_what_an_alert_is_does_not_change() -> None:
    sent = raw("a", resolved=True, severity="critical")
    (event,) = assign(assignment(), sent)
    (found,) = event.alerts
    assert found.labels is sent.labels
    assert (found.starts_at, found.resolved, found.ends_at) == (NOW, True, NOW)
    assert sent.priority_reason == ""


def test_routes_split_a_payload_and_are_part_of_the_identity() -> None:
    found = assignment({"routes": [{"name": "db", "matchers": ["team=db"]}]})
    events = assign(found, raw("a", team="db"), raw("b", team="web"), raw("c", team="db"))
    assert [(event.group.route, members(event)) for event in events] == [
        ("db", ["a", "c"]),
        ("", ["b"]),
    ]
    assert len({event.key for event in events}) == 2


def test_an_alert_may_take_two_routes() -> None:
    found = assignment(
        {
            "routes": [
                {"name": "audit", "matchers": ["team=~.+"], "continue": True, "priority": "P4"},
                {"name": "db", "matchers": ["team=db"], "priority": "P1"},
            ]
        }
    )
    events = assign(found, raw("a", team="db"))
    assert [event.group.route for event in events] == ["audit", "db"]
    assert [event.alerts[0].priority for event in events] == ["P4", "P1"]


def test_a_routes_priority_overrules_the_classification_and_says_so() -> None:
    found = assignment({"priority": "P2", "routes": [{"name": "db", "matchers": ["team=db"]}]})
    events = assign(found, raw("a", severity="critical"), raw("b", team="db"))
    reasons = {event.group.route: event.alerts[0].priority_reason for event in events}
    assert reasons == {"": "route root", "db": "route db"}
    assert {alert.priority for event in events for alert in event.alerts} == {"P2"}


def test_regrouping_makes_a_group_of_each_combination_of_values() -> None:
    found = assignment({"group_by": ["team"]})
    events = assign(found, raw("a", team="db"), raw("b", team="web"), raw("c"), raw("d", team="db"))
    assert [(event.group.labels, members(event)) for event in events] == [
        ({"team": "db"}, ["a", "d"]),
        ({"team": "web"}, ["b"]),
        ({"team": ""}, ["c"]),
    ]
    assert {alert.source_group for event in events for alert in event.alerts} == {SENDER.group_key}


def test_regrouped_alerts_of_two_senders_meet_and_clusters_do_not() -> None:
    found = assignment({"group_by": ["team"]})
    alerts = (raw("a", team="db"),)

    def key(**sender: str) -> str:
        parts: dict[str, Any] = {"cluster": "eu", "receiver": "web", "group_key": "g", **sender}
        return found.assign(alerts, Sender(**parts), 1)[0].key

    assert key() == key(receiver="other", group_key="h")
    assert key() != key(cluster="us")


def test_the_senders_groups_stay_apart_without_regrouping() -> None:
    found = assignment()
    (event,) = assign(found, raw("a"))
    other = Sender(cluster="eu", receiver="web", group_key="h")
    assert found.assign((raw("a"),), other, 1)[0].key != event.key
    assert event.alerts[0].source_group == ""


def test_no_alerts_make_no_event() -> None:
    assert assign(assignment()) == []


@pytest.mark.parametrize("shards", [1, 4])
def test_the_key_is_the_stem_of_the_incidents_id(shards: int) -> None:
    (event,) = assign(assignment(), raw("a"), shards=shards)
    assert event.key == group_stem(event.group, shards)
    assert split_id(f"{event.key}-1")[0] < shards


def test_a_route_has_rules_of_its_own() -> None:
    found = assignment(
        {
            "team": "sre",
            "routes": [{"name": "db", "matchers": ["a=b"], "team": "dba", "escalation": "night"}],
        }
    )
    root, db = found.rules(""), found.rules("db")
    assert (root.team, db.team) == ("sre", "dba")
    assert root.clocks["P1"].deliver_within == MINUTE
    assert db.clocks["P1"].deliver_within == 9 * MINUTE
    assert (db.reopen_within, db.echo_window) == (7 * MINUTE, 2 * MINUTE)


def test_the_rules_of_a_route_that_is_gone_are_the_roots() -> None:
    found = assignment({"team": "sre"})
    assert found.rules("removed") == found.rules("")


def test_the_size_of_the_group_matters_only_where_a_rule_asks_for_it() -> None:
    assert assignment().rules("").classify_group is None
    many = [{"name": "many", "when": "group_size >= 3", "priority": "P1"}]
    found = assignment(
        {"routes": [{"name": "quiet", "matchers": ["a=b"], "priority": "P4"}]}, rules=many
    )
    assert found.rules("quiet").classify_group is None
    classify = found.rules("").classify_group
    assert classify is not None
    assert classify(raw("a"), 2)[0] == "P3"
    assert classify(raw("a"), 3) == ("P1", "rule 'many'")
    # A single alert is told apart from the group it is in.
    assert assign(found, raw("a"))[0].alerts[0].priority == "P3"


@pytest.mark.parametrize(
    ("body", "urgent"),
    [
        ('{"labels":{"severity":"critical"}}', True),
        ('{"labels": {"severity" :\n "Critical"}}', True),
        ('{"labels":{"severity":"error"}}', True),
        ('{"labels":{"severity":"criticality"}}', False),
        ('{"labels":{"severity":"warning"}}', False),
        ('{"labels":{"level":"critical"}}', False),
        ('{"labels":{"summary":"\\"severity\\":\\"critical\\""}}', False),
        ('{"labels":{"priority":"P2"}}', True),
        ('{"labels":{"priority":"p3"}}', False),
        ('{"labels":{"team":"größe.\\"x"}}', True),
        ('{"labels":{"team":"größe?\\"x"}}', False),
        ('{"labels":{"tier":"gold"}}', True),
        ('{"labels":{"tier":"silver"}}', False),
        ('{"labels":{"zone":"a"}}', False),
        ("", False),
    ],
)
def test_what_looks_urgent_as_bytes(body: str, *, urgent: bool) -> None:
    rules = assignment(
        {"routes": [{"matchers": ['tier="gold"'], "priority": "P1"}, {"priority": "P4"}]},
        rules=[
            {"matchers": ['team="größe.\\"x"', 'zone=~"a|b"', 'other!="c"'], "priority": "P1"},
            {"matchers": ['zone="a"'], "priority": "P3"},
        ],
    )
    assert label_finder(rules.urgent_labels())(body.encode()) is urgent


def test_without_values_nothing_looks_urgent() -> None:
    assert not label_finder({"severity": set()})(b'"severity":""')


ANN = Actor("ann", "api")
BY_HAND = msgspec.structs.replace(SENDER, by=ANN, kind="manual", group_key="hand")
TWICE = {
    "group_by": ["team"],
    "routes": [{"name": "audit", "matchers": ["team=~.+"], "continue": True}, {"name": "all"}],
}


def test_what_a_person_opens_is_one_incident_in_their_own_group() -> None:
    (event,) = assignment(TWICE).assign((raw("a", team="db"), raw("b", team="web")), BY_HAND, 1)
    assert (event.by, event.kind, event.group.group_key) == (ANN, "manual", "hand")
    assert (event.group.route, members(event)) == ("audit", ["a", "b"])
    assert [one.source_group for one in event.alerts] == ["", ""]
    # Whoever sends the same is regrouped, and takes both routes.
    assert len(assign(assignment(TWICE), raw("a", team="db"), raw("b", team="web"))) == 4


WATCHDOG = {"alertname": "Watchdog", "severity": "none"}


@pytest.mark.parametrize(
    ("resolved", "starts_at", "ends_at", "end"),
    [
        (False, NOW, 0, NOW + 1),
        (False, 0, 0, 0),
        (True, NOW, NOW + 9, NOW + 9),
        (True, NOW, NOW - 9, NOW + 1),
        (True, 0, NOW, 0),
    ],
)
def test_what_always_fires_is_told_as_over(
    resolved: bool, starts_at: int, ends_at: int, end: int
) -> None:
    sent = Alert("a", WATCHDOG, starts_at=starts_at, resolved=resolved, ends_at=ends_at)
    found = assignment()
    assert found.always_fires(sent)
    ((one,),) = [event.alerts for event in assign(found, sent)]
    assert (one.resolved, one.starts_at, one.ends_at) == (True, starts_at, end)
    assert (one.priority, one.priority_reason) == ("P4", REASON)


def test_a_person_may_open_what_always_fires() -> None:
    (event,) = assignment().assign((Alert("a", WATCHDOG, starts_at=NOW),), BY_HAND, 1)
    assert not event.alerts[0].resolved
    assert event.alerts[0].priority_reason != REASON


@pytest.mark.parametrize(
    ("severity", "known"),
    [("critical", True), ("SEV-1", True), ("", True), ("blocker", False), ("ours", True)],
)
def test_which_severities_are_known(severity: str, *, known: bool) -> None:
    found = assignment(severities={"ours": "P2"})
    assert found.knows_severity(severity) is known


@pytest.mark.parametrize("number", [1, 500])
def test_every_alert_is_in_one_event_and_in_the_order_it_came(number: int) -> None:
    alerts = [raw(str(n), team=f"t{n % 7}") for n in range(number)]
    events = assign(assignment({"group_by": ["team"]}), *alerts)
    assert len(events) == min(number, 7)
    assert len({event.key for event in events}) == len(events)
    for event in events:
        assert members(event) == sorted(members(event), key=int)
    assert sorted(name for event in events for name in members(event)) == sorted(
        one.fingerprint for one in alerts
    )


def test_values_that_look_like_others_make_groups_of_their_own() -> None:
    found = assignment({"group_by": ["team", "env"]})
    events = assign(
        found,
        raw("a", team='x","env":"y'),
        raw("b", team="x", env="y"),
        raw("c", team="", env="xy"),
        raw("d", env="xy"),
        raw("e", team="\u202ex", env="y"),
    )
    assert [members(event) for event in events] == [["a"], ["b"], ["c", "d"], ["e"]]


def test_rules_are_made_once_a_route() -> None:
    found = assignment({"routes": [{"name": "db", "matchers": ["a=b"], "team": "dba"}]})
    assert found.rules("db") is found.rules("db")
    assert found.rules("db") is not found.rules("")
