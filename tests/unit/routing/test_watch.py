"""A watched heartbeat: expected, beating, missing, returned."""

from routing.decide import decide
from routing.event import HeartbeatSeen, TimerDue
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged
from tests.support.builders import KEY, MINUTE, NOW, rules

GROUP = Group(cluster="", receiver="watch", group_key="backup", labels={"heartbeat": "backup"})
INTERVAL = 10 * MINUTE
RULES = rules()


def seen(**more: bool) -> HeartbeatSeen:
    return HeartbeatSeen(KEY, GROUP, INTERVAL, **more)


def after(*moves: tuple[int, HeartbeatSeen | TimerDue]) -> tuple[Incident, str]:
    watch, reason = None, ""
    for minute, event in moves:
        decision = decide(watch, event, NOW + minute * MINUTE, RULES)
        watch, reason = decision.incident, decision.reason
    assert watch is not None
    return watch, reason


def test_one_that_is_configured_is_awaited_from_the_start() -> None:
    watch, reason = after((0, seen(expected=True)))
    assert (watch.id, watch.state, reason) == (f"{KEY}-0", "beating", "expected")
    assert watch.timers == {"heartbeat": NOW + INTERVAL}
    assert not watch.is_open


def test_every_beat_gives_it_another_interval() -> None:
    watch, reason = after((0, seen()), (7, seen()))
    assert (reason, watch.timers["heartbeat"]) == ("heartbeat", NOW + 17 * MINUTE)


def test_a_start_changes_only_what_is_due_or_nearly_so() -> None:
    running, _ = after((0, seen()), (5, seen(expected=True)))
    assert running.timers["heartbeat"] == NOW + 10 * MINUTE
    overdue, _ = after((0, seen()), (30, seen(expected=True)))
    assert overdue.timers["heartbeat"] == NOW + 40 * MINUTE


def test_one_that_a_wrong_clock_put_off_is_awaited_from_the_start_again() -> None:
    ahead, _ = after((24 * 60, seen()), (0, seen(expected=True)))
    assert ahead.timers["heartbeat"] == NOW + INTERVAL
    beaten, _ = after((24 * 60, seen()), (0, seen()))
    assert beaten.timers["heartbeat"] == NOW + INTERVAL


def test_missing_since_the_beat_was_due_and_back_only_when_its_end_is_stored() -> None:
    gone = ((0, seen()), (12, TimerDue("heartbeat")))
    missing, reason = after(*gone)
    assert (missing.state, reason) == ("missing", "heartbeat_missing")
    assert missing.episode_opened_at == NOW + INTERVAL
    waiting, reason = after(*gone, (13, seen()))
    assert (waiting.state, reason) == ("missing", "heartbeat_returned")
    still, reason = after(*gone, (13, seen(expected=True)))
    assert (still.state, reason) == ("missing", "still_missing")
    back, _ = after(*gone, (13, seen()), (13, seen(returned=True)))
    assert (back.state, back.timers["heartbeat"]) == ("beating", NOW + 23 * MINUTE)


def test_one_that_is_not_configured_any_more_is_let_go() -> None:
    watch, reason = after((0, seen()), (12, TimerDue("heartbeat", lost=True)))
    assert (watch.state, watch.timers, reason) == ("tombstone", {}, "not_watched")


def test_nobody_can_acknowledge_a_watch() -> None:
    watch, _ = after((0, seen()))
    decision = decide(watch, Acknowledged(Actor("ann", "api")), NOW, RULES)
    assert (decision.reason, decision.changed) == ("unknown_incident", False)


def test_whether_one_ever_came_is_known() -> None:
    awaited, _ = after((0, seen(expected=True)), (10, TimerDue("heartbeat")))
    assert (awaited.state, awaited.seen_at) == ("missing", 0)
    back, _ = after((0, seen(expected=True)), (10, TimerDue("heartbeat")), (11, seen()))
    assert back.seen_at == 0
    going, _ = after(
        (0, seen(expected=True)),
        (10, TimerDue("heartbeat")),
        (11, seen()),
        (11, seen(returned=True)),
    )
    assert (going.state, going.seen_at) == ("beating", NOW + 11 * MINUTE)
