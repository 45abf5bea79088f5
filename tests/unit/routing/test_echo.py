"""Firing copies of what is over: suspected, believed, contradicted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import echo, interval
from routing.alert import Alert
from routing.incident_parts import Suspect
from routing.rules import Rules
from tests.support.builders import MINUTE, NOW, alert, rules
from tests.support.drafts import draft, said

RULES = rules()
"""An echo counts after a minute, what may be a late copy of a peer after six."""
ASKS = rules(asks=True)
FLAPS = rules(flap_changes=3)


def over(start: int = NOW - 10 * MINUTE, end: int = NOW, **more: Any) -> Alert:
    return alert(starts_at=start, ends_at=end, resolved=True, **more)


def fires(start: int, fingerprint: str = "a", **more: Any) -> Alert:
    return alert(fingerprint, starts_at=start, **more)


@pytest.mark.parametrize(("known", "waits"), [(False, MINUTE), (True, 6 * MINUTE)])
def test_a_late_copy_of_a_peer_waits_longer(*, known: bool, waits: int) -> None:
    assert echo.due(Suspect(fires(NOW), NOW, known), RULES) == NOW + waits


@pytest.mark.parametrize(
    ("first", "then", "known"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_one_new_start_makes_it_news(*, first: bool, then: bool, known: bool) -> None:
    one = echo.suspect(None, fires(1), NOW, known_start=first)
    assert one == Suspect(fires(1), NOW, first)
    again = echo.suspect(one, fires(2), NOW + MINUTE, known_start=then)
    assert again == Suspect(fires(2), NOW, known)


@pytest.mark.parametrize(
    ("after", "told"), [(-1, False), (0, False), (MINUTE - 1, False), (MINUTE, True)]
)
def test_the_same_copy_sent_twice_is_not_told_again(after: int, *, told: bool) -> None:
    one = Suspect(fires(NOW), NOW, known=True)
    assert echo.is_told_again(one, NOW + after, RULES) is told


@pytest.mark.parametrize(
    ("suspect", "resolved", "contradicted"),
    [
        # An end that nobody knew.
        (fires(NOW - MINUTE), over(end=NOW + 1), True),
        # The end that was known is told again, of the same firing, or of another.
        (fires(NOW - 10 * MINUTE), over(), True),
        (fires(NOW - 5 * MINUTE), over(), True),
        (fires(NOW - 20 * MINUTE), over(), False),
        # An older end than what is suspected.
        (fires(NOW - MINUTE), over(end=NOW - 2 * MINUTE), False),
    ],
)
def test_what_contradicts_a_suspect(suspect: Alert, resolved: Alert, *, contradicted: bool) -> None:
    before = over()
    after = interval.join(before, resolved, NOW + 1)
    one = Suspect(suspect, NOW)
    assert echo.is_contradicted(one, resolved, before, after, NOW + 1) is contradicted


@pytest.mark.parametrize(("known", "contradicted"), [(True, True), (False, False)])
def test_of_a_known_start_any_end_after_it_is_one(*, known: bool, contradicted: bool) -> None:
    before = over()
    late = over(start=NOW - 3 * MINUTE, end=NOW - 2 * MINUTE)
    after = interval.join(before, late, NOW + 1)
    one = Suspect(fires(NOW - 4 * MINUTE), NOW, known)
    assert echo.is_contradicted(one, late, before, after, NOW + 1) is contradicted


def believed(changes: int, found: Rules = FLAPS) -> tuple[Any, dict[str, Suspect], Any]:
    known = over()
    made = draft(known, changes=tuple(NOW - one for one in range(changes, 0, -1)))
    suspected = {"a": Suspect(fires(NOW - MINUTE), NOW)}
    alerts = {"a": known}
    told = echo.believe_flapping(made, alerts, suspected, found)
    return made, suspected, (alerts, told)


def test_what_comes_and_goes_too_often_is_believed_at_once() -> None:
    made, suspected, (alerts, told) = believed(2)
    assert (made.incident.flapping, suspected) == (True, {})
    assert told == [alerts["a"]]
    assert not alerts["a"].resolved


def test_each_new_suspect_is_one_change_and_waits_below_the_limit() -> None:
    made, suspected, (alerts, told) = believed(1)
    assert (made.incident.flapping, told, set(suspected)) == (False, [], {"a"})
    assert len(made.incident.changes) == 2
    assert alerts["a"].resolved


def test_a_late_copy_is_not_believed_however_much_it_flaps() -> None:
    known = over()
    made = draft(known, flapping=True)
    suspected = {
        "a": Suspect(fires(NOW - 10 * MINUTE), NOW, known=True),
        "elsewhere": Suspect(fires(NOW, "elsewhere"), NOW),
    }
    alerts = {"a": known}
    assert echo.believe_flapping(made, alerts, suspected, FLAPS) == []
    assert (alerts, set(suspected)) == ({"a": known}, {"a", "elsewhere"})
    assert made.incident.changes == ()


def test_where_flapping_is_off_nothing_is_believed_by_it() -> None:
    made, suspected, (_, told) = believed(500, RULES)
    assert (made.incident.flapping, told, set(suspected)) == (False, [], {"a"})


def watched(now: dict[str, Suspect], found: Rules = RULES, **more: Any) -> Any:
    made = draft(**more)
    echo.watch(made, now, found)
    return made


SUSPECT = Suspect(fires(NOW - MINUTE), NOW)
PEER = Suspect(fires(NOW - 2 * MINUTE, "b"), NOW, known=True)


def test_the_first_to_count_sets_the_timer_and_what_is_suspected_is_said_once() -> None:
    made = watched({"a": SUSPECT, "b": PEER})
    assert made.incident.timers == {"echo": NOW + MINUTE}
    ((kind, text),) = said(made)
    assert kind == "echo_suspected"
    assert text == (
        "Reported as firing after its end: HighErrorRate. A late copy of another Alertmanager? It"
        " counts in 6m unless it is reported as resolved again"
    )
    echo.watch(made, {"a": SUSPECT, "b": PEER}, RULES)
    again = watched({"a": SUSPECT}, suspected={"a": SUSPECT}, timers={"echo": 1})
    assert (said(again), again.fields) == ([], {})


def test_alertmanager_is_asked_now_and_what_is_awaited_is_not_put_off() -> None:
    assert watched({"a": SUSPECT}, ASKS).incident.timers == {"echo": NOW}
    assert "Alertmanager is asked; it counts in 1m" in said(watched({"a": SUSPECT}, ASKS))[0][1]
    sooner = watched({"a": SUSPECT, "b": PEER}, suspected={"b": PEER}, timers={"echo": NOW - 5})
    assert sooner.incident.timers == {"echo": NOW - 5}
    # Of what was there before it was asked already.
    fewer = watched({"b": PEER}, ASKS, suspected={"a": SUSPECT, "b": PEER})
    assert fewer.incident.timers == {"echo": NOW + 6 * MINUTE}


def test_without_a_suspect_nothing_is_awaited() -> None:
    made = watched({}, suspected={"a": SUSPECT}, timers={"echo": NOW + 1, "stale": NOW + 2})
    assert (made.incident.suspected, made.incident.timers) == ({}, {"stale": NOW + 2})
    assert said(made) == []


def test_what_is_over_is_said_and_what_fires_is_not() -> None:
    before = {"a": SUSPECT, "b": PEER, "gone": Suspect(fires(1, "gone", labels={}), NOW)}
    made = draft(over(), fires(NOW, "b"), suspected=before)
    made.set(suspected={})
    echo.say_outcome(made, [])
    assert said(made) == [("echo_dropped", "Reported as resolved again: HighErrorRate, alert")]


def test_what_is_still_suspected_is_no_outcome() -> None:
    made = draft(over(), suspected={"a": SUSPECT})
    echo.say_outcome(made, [])
    assert said(made) == []
    echo.say_outcome(made, [fires(NOW)])
    assert said(made) == [
        ("echo_believed", "Reported again as firing after its end: HighErrorRate")
    ]


@given(st.lists(st.sampled_from("ABCDEFGH"), max_size=12))
@settings(max_examples=50)
def test_five_names_at_most_each_once_and_in_order(names: list[str]) -> None:
    text = echo.named(alert(str(n), labels={"alertname": name}) for n, name in enumerate(names))
    assert text == ", ".join(sorted(set(names))[:5])
