"""What the public status page keeps that is of no incident: its key, and since when it knows what.

One hash in the first shard, so that a backup has it and every replica the same. Links of outsiders
are made with the key: another one, and those that are out there lead nowhere.
"""

import logging
import secrets
from collections.abc import Iterable

import msgspec

from receiver.store.keys import Keys
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended

log = logging.getLogger("status_page")

KEY_BYTES = 32
DAYS_KEPT = 400
_KEY, _RAN, _SINCE = "key", "ran:", "since:"


class StatusState(msgspec.Struct, frozen=True):
    """``key``: of public ids. ``ran``: days (UTC) on which the service kept the page.

    ``since``: the first of them on which each component was on it.
    """

    key: bytes
    ran: frozenset[str]
    since: dict[str, str]


class StatusStore:
    """Reads and adds to it."""

    def __init__(self, redis: Client, mending: Mending) -> None:
        self._redis = redis
        self._mending = mending
        self._keys = Keys(0)

    async def day(self, day: str, components: Iterable[str]) -> StatusState:
        """Note that the page is kept on a day, with these components; return what is known."""
        key = self._keys.status

        async def write() -> dict[bytes, bytes]:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hsetnx(key, _KEY, secrets.token_hex(KEY_BYTES))
            pipeline.hsetnx(key, f"{_RAN}{day}", "1")
            for name in components:
                pipeline.hsetnx(key, f"{_SINCE}{name}", day)
            pipeline.hgetall(key)
            found: dict[bytes, bytes] = (await pipeline.execute())[-1]
            return found

        async with unavailable_is_503():
            stored = await mended(write, lambda: self._mending.of_type(self._keys, key, "hash"))
        fields = {name.decode("utf-8", "replace"): value for name, value in stored.items()}
        ran = sorted(name.removeprefix(_RAN) for name in fields if name.startswith(_RAN))
        if len(ran) > DAYS_KEPT:
            async with unavailable_is_503():
                await self._redis.hdel(key, *(f"{_RAN}{old}" for old in ran[:-DAYS_KEPT]))
        return StatusState(
            await self._key(fields.get(_KEY, b"")),
            frozenset(ran),
            {
                name.removeprefix(_SINCE): value.decode("ascii", "replace")
                for name, value in fields.items()
                if name.startswith(_SINCE)
            },
        )

    async def _key(self, raw: bytes) -> bytes:
        try:
            found = bytes.fromhex(raw.decode("ascii"))
        except ValueError:
            found = b""
        if len(found) == KEY_BYTES:
            return found
        log.error(
            "%s: its key cannot be read; a new one is made, and old links lead nowhere",
            self._keys.status,
        )
        made = secrets.token_bytes(KEY_BYTES)
        async with unavailable_is_503():
            await self._redis.hset(self._keys.status, _KEY, made.hex())
        return made
