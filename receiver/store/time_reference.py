"""The reference of time in Redis: by it all replicas agree on the time."""

import logging
import time

import msgspec
from redis.exceptions import ResponseError

from receiver.clock import Reference
from receiver.store.keys import REFERENCE
from receiver.store.redis import Client, load_script, unavailable_is_503

log = logging.getLogger("clock")


class Measured(msgspec.Struct, frozen=True):
    """Redis's clock (ms) at the moment of the answer, and the reference with its stored form.

    ``within``: how long (s) the answer took; the moment is uncertain by half of that.
    """

    redis: float
    known: Reference | None
    stored: bytes
    within: float


class ReferenceStore:
    """Reads Redis's clock and the reference, and writes the latter."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._set = load_script(redis, "set_reference")

    async def measure(self) -> Measured:
        """Ask Redis for its time (TIME, outside of scripts) and the reference.

        Half the round trip is taken as the way back. StoreUnavailableError.
        """
        async with unavailable_is_503():
            stored = await self._get()
            before = time.monotonic()
            seconds, micros = await self._redis.time()
            took = time.monotonic() - before
        at = int(seconds) * 1000 + int(micros) / 1000 + took * 500
        return Measured(at, _read(stored), stored, took)

    async def _get(self) -> bytes:
        try:
            return await self._redis.get(REFERENCE) or b""
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            log.error("what is stored as the reference of time is none")  # noqa: TRY400
            return b""

    async def store(self, made_from: Measured, reference: Reference) -> bool:
        """Store a reference made from a measurement; False: another replica was first."""
        body = f"{reference.shift}|{reference.at}|{reference.by}"
        async with unavailable_is_503():
            return bool(await self._set(keys=[REFERENCE], args=[made_from.stored, body]))


def _read(stored: bytes) -> Reference | None:
    """Return a stored reference; one that cannot be read is made anew."""
    if not stored:
        return None
    try:
        shift, at, by = stored.decode().split("|")
        return Reference(int(shift), int(at), by)
    except ValueError:
        log.error("the stored reference of time cannot be read: %r", stored[:80])  # noqa: TRY400
        return None
