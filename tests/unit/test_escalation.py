"""Clocks and pages: who is notified when, and how a page moves on."""

from routing.decide import decide
from routing.decision import Decision
from routing.escalation import Rules, Step
from routing.event import Acknowledged, DeliveryFailed, TimerDue
from routing.incident import Actor, Incident
from tests.unit.builders import MINUTE, NOW, alert, received, rules

DEADLINE = NOW + 5 * MINUTE


def _open(found: Rules) -> Incident:
    incident = decide(None, received(alert()), NOW, found).incident
    assert incident is not None
    return incident


def _incident(decision: Decision) -> Incident:
    assert decision.incident is not None
    return decision.incident


def _counted(decision: Decision, name: str) -> list[dict[str, str]]:
    return [item.labels for item in decision.observations if item.name == name]


def test_the_deadline_is_missed_once_and_the_next_step_is_notified() -> None:
    found = rules()
    decision = decide(_open(found), TimerDue("acknowledge", {"slack": 1}), DEADLINE, found)
    incident = _incident(decision)
    assert incident.step == 1
    assert (incident.pages["slack"].seq, incident.pages["slack"].mention) == (2, "!here")
    assert incident.pages["pagerduty"].seq == 1
    assert incident.deadlines["acknowledge"].missed_at == DEADLINE
    assert _counted(decision, "incident_deadlines_total") == [
        {"priority": "P1", "clock": "acknowledge", "outcome": "missed"}
    ]
    assert _counted(decision, "incident_escalations_total") == [
        {"priority": "P1", "step": "2", "reason": "deadline"}
    ]
    late = decide(incident, Acknowledged(Actor("ann", "api")), DEADLINE + 1, found)
    assert _counted(late, "incident_deadlines_total") == []


def test_a_page_still_on_its_way_is_not_doubled() -> None:
    found = rules()
    decision = decide(_open(found), TimerDue("acknowledge", {}), DEADLINE, found)
    page = _incident(decision).pages["slack"]
    assert (page.seq, page.mention, page.step) == (1, "!here", 1)


def test_empty_steps_are_skipped_at_once() -> None:
    found = rules(Step(()), Step(("slack",)), Step(()), Step(("pagerduty",)))
    incident = _open(found)
    assert (incident.step, set(incident.pages)) == (1, {"slack"})
    later = _incident(decide(incident, TimerDue("acknowledge"), DEADLINE, found))
    assert (later.step, set(later.pages)) == (3, {"slack", "pagerduty"})


def test_a_step_with_its_own_time_does_not_wait_for_the_deadline() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",), after=2 * MINUTE), Step(("slack",)))
    incident = _open(found)
    assert incident.timers["escalate"] == NOW + 2 * MINUTE
    second = _incident(decide(incident, TimerDue("escalate"), NOW + 2 * MINUTE, found))
    assert (second.step, set(second.pages)) == (1, {"slack", "pagerduty"})
    third = _incident(decide(second, TimerDue("acknowledge", {"slack": 1}), DEADLINE, found))
    assert third.step == 2


def test_without_a_time_of_its_own_a_step_gets_another_period() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",)), Step(("slack",)))
    second = _incident(decide(_open(found), TimerDue("acknowledge"), DEADLINE, found))
    assert second.timers["escalate"] == DEADLINE + 5 * MINUTE


def test_a_repeated_policy_starts_over_a_lap_later() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",), after=2 * MINUTE), repeat=1)
    incident = _open(found)
    incident = _incident(decide(incident, TimerDue("escalate"), NOW + 2 * MINUTE, found))
    incident = _incident(decide(incident, TimerDue("acknowledge", {"slack": 1}), DEADLINE, found))
    assert incident.step == 2
    assert incident.timers["escalate"] == NOW + (2 + 5) * MINUTE + 2 * MINUTE


def test_a_permanent_failure_moves_on_at_once_and_only_once_a_step() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("log",)), Step(("other",)))
    failed = decide(_open(found), DeliveryFailed("pagerduty", 1, "invalid key"), NOW + 1, found)
    incident = _incident(failed)
    assert incident.step == 1
    assert {item.task for item in failed.schedule} >= {"notify:log", "notify:slack"}
    assert "notify:pagerduty" not in {item.task for item in failed.schedule}
    both = _incident(decide(incident, DeliveryFailed("slack", 1, "archived"), NOW + 2, found))
    assert both.step == 1


def test_a_failed_update_pages_nobody() -> None:
    found = rules()
    decision = decide(_open(found), DeliveryFailed("slack", 0, "edit_window_closed"), NOW, found)
    assert _incident(decision).step == 0
    assert "notify:slack" not in {item.task for item in decision.schedule}


def test_slow_counts_as_failed_for_moving_on_while_retries_go_on() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("log",)))
    decision = decide(_open(found), TimerDue("delivery", {"slack": 1}), NOW + MINUTE, found)
    incident = _incident(decision)
    assert (decision.reason, incident.step) == ("delivery_late", 1)
    assert incident.pages["pagerduty"].failed_seq == 0
    assert _counted(decision, "incident_escalations_total")[0]["reason"] == "slow"


def test_two_slow_notifiers_move_the_page_on_by_one_step() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("slack",)), Step(("log",)))
    incident = _incident(decide(_open(found), TimerDue("delivery"), NOW + MINUTE, found))
    assert incident.step == 1


def test_delivered_in_time_schedules_no_update() -> None:
    found = rules()
    paged = {"slack": 1, "pagerduty": 1}
    decision = decide(_open(found), TimerDue("delivery", paged), NOW + MINUTE, found)
    assert (decision.reason, decision.schedule) == ("delivered_in_time", ())
    assert decision.cancel == ("delivery",)


def test_a_policy_exhausted_without_any_delivery_is_counted() -> None:
    found = rules(Step(("slack",)))
    decision = decide(_open(found), DeliveryFailed("slack", 1, "invalid_auth"), NOW, found)
    assert _counted(decision, "incident_undeliverable_total") == [{"priority": "P1"}]
    reached = decide(_open(found), TimerDue("acknowledge", {"slack": 1}), DEADLINE, found)
    assert _counted(reached, "incident_undeliverable_total") == []


def test_nothing_moves_on_once_somebody_has_it() -> None:
    found = rules()
    taken = _incident(decide(_open(found), Acknowledged(Actor("ann", "api")), NOW, found))
    assert taken.timers == {}
    decision = decide(taken, DeliveryFailed("slack", 1, "gone"), NOW, found)
    assert _incident(decision).step == 0
