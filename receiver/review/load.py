"""Makes the review of an incident from everything that is stored of it."""

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.review.build import review_of
from receiver.review.model import Review
from receiver.review.render import ReviewPages
from receiver.store.incidents import IncidentStore
from routing.decision import ENTRIES_MAX
from routing.group import split_id
from routing.incident import Incident

EARLIER_MAX = 5
WHOLE_TIMELINE = 10 * ENTRIES_MAX
"""A review is made of all entries; earlier releases set no bound to them."""


class Reviews:
    """Reads what a review needs; every face of the service gets its reviews from here."""

    def __init__(self, store: IncidentStore, clock: Clock, pages: ReviewPages) -> None:
        self.pages = pages
        self._store = store
        self._clock = clock

    async def find(self, incident: str) -> Review | None:
        """Return the review of an incident as of now, None for what names none."""
        found = await self._store.whole(incident, WHOLE_TIMELINE)
        if found is None:
            return None
        earlier = await self._earlier(found.incident)
        now = self._clock.now()
        # A long timeline takes as long as many alerts.
        return await read_off_the_loop(
            lambda: review_of(found.incident, found.timeline, found.receipts, now, earlier)
        )

    async def _earlier(self, incident: Incident) -> list[Incident]:
        """Return the last incidents of the same group before this one, newest first."""
        shard, digest, generation = split_id(incident.id)
        numbers = range(generation - 1, max(0, generation - 1 - EARLIER_MAX), -1)
        found = [await self._store.find(f"{shard}-{digest}-{number}") for number in numbers]
        return [one for one in found if one is not None]
