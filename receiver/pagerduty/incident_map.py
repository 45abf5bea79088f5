"""Which of our alerts a PagerDuty incident holds: its id -> their dedup_keys.

Two notifiers may use the same dedup_key, each on its own service: where it is known which of them
it was, the entry is ``<dedup_key>@<notifier>``.

PagerDuty's incident_key cannot be relied upon: it is null wherever the service makes alerts, and an
incident may group several of ours. So what a webhook or the REST API once said is kept.
"""

from collections.abc import Iterable

from receiver.store.keys import Keys
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended

KEPT_MS = 400 * 86_400_000
"""Longer than an incident can be reopened in PagerDuty."""
KEYS_MAX = 1_000
"""PagerDuty, "Intelligent alert grouping": an incident holds at most 1,000 alerts."""


class PagerDutyMap:
    """The map in Redis; it is of no incident of ours, so it lives on the first shard."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._keys = Keys(0)
        self._mending = Mending(redis, [self._keys])

    async def learn(self, incident: str, claims: Iterable[str]) -> None:
        """Remember that a PagerDuty incident holds these alerts; StoreUnavailableError if not."""
        name = self._keys.pagerduty(incident)
        found = list(claims)[:KEYS_MAX]
        if not found:
            return
        async with unavailable_is_503():
            await mended(lambda: self._learn(name, found), lambda: self._mend(name))

    async def _learn(self, name: str, found: list[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.sadd(name, *found)
        pipeline.pexpire(name, KEPT_MS)
        await pipeline.execute()

    async def _mend(self, name: str) -> None:
        await self._mending.of_type(self._keys, name, "set")

    async def claims(self, incident: str) -> set[str]:
        """Return the alerts a PagerDuty incident is known to hold."""
        name = self._keys.pagerduty(incident)
        async with unavailable_is_503():
            stored: set[bytes] = await mended(
                lambda: self._redis.smembers(name), lambda: self._mend(name)
            )
        # What is no text is no dedup_key of ours.
        return {claim.decode() for claim in stored if claim.isascii()}
