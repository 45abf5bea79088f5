"""Alerts made of others by what changed are what they would be if made anew."""

from collections.abc import Mapping
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import alerts_told
from routing.alert import Alert, is_summarized, summarized
from routing.alerts import Alerts
from routing.alerts_told import bound
from routing.interval import last_end

COMPLETE = 8
FINGERPRINTS = tuple("abcdefghijklmnopqrstuvwxyz")
CHANGES = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(FINGERPRINTS),
            st.tuples(st.sampled_from(["P1", "P2", "P4"]), st.integers(1, 9), st.booleans()),
            max_size=6,
        ),
        st.sets(st.sampled_from(FINGERPRINTS), max_size=3),
    ),
    max_size=12,
)


def _alert(key: str, priority: str, starts_at: int, *, resolved: bool) -> Alert:
    ends_at = starts_at + ord(key) % 5 if resolved else 0
    labels = {"alertname": key}
    return Alert(key, labels, {}, starts_at, resolved, ends_at, priority=priority)


def _many(number: int) -> Alerts:
    chance = Random(number)
    return Alerts(
        {
            f"{place:04x}": _alert(
                f"{place:04x}"[0], chance.choice(["P1", "P2"]), chance.randrange(9), resolved=False
            )
            for place in range(number)
        }
    )


def _anew(alerts: Mapping[str, Alert]) -> Alerts:
    return Alerts(dict(alerts))


@settings(max_examples=300, deadline=None)
@given(CHANGES, st.booleans())
def test_orders_are_those_of_all_alerts_sorted(
    changes: list[tuple[dict[str, tuple[str, int, bool]], set[str]]], asked: bool
) -> None:
    start = Alerts({key: _alert(key, "P3", 5, resolved=key > "m") for key in FINGERPRINTS})
    alerts = start
    for found, gone in changes:
        if asked:
            assert len(alerts.alive) + len(alerts.over) == len(alerts)
            assert len(alerts.ended) == len(alerts.over)
        news = {
            key: _alert(key, priority, at, resolved=resolved)
            for key, (priority, at, resolved) in found.items()
        }
        before, kept = alerts, dict(alerts)
        alerts = alerts.changed(news, [key for key in gone if key in alerts and key not in news])
        assert dict(before) == kept
        assert alerts.alive == _anew(alerts).alive
        assert alerts.over == _anew(alerts).over
        assert alerts.ended == _anew(alerts).ended
        for first in (before, start):
            differ = {key for key in {*alerts, *first} if alerts.get(key) != first.get(key)}
            assert alerts.different(first) == differ
            assert (alerts == first) is (not differ)
            assert (alerts != first) is bool(differ)


def test_places_go_on_from_what_fires_to_what_is_over() -> None:
    alerts = Alerts(
        {
            "a": _alert("a", "P1", 3, resolved=True),
            "b": _alert("b", "P2", 2, resolved=False),
            "c": _alert("c", "P1", 9, resolved=False),
            "d": _alert("d", "P1", 1, resolved=True),
        }
    )
    names = [one.fingerprint for one in alerts.ranked(0, 9)]
    assert names == ["c", "b", "d", "a"]
    for first in range(5):
        for last in range(first, 6):
            assert [one.fingerprint for one in alerts.ranked(first, last)] == names[first:last]


def test_what_they_were_made_of_can_be_forgotten() -> None:
    first = _many(20)
    second = first.changed({"0001": _alert("0", "P4", 1, resolved=True)})
    assert second.different(first) == {"0001"}
    second.forget_origin()
    assert second.origin is None
    assert second.different(first) == {"0001"}
    assert second != first


def test_those_that_are_given_are_copied() -> None:
    given_alerts = {"a": _alert("a", "P1", 1, resolved=False)}
    alerts = Alerts.of(given_alerts)
    given_alerts.clear()
    assert list(alerts) == ["a"]
    assert Alerts.of(alerts) is alerts


def _bounded_anew(alerts: Mapping[str, Alert], suspected: set[str]) -> dict[str, Alert]:
    """The rule, said plainly: the newest ends, and of what is too much the state alone."""
    if len(alerts) <= alerts_told.RESOLVED_KEPT:
        return dict(alerts)
    over = [one for key, one in alerts.items() if one.resolved and key not in suspected]
    over.sort(key=lambda one: (last_end(one), one.fingerprint))
    forgotten = {one.fingerprint for one in over[: -alerts_told.RESOLVED_KEPT]}
    kept = {key: one for key, one in alerts.items() if key not in forgotten}
    if len(kept) <= COMPLETE:
        return kept
    places = sorted(
        kept.values(), key=lambda one: (one.resolved, one.priority, one.starts_at, one.fingerprint)
    )
    short = {one.fingerprint: summarized(one) for one in places[COMPLETE:]}
    return kept | short


@pytest.mark.parametrize("seed", range(60))
def test_bounds_are_kept_as_if_all_were_looked_at(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(alerts_told, "RESOLVED_KEPT", 4)
    monkeypatch.setattr(alerts_told, "COMPLETE_KEPT", COMPLETE)
    chance = Random(seed)
    alerts, plain = Alerts(), dict[str, Alert]()
    for _ in range(60):
        news = {
            key: _alert(
                key,
                chance.choice(["P1", "P2", "P3"]),
                chance.randrange(1, 30),
                resolved=chance.random() < 0.5,
            )
            for key in chance.sample(FINGERPRINTS, chance.randrange(1, 6))
        }
        suspects = {key for key in FINGERPRINTS if chance.random() < 0.1}
        made = alerts.changed(news)
        bound(made, dict.fromkeys(suspects))  # type: ignore[arg-type] # only its keys are asked
        plain = _bounded_anew(plain | news, suspects)
        assert made == plain
        assert made.alive == _anew(plain).alive
        alerts = made
    assert any(is_summarized(one) for one in alerts.values())


def test_an_alert_that_differs_in_text_alone_is_different() -> None:
    first = _many(30)
    other = msgspec.structs.replace(first["0003"], annotations={"summary": "new"})
    assert first.changed({"0003": other}).different(first) == {"0003"}
    assert first.changed({"0003": first["0003"]}).different(first) == set()
