"""The register of what is damaged: an entry that is junk itself still counts, and can be shown."""

from typing import Any

import msgspec
import pytest

from receiver.store.keys import TIME_MAX, Keys
from receiver.store.repair.register import Register

KEYS = Keys(0)


@pytest.mark.parametrize("at", [TIME_MAX + 1, 10**18, 2**62])
async def test_an_entry_of_no_date_cannot_be_read_itself(redis: Any, at: int) -> None:
    entry = {"kind": "incident", "key": "im:{0}:i:x", "at": at, "why": "junk"}
    await redis.hset(KEYS.damaged, "i:x@1", msgspec.json.encode(entry))
    (found,) = await Register(redis, [KEYS]).listed()
    assert (found.at, found.why) == (0, "this entry cannot be read itself")
