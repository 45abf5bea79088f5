"""Keys under which programs send a request once more: one key, one request.

What was done under a key is remembered with what was decided (``e:`` keys). This remembers what
was asked for under it: something else under the same key would count as done, and be lost.
"""

import hashlib

from receiver.store.keys import request_key
from receiver.store.redis import Client, unavailable_is_503

KEPT_MS = 600_000
"""Milliseconds that a key is known: as long as what was done under it (``EVENT_TTL``)."""


class RequestKeys:
    """Remembers what was asked for under a key, for all processes."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    async def is_same(self, key: str, asked: bytes) -> bool:
        """Return whether nothing else was asked for under a key; StoreUnavailableError."""
        name = request_key(hashlib.sha256(key.encode()).hexdigest())
        digest = hashlib.sha256(asked).hexdigest().encode()
        async with unavailable_is_503(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(name, digest, px=KEPT_MS, nx=True)
            pipeline.get(name)
            _, found = await pipeline.execute()
        # It may have ended between the two.
        return found in (None, digest)
