"""Whatever an incident holds, its event stays inside every limit PagerDuty has."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.notifier import View
from receiver.pagerduty.event import EVENT_MAX, dedup_key, episode_of, trigger_event
from routing.alert import Alert
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Page
from tests.support.fakes.pagerduty_events import check_event

NOW = 1_772_445_600_000
URL = "https://incidents.example/v1/incidents/0-aaaaaaaaaaaaaaaa-1"
NASTY = ["", " ", "\n", "\x00", "\u202e", "😀", "事", '"', "\\", "https://x y", "ftp://x"]
TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(NASTY),
    st.builds(
        lambda part, times: part * times, st.sampled_from([*NASTY, "A"]), st.integers(1, 2000)
    ),
)
URLS = st.one_of(
    TEXT,
    st.sampled_from(["https://wiki.example/runbook", "https://wiki.example/" + "r" * 8000]),
)
NAMES = st.sampled_from(["alertname", "service", "instance", "job", "cluster", "severity", "pod"])
ALERTS = st.builds(
    Alert,
    fingerprint=st.uuids().map(str),
    labels=st.dictionaries(NAMES, TEXT),
    annotations=st.dictionaries(st.sampled_from(["summary", "title", "message"]), TEXT),
    starts_at=st.integers(0, 253_402_300_799_000),
    resolved=st.booleans(),
    generator_url=URLS,
    priority=st.sampled_from(["P1", "P2", "P3", "P4"]),
)
INCIDENTS = st.builds(
    Incident,
    id=st.builds("{}-aaaaaaaaaaaaaaaa-{}".format, st.integers(0, 4096), st.integers(1, 10**12)),
    group=st.builds(
        Group,
        cluster=TEXT,
        receiver=TEXT,
        group_key=TEXT,
        labels=st.dictionaries(NAMES, TEXT),
    ),
    state=st.sampled_from(["triggered", "acknowledged", "resolved"]),
    episode=st.integers(0, 10**9),
    priority=st.sampled_from(["P1", "P2", "P3", "P4"]),
    priority_reason=TEXT,
    title=TEXT,
    team=TEXT,
    runbook_url=URLS,
    alerts=st.lists(ALERTS, max_size=30).map(lambda found: {a.fingerprint: a for a in found}),
    opened_at=st.integers(0, 4_000_000_000_000),
    episode_opened_at=st.integers(0, 4_000_000_000_000),
)


def view(incident: Incident, url: str = URL) -> View:
    return View(incident, Page(seq=1, since=1, step=0, reason="opened"), (), NOW, url)


def incident(**more: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": "0-aaaaaaaaaaaaaaaa-1",
        "group": Group(cluster="", receiver="r", group_key="k"),
        "state": "triggered",
        "priority": "P1",
        "title": "HighErrorRate",
        "opened_at": NOW,
        "episode_opened_at": NOW,
    }
    return Incident(**(fields | more))


def sent(event: dict[str, Any], key: str = "k") -> bytes:
    """The body as pdpyras sends it: the routing key added, everything but ASCII escaped."""
    body = event | {"event_action": "trigger", "dedup_key": key, "routing_key": "R" * 32}
    return json.dumps(body).encode()


def accepted(event: dict[str, Any], key: str = "k") -> dict[str, Any]:
    """The body PagerDuty got, and liked."""
    raw = sent(event, key)
    assert len(raw) <= EVENT_MAX
    body: dict[str, Any] = json.loads(raw)
    assert check_event(body) == []
    # pdpyras refuses anything but exactly a dict, and PagerDuty anything but text.
    assert type(event["payload"]["custom_details"]) is dict
    assert type(body["dedup_key"]) is str
    return body


@pytest.mark.slow
@given(INCIDENTS, URLS, st.integers(1, 10**9), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_incident_is_an_event_inside_all_limits(
    found: Incident, url: str, seq: int, first: bool
) -> None:
    body = accepted(
        trigger_event(view(found, url)), dedup_key(found, seq, seq if first else seq + 1)
    )
    payload = body["payload"]
    assert payload["summary"].startswith(f"[{found.priority}] ")
    assert payload["class"] == found.priority
    assert payload["custom_details"]["priority"] == found.priority
    assert payload["custom_details"]["incident"] == found.id


@pytest.mark.parametrize("filler", ["A", '"', "é", "事", "😀", "\x01"])
@pytest.mark.parametrize("place", ["firing", "group", "reason"])
@pytest.mark.parametrize("labels", [20, 40, 60, 256])
def test_an_event_is_measured_as_it_is_sent(filler: str, place: str, labels: int) -> None:
    """Escaped, one character may take twelve bytes; the page goes out with fewer details."""
    bulk = {f"label{n}": filler * 4096 for n in range(labels)}
    found = incident(
        group=Group(
            cluster="", receiver="r", group_key="k", labels=bulk if place == "group" else {}
        ),
        alerts={"a": Alert("a", {"alertname": "X"} | (bulk if place == "firing" else {}))},
        priority_reason=filler * 4096 * labels if place == "reason" else "severity critical",
    )
    body = accepted(trigger_event(view(found)))
    details = body["payload"]["custom_details"]
    assert details["priority"] == "P1"
    assert details["incident"] == found.id
    assert [link["text"] for link in body["links"]] == ["Incident"]


def test_what_fits_is_not_left_out() -> None:
    labels = {"alertname": "HighErrorRate", "instance": "web-1"}
    found = incident(
        group=Group(
            cluster="eu", receiver="r", group_key="k", labels={"alertname": "HighErrorRate"}
        ),
        alerts={"a": Alert("a", labels, {"summary": "5xx above 5 %"})},
    )
    details = trigger_event(view(found))["payload"]["custom_details"]
    assert details["firing"] == [{"alert": "HighErrorRate: 5xx above 5 %", "labels": labels}]
    assert details["group"] == {"alertname": "HighErrorRate"}


def test_a_storm_of_alerts_is_counted_and_shown_in_part() -> None:
    found = incident(
        alerts={f"{n}": Alert(f"{n}", {"alertname": f"A{n}"}, starts_at=n) for n in range(10_000)}
    )
    details = accepted(trigger_event(view(found)))["payload"]["custom_details"]
    assert details["firing_count"] == 10_000
    assert 0 < len(details["firing"]) <= 50


def test_a_group_of_giants_sheds_details_and_keeps_the_count() -> None:
    giants = {
        f"{n}": Alert(f"{n}", {"alertname": "A", "blob": "x" * 60_000}, starts_at=n)
        for n in range(30)
    }
    body = accepted(trigger_event(view(incident(alerts=giants))))
    assert body["payload"]["custom_details"]["firing_count"] == 30


@pytest.mark.parametrize(
    ("priority", "severity"),
    [("P1", "critical"), ("P2", "error"), ("P3", "warning"), ("P4", "info")],
)
def test_priority_gives_severity(priority: str, severity: str) -> None:
    payload = trigger_event(view(incident(priority=priority)))["payload"]
    assert (payload["severity"], payload["class"]) == (severity, priority)


def test_the_time_is_that_of_the_episode() -> None:
    found = incident(opened_at=NOW - 86_400_000, episode_opened_at=NOW, episode=1)
    stamp = trigger_event(view(found))["payload"]["timestamp"]
    assert datetime.fromisoformat(stamp).timestamp() * 1000 == NOW


def test_a_long_title_is_cut_with_an_ellipsis() -> None:
    summary = trigger_event(view(incident(title="事" * 5000)))["payload"]["summary"]
    assert len(summary) == 1024
    assert summary.startswith("[P1] 事")
    assert summary.endswith("…")


def test_links_lead_to_runbook_incident_and_source() -> None:
    found = incident(
        runbook_url="https://wiki.example/x",
        alerts={"a": Alert("a", {"alertname": "X"}, generator_url="http://prometheus.example/g")},
    )
    event = trigger_event(view(found))
    assert [link["href"] for link in event["links"]] == [
        "https://wiki.example/x",
        URL,
        "http://prometheus.example/g",
    ]
    assert event["client_url"] == URL


def test_nothing_but_a_web_address_becomes_a_link() -> None:
    found = incident(
        runbook_url="javascript:alert(1)",
        alerts={"a": Alert("a", {"alertname": "X"}, generator_url="file:///etc/passwd")},
    )
    event = trigger_event(view(found, "not a link"))
    assert event["links"] == []
    assert "client_url" not in event


def test_every_page_has_a_key_of_its_own_and_the_first_is_the_episodes() -> None:
    first, second = incident(), incident(episode=1)
    keys = [
        dedup_key(first, 1, 1),
        dedup_key(first, 2, 1),
        dedup_key(first, 3, 1),
        dedup_key(second, 4, 4),
        dedup_key(second, 5, 4),
    ]
    assert keys[0] == f"{first.id}:0"
    assert keys[3] == f"{first.id}:1"
    assert keys[4] == f"{first.id}:1:5"
    assert len(set(keys)) == 5
    assert [episode_of(key) for key in keys] == [0, 0, 0, 1, 1]
