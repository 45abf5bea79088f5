"""The life of an incident, decided."""

import msgspec
import pytest

from routing.decide import decide, fold
from routing.decision import Decision
from routing.event import DeliveryFailed, Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from routing.rules import Step
from tests.support.builders import MINUTE, NOW, alert, received, rules

ANN = Actor("ann", "slack", "U1")
RULES = rules()


def _after(*events: Event, at: int = NOW, start: Incident | None = None) -> Incident:
    incident = start
    for event in events:
        incident = decide(incident, event, at, RULES).incident
    assert incident is not None
    return incident


def _names(decision: Decision) -> list[str]:
    return [observation.name for observation in decision.observations]


def test_a_firing_alert_opens_pages_and_starts_the_clock() -> None:
    decision = decide(None, received(alert()), NOW, RULES)
    incident = decision.incident
    assert incident is not None
    assert (decision.reason, incident.state, incident.priority) == ("opened", "triggered", "P1")
    assert {name: page.seq for name, page in incident.pages.items()} == {"pagerduty": 1, "slack": 1}
    assert incident.deadlines["acknowledge"].due == NOW + 5 * MINUTE
    assert {item.task for item in decision.schedule} == {
        "acknowledge",
        "delivery",
        "notify:pagerduty",
        "notify:slack",
    }
    assert _names(decision) == [
        "incidents_total",
        "incident_runbooks_total",
        "incident_detection_delay_seconds",
        "incident_pages",
        "incident_pages",
    ]


def test_a_repeat_changes_nothing() -> None:
    incident = _after(received(alert()))
    decision = decide(incident, received(alert()), NOW + MINUTE, RULES)
    assert (decision.reason, decision.changed, decision.schedule) == ("repeat", False, ())
    assert decision.incident is incident


def test_absent_alerts_are_not_resolved() -> None:
    incident = _after(received(alert("a"), alert("b")), received(alert("a")))
    assert [item.fingerprint for item in incident.firing()] == ["a", "b"]


def test_all_resolved_ends_it_by_itself_once_in_the_figures() -> None:
    incident = _after(received(alert("a"), alert("b")))
    half = decide(incident, received(alert("a", resolved=True)), NOW, RULES)
    assert half.incident is not None
    assert half.incident.state == "triggered"
    decision = decide(half.incident, received(alert("b", resolved=True)), NOW + MINUTE, RULES)
    assert decision.reason == "resolved"
    assert decision.incident is not None
    assert decision.incident.timers == {}
    durations = [item for item in decision.observations if "resolution" in item.name]
    assert [(item.value, item.labels["by"]) for item in durations] == [(60.0, "automatic")]
    assert "incident_acknowledge_duration_seconds" not in _names(decision)


def test_an_orphan_resolve_is_a_tombstone_and_what_it_covers_pages_nobody() -> None:
    tombstone = _after(received(alert(resolved=True)))
    assert tombstone.state == "tombstone"
    covered = decide(tombstone, received(alert()), NOW, RULES)
    assert covered.incident is not None
    assert (covered.reason, covered.incident.state) == ("covered", "resolved")
    assert covered.incident.pages == {}
    assert [item.task for item in covered.schedule] == ["echo"]
    fresh = decide(tombstone, received(alert(starts_at=NOW + 1)), NOW, RULES)
    assert fresh.reason == "opened"


def test_an_echo_waits_and_then_counts() -> None:
    closed = _after(received(alert()), received(alert(resolved=True)))
    echo = decide(closed, received(alert()), NOW, RULES)
    assert echo.incident is not None
    assert (echo.reason, echo.incident.state) == ("echo_suspected", "resolved")
    due = decide(echo.incident, TimerDue("echo"), NOW + RULES.peer_window, RULES)
    assert due.incident is not None
    assert (due.incident.state, due.incident.episode) == ("triggered", 1)
    assert due.incident.pages["slack"].seq == 2


def test_a_resolved_copy_contradicts_an_echo() -> None:
    closed = _after(received(alert()), received(alert(resolved=True)), received(alert()))
    assert closed.suspected
    calm = _after(received(alert(resolved=True)), start=closed)
    assert calm.suspected == {}
    assert "echo" not in calm.timers


def test_reopening_is_an_episode_and_later_a_new_incident() -> None:
    closed = _after(received(alert()), received(alert(resolved=True)))
    again = received(alert(starts_at=NOW + MINUTE))
    soon = decide(closed, again, NOW + 29 * MINUTE, RULES).incident
    late = decide(closed, again, NOW + 31 * MINUTE, RULES).incident
    assert soon is not None
    assert late is not None
    assert (soon.id, soon.episode, soon.acknowledged_at) == (closed.id, 1, 0)
    assert (late.generation, late.episode, late.version) == (2, 0, 1)
    assert late.id.endswith("-2")


def test_acknowledging_stops_the_clock_and_counts_once() -> None:
    incident = _after(received(alert()))
    decision = decide(incident, Acknowledged(ANN), NOW + MINUTE, RULES)
    assert decision.incident is not None
    assert decision.incident.timers == {}
    assert _names(decision) == ["incident_deadlines_total", "incident_acknowledge_duration_seconds"]
    assert decision.observations[1].value == 60.0
    again = decide(decision.incident, Acknowledged(ANN), NOW + MINUTE, RULES)
    assert (again.reason, again.changed) == ("already_acknowledged", False)


