"""What people, timers and silence do to an incident: snoozes, flapping, staleness, retention."""

import msgspec
import pytest

from routing.condition import Condition
from routing.config.calendar import CalendarConfig
from routing.decide import decide
from routing.decision import Decision
from routing.event import DeliveryFailed, Event, Seen, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import (
    Acknowledged,
    Escalated,
    Noted,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.rules import Repage, Rules, Step
from routing.time_limit import parse_within
from tests.support import builders
from tests.support.builders import MINUTE, NOW, alert, clock, received, rules, rules_of

ANN = Actor("ann", "slack", "U1")
ROBOT = Actor("auto-ack", "pagerduty", human=False)
FULL = rules(
    resolve_within=parse_within("30m"),
    update_within=parse_within("20m"),
    remind_after=60 * MINUTE,
    remind=("slack",),
)
FIRING, CALM = received(alert()), received(alert(resolved=True))


def play(*moves: tuple[int, Event], found: Rules = FULL) -> tuple[Incident, list[Decision]]:
    """Decide events at minutes after NOW; return the incident and all decisions."""
    return builders.play(*moves, found=found)


def observed(decisions: list[Decision], name: str) -> list[tuple[float, dict[str, str]]]:
    return [
        (item.value, item.labels)
        for decision in decisions
        for item in decision.observations
        if item.name == name
    ]


def kinds(decisions: list[Decision]) -> list[str]:
    return [entry.kind for decision in decisions for entry in decision.timeline]


def test_the_resolve_clock_begins_with_the_acknowledgement() -> None:
    taken, _ = play((0, FIRING), (3, Acknowledged(ANN)))
    assert taken.deadlines["resolve"].due == NOW + 33 * MINUTE
    assert set(taken.timers) == {"resolve", "update", "remind"}


def test_automation_does_not_answer_for_people() -> None:
    events = ((0, FIRING), (1, Acknowledged(ROBOT)), (2, Unacknowledged(ANN)))
    incident, decisions = play(*events, (4, Acknowledged(ANN)))
    seconds = observed(decisions, "incident_acknowledge_duration_seconds")
    assert [(value, labels["by"]) for value, labels in seconds] == [
        (60.0, "automatic"),
        (240.0, "human"),
    ]
    assert incident.acknowledge_counted


def test_whoever_gave_it_back_through_pagerduty_is_not_rung_by_it_again() -> None:
    incident, _ = play(
        (0, FIRING), (1, Acknowledged(ANN)), (2, Unacknowledged(ANN, notifier="pagerduty"))
    )
    assert {name: page.seq for name, page in incident.pages.items()} == {
        "pagerduty": 1,
        "slack": 2,
    }
    assert incident.state == "triggered"


def test_a_snooze_keeps_what_was_left_of_every_clock() -> None:
    asleep, _ = play((0, FIRING), (2, Snoozed(ANN, until=NOW + 60 * MINUTE)))
    assert asleep.timers == {"snooze": NOW + 60 * MINUTE}
    awake, decisions = play(
        (0, FIRING), (2, Snoozed(ANN, until=NOW + 60 * MINUTE)), (60, TimerDue("snooze"))
    )
    assert awake.deadlines["acknowledge"].due == NOW + 63 * MINUTE
    assert awake.timers["acknowledge"] == NOW + 63 * MINUTE
    assert awake.pages["slack"].reason == "snooze_ended"
    assert observed(decisions, "incident_acknowledge_duration_seconds") == []


def test_a_longer_snooze_does_not_count_the_first_one_twice() -> None:
    incident, _ = play(
        (0, FIRING),
        (1, Snoozed(ANN, until=NOW + 10 * MINUTE)),
        (5, Snoozed(ANN, until=NOW + 30 * MINUTE)),
        (30, TimerDue("snooze")),
    )
    assert incident.deadlines["acknowledge"].due == NOW + 34 * MINUTE


def test_acknowledging_in_a_snooze_ends_it() -> None:
    incident, _ = play(
        (0, FIRING), (1, Snoozed(ANN, until=NOW + 60 * MINUTE)), (2, Acknowledged(ANN))
    )
    assert (incident.state, incident.snoozed_until) == ("acknowledged", 0)
    assert "snooze" not in incident.timers


def test_a_rise_breaks_a_snooze_and_an_end_ends_it() -> None:
    minor = received(alert("a", priority="P3"))
    snoozed = ((0, minor), (1, Snoozed(ANN, until=NOW + 60 * MINUTE)))
    risen, _ = play(*snoozed, (2, received(alert("b"))))
    assert (risen.state, risen.priority, risen.snoozed_until) == ("triggered", "P1", 0)
    assert "snooze" not in risen.timers
    over, _ = play(*snoozed, (2, received(alert("a", priority="P3", resolved=True))))
    assert (over.state, over.timers) == ("resolved", {})


def test_a_snooze_until_working_hours() -> None:
    night = CalendarConfig(hours="00:00-06:00").build()  # type: ignore[arg-type]
    found = rules_of(**{name: clock(calendar=night) for name in ("P1", "P2", "P3", "P4")})
    incident, _ = play((0, FIRING), (1, Snoozed(ANN)), found=found)
    # NOW is Monday, 10:00 UTC: work begins at midnight.
    assert incident.snoozed_until == NOW + 14 * 60 * MINUTE


def test_a_missed_resolve_deadline_pages_although_somebody_acknowledged() -> None:
    moves = ((0, FIRING), (1, Acknowledged(ANN)), (31, TimerDue("resolve", {"slack": 1})))
    incident, _ = play(*moves)
    page = incident.pages["slack"]
    assert (incident.state, page.insists, page.reason) == (
        "acknowledged",
        True,
        "resolve_deadline",
    )
    assert incident.wants(page)
    assert not incident.wants(incident.pages["pagerduty"])
    answered, decisions = play(*moves, (32, Acknowledged(ANN)))
    assert not answered.wants(answered.pages["slack"])
    assert len(observed(decisions, "incident_acknowledge_duration_seconds")) == 1
    # What insists and fails moves on like any other page.
    failed, _ = play(*moves, (32, DeliveryFailed("slack", page.seq, "gone")))
    assert "exhausted" in kinds(play(*moves, (32, DeliveryFailed("slack", page.seq, "gone")))[1])
    assert failed.state == "acknowledged"


def test_whoever_fell_silent_is_asked_and_asked_again() -> None:
    moves = ((0, FIRING), (1, Acknowledged(ANN)), (61, TimerDue("remind")))
    incident, _ = play(*moves)
    page = incident.pages["slack"]
    assert (page.reason, page.mention, page.insists) == ("forgotten", "@U1", True)
    assert incident.timers["remind"] == NOW + 121 * MINUTE
    alive, _ = play(*moves, (70, Noted(ANN, "on it")))
    assert alive.timers["remind"] == NOW + 130 * MINUTE


def test_retention_is_what_is_configured_when_it_ends() -> None:
    short, longer, ever = (rules(retention=minutes * MINUTE) for minutes in (60, 90, 0))
    over, _ = play((0, FIRING), (1, CALM), found=short)
    due = over.timers["forget"]
    kept = decide(over, TimerDue("forget"), due, longer)
    assert kept.incident is not None
    assert (kept.reason, kept.incident.timers["forget"]) == ("kept", NOW + 91 * MINUTE)
    assert decide(kept.incident, TimerDue("forget"), NOW + 91 * MINUTE, longer).forget
    stays = decide(over, TimerDue("forget"), due, ever)
    assert stays.incident is not None
    assert (stays.reason, stays.forget, stays.incident.timers) == ("kept", False, {})


def test_a_note_is_the_status_update() -> None:
    moves = ((0, FIRING), (5, Noted(ANN, "looking")), (25, TimerDue("update")))
    incident, decisions = play(*moves)
    ends = [labels["outcome"] for _, labels in observed(decisions, "incident_deadlines_total")]
    assert ends == ["met", "missed"]
    assert incident.timers["update"] == NOW + 45 * MINUTE
    assert incident.pages["slack"].seq == 1


def test_quiet_hours_hold_pages_until_they_end_and_a_rise_does_not_wait() -> None:
    office = CalendarConfig(hours="12:00-13:00").build()  # type: ignore[arg-type]
    steps = (Step(("slack",)),)
    found = rules_of(
        P1=clock(*steps),
        P4=clock(*steps, calendar=office, quiet=True, acknowledge_within=parse_within("5h")),
    )
    minor = received(alert("a", priority="P4"))
    held, decisions = play((0, minor), found=found)
    assert (held.pages, held.timers["quiet"]) == ({}, NOW + 120 * MINUTE)
    assert kinds(decisions) == ["opened", "held"]
    paged, _ = play((0, minor), (120, TimerDue("quiet")), found=found)
    assert paged.pages["slack"].reason == "opened"
    risen, _ = play((0, minor), (1, received(alert("b"))), found=found)
    assert risen.pages["slack"].reason == "priority_raised"
    assert "quiet" not in risen.timers
    over, _ = play((0, minor), (1, Resolved(ANN)), found=found)
    assert over.timers == {}
    now, _ = play((0, minor), (1, Escalated(ANN)), found=found)
    assert now.pages["slack"].reason == "by_hand"


def flaps(found: Rules, turns: int) -> list[tuple[int, Event]]:
    moves: list[tuple[int, Event]] = []
    for turn in range(turns):
        start, end = NOW + turn * 2 * MINUTE, NOW + (turn * 2 + 1) * MINUTE
        moves.append((turn * 2, received(alert(starts_at=start))))
        over = alert(starts_at=start, resolved=True, ends_at=end)
        moves.append((turn * 2 + 1, received(over)))
    return moves


def test_what_flaps_stays_open_says_so_once_and_ends_when_it_is_quiet() -> None:
    found = rules(flap_changes=5, flap_hold=10 * MINUTE)
    held, decisions = play(*flaps(found, 6), found=found)
    assert (held.state, held.flapping, held.firing()) == ("triggered", True, [])
    assert kinds(decisions).count("flapping") == 1
    assert held.episode == 2
    due = held.timers["flap"]
    over = decide(held, TimerDue("flap"), due, found)
    assert over.incident is not None
    assert (over.incident.state, over.incident.flapping) == ("resolved", False)
    person = decide(held, Resolved(ANN), due, found).incident
    assert person is not None
    assert (person.state, person.timers) == ("resolved", {})


def test_a_stale_incident_is_marked_once_and_asked_about_again() -> None:
    found = rules(stale_after=60 * MINUTE)
    late = TimerDue("stale", seen_at=NOW + 30 * MINUTE)
    reported, _ = play((0, FIRING), (60, late), found=found)
    assert reported.timers["stale"] == NOW + 90 * MINUTE
    marked, decisions = play(
        (0, FIRING), (60, TimerDue("stale")), (120, TimerDue("stale")), found=found
    )
    assert (marked.state, marked.stale_at) == ("triggered", NOW + 60 * MINUTE)
    assert kinds(decisions).count("stale") == 1
    back, _ = play((0, FIRING), (60, TimerDue("stale")), (61, FIRING), found=found)
    assert (back.stale_at, back.vanished) == (0, {})


def test_alertmanager_says_which_alerts_are_silenced_and_which_are_gone() -> None:
    found = rules(stale_after=60 * MINUTE)
    both = received(alert("a"), alert("b"))
    answers = {"a": Seen("gone"), "b": Seen("silenced", ("s1",))}
    asked, decisions = play((0, both), (60, TimerDue("stale", alerts=answers)), found=found)
    assert [item.fingerprint for item in asked.firing()] == ["b"]
    assert asked.vanished["b"] == "silenced by s1"
    said = " ".join(entry.text for entry in decisions[1].timeline)
    assert "silenced by s1" in said
    assert "gone" in said
    gone = {"a": Seen("gone"), "b": Seen("gone")}
    over, _ = play((0, both), (60, TimerDue("stale", alerts=gone)), found=found)
    assert over.state == "resolved"
    kept = msgspec.structs.replace(found, resolve_gone=False)
    told, _ = play((0, both), (60, TimerDue("stale", alerts=gone)), found=kept)
    assert (told.state, told.vanished["a"]) == ("triggered", "gone")
    partial, _ = play((0, both), (60, TimerDue("stale", alerts={"a": Seen("active")})), found=found)
    assert (partial.state, partial.vanished) == ("triggered", {})


def test_an_echo_that_alertmanager_does_not_know_is_dropped() -> None:
    found = rules(asks=True)
    suspected = ((0, FIRING), (1, CALM), (2, FIRING))
    dropped, _ = play(*suspected, (2, TimerDue("echo", alerts={"a": Seen("gone")})), found=found)
    assert (dropped.state, dropped.suspected, dropped.timers) == ("resolved", {}, {})
    fires = TimerDue("echo", alerts={"a": Seen("silenced")})
    believed, _ = play(*suspected, (2, fires), found=found)
    assert believed.state == "triggered"
    unknown, _ = play(*suspected, (2, TimerDue("echo")), found=found)
    assert unknown.timers == {"echo": NOW + 2 * MINUTE + found.peer_window}


def test_closed_incidents_are_forgotten_unless_they_keep_something_quiet() -> None:
    found = rules(retention=60 * MINUTE)
    _, decisions = play((0, FIRING), (1, CALM), (61, TimerDue("forget")), found=found)
    assert (decisions[-1].reason, decisions[-1].forget) == ("forgotten", True)
    assert {"forget", "notify:slack", "notify:pagerduty"} <= set(decisions[-1].cancel)
    reported = TimerDue("forget", seen_at=NOW + 50 * MINUTE)
    kept, decisions = play((0, FIRING), (1, Resolved(ANN)), (61, reported), found=found)
    assert (decisions[-1].forget, kept.timers["forget"]) == (False, NOW + 121 * MINUTE)
    again, _ = play((0, FIRING), (1, CALM), (2, Reopened(ANN)), found=found)
    assert "forget" not in again.timers


def test_what_a_person_reopened_ends_by_a_person_or_after_it_fired() -> None:
    opened, _ = play((0, FIRING), (1, CALM), (2, Reopened(ANN)))
    later = received(alert("a", resolved=True, ends_at=NOW + 1))
    assert decide(opened, later, NOW + 3 * MINUTE, FULL).incident.state == "triggered"
    fired, _ = play(
        (0, FIRING),
        (1, CALM),
        (2, Reopened(ANN)),
        (3, received(alert("b"))),
        (4, received(alert("b", resolved=True))),
    )
    assert fired.state == "resolved"


def test_a_group_that_grows_pages_again_by_rule() -> None:
    found = rules(repage=Repage(when=Condition("new_alerts >= 3")))
    some = [alert(name) for name in "abcd"]
    moves = [(0, received(some[0])), (1, Acknowledged(ANN)), (2, received(*some[:3]))]
    small, _ = play(*moves, found=found)  # type: ignore[arg-type]
    assert (small.grown, small.pages["slack"].seq) == (2, 1)
    grown, _ = play(*moves, (3, received(*some)), found=found)  # type: ignore[arg-type]
    page = grown.pages["slack"]
    assert (grown.grown, page.seq, page.reason, page.insists) == (0, 2, "grown", True)


@pytest.mark.parametrize(
    "event",
    [Acknowledged(ANN, 0), Unacknowledged(ANN, 0), Snoozed(ANN, 0), Escalated(ANN, 0)],
)
def test_what_was_meant_for_an_older_episode_changes_nothing(event: Event) -> None:
    moves = ((0, FIRING), (1, CALM), (2, received(alert(starts_at=NOW + 1))))
    _, decisions = play(*moves, (3, event))
    assert (decisions[-1].reason, decisions[-1].changed) == ("stale", False)
