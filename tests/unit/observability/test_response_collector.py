"""What the collector shows of what was read: sums over shards that never fall, whole buckets."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.observability.metrics.family import Closed, counter, histogram
from receiver.observability.metrics.response_collector import ResponseCollector, Rows
from receiver.store.response_totals import ID

TEAM = Closed(("db", "web"), "")
CALLS = counter("calls_total", "Calls", {"team": TEAM}, (("db",),))
TOOK = histogram("took_seconds", "Time", {"team": TEAM}, (1, 10, 60), ())
Sample = tuple[str, tuple[str, ...]]


def made(*reads: Rows) -> ResponseCollector:
    found = ResponseCollector([CALLS, TOOK])
    for rows in reads:
        found.set(rows)
        found.refresh()
    return found


def samples(collector: ResponseCollector) -> dict[Sample, float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def row(identity: bytes = b"one", **numbers: int) -> dict[bytes, bytes]:
    """Calls by team, as the hash of one shard has them."""
    fields = {f"calls_total|team={team}".encode(): b"%d" % n for team, n in numbers.items()}
    return {ID: identity} | fields


def test_before_anything_was_read_the_metrics_are_named_without_series() -> None:
    collector = ResponseCollector([CALLS, TOOK])
    collector.refresh()
    assert [(metric.name, metric.samples) for metric in collector.collect()] == [
        ("calls", []),
        ("took_seconds", []),
    ]


def test_what_was_taken_is_shown_only_once_it_was_made() -> None:
    collector = made([row(db=1)])
    collector.set([row(db=5)])
    assert samples(collector)["calls_total", ("db",)] == 1
    collector.refresh()
    assert samples(collector)["calls_total", ("db",)] == 5


def test_an_empty_hash_shows_the_first_series_at_zero_and_no_other() -> None:
    assert samples(made([{}])) == {("calls_total", ("db",)): 0}


def test_nothing_read_of_no_shard_at_all_is_zero() -> None:
    assert samples(made([])) == {("calls_total", ("db",)): 0}


def test_five_hundred_shards_are_one_sum() -> None:
    rows = [row(db=number, web=1) for number in range(500)]
    assert samples(made(rows)) == {
        ("calls_total", ("db",)): 500 * 499 // 2,
        ("calls_total", ("web",)): 500,
    }


def test_one_shard_that_loses_its_last_second_lowers_no_sum() -> None:
    collector = made([row(db=3), row(b"two", db=4)], [row(db=2), row(b"two", db=4)])
    assert samples(collector)["calls_total", ("db",)] == 7


@pytest.mark.parametrize(
    "later",
    [
        [row(db=1), row(b"three", db=1)],
        [row(b"two", db=1), row(db=1)],
        [row(db=1), {b"calls_total|team=db": b"1"}],
        [row(db=1), row(b"two", db=1), row(b"three")],
    ],
)
def test_other_data_in_any_shard_begins_anew(later: list[dict[bytes, bytes]]) -> None:
    collector = made([row(db=30), row(b"two", db=40)], later)
    assert samples(collector)["calls_total", ("db",)] == 2


def test_a_series_that_is_read_no_more_stays_as_it_was() -> None:
    collector = made([row(web=3)], [row(db=1)], [row(db=2)])
    assert samples(collector) == {("calls_total", ("db",)): 2, ("calls_total", ("web",)): 3}


def test_data_that_comes_back_after_other_data_is_not_held_to_what_it_was() -> None:
    collector = made([row(db=9)], [row(b"two", db=1)], [row(db=2)])
    assert samples(collector)["calls_total", ("db",)] == 2


def test_a_histogram_never_falls_in_any_bucket() -> None:
    before = {ID: b"one", b"took_seconds|team=db|le=1": b"3", b"took_seconds|team=db|sum": b"2500"}
    after = {ID: b"one", b"took_seconds|team=db|le=10": b"2", b"took_seconds|team=db|sum": b"900"}
    found = samples(made([before], [after]))
    assert [found["took_seconds_bucket", ("db", le)] for le in ("1.0", "10.0", "60.0", "+Inf")] == [
        *(3, 5, 5, 5)
    ]
    assert found["took_seconds_count", ("db",)] == 5
    assert found["took_seconds_sum", ("db",)] == 2.5


def test_a_sum_without_a_bucket_is_shown_as_no_observation() -> None:
    found = samples(made([{b"took_seconds|team=db|sum": b"1500"}]))
    assert found["took_seconds_count", ("db",)] == 0
    assert found["took_seconds_sum", ("db",)] == 1.5


@pytest.mark.parametrize(
    ("le", "slot"),
    [
        *(("1e-300", "1.0"), ("1", "1.0"), ("1.0001", "10.0"), ("10", "10.0"), ("60", "60.0")),
        *(("61", "+Inf"), ("1e308", "+Inf"), ("inf", "+Inf")),
    ],
)
def test_a_bound_of_another_release_counts_under_the_next(le: str, slot: str) -> None:
    found = samples(made([{f"took_seconds|team=db|le={le}".encode(): b"1"}]))
    first = next(
        bound
        for bound in ("1.0", "10.0", "60.0", "+Inf")
        if found["took_seconds_bucket", ("db", bound)]
    )
    assert first == slot


@pytest.mark.parametrize("field", [b"took_seconds|team=db", b"calls_total|team=db|sum"])
def test_a_metric_of_another_kind_than_ours_is_passed_over(field: bytes) -> None:
    assert samples(made([{field: b"7"}])) == {("calls_total", ("db",)): 0}


def test_what_cannot_be_read_is_left_out_alone() -> None:
    junk = {b"\xff": b"1", b"calls_total|team=web": b"x", b"calls_total|team": b"1", b"": b"5"}
    assert samples(made([junk | row(db=2)])) == {("calls_total", ("db",)): 2}


counts = st.dictionaries(st.sampled_from(["1", "10", "60", "+Inf", "5"]), st.integers(0, 10**9))


@given(reads=st.lists(st.tuples(st.sampled_from([b"one", b"two"]), counts), min_size=1, max_size=6))
@settings(max_examples=50)
def test_buckets_are_whole_and_while_the_data_is_the_same_nothing_falls(
    reads: list[tuple[bytes, dict[str, int]]],
) -> None:
    collector = ResponseCollector([TOOK])
    pages = []
    for identity, buckets in reads:
        fields = {f"took_seconds|team=db|le={le}".encode(): b"%d" % n for le, n in buckets.items()}
        collector.set([{ID: identity} | fields])
        collector.refresh()
        found = samples(collector)
        line = [found.get(("took_seconds_bucket", ("db", le)), 0) for le in ("1.0", "10.0", "60.0")]
        line.append(found.get(("took_seconds_bucket", ("db", "+Inf")), 0))
        assert line == sorted(line)
        assert found.get(("took_seconds_count", ("db",)), 0) == line[-1]
        pages.append((identity, line))
    for (before, old), (after, new) in pairwise(pages):
        if before == after:
            assert all(was <= now for was, now in zip(old, new, strict=True))


def test_many_pages_at_once_count_nothing_twice() -> None:
    collector = made([row(db=5)])
    threads = [threading.Thread(target=collector.refresh) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(collector) == {("calls_total", ("db",)): 5}
