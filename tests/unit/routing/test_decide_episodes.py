"""Echoes, tombstones, episodes and generations: when the same trouble is the same incident."""

import pytest

from routing.decide import decide
from routing.decision import Decision
from routing.event import Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Reopened, Resolved
from routing.rules import Rules
from tests.support.builders import MINUTE, NOW, alert, received, rules

ANN = Actor("ann", "slack", "U1")
RULES = rules()
FIRING = received(alert())
RESOLVED = received(alert(resolved=True))
AGAIN = received(alert(starts_at=NOW + 1))
PEER = RULES.peer_window
LATE = NOW + 40 * MINUTE
"""Later than an incident is reopened."""


def _after(
    *events: Event, at: int = NOW, start: Incident | None = None, found: Rules = RULES
) -> Incident:
    incident = start
    for event in events:
        incident = _incident(decide(incident, event, at, found))
    assert incident is not None
    return incident


def _incident(decision: Decision) -> Incident:
    assert decision.incident is not None
    return decision.incident


def _figures(decision: Decision) -> list[tuple[str, float, str]]:
    return [
        (item.name.split("_")[1], item.value, item.labels["by"])
        for item in decision.observations
        if "duration" in item.name
    ]


def _firing(incident: Incident) -> list[str]:
    return [found.fingerprint for found in incident.firing()]


