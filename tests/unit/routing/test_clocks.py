"""Response clocks, one call at a time: started, met, missed, put off, and lowered."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import clocks
from routing.config.calendar import CalendarConfig
from routing.deadline import parse_within
from routing.decision import Draft
from routing.incident_parts import ClockEnd, Deadline
from routing.vocabulary import CLOCKS, Ended, Timer
from tests.support.builders import MINUTE, NOW, clock
from tests.support.drafts import draft, observed, said

ACK, RESOLVE, UPDATE = CLOCKS
ALL = clock(
    resolve_within=parse_within("30m"),
    update_within=parse_within("20m"),
    remind_after=60 * MINUTE,
)
NONE = clock(acknowledge_within=None)
OFFICE = CalendarConfig(hours="12:00-13:00").build()  # type: ignore[arg-type]
NIGHT = clock(calendar=OFFICE, quiet=True, update_within=parse_within("20m"))
BUSINESS = clock(
    calendar=OFFICE, quiet=True, acknowledge_within=parse_within("30 business minutes")
)


def ends(made: Draft) -> list[tuple[str, str, str, str]]:
    return [
        tuple(labels[name] for name in ("clock", "outcome", "by", "priority"))
        for name, _, labels in observed(made)
        if name == "incident_deadlines_total"
    ]


def running(name: Timer = ACK, due: int = NOW + 5 * MINUTE, **more: Any) -> Draft:
    """A draft in which one clock runs; ``since``, ``paged`` and the like are of the deadline."""
    of = {key: more.pop(key) for key in ("paused_at", "remaining", "since") if key in more}
    deadline = Deadline(**{"due": due, "since": NOW, **of})
    timers = more.pop("timers", {name: due})
    return draft(deadlines={name: deadline}, timers=timers, **more)


# Starting.


def test_a_clock_starts_with_its_timer() -> None:
    made = draft()
    clocks.start(made, ALL, ACK)
    assert made.incident.deadlines == {"acknowledge": Deadline(NOW + 5 * MINUTE, since=NOW)}
    assert made.incident.timers == made.schedule == {"acknowledge": NOW + 5 * MINUTE}
    assert ends(made) == []


def test_a_priority_without_that_clock_drops_the_one_that_ran() -> None:
    made = running()
    clocks.start(made, NONE, ACK)
    assert (made.incident.deadlines, made.incident.timers, made.cancel) == ({}, {}, {"acknowledge"})
    assert ends(made) == []


@pytest.mark.parametrize(("late", "outcome"), [(0, []), (1, ["missed"])])
def test_starting_anew_forgives_nothing_that_had_run_out(late: int, outcome: list[str]) -> None:
    made = running(now=NOW + 5 * MINUTE + late)
    clocks.start(made, ALL, ACK)
    assert [end[1] for end in ends(made)] == outcome
    assert made.incident.deadlines[ACK].missed_at == 0
    assert made.incident.timers[ACK] == NOW + 10 * MINUTE + late


def test_dropping_counts_what_had_run_out_and_nothing_else() -> None:
    in_time = running()
    clocks.drop(in_time, ACK)
    assert (ends(in_time), in_time.incident.deadlines) == ([], {})
    late = running(now=NOW + 6 * MINUTE)
    clocks.drop(late, ACK)
    assert ends(late) == [("acknowledge", "missed", "nobody", "P1")]
    assert said(late) == [("deadline_missed", "Not acknowledged by 2026-03-02 10:05 UTC")]
    never = draft()
    clocks.drop(never, ACK)
    assert (never.fields, never.cancel) == ({}, set())


# Ending.


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (NOW, ("acknowledge", "met", "human", "P1")),
        (NOW + 5 * MINUTE, ("acknowledge", "met", "human", "P1")),
        (NOW + 5 * MINUTE + 1, ("acknowledge", "missed", "nobody", "P1")),
        (NOW - 60 * MINUTE, ("acknowledge", "met", "human", "P1")),
    ],
)
def test_what_ends_at_its_last_moment_is_met(at: int, outcome: tuple[str, ...]) -> None:
    made = running(now=at)
    clocks.settle(made, ACK, Ended.MET, "human")
    assert ends(made) == [outcome]
    assert made.incident.timers == {}
    deadline = made.incident.deadlines[ACK]
    met = outcome[1] == "met"
    assert (deadline.met_at, deadline.missed_at) == ((at, 0) if met else (0, at))
    end = ClockEnd(0, "acknowledge", "P1", NOW + 5 * MINUTE, at, outcome[1])
    assert made.incident.clock_ends == (end,)


def test_ending_it_twice_is_ending_it_once() -> None:
    made = running()
    clocks.settle(made, ACK, Ended.VOID, "automatic")
    clocks.settle(made, ACK, Ended.MET, "human")
    clocks.settle(made, RESOLVE, Ended.MET, "human")
    assert ends(made) == [("acknowledge", "void", "automatic", "P1")]


def test_of_status_updates_none_is_kept_for_the_review() -> None:
    made = running(UPDATE)
    clocks.settle(made, UPDATE, Ended.MET, "human")
    assert ends(made) == [("update", "met", "human", "P1")]
    assert made.incident.clock_ends == ()


def test_only_the_newest_ends_are_kept() -> None:
    old = tuple(ClockEnd(n, "resolve", "P1", NOW, NOW, "met") for n in range(clocks.ENDS_KEPT))
    made = running(clock_ends=old, episode=777)
    clocks.settle(made, ACK, Ended.MET, "human")
    kept = made.incident.clock_ends
    assert len(kept) == clocks.ENDS_KEPT
    assert (kept[0].episode, kept[-1].episode, kept[-1].name) == (1, 777, "acknowledge")


def test_an_end_is_counted_under_the_priority_the_clock_ran_for() -> None:
    made = running(priority="P3")
    made.set(priority="P1")
    clocks.settle(made, ACK, Ended.MET, "human")
    assert ends(made) == [("acknowledge", "met", "human", "P3")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ACK, "Not acknowledged within 5m"),
        (RESOLVE, "Not resolved within 30m of acknowledging"),
        (UPDATE, "No status update within 20m"),
    ],
)
def test_a_clock_that_runs_out_is_said(name: Timer, text: str) -> None:
    made = running(name, now=NOW + 5 * MINUTE)
    clocks.miss(made, ALL, name)
    assert said(made) == [("deadline_missed", text)]
    assert made.incident.deadlines[name].missed_at == NOW + 5 * MINUTE
    assert made.incident.timers == {}


def test_a_clock_the_priority_has_no_more_runs_out_in_its_time() -> None:
    made = running(now=NOW + 5 * MINUTE)
    clocks.miss(made, NONE, ACK)
    assert said(made) == [("deadline_missed", "Not acknowledged within its time")]


@pytest.mark.parametrize(
    ("deadline", "over"),
    [
        (None, True),
        (Deadline(NOW + 1), False),
        (Deadline(NOW), True),
        (Deadline(NOW - 1, missed_at=NOW), True),
        (Deadline(NOW + 1, met_at=NOW), True),
        # What stands still does not run out, however long ago it would have been due.
        (Deadline(NOW - MINUTE, paused_at=NOW - 2 * MINUTE), False),
    ],
)
def test_what_is_over(deadline: Deadline | None, *, over: bool) -> None:
    made = draft(deadlines={} if deadline is None else {ACK: deadline})
    assert clocks.is_over(made, ACK) is over


@pytest.mark.parametrize(("state", "until"), [("acknowledged", NOW + 3_600_000), ("triggered", 0)])
def test_only_who_has_it_is_reminded(state: str, until: int) -> None:
    made = draft(state=state, timers={Timer.REMIND: NOW})
    clocks.remind_later(made, ALL)
    assert made.incident.timers.get(Timer.REMIND, 0) == until
    clocks.remind_later(made, clock())
    assert Timer.REMIND not in made.incident.timers


@pytest.mark.parametrize(
    ("state", "timers"),
    [("triggered", {"update"}), ("acknowledged", {"update", "remind"}), ("snoozed", set())],
)
def test_whoever_says_how_it_goes_is_asked_later(state: str, timers: set[str]) -> None:
    made = running(UPDATE, state=state)
    clocks.heard(made, ALL)
    assert ends(made) == [("update", "met", "human", "P1")]
    assert made.incident.timers.keys() == timers


def test_the_end_of_an_episode_ends_every_clock_and_leaves_what_is_kept() -> None:
    stay = {"forget": NOW + 1, "merge": NOW + 2, "echo": NOW + 3, "of a newer release": NOW + 4}
    names = ("escalate", "delivery", "remind", "quiet", "snooze", "flap", "stale", "enrich")
    made = draft(
        deadlines={name: Deadline(NOW + MINUTE) for name in CLOCKS},
        timers={**stay, **dict.fromkeys((*names, "summarize", *CLOCKS), NOW + MINUTE)},
    )
    clocks.end(made, acknowledge=Ended.VOID, resolve=Ended.MET, by="automatic")
    assert made.incident.timers == stay
    assert ends(made) == [
        ("acknowledge", "void", "automatic", "P1"),
        ("resolve", "met", "automatic", "P1"),
    ]
    assert made.incident.deadlines.keys() == {"acknowledge", "resolve"}


# Standing still.


def test_a_pause_keeps_what_is_left_and_a_second_one_changes_nothing() -> None:
    made = running(now=NOW + 2 * MINUTE, timers={ACK: NOW, "escalate": NOW, "stale": NOW})
    clocks.pause(made, ALL)
    still = made.incident.deadlines[ACK]
    assert (still.paused_at, still.remaining) == (NOW + 2 * MINUTE, 3 * MINUTE)
    assert made.incident.timers == {"stale": NOW}
    made.now += MINUTE
    clocks.pause(made, ALL)
    assert made.incident.deadlines[ACK] == still


def test_of_a_clock_the_priority_has_no_more_nothing_is_left() -> None:
    made = running()
    clocks.pause(made, NONE)
    assert made.incident.deadlines[ACK].remaining == 0
    clocks.resume(made, NONE)
    assert (made.incident.deadlines, made.incident.timers) == ({}, {})


def test_what_had_ended_neither_pauses_nor_goes_on() -> None:
    met = Deadline(NOW + MINUTE, met_at=NOW)
    made = draft(deadlines={ACK: met})
    clocks.pause(made, ALL)
    clocks.resume(made, ALL)
    assert (made.incident.deadlines, made.incident.timers) == ({ACK: met}, {})


def test_what_had_run_out_before_it_was_put_off_stays_due() -> None:
    made = running(now=NOW + 6 * MINUTE)
    clocks.pause(made, ALL)
    made.now += 60 * MINUTE
    clocks.resume(made, ALL)
    assert made.incident.deadlines[ACK].due == NOW + 5 * MINUTE
    assert made.incident.timers[ACK] == NOW + 5 * MINUTE


@given(st.integers(0, 5 * MINUTE), st.lists(st.integers(0, 600 * MINUTE), min_size=1, max_size=4))
@settings(max_examples=50)
def test_however_often_it_sleeps_it_runs_its_whole_time(ran: int, sleeps: list[int]) -> None:
    made = running()
    made.now += ran
    for slept in sleeps:
        clocks.pause(made, ALL)
        made.now += slept
        clocks.resume(made, ALL)
    deadline = made.incident.deadlines[ACK]
    assert deadline.due == NOW + 5 * MINUTE + sum(sleeps)
    assert deadline.since == NOW + sum(sleeps)
    assert (deadline.paused_at, deadline.remaining) == (0, 0)
    assert ends(made) == []


@given(st.integers(-600 * MINUTE, 600 * MINUTE))
@settings(max_examples=30)
def test_a_clock_that_is_set_back_leaves_no_more_than_there_was(step: int) -> None:
    made = running()
    clocks.pause(made, ALL)
    made.now += step
    clocks.resume(made, ALL)
    assert made.incident.deadlines[ACK].due == made.now + 5 * MINUTE


def test_quiet_hours_hold_what_runs_until_they_end() -> None:
    opens = NOW + 120 * MINUTE
    made = running(timers={ACK: NOW + 5 * MINUTE, Timer.QUIET: opens}, now=NOW + MINUTE)
    clocks.hold(made, NIGHT)
    held = made.incident.deadlines[ACK]
    assert (held.due, held.paused_at, held.remaining) == (
        opens + 4 * MINUTE,
        NOW + MINUTE,
        4 * MINUTE,
    )
    assert made.incident.timers == {Timer.QUIET: opens}
    made.now += MINUTE
    clocks.hold(made, NIGHT)
    assert made.incident.deadlines[ACK] == held


@pytest.mark.parametrize(
    ("state", "quiet", "due"),
    [
        ("acknowledged", True, NOW + 5 * MINUTE),
        ("triggered", False, NOW + 5 * MINUTE),
        # It had run out: that stays so.
        ("triggered", True, NOW),
        ("triggered", True, NOW - MINUTE),
    ],
)
def test_nothing_else_is_held(state: str, due: int, *, quiet: bool) -> None:
    timers = {ACK: due, **({Timer.QUIET: NOW + 120 * MINUTE} if quiet else {})}
    made = running(due=due, state=state, timers=timers)
    clocks.hold(made, NIGHT)
    assert (made.fields, made.incident.deadlines[ACK].paused_at) == ({}, 0)


def test_business_time_that_is_held_counts_from_the_opening_on() -> None:
    opens = NOW + 120 * MINUTE
    made = draft(timers={Timer.QUIET: opens})
    clocks.start(made, BUSINESS, ACK)
    held = made.incident.deadlines[ACK]
    assert (held.due, held.paused_at, held.remaining) == (opens + 30 * MINUTE, NOW, 30 * MINUTE)
    made.now = opens
    made.stop(Timer.QUIET)
    clocks.resume(made, BUSINESS)
    assert made.incident.timers == {ACK: opens + 30 * MINUTE}


# A lower priority.


@pytest.mark.parametrize(
    ("now", "due"),
    [(NOW + MINUTE, NOW + 60 * MINUTE), (NOW + 90 * MINUTE, NOW + 90 * MINUTE)],
)
def test_a_lower_priority_leaves_what_it_would_have_left(now: int, due: int) -> None:
    made = running(due=NOW + 95 * MINUTE, now=now)
    clocks.follow_priority(made, clock(acknowledge_within=parse_within("1h")))
    assert made.incident.deadlines[ACK] == Deadline(due, since=NOW)
    assert made.incident.timers == {ACK: due}


def test_asleep_it_leaves_that_too() -> None:
    made = running(
        paused_at=NOW + MINUTE, remaining=4 * MINUTE, now=NOW + 50 * MINUTE, state="snoozed",
        timers={"snooze": NOW + 100 * MINUTE},
    )  # fmt: skip
    clocks.follow_priority(made, clock(acknowledge_within=parse_within("1h")))
    still = made.incident.deadlines[ACK]
    assert (still.due, still.remaining) == (NOW + 60 * MINUTE, 59 * MINUTE)
    assert made.incident.timers == {"snooze": NOW + 100 * MINUTE}


def test_a_priority_without_a_clock_takes_it_away() -> None:
    made = running()
    clocks.follow_priority(made, NONE)
    assert (made.incident.deadlines, made.incident.timers, ends(made)) == ({}, {}, [])


@pytest.mark.parametrize(
    ("state", "started"),
    [
        ("triggered", {"update"}),
        ("acknowledged", {"update", "resolve"}),
        ("snoozed", set()),
    ],
)
def test_what_should_run_and_does_not_is_started(state: str, started: set[str]) -> None:
    made = draft(state=state)
    clocks.start_missing(made, ALL)
    assert made.incident.deadlines.keys() == started
    # Once they run, nothing begins anew.
    made.now += MINUTE
    clocks.start_missing(made, ALL)
    assert all(of.since == NOW for of in made.incident.deadlines.values())


def test_a_resolve_clock_that_ended_is_not_started_again_and_an_update_is() -> None:
    made = draft(
        state="acknowledged",
        deadlines={RESOLVE: Deadline(NOW, missed_at=NOW), UPDATE: Deadline(NOW, met_at=NOW)},
    )
    clocks.start_missing(made, ALL)
    assert made.incident.timers.keys() == {"update"}
