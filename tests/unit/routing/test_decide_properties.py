"""What must hold for every history, in any order and with any duplication."""

from collections.abc import Iterable
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.alert import Alert
from routing.decide import decide
from routing.incident import Incident
from routing.interval import join
from routing.rules import Rules
from tests.support.builders import MINUTE, NOW, received, rules
from tests.support.histories import (
    COPIES,
    HISTORIES,
    SNAPSHOTS,
    TELLINGS,
    Shape,
    Snapshot,
    expected,
    history,
    shuffled,
)

RULES = rules()
SIZED = rules(classify_group=lambda _alert, size: ("P1" if size > 2 else "P4", "rule on the size"))
ANY = st.one_of(HISTORIES, TELLINGS)


LATER = NOW + 60 * MINUTE
"""When all of a history is over; what a clock told ahead of ours is a test of its own."""


def _end(told: list[Snapshot], now: int = LATER, found: Rules = RULES, pace: int = 0) -> Incident:
    incident = None
    for number, snapshot in enumerate(told):
        incident = decide(incident, received(*snapshot), now + number * pace, found).incident
    assert incident is not None
    return incident


def _shape(incident: Incident) -> Shape:
    """What "the same incident" means: alerts, state and priority."""
    alerts = sorted(
        (alert.fingerprint, alert.starts_at, alert.resolved, alert.ends_at)
        for alert in incident.alerts.values()
    )
    return tuple(alerts), incident.state, incident.priority


@settings(max_examples=400, deadline=None)
@given(ANY, st.integers(0, 10**9))
def test_any_order_and_duplication_ends_in_what_was_told(told: list[Snapshot], order: int) -> None:
    assert _shape(_end(told)) == expected(told)
    assert _shape(_end(shuffled(told, order))) == expected(told)


@settings(max_examples=200, deadline=None)
@given(ANY, st.integers(0, 10**9), st.integers(1, 3000))
def test_a_little_time_between_them_changes_nothing(
    told: list[Snapshot], order: int, pace: int
) -> None:
    # All of it within the echo window: no timer of a suspicion comes due.
    mixed = shuffled(told, order)
    incident = _end(mixed, pace=pace)
    assert _shape(incident) == expected(told)
    assert incident.generation == 1


@settings(max_examples=200, deadline=None)
@given(ANY, st.integers(0, 10**9))
def test_the_parts_of_a_notification_may_come_alone(told: list[Snapshot], order: int) -> None:
    # As when max_alerts cuts them differently: what is absent is not resolved.
    parts: list[Snapshot] = [(alert,) for snapshot in told for alert in snapshot]
    assert _shape(_end(shuffled(parts, order))) == expected(told)


@settings(max_examples=200, deadline=None)
@given(TELLINGS, st.integers(0, 10**9))
def test_a_rule_on_the_groups_size_does_not_depend_on_the_order(
    told: list[Snapshot], order: int
) -> None:
    assert _shape(_end(told, found=SIZED)) == _shape(_end(shuffled(told, order), found=SIZED))


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_telling_all_of_it_again_changes_nothing_but_suspicions(told: list[Snapshot]) -> None:
    once, twice = _end(told), _end(told + told)
    assert _shape(once) == _shape(twice)
    assert once.episode <= twice.episode
    again = _end(told[-1:] * 2)
    assert decide(again, received(*told[-1]), LATER, RULES).reason == "repeat"


@settings(max_examples=150, deadline=None)
@given(TELLINGS, SNAPSHOTS)
def test_a_late_notification_told_twice_makes_one_incident(
    told: list[Snapshot], late: Snapshot
) -> None:
    before = _end(told)
    first = decide(before, received(*late), LATER + 40 * MINUTE, RULES).incident
    assert first is not None
    second = decide(first, received(*late), LATER + 40 * MINUTE, RULES).incident
    assert second is not None
    assert (second.id, _shape(second)) == (first.id, _shape(first))
    assert [alert.fingerprint for alert in second.firing()] == [
        alert.fingerprint for alert in first.firing()
    ]


def _known(alert: Alert) -> tuple[object, ...]:
    """What must not depend on the order copies are joined in; texts show the last one."""
    return alert.starts_at, alert.resolved, alert.ends_at, alert.priority, alert.past


_ONE_ALERT = COPIES.map(lambda alert: msgspec.structs.replace(alert, fingerprint="a"))


def _join(copies: Iterable[Alert], now: int = LATER) -> Alert:
    known = None
    for copy in copies:
        known = join(known, copy, now)
    assert known is not None
    return known


@settings(max_examples=500, deadline=None)
@given(st.lists(_ONE_ALERT, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_joining_copies_goes_in_any_order_and_any_number(copies: list[Alert], how: Random) -> None:
    mixed = copies + how.choices(copies, k=3)
    how.shuffle(mixed)
    once = _join(copies)
    assert _known(_join(mixed)) == _known(once)
    assert join(_join(mixed), mixed[-1], LATER) == _join(mixed)
    repeated = join(copies[0], msgspec.structs.replace(copies[0]), LATER)
    assert repeated is copies[0]


@settings(max_examples=300, deadline=None)
@given(st.lists(_ONE_ALERT, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_copies_from_a_clock_that_is_ahead_are_in_order_among_themselves(
    copies: list[Alert], how: Random
) -> None:
    mixed = copies + how.choices(copies, k=3)
    how.shuffle(mixed)
    told, before = _join(copies), NOW - 60 * MINUTE
    ahead = _join(mixed, before)
    assert (ahead.starts_at, ahead.resolved, ahead.ends_at, ahead.priority) == _known(told)[:4]


def test_histories_are_varied_enough_to_prove_something() -> None:
    shapes = [told for seed in range(200) if (told := history(seed))]
    assert sum(len(told) > 3 for told in shapes) > 80
    assert {_end(told).state for told in shapes} >= {"triggered", "resolved"}
    firing = [
        {(alert.fingerprint, alert.starts_at) for snapshot in told for alert in snapshot}
        for told in shapes
    ]
    again = [starts for starts in firing if len(starts) > len({key for key, _ in starts})]
    assert len(again) > 20
    echoed = [told for told in shapes if _end(told).suspected]
    assert echoed
