"""What people decide against the rules: another priority, an incident of their own, a silence."""

import msgspec

from routing.decision import Decision
from routing.event import Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor, Silence
from routing.person_event import (
    Denied,
    Escalated,
    PriorityChanged,
    Reopened,
    Resolved,
    Silenced,
    SilenceExpired,
)
from routing.rules import Rules
from tests.support import builders
from tests.support.builders import MINUTE, NOW, alert, received, rules

ANN = Actor("ann", "slack", "U1")
RULES = rules(stale_after=60 * MINUTE)
OPENED = msgspec.structs.replace(received(alert()), kind="manual", by=ANN)


def play(*moves: tuple[int, Event], found: Rules = RULES) -> tuple[Incident, list[Decision]]:
    """Decide events at minutes after NOW; return the incident and all decisions."""
    return builders.play(*moves, found=found)


def kinds(decision: Decision) -> list[str]:
    return [entry.kind for entry in decision.timeline]


def grade(priority: str, fingerprint: str = "a") -> Event:
    return received(alert(fingerprint, priority=priority, priority_reason=f"graded {priority}"))


def test_a_lower_priority_holds_while_the_alerts_ask_for_no_more_than_before() -> None:
    lower = PriorityChanged(ANN, "P3", "only the test shop")
    incident, decisions = play((0, grade("P1")), (1, lower), (2, grade("P1", "b")))
    assert (incident.priority, incident.priority_reason) == (
        "P3",
        "set by ann: only the test shop",
    )
    assert kinds(decisions[1]) == ["priority_set"]
    assert "escalated" not in kinds(decisions[2])
    resolved, _ = play((0, grade("P1")), (1, lower), (3, received(alert(resolved=True))))
    assert (resolved.state, resolved.priority) == ("resolved", "P3")


def test_an_alert_more_urgent_than_before_ends_what_a_person_chose() -> None:
    lower = PriorityChanged(ANN, "P4", "")
    incident, decisions = play((0, grade("P3")), (1, lower), (2, grade("P2", "b")))
    assert (incident.priority, incident.pin) == ("P2", None)
    assert decisions[2].reason == "priority_raised"
    assert incident.pages["pagerduty"].reason == "priority_raised"


def test_raising_by_hand_pages_anew_and_lowering_pages_nobody() -> None:
    raised, decisions = play((0, grade("P3")), (1, PriorityChanged(ANN, "P1", "all shops")))
    assert raised.pages["pagerduty"].reason == "priority_raised"
    assert decisions[1].timeline[0].by == "ann"
    lowered, decisions = play((0, grade("P1")), (1, PriorityChanged(ANN, "P2")))
    assert lowered.pages["pagerduty"].seq == decisions[0].incident.pages["pagerduty"].seq
    same, decisions = play((0, grade("P1")), (1, PriorityChanged(ANN, "P1")))
    assert (decisions[1].reason, same.pin) == ("same_priority", None)


def test_a_new_episode_is_graded_by_its_alerts_again() -> None:
    again = received(alert(starts_at=NOW + 3 * MINUTE))
    incident, _ = play(
        (0, grade("P1")),
        (1, PriorityChanged(ANN, "P4")),
        (2, received(alert(resolved=True))),
        (4, again),
    )
    assert (incident.priority, incident.pin, incident.episode) == ("P1", None, 1)


def test_what_a_person_opens_pages_and_only_a_person_ends_it() -> None:
    incident, decisions = play((0, OPENED))
    assert decisions[0].timeline[0].text == "Opened by ann: HighErrorRate"
    assert incident.pages
    assert "stale" not in incident.timers
    over, _ = play((0, OPENED), (9, Resolved(ANN, 0)))
    assert (over.state, over.suppressed) == ("resolved", {})
    assert all(known.resolved for known in over.alerts.values())
    again, _ = play((0, OPENED), (9, Resolved(ANN, 0)), (10, Reopened(ANN, 0)))
    assert again.state == "triggered"


def test_what_a_person_opened_is_forgotten_like_any_other() -> None:
    kept = rules(retention=60 * MINUTE)
    over = (0, OPENED), (9, Resolved(ANN, 0)), (70, TimerDue("forget"))
    assert play(*over, found=kept)[1][2].reason == "forgotten"


def test_silences_are_kept_and_their_early_end_too() -> None:
    made = Silence("s1", NOW + 60 * MINUTE, 'alertname="X"', "ann")
    incident, decisions = play(
        (0, grade("P1")),
        (1, Silenced(ANN, made)),
        (2, Silenced(ANN, made)),
        (3, SilenceExpired(ANN, "s1")),
        (4, SilenceExpired(ANN, "s1")),
        (4, SilenceExpired(ANN, "s2")),
    )
    (kept,) = incident.silences
    assert (kept.id, kept.expired_at) == ("s1", NOW + 3 * MINUTE)
    reasons = [decision.reason for decision in decisions[3:]]
    assert reasons == ["silence_expired", "already_expired", "unknown_silence"]
    assert incident.state == "triggered"


def test_who_escalates_at_the_last_step_pages_it_once_more() -> None:
    moves = [(minute, Escalated(ANN)) for minute in range(1, 5)]
    incident, decisions = play((0, grade("P1")), *moves)
    assert incident.pages["slack"].seq == 5
    assert all("exhausted" not in kinds(decision) for decision in decisions)


def test_a_denied_action_is_in_the_audit_and_tells_nobody() -> None:
    incident, decisions = play((0, grade("P1")), (1, Denied(ANN, "resolve")))
    assert decisions[1].timeline[0].text == "ann may not resolve"
    assert decisions[1].schedule == ()
    assert incident.state == "triggered"
