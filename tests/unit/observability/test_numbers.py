"""What a series is made of: nothing lost between threads, nothing that spoils a sum."""

import threading
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from receiver.observability.metrics.family import Across, Closed, counter, gauge, histogram
from receiver.observability.metrics.numbers import Count, Level, Spread, Timed, sound
from receiver.observability.metrics.series import Bound, TimedBy
from tests.unit.observability.test_metric_series import samples

HOW, WHERE = Closed(("ok", "bad")), Closed(("here",))
ROUNDS, THREADS = 2_000, 4


def together(work: Callable[[], None]) -> None:
    def again() -> None:
        for _ in range(ROUNDS):
            work()

    threads = [threading.Thread(target=again) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_is_lost_between_threads() -> None:
    count, spread = Count(), Spread((1.0, 2.0))
    timed = Timed(count, spread)

    def work() -> None:
        count.apply(2)
        spread.apply(1.5)
        timed.apply(0.5, 3)

    together(work)
    every = ROUNDS * THREADS
    assert count.numbers() == (every * 5,)
    assert spread.numbers() == (every, every * 2, every * 2, every * 2, every * 2.0)


def test_a_counter_that_would_fall_is_an_error_and_stays() -> None:
    count = Count()
    count.apply(2)
    with pytest.raises(ValueError, match="only rises"):
        count.apply(-1)
    assert count.numbers() == (2.0,)


def test_a_zero_has_no_sign() -> None:
    level = Level()
    level.apply(-0.0)
    assert str(level.numbers()[0]) == "0.0"


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), float("-inf")])
def test_what_would_spoil_a_sum_counts_as_nothing(value: float) -> None:
    assert sound(value) == 0.0
    spread = Spread((1.0,))
    Timed(Count(), spread).apply(value)
    assert spread.numbers() == (1, 1, 1, 0.0)


def test_what_is_counted_and_timed_together_is_in_both_metrics() -> None:
    registry = CollectorRegistry()
    calls = Bound(counter("calls_total", "x", {"where": WHERE, "how": HOW}), registry)
    took = Bound(histogram("took_seconds", "x", {"where": WHERE}, (1,)), registry)
    both = TimedBy(calls, took, slice(2), slice(1))
    both["here", "ok"].apply(0.5)
    both["here", "bad"].apply(2)
    both["there", "odd"].apply(4, 2)
    found = samples(registry, "calls_total")
    assert found[("how", "ok"), ("where", "here")] == 1
    assert found[("how", "other"), ("where", "other")] == 2
    assert samples(registry, "took_seconds_sum") == {
        (("where", "here"),): 2.5,
        (("where", "other"),): 4.0,
    }
    # What a stranger says is not kept.
    assert set(both) == {("here", "ok"), ("here", "bad")}


def test_a_gauge_is_not_counted_with_anything() -> None:
    registry = CollectorRegistry()
    depth, took = (
        Bound(gauge("depth", "x", across=Across.MAX), registry),
        Bound(histogram("took_seconds", "x", {}, (1,)), registry),
    )
    with pytest.raises(TypeError, match="counted together"):
        TimedBy(depth, took, slice(0), slice(0))[()]
