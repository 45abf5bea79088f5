"""A breaker: opened by failures in a row, rested, probed by one call."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.circuit_breaker import FAILURES, REST_MS, CircuitBreaker

PROBE_MS = 12_000


def opened(at: int = 0) -> CircuitBreaker:
    breaker = CircuitBreaker(probe_ms=PROBE_MS)
    for _ in range(FAILURES):
        breaker.failed(at)
    return breaker


def test_it_opens_with_the_fifth_failure_in_a_row_and_says_so_once() -> None:
    breaker = CircuitBreaker(probe_ms=PROBE_MS)
    told = [breaker.failed(0) for _ in range(FAILURES + 3)]
    assert told == [False] * (FAILURES - 1) + [True] + [False] * 3


def test_a_success_between_begins_to_count_anew() -> None:
    breaker = CircuitBreaker(probe_ms=PROBE_MS)
    for _ in range(10):
        assert [breaker.failed(0) for _ in range(FAILURES - 1)] == [False] * (FAILURES - 1)
        assert breaker.succeeded() is False
    assert breaker.state(0) == "closed"
    assert breaker.admit(0) == 0


@pytest.mark.parametrize(
    ("after", "state", "wait"),
    [
        (0, "open", REST_MS),
        (REST_MS - 1, "open", REST_MS),
        (REST_MS, "half_open", 0),
        (10 * REST_MS, "half_open", 0),
    ],
)
def test_it_rests_for_its_time(after: int, state: str, wait: int) -> None:
    breaker = opened()
    assert breaker.state(after) == state
    assert breaker.admit(after) == wait


def test_one_call_probes_and_the_others_wait_for_it() -> None:
    breaker = opened()
    assert breaker.admit(REST_MS) == 0
    assert breaker.admit(REST_MS) == REST_MS + PROBE_MS
    assert breaker.admit(REST_MS + PROBE_MS - 1) == REST_MS + PROBE_MS
    # The probe is lost: whoever comes next is the next one.
    assert breaker.admit(REST_MS + PROBE_MS) == 0


def test_a_probe_that_fails_lets_it_rest_again() -> None:
    breaker = opened()
    breaker.admit(REST_MS)
    assert breaker.failed(REST_MS + 500) is False
    assert breaker.admit(REST_MS + 500) == 2 * REST_MS + 500
    assert breaker.state(2 * REST_MS + 500) == "half_open"


def test_a_probe_that_works_closes_it_and_is_told_once() -> None:
    breaker = opened()
    breaker.admit(REST_MS)
    assert breaker.succeeded() is True
    assert breaker.succeeded() is False
    assert (breaker.state(REST_MS), breaker.admit(REST_MS)) == ("closed", 0)


def test_a_clock_that_is_set_back_keeps_it_closed_no_longer_than_it_says() -> None:
    breaker = opened(at=1_000_000)
    until = breaker.admit(0)
    assert until == 1_000_000 + REST_MS
    assert breaker.admit(until) == 0


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["failed", "succeeded", "admit"]), st.integers(0, 9_000)))
)
def test_it_is_closed_until_so_many_failed_in_a_row(steps: list[tuple[str, int]]) -> None:
    breaker, now, row = CircuitBreaker(probe_ms=PROBE_MS), 0, 0
    for what, later in steps:
        now += later
        if what == "admit":
            until = breaker.admit(now)
            assert until == 0 or until > now
            assert row >= FAILURES or until == 0
        elif what == "failed":
            row += 1
            assert breaker.failed(now) is (row == FAILURES)
        else:
            assert breaker.succeeded() is (row >= FAILURES)
            row = 0
        assert (breaker.state(now) == "closed") is (row < FAILURES)
