"""Makes what tells open lists of changes, from the store."""

from collections import Counter

from receiver.clock import Clock
from receiver.store.feed import Feed
from receiver.store.incidents import IncidentStore
from receiver.text.times import rfc3339
from receiver.web.listing.events import show
from receiver.web.listing.hub import Hub
from receiver.web.listing.view import numbers_of


def build_hub(store: IncidentStore, clock: Clock, prefix: str) -> Hub:
    """Return the hub of a process; ``prefix``: the path before every link."""

    async def counts() -> dict[str, int]:
        counted, states = await numbers_of(store.lists)
        return {"all": sum(counted.values()), **Counter(counted), **states}

    return Hub(
        Feed(store.redis, store.keys),
        store,
        lambda kind, changes: show(kind, changes, clock.now, prefix),
        counts,
        lambda: rfc3339(clock.now()) or "",
    )
