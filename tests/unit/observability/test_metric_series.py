"""Families and their series: only closed values, each made once, and nothing else ever kept."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from receiver.observability.metrics.family import (
    Across,
    Closed,
    Family,
    counter,
    every,
    gauge,
    histogram,
)
from receiver.observability.metrics.series import Bound, cleaned, shown

COLOURS = Closed(("red", "green"))
SIZES = Closed(("s", "m"), "any")


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The samples of one name by their labels."""
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == name
    }


def bound(family: Family) -> tuple[Bound, CollectorRegistry]:
    registry = CollectorRegistry()
    return Bound(family, registry), registry


@pytest.mark.parametrize(
    ("lists", "wanted"),
    [
        ((), ((),)),
        ((("a", "b"),), (("a",), ("b",))),
        ((("a", "b"), ("x",)), (("a", "x"), ("b", "x"))),
        ((("a", "b"), ()), ()),
    ],
)
def test_every_combination_is_given_in_order(
    lists: tuple[tuple[str, ...], ...], wanted: tuple[tuple[str, ...], ...]
) -> None:
    assert every(*lists) == wanted


def _histogram(name: str, text: str, labels: Any, first: Any = None) -> Family:
    return histogram(name, text, labels, (1,), first)


def _gauge(name: str, text: str, labels: Any, first: Any = None) -> Family:
    return gauge(name, text, labels, first, across=Across.MAX)


@pytest.mark.parametrize("make", [counter, _gauge, _histogram])
@pytest.mark.parametrize(
    ("more", "first"),
    [
        ({}, (("red", "s"), ("red", "m"), ("green", "s"), ("green", "m"))),
        ({"first": ()}, ()),
        ({"first": (("red", "m"),)}, (("red", "m"),)),
    ],
)
def test_the_first_series_are_all_unless_some_are_named(
    make: Any, more: dict[str, Any], first: tuple[tuple[str, ...], ...]
) -> None:
    family = make("x_total", "help", {"colour": COLOURS, "size": SIZES}, **more)
    assert family.first == first
    made, _ = bound(family._replace(name="x"))
    assert set(made) == set(first)


def test_a_metric_without_labels_has_its_one_series_at_once() -> None:
    made, registry = bound(gauge("depth", "How deep", across=Across.MAX))
    assert samples(registry, "depth") == {(): 0.0}
    made.of({})(7)
    made[()](3)
    assert samples(registry, "depth") == {(): 3.0}


def test_a_counter_adds_and_a_histogram_observes() -> None:
    registry = CollectorRegistry()
    found = Bound(counter("calls_total", "Calls", {"colour": COLOURS}), registry)
    times = Bound(histogram("took_seconds", "Time", {"colour": COLOURS}, (0.5, 1)), registry)
    for value in (1, 2.5):
        found.of({"colour": "red"})(value)
        times.of({"colour": "red"})(value)
    red = (("colour", "red"),)
    assert samples(registry, "calls_total")[red] == 3.5
    assert samples(registry, "took_seconds_sum")[red] == 3.5
    buckets = samples(registry, "took_seconds_bucket")
    assert [buckets[(*red, ("le", le))] for le in ("0.5", "1.0", "+Inf")] == [0, 1, 2]
    assert samples(registry, "calls_total")[(("colour", "green"),)] == 0


def test_the_bound_of_a_bucket_belongs_to_it() -> None:
    made, registry = bound(histogram("took_seconds", "Time", {}, (0.5, 1)))
    for value in (0.5, math.nextafter(0.5, 1), 1.0, math.nextafter(1.0, 2)):
        made[()](value)
    assert samples(registry, "took_seconds_bucket") == {
        (("le", "0.5"),): 1,
        (("le", "1.0"),): 3,
        (("le", "+Inf"),): 4,
    }


def test_labels_may_come_in_any_order() -> None:
    made, registry = bound(counter("x_total", "x", {"colour": COLOURS, "size": SIZES}))
    made.of({"size": "m", "colour": "green"})(1)
    made.of({"colour": "green", "size": "m"})(1)
    assert samples(registry, "x_total")[(("colour", "green"), ("size", "m"))] == 2


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"colour": "red"},
        {"colour": "red", "size": "s", "shape": "round"},
        {"colour": "red", "shape": "s"},
        {"Colour": "red", "size": "s"},
    ],
)
def test_other_labels_than_the_metrics_are_an_error_and_count_nothing(
    labels: dict[str, str],
) -> None:
    made, registry = bound(counter("x_total", "x", {"colour": COLOURS, "size": SIZES}))
    with pytest.raises(KeyError):
        made.of(labels)
    assert set(samples(registry, "x_total").values()) == {0}


@pytest.mark.parametrize("key", [(), ("red",), ("red", "s", "round")])
def test_a_key_of_another_length_is_an_error_and_counts_nothing(key: tuple[str, ...]) -> None:
    made, registry = bound(counter("x_total", "x", {"colour": COLOURS, "size": SIZES}))
    with pytest.raises(ValueError, match="zip"):
        made[key]
    assert set(samples(registry, "x_total").values()) == {0}


HOSTILE = ("", " red", "RED", "red\n", 'a"} 1\n', "\u202ered", "\ud800", "x" * 10_000, "other")


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_not_listed_counts_as_the_rest_and_leaves_no_key_behind(value: str) -> None:
    made, registry = bound(counter("x_total", "x", {"colour": COLOURS, "size": SIZES}))
    made[value, value](2)
    assert samples(registry, "x_total")[(("colour", "other"), ("size", "any"))] == 2
    assert len(made) == 5
    generate_latest(registry)


def test_five_hundred_unknown_values_make_one_series() -> None:
    made, registry = bound(counter("x_total", "x", {"colour": COLOURS}, ()))
    for number in range(500):
        made[(f"colour-{number}",)](1)
    assert samples(registry, "x_total") == {(("colour", "other"),): 500}
    assert list(made) == [("other",)]


def test_a_known_series_is_bound_once() -> None:
    made, _ = bound(counter("x_total", "x", {"colour": COLOURS}, ()))
    assert made[("red",)] is made[("red",)]
    assert made[("nobody's",)] is made[("other",)]


def test_a_listed_name_that_is_no_text_is_shown_and_counted_as_one_that_is() -> None:
    names = Closed(("a\ud800", "b"))
    made, registry = bound(counter("x_total", "x", {"name": names}))
    made[("a\ud800",)](1)
    assert samples(registry, "x_total") == {(("name", "a?"),): 1, (("name", "b"),): 0}
    assert b'x_total{name="a?"} 1.0' in generate_latest(registry)


def test_the_rest_may_be_a_listed_value() -> None:
    assert shown(Closed(("", "db"), "")) == ({"": "", "db": "db"}, "")
    assert cleaned(("web",), [shown(Closed(("", "db"), ""))]) == ("",)


@given(key=st.tuples(st.text(max_size=9), st.text(max_size=9)))
@settings(max_examples=50)
def test_cleaning_gives_closed_values_and_twice_is_once(key: tuple[str, str]) -> None:
    made, _ = bound(counter("x_total", "x", {"colour": COLOURS, "size": SIZES}, ()))
    clean = made.clean(key)
    assert clean[0] in {*COLOURS.values, COLOURS.rest}
    assert clean[1] in {*SIZES.values, SIZES.rest}
    assert made.clean(clean) == clean
    assert made[key] is made[clean]
