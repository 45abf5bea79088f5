"""Any incident becomes an event inside all limits of the Events API."""

import json

from hypothesis import given, settings

from receiver.notify.base import View
from receiver.notify.pagerduty_event import EVENT_MAX, dedup_key, trigger_event
from routing.incident import Incident, Page
from tests.fakes.pagerduty_events import check_event
from tests.unit.builders import GROUP, alert
from tests.unit.test_slack_blocks import INCIDENTS


def _event(incident: Incident) -> dict[str, object]:
    page = Page(seq=1, since=1, step=0, reason="opened")
    view = View(incident=incident, page=page, timeline=(), now=1, url="http://localhost:8080/x")
    key = dedup_key(incident, 1, 1)
    return trigger_event(view) | {
        "routing_key": "R" * 32,
        "event_action": "trigger",
        "dedup_key": key,
    }


@settings(max_examples=150, deadline=None)
@given(INCIDENTS)
def test_any_incident_is_inside_every_limit(incident: Incident) -> None:
    event = _event(incident)
    assert check_event(event) == []
    assert len(json.dumps(event).encode()) <= 512 * 1024


def test_a_group_of_giants_sheds_details_and_keeps_the_page() -> None:
    giants = {
        str(number): alert(str(number), labels={"alertname": "A", "blob": "x" * 60_000})
        for number in range(30)
    }
    incident = Incident(
        id="0-aaaaaaaaaaaaaaaa-1", group=GROUP, state="triggered", priority="P1", alerts=giants
    )
    event = _event(incident)
    assert check_event(event) == []
    assert len(json.dumps(event).encode()) <= EVENT_MAX
    payload = event["payload"]
    assert isinstance(payload, dict)
    assert payload["custom_details"]["firing_count"] == 30


def test_every_page_of_an_episode_has_a_key_of_its_own() -> None:
    incident = Incident(id="i", group=GROUP, state="triggered", episode=2)
    assert dedup_key(incident, 4, 4) == "i:2"
    assert dedup_key(incident, 5, 4) == "i:2:5"
