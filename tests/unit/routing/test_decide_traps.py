"""What could lose a page, ring twice or judge a deadline wrongly where two rules meet."""

import msgspec

from receiver.store.records.record import decode_incident, encode_incident
from routing.actions.merge import news
from routing.config.calendar import CalendarConfig
from routing.decide import decide
from routing.event import HeartbeatSeen, Seen, TimerDue
from routing.incident_parts import Actor
from routing.person_event import (
    Acknowledged,
    Escalated,
    Merged,
    Noted,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.rules import Step
from routing.time_limit import parse_within
from tests.support.builders import (
    GROUP,
    KEY,
    MINUTE,
    NOW,
    alert,
    clock,
    play,
    received,
    rules,
    rules_of,
)
from tests.support.merging import World, firing, over

ANN = Actor("ann", "slack", "U1")
HOUR = parse_within("1h")
BOTH = received(alert("a"), alert("b", priority="P3"))  # P1 because of a
FALLS = received(alert("a", resolved=True))  # then P3
OFFICE = CalendarConfig(hours="12:00-13:00").build()  # type: ignore[arg-type] # NOW is 10:00


def test_a_fall_to_a_policy_with_times_still_escalates() -> None:
    found = rules_of(
        P1=clock(Step(("slack",)), Step(("pagerduty",))),
        P3=clock(
            Step(("slack",)), Step(("pagerduty",), after=10 * MINUTE), acknowledge_within=HOUR
        ),
    )
    late = TimerDue("acknowledge", {"slack": 1})
    incident, _ = play((0, BOTH), (2, FALLS), (60, late), found=found)
    assert "pagerduty" in incident.pages or "escalate" in incident.timers


def test_a_fall_from_a_policy_that_reaches_nobody_pages_somebody() -> None:
    found = rules_of(P1=clock(Step(())), P3=clock(Step(("slack",))))
    late = (5, TimerDue("acknowledge"))
    incident, _ = play((0, BOTH), late, (6, FALLS), (11, TimerDue("escalate")), found=found)
    assert "slack" in incident.pages


def test_a_reload_that_adds_times_strands_nobody() -> None:
    old, new = (
        rules(Step(("slack",)), Step(("pagerduty",))),
        rules(Step(("slack",)), Step(("pagerduty",), after=MINUTE)),
    )
    incident, _ = play((0, received(alert())), found=old)
    after = decide(incident, TimerDue("acknowledge", {"slack": 1}), NOW + 5 * MINUTE, new).incident
    assert after is not None
    assert "pagerduty" in after.pages or "escalate" in after.timers


def test_beyond_a_shorter_policy_its_last_step_is_paged_again() -> None:
    found = rules_of(
        P1=clock(Step(("slack",)), Step(("pagerduty",)), Step(("slack",))),
        P3=clock(Step(("slack",)), acknowledge_within=HOUR),
    )
    paged = {"slack": 1, "pagerduty": 1}
    fallen = ((0, BOTH), (5, TimerDue("acknowledge", paged)), (6, FALLS))
    asleep = (7, Snoozed(ANN, until=NOW + 60 * MINUTE))
    awake, decisions = play(*fallen, asleep, (60, TimerDue("snooze", paged)), found=found)
    assert awake.pages["slack"].reason == "snooze_ended"
    by_hand, _ = play(*fallen, (7, Escalated(ANN)), found=found)
    assert by_hand.pages["slack"].reason == "by_hand"
    assert "undeliverable" not in [entry.kind for item in decisions for entry in item.timeline]


def test_a_part_reopens_its_target_with_its_own_urgency() -> None:
    world = World(rules_of(P1=clock(), P4=clock(Step(("slack",)), quiet=True, calendar=OFFICE)))
    target, source = world.tell("t", firing("a", priority="P4")), world.tell("s", firing("b"))
    world.do(source, Merged(ANN, target))
    world.work()
    world.tell("t", over("a", priority="P4"))
    world.tell("s", over("b"))
    world.work()
    world.now += MINUTE
    world.tell("s", firing("b", starts_at=world.now))
    world.work()
    found = world.incidents[target]
    assert (found.state, found.priority, "pagerduty" in found.pages) == ("triggered", "P1", True)


def test_an_older_generation_is_forgotten_once_nobody_speaks_of_it() -> None:
    found = rules(retention=60 * MINUTE)
    one, _ = play((0, received(alert())), (1, Resolved(ANN)), found=found)
    two = decide(one, received(alert(starts_at=NOW + MINUTE)), NOW + 40 * MINUTE, found).incident
    assert two is not None
    assert two.generation == 2
    assert decide(one, TimerDue("forget"), one.timers["forget"], found).forget


def test_a_beat_that_comes_while_it_is_reported_missing_ends_the_alert() -> None:
    beat = HeartbeatSeen(KEY, GROUP, 5 * MINUTE)
    watch = decide(None, beat, NOW, rules()).incident
    assert watch is not None
    due = watch.timers["heartbeat"]
    # Facts has stored the alert HeartbeatMissing by now; the watch itself is not marked yet.
    late = decide(watch, beat, due + 5, rules())
    assert late.reason == "heartbeat_returned"  # so that Heartbeats.beat sends the resolve
    assert late.incident is not None
    assert late.incident.episode_opened_at == due
    decided = decide(late.incident, TimerDue("heartbeat"), due + 10, rules())
    assert decided.incident is not None
    back = decide(decided.incident, msgspec.structs.replace(beat, returned=True), due + 20, rules())
    assert back.incident is not None
    assert back.incident.state == "beating"


def test_a_snooze_loses_no_page_that_insists() -> None:
    found = rules(resolve_within=parse_within("30m"), remind_after=60 * MINUTE, remind=("slack",))
    missed = (
        (0, received(alert())),
        (1, Acknowledged(ANN)),
        (31, TimerDue("resolve", {"slack": 1})),
    )
    asleep = (32, Snoozed(ANN, until=NOW + 60 * MINUTE))
    awake, _ = play(*missed, asleep, (60, TimerDue("snooze")), found=found)
    assert (awake.pages["slack"].seq, "delivery" in awake.timers) == (3, True)
    escalated, _ = play(
        (0, received(alert())), (1, Acknowledged(ANN)), asleep, (33, Escalated(ANN)), found=found
    )
    assert "remind" in escalated.timers


def test_a_snooze_loses_no_page_that_was_held() -> None:
    found = rules(Step(("slack",)), calendar=OFFICE, quiet=True, resolve_within=parse_within("30m"))
    moves = ((0, received(alert())), (1, Acknowledged(ANN)), (31, TimerDue("resolve")))
    asleep = (32, Snoozed(ANN, until=NOW + 130 * MINUTE))
    awake, _ = play(*moves, asleep, (130, TimerDue("snooze")), found=found)
    assert "slack" in awake.pages


def test_two_merged_into_each_other_at_once_leave_one_open() -> None:
    world = World()
    one, other = world.tell("t", firing("a")), world.tell("s", firing("b"))
    world.do(one, Merged(ANN, other))
    world.do(other, Merged(ANN, one))
    for _ in range(20):
        for name in (one, other):
            incident = world.incidents[name]
            if "merge" in incident.timers:
                told = news(incident)
                world.do(incident.merged_into, told)
                world.do(name, TimerDue("merge", told=told.firing, told_priority=told.priority))
    assert sorted(world.states(one, other)) == ["resolved", "triggered"]
    assert not any("merge" in item.timers for item in world.incidents.values())
    world.tell("t", over("a"))
    world.tell("s", over("b"))
    for _ in range(4):
        for name in (one, other):
            incident = world.incidents[name]
            if "merge" in incident.timers:
                told = news(incident)
                world.do(incident.merged_into, told)
                world.do(name, TimerDue("merge", told=told.firing, told_priority=told.priority))
    assert world.states(one, other) == ["resolved", "resolved"]


def test_a_lost_target_gives_back_the_parts_of_its_part() -> None:
    world = World()
    first, second, third = (world.tell(name, firing(name)) for name in "tsu")
    world.do(second, Merged(ANN, first))
    world.work()
    world.do(first, Merged(ANN, third))
    world.work()
    world.tell("t", over("t"))
    world.work()
    del world.incidents[third]
    world.tell("s", firing("s"), firing("d"))
    world.work()
    assert "triggered" in world.states(first, second)


def test_after_quiet_hours_the_steps_keep_their_distance() -> None:
    found = rules(
        Step(("slack",)),
        Step(("slack",), after=30 * MINUTE),
        Step(("pagerduty",), after=60 * MINUTE),
        calendar=OFFICE,
        quiet=True,
        acknowledge_within=parse_within("24h"),
    )
    incident, _ = play((0, received(alert())), (120, TimerDue("quiet")), found=found)
    assert incident.timers["escalate"] == NOW + 150 * MINUTE


def test_what_was_delivered_is_not_undeliverable_in_quiet_hours() -> None:
    hours = CalendarConfig(hours="09:00-10:05").build()  # type: ignore[arg-type]
    found = rules(Step(("slack",)), calendar=hours, quiet=True)  # due at 10:05, when it closes
    moves = ((0, received(alert())), (1, TimerDue("delivery", {"slack": 1})))
    paged, _ = play(*moves, found=found)
    after = decide(paged, TimerDue("acknowledge", {"slack": 1}), NOW + 5 * MINUTE, found)
    assert [entry.kind for entry in after.timeline] == ["deadline_missed", "exhausted"]
    assert [each.name for each in after.observations] == ["incident_deadlines_total"]
    assert after.incident is not None
    assert "quiet" not in after.incident.timers


def test_a_note_in_a_snooze_does_not_end_status_updates() -> None:
    found = rules(update_within=parse_within("20m"))
    asleep = (2, Snoozed(ANN, until=NOW + 60 * MINUTE))
    moves = ((0, received(alert())), (1, Acknowledged(ANN)), asleep, (3, Noted(ANN, "x")))
    awake, _ = play(*moves, (60, TimerDue("snooze")), found=found)
    assert "update" in awake.timers


def test_a_fall_leaves_what_the_lower_priority_leaves_asleep_or_by_a_part() -> None:
    found = rules_of(P1=clock(), P3=clock(acknowledge_within=HOUR))
    asleep = (1, Snoozed(ANN, until=NOW + 60 * MINUTE))
    awake, _ = play((0, BOTH), asleep, (2, FALLS), (60, TimerDue("snooze")), found=found)
    assert awake.timers["acknowledge"] == NOW + 119 * MINUTE
    world = World(found)
    target, source = world.tell("t", firing("a", priority="P3")), world.tell("s", firing("b"))
    world.do(source, Merged(ANN, target))
    world.work()
    world.tell("s", over("b"))
    world.work()
    assert world.incidents[target].timers["acknowledge"] == NOW + 60 * MINUTE


def test_acknowledging_in_a_snooze_judges_no_resolve_deadline_twice() -> None:
    found = rules(resolve_within=parse_within("30m"))
    moves = ((0, received(alert())), (1, Acknowledged(ANN)), (31, TimerDue("resolve")))
    asleep = (32, Snoozed(ANN, until=NOW + 60 * MINUTE))
    again, _ = play(*moves, asleep, (33, Acknowledged(ANN)), found=found)
    assert "resolve" not in again.timers


def test_a_fall_starts_the_clocks_only_the_lower_priority_has() -> None:
    found = rules_of(
        P1=clock(), P3=clock(acknowledge_within=HOUR, resolve_within=HOUR, update_within=HOUR)
    )
    incident, _ = play((0, BOTH), (1, Acknowledged(ANN)), (2, FALLS), found=found)
    assert {"resolve", "update"} <= set(incident.timers)


def test_an_upgraded_deadline_knows_when_it_began() -> None:
    found = rules_of(P1=clock(), P3=clock(acknowledge_within=HOUR))
    incident, _ = play((0, BOTH), found=found)
    dues = {k: msgspec.structs.replace(d, since=0) for k, d in incident.deadlines.items()}
    old = msgspec.structs.replace(incident, schema=1, clock_started_at=0, deadlines=dues)
    after = decide(decode_incident(encode_incident(old)), FALLS, NOW + MINUTE, found).incident
    assert after is not None
    assert after.timers["acknowledge"] == NOW + 60 * MINUTE


def test_what_vanishes_from_a_merged_incident_ends_in_the_target_too() -> None:
    world = World(rules(stale_after=60 * MINUTE))
    target, source = world.tell("t", firing("a")), world.tell("s", firing("b"))
    world.do(source, Merged(ANN, target))
    world.work()
    world.tell("t", over("a"))
    assert world.states(target) == ["triggered"]
    world.now += 61 * MINUTE
    world.do(source, TimerDue("stale", alerts={"b": Seen("gone")}))
    world.work()
    assert world.states(target) == ["resolved"]


def test_a_late_copy_of_what_is_over_does_not_fire_in_the_next_generation() -> None:
    old, gone = received(alert("a")), received(alert("a", resolved=True))
    fresh = received(alert("b", priority="P4", starts_at=NOW + 39 * MINUTE))
    for order in ((old, fresh), (fresh, old)):
        incident, _ = play((0, old), (1, gone), *((40, event) for event in order), found=rules())
        assert incident.priority == "P4"
        assert [item.fingerprint for item in incident.firing()] == ["b"]


def test_what_is_still_silenced_is_not_reported_again_with_every_repeat() -> None:
    found = rules(stale_after=60 * MINUTE)
    answers = {"a": Seen("active"), "b": Seen("silenced", ("s",))}
    moves = ((0, received(alert("a"), alert("b"))), (60, TimerDue("stale", alerts=answers)))
    again = received(alert("a"))
    _, decisions = play(*moves, (61, again), (62, again), found=found)
    assert (decisions[-1].reason, decisions[-1].changed) == ("repeat", False)


def test_by_hand_takes_what_quiet_hours_hold() -> None:
    found = rules(
        Step(("slack",)),
        Step(("pagerduty",)),
        calendar=OFFICE,
        quiet=True,
        acknowledge_within=parse_within("24h"),
    )
    incident, _ = play(
        (0, received(alert())), (1, Escalated(ANN)), (120, TimerDue("quiet")), found=found
    )
    assert "pagerduty" not in incident.pages


def test_automation_is_counted_once_an_episode() -> None:
    robot = Actor("auto", "pagerduty", human=False)
    _, ds = play(
        (0, received(alert())),
        (1, Acknowledged(robot)),
        (2, Unacknowledged(ANN)),
        (3, Acknowledged(robot)),
        found=rules(),
    )
    assert (
        sum(o.name == "incident_acknowledge_duration_seconds" for d in ds for o in d.observations)
        == 1
    )


def test_reminders_keep_quiet_hours() -> None:
    found = rules(
        Step(("slack",)), calendar=OFFICE, quiet=True, remind_after=10 * MINUTE, remind=("slack",)
    )
    incident, _ = play(
        (0, received(alert())), (1, Acknowledged(ANN)), (11, TimerDue("remind")), found=found
    )
    assert not incident.pages
