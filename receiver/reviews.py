"""Makes the review of an incident from everything that is stored of it."""

from receiver.clock import Clock
from receiver.review import review_of
from receiver.review_facts import Review
from receiver.review_pages import ReviewPages
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import TaskStore
from routing.group import split_id
from routing.incident import Incident

EARLIER_MAX = 5


class Reviews:
    """Reads what a review needs; every face of the service gets its reviews from here."""

    def __init__(
        self, store: IncidentStore, tasks: TaskStore, clock: Clock, pages: ReviewPages
    ) -> None:
        self.pages = pages
        self._store = store
        self._tasks = tasks
        self._clock = clock

    async def load(self, incident: Incident) -> Review:
        """Return the review as of now."""
        return review_of(
            incident,
            await self._store.timeline(incident.id),
            await self._tasks.receipts(incident.id),
            self._clock.now(),
            await self._earlier(incident),
        )

    async def _earlier(self, incident: Incident) -> list[Incident]:
        """Return the last incidents of the same group before this one, newest first."""
        shard, digest, generation = split_id(incident.id)
        numbers = range(generation - 1, max(0, generation - 1 - EARLIER_MAX), -1)
        found = [await self._store.find(f"{shard}-{digest}-{number}") for number in numbers]
        return [one for one in found if one is not None]
