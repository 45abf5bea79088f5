"""How long failed logins make somebody wait."""

import pytest
from pydantic import ValidationError

from receiver.http.login_config import LoginConfig
from receiver.login.attempts import SLOW_MOST_MS, waits_of


def test_fingers_may_slip_then_each_try_waits_twice_as_long_and_the_last_are_locked() -> None:
    waits = waits_of(LoginConfig(lock_after=10))
    assert waits[:5] == (0, 0, 1_000, 2_000, 4_000)
    assert len(waits) == 10
    assert waits[-1] == 15 * 60_000
    assert max(waits[:-1]) <= SLOW_MOST_MS
    assert list(waits) == sorted(waits)


@pytest.mark.parametrize("number", [4, 100])
def test_the_lock_comes_after_as_many_as_it_says(number: int) -> None:
    waits = waits_of(LoginConfig(lock_after=number))
    assert len(waits) == number
    assert waits.count(15 * 60_000) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"session_idle": "8d"},
        {"session_max": "1h"},
        {"session_idle": "10s"},
        {"session_max": "365d"},
        {"lock_after": 3},
        {"lock_for": "1s"},
        {"lock_for": "0s"},
        {"cookies": "yes"},
    ],
)
def test_limits_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LoginConfig.model_validate(fields)
