"""The watch of a heartbeat: since when it waits, and what it says when nothing comes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.decision import Decision, Draft
from routing.event import HeartbeatSeen, TimerDue
from routing.heartbeat import GRACE_MS, decide_heartbeat, heartbeat_due, watch_id
from routing.incident import Incident
from routing.incident_parts import Damage
from tests.support.builders import GROUP, KEY, MINUTE, NOW

EVERY = 5 * MINUTE


def seen(interval: int = EVERY, *, expected: bool = False, returned: bool = False) -> HeartbeatSeen:
    return HeartbeatSeen(KEY, GROUP, interval, expected, returned)


def watch(state: str = "beating", due: int = 0, **more: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": watch_id(KEY),
        "group": GROUP,
        "state": state,
        "generation": 0,
        "priority": "P1",
        "kind": "heartbeat",
        "timers": {"heartbeat": due} if due else {},
    }
    return Incident(**(fields | more))


def become(base: Incident | None, event: HeartbeatSeen, now: int = NOW) -> tuple[str, Incident]:
    found = decide_heartbeat(base, event, now)
    assert found.incident is not None
    return found.reason, found.incident


@pytest.mark.parametrize(
    ("expected", "reason", "seen_at"), [(False, "heartbeat", NOW), (True, "expected", 0)]
)
def test_the_first_one_begins_a_watch(*, expected: bool, reason: str, seen_at: int) -> None:
    why, made = become(None, seen(expected=expected))
    assert (why, made.id, made.state, made.seen_at) == (reason, f"{KEY}-0", "beating", seen_at)
    assert made.timers == {"heartbeat": NOW + EVERY}
    assert (made.kind, made.generation, made.group) == ("heartbeat", 0, GROUP)


def test_a_beat_tells_nobody() -> None:
    found = decide_heartbeat(watch(due=NOW + 1), seen(), NOW)
    assert [(one.task, one.due) for one in found.schedule] == [("heartbeat", NOW + EVERY)]
    assert (found.timeline, found.observations, found.cancel) == ((), (), ())


@pytest.mark.parametrize(
    ("due", "reason", "state"),
    [
        (NOW + 1, "heartbeat", "beating"),
        # What is due in this moment may be reported as missing already.
        (NOW, "heartbeat_returned", "missing"),
        (NOW - MINUTE, "heartbeat_returned", "missing"),
        (0, "heartbeat", "beating"),
    ],
)
def test_a_beat_that_is_late_has_to_have_its_end_stored_first(
    due: int, reason: str, state: str
) -> None:
    why, made = become(watch(due=due), seen())
    assert (why, made.state) == (reason, state)
    if state == "missing":
        assert (made.timers, made.episode_opened_at) == ({}, due)
        why, made = become(made, seen(returned=True), NOW + 1)
        assert (why, made.state, made.episode_opened_at) == ("heartbeat", "beating", 0)
    assert made.timers["heartbeat"] in (NOW + EVERY, NOW + 1 + EVERY)


@pytest.mark.parametrize(
    ("expected", "reason"), [(False, "heartbeat_returned"), (True, "still_missing")]
)
def test_what_is_missing_stays_so_until_its_end_is_stored(*, expected: bool, reason: str) -> None:
    missing = watch("missing", episode_opened_at=NOW - EVERY)
    found = decide_heartbeat(missing, seen(expected=expected), NOW)
    assert (found.reason, found.changed, found.incident) == (reason, False, missing)


@pytest.mark.parametrize(
    ("due", "changed"),
    [
        (NOW + GRACE_MS, True),
        (NOW + GRACE_MS + 1, False),
        (NOW + EVERY, False),
        # Further ahead than a beat ever is.
        (NOW + EVERY + 1, True),
        (NOW - MINUTE, True),
        (0, True),
    ],
)
def test_a_start_gives_a_whole_interval_to_what_is_due_within_a_minute(
    due: int, *, changed: bool
) -> None:
    found = decide_heartbeat(watch(due=due), seen(expected=True), NOW)
    assert (found.reason, found.changed) == ("expected", changed)
    assert found.incident is not None
    assert found.incident.timers["heartbeat"] == (NOW + EVERY if changed else due)


def test_a_short_interval_has_no_minute_of_grace() -> None:
    short = 10_000
    for due, changed in ((NOW + short, True), (NOW + short + 1, True), (NOW + 1, True)):
        found = decide_heartbeat(watch(due=due), seen(short, expected=True), NOW)
        assert (found.changed or due == NOW + short) is changed
        assert found.incident is not None
        assert found.incident.timers == {"heartbeat": NOW + short}


def test_a_start_forgets_neither_a_beat_nor_that_it_was_late() -> None:
    _, made = become(
        watch(due=NOW - 1, seen_at=NOW - EVERY, episode_opened_at=NOW - 7), seen(expected=True)
    )
    assert (made.state, made.seen_at, made.episode_opened_at) == ("beating", NOW - EVERY, NOW - 7)
    # The next beat brings the end of what may have been reported.
    why, made = become(made, seen(), NOW + 1)
    assert (why, made.state, made.episode_opened_at) == ("heartbeat_returned", "missing", NOW - 7)


@pytest.mark.parametrize("expected", [False, True])
def test_of_a_damaged_watch_it_is_taken_that_one_came(*, expected: bool) -> None:
    damaged = watch("damaged", damage=Damage("gone", NOW - 1), title="cannot be read")
    why, made = become(damaged, seen(expected=expected))
    assert (made.damage, made.title, made.kind, made.seen_at) == (None, "", "heartbeat", NOW)
    assert (why, made.state) == ("expected" if expected else "heartbeat", "beating")
    assert made.timers == {"heartbeat": NOW + EVERY}


def due(now: int, *, lost: bool = False) -> tuple[str, Draft]:
    start = watch(due=NOW)
    made = Draft(start, start, now)
    return heartbeat_due(made, TimerDue("heartbeat", lost=lost)), made


def test_it_is_missing_since_it_was_due_however_late_that_is_noticed() -> None:
    reason, made = due(NOW + 60 * MINUTE)
    assert reason == "heartbeat_missing"
    assert (made.incident.state, made.incident.episode_opened_at) == ("missing", NOW)
    assert (made.incident.timers, made.cancel) == ({}, {"heartbeat"})


def test_one_that_nobody_watches_any_more_is_not_missing() -> None:
    reason, made = due(NOW, lost=True)
    assert (reason, made.incident.state, made.incident.timers) == ("not_watched", "tombstone", {})
    assert made.incident.episode_opened_at == 0


MOVES = st.lists(
    st.tuples(st.sampled_from(["beat", "start", "return"]), st.integers(-2 * EVERY, 2 * EVERY)),
    max_size=12,
)


@given(MOVES)
@settings(max_examples=50)
def test_whatever_the_clock_does_it_waits_or_is_missing(moves: list[tuple[str, int]]) -> None:
    base: Incident | None = None
    now = NOW
    for what, step in moves:
        now += step
        found: Decision = decide_heartbeat(
            base, seen(expected=what == "start", returned=what == "return"), now
        )
        base = found.incident
        assert base is not None
        if base.state == "beating":
            assert now < base.timers["heartbeat"] <= now + EVERY
        else:
            assert (base.state, base.timers) == ("missing", {})
