"""What an enricher is: it finds out something about an incident, or nothing, in bounded time."""

from typing import Protocol

from routing.incident import Incident
from routing.incident_parts import Finding

__all__ = ["Enricher", "Finding"]


class Enricher(Protocol):
    """One source. ``ttl``: seconds its findings stay true at most; 0: ask every time."""

    name: str
    ttl: float

    def may_find(self, incident: Incident) -> bool:
        """Return whether it is worth asking, as far as that is known without asking anybody.

        It is called before the page: it takes next to nothing, and never waits.
        """
        ...

    def key(self, incident: Incident) -> str:
        """Return what the findings depend on; "": there is nothing to ask about."""
        ...

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return the findings; EnrichmentError when there is no answer. ``now`` in ms."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
