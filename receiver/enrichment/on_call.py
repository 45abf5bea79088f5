"""Who is on call for the notifiers that were paged."""

from collections.abc import Callable, Collection, Iterable

from receiver.enrichment.enricher import Finding
from receiver.notify.notifier import Person
from routing.incident import Incident

SHOWN = 3


class OnCallEnricher:
    """Names those whom PagerDuty rings first, as far as that is known."""

    name = "on_call"
    ttl = 0.0

    def __init__(
        self,
        people: Callable[[Iterable[str]], tuple[Person, ...]],
        notifiers: Collection[str],
    ) -> None:
        """``people(notifiers)``: whom they ring first; ``notifiers``: all there are."""
        self._people = people
        self._notifiers = notifiers

    def may_find(self, _incident: Incident) -> bool:
        """Return whether anybody is known: whom it pages is decided later."""
        return bool(self._people(self._notifiers))

    def key(self, incident: Incident) -> str:
        """It depends on who was paged."""
        return ",".join(sorted(incident.pages))

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return one line with their names."""
        names = [person.name for person in self._people(incident.pages)[:SHOWN]]
        return [Finding(self.name, f"on call: {', '.join(names)}", at=now)] if names else []

    async def close(self) -> None:
        """Nothing to release."""
