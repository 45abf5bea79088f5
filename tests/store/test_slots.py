"""That what is sent at once is in one slot is held against every test; here that it can fail."""

from typing import Any

import pytest

from receiver.store.redis import load_script
from tests.support.slots import SlotsError


@pytest.fixture
def in_one_slot(_in_several_slots: list[str]) -> Any:
    """Instead of the one for all: what is noted is what these tests are about."""
    yield
    assert len(_in_several_slots) == 1
    _in_several_slots.clear()


async def test_a_script_with_keys_of_two_shards_is_noticed(redis: Any) -> None:
    with pytest.raises(SlotsError):
        await load_script(redis, "take_turn")(["im:{0}:x", "im:{1}:x"], ["a", 0, 1, 2])


async def test_a_transaction_of_two_shards_is_noticed(redis: Any) -> None:
    pipeline = redis.pipeline()
    pipeline.get("im:{0}:x")
    pipeline.get("im:{1}:x")
    with pytest.raises(SlotsError):
        await pipeline.execute()


async def test_keys_of_two_slots_in_one_command_are_noticed(redis: Any) -> None:
    pipeline = redis.pipeline(transaction=False)
    pipeline.get("im:{0}:x")
    pipeline.mget(["im:{1}:x", "im:x"])
    with pytest.raises(SlotsError):
        await pipeline.execute()