def test_copies_of_a_peer_do_not_reopen_and_do_not_move_the_window() -> None:
    closed = _after(FIRING, RESOLVED)
    suspected = _after(FIRING, start=closed)
    later = _after(FIRING, FIRING, start=suspected, at=NOW + MINUTE // 2)
    assert (later.state, later.episode) == ("resolved", 0)
    assert later.timers == {"echo": NOW + PEER}
    assert later.pages == closed.pages


def test_an_echo_that_nothing_contradicts_pages_again() -> None:
    suspected = _after(FIRING, RESOLVED, FIRING)
    decision = decide(suspected, TimerDue("echo"), NOW + PEER, RULES)
    incident = _incident(decision)
    assert (decision.reason, incident.state, incident.episode) == ("reopened", "triggered", 1)
    assert _firing(incident) == ["a"]
    assert incident.suspected == {}
    assert {item.task for item in decision.schedule} >= {"notify:slack", "notify:pagerduty"}
    assert "echo" not in incident.timers


def test_an_echo_keeps_the_most_urgent_priority_any_copy_had() -> None:
    # ADR 3: whatever order copies with one startsAt come in, they share the most urgent priority.
    suspected = _after(FIRING, RESOLVED, received(alert(priority="P3")))
    assert _after(TimerDue("echo"), start=suspected, at=NOW + PEER).priority == "P1"
    minor = alert(priority="P3")
    later = _after(received(minor), RESOLVED, received(minor), FIRING)
    assert _after(TimerDue("echo"), start=later, at=NOW + PEER).priority == "P1"


def test_an_older_resolve_does_not_contradict_an_echo() -> None:
    suspected = _after(FIRING, RESOLVED, FIRING)
    older = received(alert(resolved=True, starts_at=NOW - 2 * MINUTE, ends_at=NOW - MINUTE))
    kept = _after(older, start=suspected)
    assert (kept.suspected, kept.timers) == (suspected.suspected, suspected.timers)


def test_a_new_start_is_news_and_ends_the_suspicion() -> None:
    suspected = _after(FIRING, RESOLVED, FIRING)
    incident = _after(AGAIN, start=suspected)
    assert (incident.state, incident.suspected) == ("triggered", {})
    assert "echo" not in incident.timers


def test_two_echoes_are_believed_each_in_its_time() -> None:
    both = (alert("a"), alert("b"))
    closed = _after(received(*both), *(received(alert(key, resolved=True)) for key in "ab"))
    first = _after(received(both[0]), start=closed)
    second = _after(received(both[1]), start=first, at=NOW + 30_000)
    one = _after(TimerDue("echo"), start=second, at=NOW + PEER)
    assert (_firing(one), set(one.suspected)) == (["a"], {"b"})
    assert one.timers["echo"] == NOW + 30_000 + PEER
    two = _after(TimerDue("echo"), start=one, at=one.timers["echo"])
    assert (_firing(two), two.episode) == (["a", "b"], 1)


def test_an_echo_within_an_open_incident_joins_what_fires() -> None:
    incident = _after(received(alert("a"), alert("b")), RESOLVED, FIRING)
    assert (_firing(incident), incident.state) == (["b"], "triggered")
    joined = _after(TimerDue("echo"), start=incident, at=NOW + PEER)
    assert (_firing(joined), joined.episode) == (["a", "b"], 0)


def test_a_longer_window_set_meanwhile_is_waited_for() -> None:
    suspected = _after(FIRING, RESOLVED, FIRING)
    patient = rules(peer_window=15 * MINUTE)
    decision = decide(suspected, TimerDue("echo"), NOW + PEER, patient)
    assert (decision.reason, decision.timeline) == ("timer_early", ())
    assert _incident(decision).timers == {"echo": NOW + 15 * MINUTE}


def test_what_a_resolve_covers_is_counted_and_pages_nobody() -> None:
    decision = decide(_after(RESOLVED), FIRING, NOW + MINUTE, RULES)
    incident = _incident(decision)
    assert (incident.state, incident.priority, incident.episode) == ("resolved", "P1", 0)
    assert [item.name for item in decision.observations] == ["incidents_total"]
    assert (incident.pages, incident.deadlines) == ({}, {})
    # It may fire again as part of the same firing, and then this is the only copy.
    assert incident.timers == {"echo": NOW + MINUTE + PEER}
    assert not [item for item in decision.schedule if item.task.startswith("notify:")]


def test_a_firing_copy_older_than_the_resolve_is_covered_too() -> None:
    old = received(alert(starts_at=NOW - 9 * MINUTE))
    forward, backward = _after(old, RESOLVED), _after(RESOLVED, old)
    assert (forward.state, backward.state) == ("resolved", "resolved")
    assert forward.alerts == backward.alerts


def test_an_orphan_among_what_fires_resolves_nothing_else() -> None:
    incident = _after(RESOLVED, received(alert("b")))
    assert (incident.state, _firing(incident)) == ("triggered", ["b"])
    assert incident.id == _after(RESOLVED).id


def test_what_was_cut_off_is_not_resolved() -> None:
    everything = received(*(alert(key) for key in "abc"))
    cut = received(alert("a", resolved=True))
    incident = _after(everything, cut, cut, at=NOW)
    assert (incident.state, _firing(incident)) == ("triggered", ["b", "c"])


@pytest.mark.parametrize(
    ("wait", "generation", "episode"), [(30 * MINUTE, 1, 1), (30 * MINUTE + 1, 2, 0)]
)
def test_the_reopening_window_ends_after_its_last_millisecond(
    wait: int, generation: int, episode: int
) -> None:
    incident = _after(AGAIN, start=_after(FIRING, RESOLVED), at=NOW + wait)
    assert (incident.generation, incident.episode) == (generation, episode)


def test_each_episode_has_figures_of_its_own() -> None:
    first = _after(FIRING)
    taken = decide(first, Acknowledged(ANN), NOW + MINUTE, RULES)
    ended = decide(_incident(taken), RESOLVED, NOW + 3 * MINUTE, RULES)
    again = _after(AGAIN, start=_incident(ended), at=NOW + 10 * MINUTE)
    assert (again.acknowledged_at, again.acknowledged_by, again.resolved_by) == (0, None, None)
    retaken = decide(again, Acknowledged(ANN), NOW + 12 * MINUTE, RULES)
    closed = decide(_incident(retaken), Resolved(ANN), NOW + 15 * MINUTE, RULES)
    assert _figures(taken) == [("acknowledge", 60.0, "human")]
    assert _figures(ended) == [("resolution", 180.0, "automatic")]
    assert _figures(retaken) == [("acknowledge", 120.0, "human")]
    assert _figures(closed) == [("resolution", 300.0, "human")]
    assert again.opened_at == NOW


def test_a_clock_set_back_makes_no_negative_figure() -> None:
    first = _after(FIRING)
    taken = decide(first, Acknowledged(ANN), NOW - 5 * MINUTE, RULES)
    ended = decide(_incident(taken), RESOLVED, NOW - 9 * MINUTE, RULES)
    assert [value for _, value, _ in _figures(taken) + _figures(ended)] == [0.0, 0.0]
    assert _incident(ended).resolved_at == NOW


def test_what_is_over_since_a_clock_was_ahead_does_not_put_off_the_next_deadlines() -> None:
    """It ended a day ahead of what is now known to be the time, and fires again."""
    closed = _after(FIRING, RESOLVED)
    again = received(alert("b", starts_at=NOW - 20 * 60 * MINUTE))
    now = NOW - 24 * 60 * MINUTE
    reopened = _incident(decide(closed, again, now, RULES))
    assert reopened.is_open
    assert reopened.timers["acknowledge"] == now + 5 * MINUTE
    by_hand = _incident(decide(closed, Reopened(ANN), now, RULES))
    assert by_hand.timers["acknowledge"] == now + 5 * MINUTE


def test_a_second_click_and_a_late_one_are_named_and_change_nothing() -> None:
    taken = _after(FIRING, Acknowledged(ANN))
    over = _after(Resolved(ANN), start=taken)
    clicks: tuple[tuple[Incident, Event, str], ...] = (
        (taken, Acknowledged(Actor("bob", "api")), "already_acknowledged"),
        (over, Acknowledged(ANN), "already_resolved"),
        (over, Resolved(ANN), "already_resolved"),
        (over, Acknowledged(ANN, episode=1), "stale"),
    )
    for incident, event, reason in clicks:
        decision = decide(incident, event, NOW + MINUTE, RULES)
        assert (decision.reason, decision.changed, decision.incident) == (reason, False, incident)


def test_a_silenced_alert_speaks_again_once_it_resolved_or_changed() -> None:
    closed = _after(received(alert("a"), alert("b")), Resolved(ANN))
    assert closed.suppressed == {"a": NOW - MINUTE, "b": NOW - MINUTE}
    assert decide(closed, received(alert("a"), alert("b")), NOW, RULES).reason == "repeat"
    assert _after(AGAIN, start=closed).suppressed == {"b": NOW - MINUTE}
    half = _after(received(alert("a", resolved=True)), start=closed)
    assert half.suppressed == {"b": NOW - MINUTE}
    assert _firing(_after(AGAIN, start=half)) == ["a"]


def test_a_new_generation_is_told_twice_without_a_difference() -> None:
    closed = _after(received(alert("a"), alert("b")), Resolved(ANN))
    snapshot = received(alert("a"), alert("b"), alert("c"), alert("d", resolved=True))
    first = decide(closed, snapshot, LATE, RULES)
    incident = _incident(first)
    assert (first.reason, incident.generation, incident.version) == ("opened", 2, 1)
    assert first.base is closed
    assert _firing(incident) == ["c"]
    assert decide(incident, snapshot, LATE, RULES).reason == "repeat"


def test_what_a_person_silenced_stays_so_in_the_next_generation() -> None:
    closed = _after(received(alert("a"), alert("b")), Resolved(ANN))
    second = _after(received(alert("c")), start=closed, at=LATE)
    assert _firing(_after(received(alert("a"), alert("c")), start=second, at=LATE)) == ["c"]
    gone = _after(received(alert("a", resolved=True)), start=second, at=LATE)
    assert _firing(_after(AGAIN, start=gone, at=LATE)) == ["c", "a"]


def test_what_is_over_stays_with_the_old_generation() -> None:
    closed = _after(FIRING, RESOLVED)
    second = _after(received(alert("b", priority="P3")), start=closed, at=LATE)
    assert set(second.alerts) == {"b"}
    ended = _after(received(alert("b", priority="P3", resolved=True)), start=second, at=LATE)
    assert (ended.state, ended.priority) == ("resolved", "P3")


def test_an_echo_told_with_the_news_is_watched_in_the_new_generation() -> None:
    closed = _after(FIRING, RESOLVED)
    second = _after(received(alert("a"), alert("b")), start=closed, at=LATE)
    assert (second.generation, _firing(second)) == (2, ["b"])
    assert second.timers["echo"] == LATE + PEER
    believed = _after(TimerDue("echo"), start=second, at=LATE + PEER)
    assert _firing(believed) == ["a", "b"]


def test_a_pending_echo_never_leaves_two_open_incidents() -> None:
    # The timer belongs to the old generation, which would reopen beside the new one.
    suspected = _after(FIRING, start=_after(FIRING, RESOLVED), at=LATE)
    incident = _after(received(alert("b")), start=suspected, at=LATE + 1)
    assert (incident.id, incident.episode) == (suspected.id, 1)
    believed = _after(TimerDue("echo"), start=incident, at=LATE + PEER)
    assert (believed.id, believed.episode, _firing(believed)) == (incident.id, 1, ["a", "b"])


def test_a_group_of_many_resolved_alerts_told_again_is_a_repeat() -> None:
    crowd = [alert(f"{number}", resolved=True, ends_at=NOW + number) for number in range(700)]
    snapshot = received(alert("firing"), *crowd)
    assert decide(_after(snapshot), snapshot, NOW, RULES).reason == "repeat"


def test_an_alert_under_suspicion_is_not_forgotten() -> None:
    crowd = [alert(f"{number}", resolved=True, ends_at=NOW + number) for number in range(700)]
    suspected = _after(received(alert("a"), alert("b")), RESOLVED, FIRING, received(*crowd))
    assert suspected.alerts["a"].resolved
    believed = _after(TimerDue("echo"), start=suspected, at=NOW + PEER)
    assert _firing(believed) == ["a", "b"]


def test_a_covered_group_is_not_raised_by_its_size() -> None:
    sized = rules(classify_group=lambda _alert, size: ("P1" if size > 2 else "P3", "size"))
    firing = received(*(alert(key, priority="P3") for key in "abc"))
    over = received(*(alert(key, priority="P3", resolved=True) for key in "abc"))
    ends = [_after(*told, found=sized) for told in ((firing, over), (over, firing))]
    assert [(end.state, end.priority) for end in ends] == [("resolved", "P3")] * 2
