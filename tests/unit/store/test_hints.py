"""Hints in the store: the newest first, each with a time that can be shown."""

from typing import Any

import pytest

from receiver.store.hints import HintStore
from receiver.store.keys import HINTS, TIME_MAX
from tests.support.builders import NOW


@pytest.mark.parametrize("score", [float("inf"), 1e18, TIME_MAX + 1.0])
async def test_a_time_without_a_date_is_the_last_that_has_one(redis: Any, score: float) -> None:
    store = HintStore(redis)
    await store.note({("severity", "loud")}, NOW)
    await redis.zadd(HINTS, {"severity|odd": score})
    assert await store.seen(NOW) == [("severity", "odd", TIME_MAX), ("severity", "loud", NOW)]
