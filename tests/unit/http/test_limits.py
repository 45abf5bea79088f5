"""Token buckets: how many at once, how many in the long run, and whom they tell apart."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import TooManyError
from receiver.http import limits
from receiver.http.limits import Buckets, Limits, LimitsConfig, TooManyRequestsError


class Watch:
    """A clock that tests move (s)."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


def asked(address: str) -> web.Request:
    return make_mocked_request("GET", "/").clone(remote=address)


@given(st.integers(1, 600), st.lists(st.floats(0, 30), max_size=200))
def test_no_more_than_a_minutes_worth_and_then_as_they_come(
    per_minute: int, pauses: list[float]
) -> None:
    watch = Watch()
    buckets = Buckets(per_minute, now=watch)
    began, taken = watch.at, 0
    for pause in pauses:
        watch.at += pause
        wait = buckets.take("a")
        taken += not wait
        if wait:
            # Whoever waits as long as that gets one.
            watch.at += wait + 1e-6
            assert buckets.take("a") == 0
            taken += 1
        assert taken <= per_minute + (watch.at - began) * per_minute / 60 + 1e-3


def test_keys_are_told_apart_and_the_oldest_forgotten(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEYS_MAX", 3)
    buckets = Buckets(1, now=watch)
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(60)
    for key in "bcd":
        assert buckets.take(key) == 0
    assert len(buckets._empty_at) == 3
    assert buckets.take("a") == 0


def test_none_is_no_limit(watch: Watch) -> None:
    buckets = Buckets(0, now=watch)
    assert not any(buckets.take("a") for _ in range(10_000))


def test_an_address_has_so_many_requests_and_this_machine_any_number(watch: Watch) -> None:
    counted: list[str] = []
    found = Limits(LimitsConfig(requests_per_address=3), counted.append, watch)
    for _ in range(3):
        found.address(asked("203.0.113.9"))
    with pytest.raises(TooManyRequestsError) as caught:
        found.address(asked("203.0.113.9"))
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "20")
    again = caught.value.again_later()
    assert (again.status, again.headers["Retry-After"]) == (503, "20")
    found.address(asked("203.0.113.10"))
    for address in ("127.0.0.1", "::1", ""):
        for _ in range(9):
            found.address(asked(address))
    # Of IPv6 a whole network is one.
    for number in range(3):
        found.address(asked(f"2001:db8::{number}"))
    with pytest.raises(TooManyRequestsError):
        found.address(asked("2001:db8::ffff"))
    assert counted == ["address", "address"]
    watch.at += 20
    found.address(asked("203.0.113.9"))


def test_passwords_run_out_and_who_was_right_before_is_let_in(watch: Watch) -> None:
    found = Limits(LimitsConfig(), now=watch)
    found.password("203.0.113.9", "am")
    for _ in range(limits.GUESSES):
        found.password("203.0.113.9", "")
    for name in ("", "other"):
        with pytest.raises(TooManyRequestsError):
            # Also a right one: else guessing would go on, slowly told.
            found.password("203.0.113.9", name)
    found.password("203.0.113.9", "am")
    found.password("203.0.113.10", "other")
    watch.at += 60
    found.password("203.0.113.9", "other")
    for _ in range(limits.GUESSES_A_MINUTE):
        found.password("203.0.113.9", "")
    with pytest.raises(TooManyRequestsError):
        found.password("203.0.113.9", "")


def test_notes_and_incidents_say_when_they_may_be_again(watch: Watch) -> None:
    found = Limits(LimitsConfig(notes_per_person=2, incidents_per_person=1), now=watch)
    found.note("ann")
    found.note("ann")
    with pytest.raises(TooManyError, match="too many notes within a minute: again in 30 s"):
        found.note("ann")
    found.note("ben")
    found.incident("ann")
    with pytest.raises(TooManyError) as caught:
        found.incident("ann")
    assert caught.value.seconds == 60


def test_a_reload_changes_the_numbers(watch: Watch) -> None:
    found = Limits(LimitsConfig(notes_per_person=1), now=watch)
    found.note("ann")
    with pytest.raises(TooManyError):
        found.note("ann")
    found.use(LimitsConfig(notes_per_person=0))
    for _ in range(100):
        found.note("ann")
