"""The trigger event for PagerDuty, part by part."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.notifier import View
from receiver.pagerduty.event import (
    ALERTS_SHOWN,
    FIELD_MAX,
    cut,
    dedup_key,
    episode_of,
    is_of,
    trigger_event,
)
from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Page
from tests.support.builders import GROUP, NOW, alert
from tests.support.drafts import incident


def event(found: Incident, url: str = "https://im.example/1") -> dict[str, Any]:
    return trigger_event(View(found, Page(1, 1, 0, "opened"), (), NOW, url))


def labelled(**labels: str) -> Incident:
    return incident(alert(labels=labels))


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("", 5, ""),
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd…"),
        ("😀" * 6, 5, "😀😀😀😀…"),
        ("ab", 1, "…"),
    ],
)
def test_what_is_too_long_is_cut(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(1, 10**9))
@settings(max_examples=50)
def test_a_key_says_its_incident_and_episode(episode: int, seq: int, since: int) -> None:
    found = incident(episode=episode)
    key = dedup_key(found, seq, since)
    assert is_of(key, found)
    assert episode_of(key) == episode
    assert (key == f"{found.id}:{episode}") is (seq == since)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "{}",
        "{}:",
        "{}:a",
        "{}:1:",
        "{}:1:2:3",
        "{}:-1",
        "{}:1.5",
        "{}:²",
        "{}:٣",
        "{}-1:0",
        " {}:0",
        "0-bbbbbbbbbbbbbbbb-1:0",
    ],
)
def test_other_keys_are_not_of_it(key: str) -> None:
    found = incident()
    assert not is_of(key.format(found.id), found)


@pytest.mark.parametrize(
    ("labels", "cluster", "source"),
    [
        ({"instance": "web-1", "service": "shop", "job": "node"}, "eu", "web-1"),
        ({"service": "shop", "job": "node"}, "eu", "shop"),
        ({"instance": "  ", "job": " node "}, "eu", "node"),
        ({}, " eu ", "eu"),
        ({"instance": ""}, "  ", "alertmanager"),
        ({"instance": "x" * 300}, "", "x" * (FIELD_MAX - 1) + "…"),
    ],
)
def test_the_source_is_never_empty(labels: dict[str, str], cluster: str, source: str) -> None:
    found = incident(alert(labels=labels), group=Group(cluster, "r", "k"))
    assert event(found)["payload"]["source"] == source


@pytest.mark.parametrize(
    ("labels", "component"),
    [
        ({"service": "shop", "job": "node"}, "shop"),
        ({"job": "node"}, "node"),
        ({"alertname": "A"}, None),
        ({"service": "x" * 256}, "x" * 254 + "…"),
    ],
)
def test_the_component_is_the_service_or_the_job(
    labels: dict[str, str], component: str | None
) -> None:
    assert event(labelled(**labels))["payload"].get("component") == component


@pytest.mark.parametrize(
    ("labels", "cluster", "group"),
    [({"alertname": "A"}, "eu", "A"), ({}, "eu", "eu"), ({"team": "db"}, "", None)],
)
def test_the_group_is_named_where_it_has_a_name(
    labels: dict[str, str], cluster: str, group: str | None
) -> None:
    found = incident(alert(), group=Group(cluster, "r", "k", labels=labels))
    assert event(found)["payload"].get("group") == group


def test_the_most_urgent_alert_leads_and_what_is_over_is_left_out() -> None:
    found = incident(
        alert("old", labels={"instance": "old"}, priority="P3", starts_at=1),
        alert("lead", labels={"instance": "lead"}, generator_url="http://p/g"),
        alert("over", labels={"instance": "over"}, resolved=True, starts_at=0),
    )
    made = event(found)
    assert made["payload"]["source"] == "lead"
    assert made["payload"]["custom_details"]["firing_count"] == 2
    assert {"href": "http://p/g", "text": "Source (p)"} in made["links"]


def test_of_what_is_over_all_is_told() -> None:
    found = incident(alert("a", resolved=True), alert("b", resolved=True), state="resolved")
    details = event(found)["payload"]["custom_details"]
    assert (details["firing_count"], len(details["firing"])) == (2, 2)


def test_without_an_alert_it_is_still_an_event() -> None:
    made = event(incident(title=""))
    payload = made["payload"]
    assert payload["summary"] == f"[P1] {incident().id}"
    assert (payload["source"], payload["custom_details"]["firing"]) == ("alertmanager", [])
    assert payload["custom_details"]["runbook"] == "none"
    assert made["client"] == "LLM Incident Manager"


@pytest.mark.parametrize("number", [ALERTS_SHOWN, ALERTS_SHOWN + 1, 500])
def test_of_many_the_first_are_shown(number: int) -> None:
    found = incident(*(alert(f"{n:04}", labels={"alertname": f"A{n}"}) for n in range(number)))
    details = event(found)["payload"]["custom_details"]
    assert [one["alert"] for one in details["firing"]] == [f"A{n}" for n in range(ALERTS_SHOWN)]
    assert details["firing_count"] == number


def test_an_incident_that_never_opened_has_the_time_of_the_page() -> None:
    stamp = event(incident(episode_opened_at=0))["payload"]["timestamp"]
    assert stamp == "2026-03-02T10:00:00.000Z"


def test_what_it_says_is_a_copy() -> None:
    labels = {"alertname": "A"}
    found = incident(Alert("a", labels, starts_at=NOW), group=Group("", "r", "k", labels=labels))
    details = event(found)["payload"]["custom_details"]
    details["group"]["x"] = details["firing"][0]["labels"]["x"] = "y"
    assert labels == {"alertname": "A"}
    assert GROUP.labels == {}
