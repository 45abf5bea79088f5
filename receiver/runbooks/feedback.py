"""Whether a runbook helped, as people say at its end: counted in Redis, and shown with it."""

from receiver.store.daily_figures import FigureStore
from routing.decision import Observation

METRIC = "incident_manager_runbook_feedback_total"
ANSWERS = ("yes", "no")


class RunbookFeedback:
    """Counts answers beside the other totals, so that every replica shows the same numbers."""

    def __init__(self, figures: FigureStore) -> None:
        self._figures = figures

    async def count(self, name: str, answer: str) -> None:
        """Count an answer, one of ``ANSWERS``. StoreUnavailableError."""
        await self._figures.add(_observation(name, answer))

    async def of(self, name: str) -> dict[str, int]:
        """Return how often each answer was given. StoreUnavailableError."""
        counted = await self._figures.counted([_observation(name, answer) for answer in ANSWERS])
        return dict(zip(ANSWERS, counted, strict=True))


def _observation(name: str, answer: str) -> Observation:
    return Observation(METRIC, 1, {"runbook": name, "helped": answer})