def test_a_click_on_an_older_episode_is_stale() -> None:
    reopened = _after(
        received(alert()), received(alert(resolved=True)), received(alert(starts_at=NOW + 1))
    )
    for event in (Acknowledged(ANN, episode=0), Resolved(ANN, episode=0)):
        decision = decide(reopened, event, NOW, RULES)
        assert (decision.reason, decision.changed) == ("stale", False)


def test_a_person_resolves_exactly_what_fires_now() -> None:
    closed = _after(received(alert()), Resolved(ANN))
    assert closed.suppressed == {"a": NOW - MINUTE}
    assert _after(received(alert()), start=closed).state == "resolved"
    assert _after(received(alert(starts_at=NOW)), start=closed).state == "triggered"
    assert _after(received(alert("b")), start=closed).state == "triggered"


def test_a_rise_pages_again_and_wants_a_new_acknowledgement() -> None:
    minor = alert("a", priority="P3")
    taken = _after(received(minor), Acknowledged(ANN))
    decision = decide(taken, received(minor, alert("b")), NOW + MINUTE, RULES)
    incident = decision.incident
    assert incident is not None
    assert (decision.reason, incident.priority, incident.state) == (
        "priority_raised",
        "P1",
        "triggered",
    )
    assert incident.pages["slack"].seq == 2
    counted = decide(incident, Acknowledged(ANN), NOW + 2 * MINUTE, RULES)
    assert "incident_acknowledge_duration_seconds" not in _names(counted)


def test_a_fall_is_only_noted() -> None:
    both = _after(received(alert("a"), alert("b", priority="P3")))
    decision = decide(both, received(alert("a", resolved=True)), NOW, RULES)
    assert decision.incident is not None
    assert decision.incident.priority == "P3"
    assert decision.incident.pages == both.pages


def test_a_value_that_wobbles_does_not_lower_the_priority() -> None:
    incident = _after(received(alert()), received(alert(priority="P3")))
    assert incident.priority == "P1"


def test_now_never_goes_back() -> None:
    incident = _after(received(alert()))
    decision = decide(incident, Acknowledged(ANN), NOW - MINUTE, RULES)
    assert decision.incident is not None
    assert decision.incident.acknowledged_at == NOW
    assert all(item.value >= 0 for item in decision.observations)


@pytest.mark.parametrize(
    "event",
    [Acknowledged(ANN), Resolved(ANN), TimerDue("echo"), DeliveryFailed("slack", 1, "gone")],
)
def test_nothing_happens_to_what_is_not_there(event: Event) -> None:
    tombstone = _after(received(alert(resolved=True)))
    for nothing in (None, tombstone):
        decision = decide(nothing, event, NOW, RULES)
        assert (decision.reason, decision.changed) == ("unknown_incident", False)


def test_timers_that_were_stopped_or_are_early_do_no_harm() -> None:
    incident = _after(received(alert()))
    gone = decide(incident, TimerDue("echo"), NOW, RULES)
    assert (gone.changed, gone.cancel) == (False, ("echo",))
    early = decide(incident, TimerDue("acknowledge"), NOW + MINUTE, RULES)
    assert early.reason == "timer_early"
    assert [(item.task, item.due) for item in early.schedule] == [("acknowledge", NOW + 5 * MINUTE)]


def test_folding_is_deciding_one_after_another() -> None:
    events: list[Event] = [received(alert()), received(alert("b")), Acknowledged(ANN)]
    incident, decisions = None, []
    for event in events:
        decision = decide(incident, event, NOW, RULES)
        incident = decision.incident
        decisions.append(decision)
    joined = fold(decisions)
    assert joined.base is None
    assert joined.incident == incident
    assert len(joined.timeline) == sum(len(decision.timeline) for decision in decisions)
    tasks = {item.task for item in joined.schedule}
    assert tasks == {"notify:pagerduty", "notify:slack"}
    assert set(joined.cancel) == {"acknowledge", "delivery"}


def test_the_base_is_never_changed() -> None:
    incident = _after(received(alert("a"), alert("b")))
    before = msgspec.json.encode(incident)
    events: list[Event] = [received(alert("a", resolved=True)), Acknowledged(ANN), Resolved(ANN)]
    for event in events:
        decide(incident, event, NOW, RULES)
    assert msgspec.json.encode(incident) == before


def test_a_record_is_read_back_as_it_was_written() -> None:
    incident = _after(received(alert("a"), alert("b")), Acknowledged(ANN))
    raw = msgspec.json.encode(incident)
    assert msgspec.json.decode(raw, type=Incident) == incident


def test_many_resolved_alerts_are_forgotten_and_none_that_fires() -> None:
    crowd = [alert(f"{number}", resolved=True, ends_at=NOW + number) for number in range(700)]
    incident = _after(received(alert("firing"), *crowd))
    assert len(incident.alerts) == 501
    assert "firing" in incident.alerts
    assert "699" in incident.alerts


def test_a_rule_on_the_size_of_the_group_raises_it() -> None:
    sized = rules(
        Step(("slack",)),
        classify_group=lambda _alert, size: ("P1", "rule 'many'") if size > 2 else ("P3", ""),
    )
    minor = [alert(name, priority="P3") for name in "abc"]
    first = decide(None, received(*minor[:2]), NOW, sized)
    assert first.incident is not None
    assert first.incident.priority == "P3"
    grown = decide(first.incident, received(*minor), NOW, sized)
    assert grown.incident is not None
    assert (grown.incident.priority, grown.incident.priority_reason) == ("P1", "rule 'many'")
