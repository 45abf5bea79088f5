"""What a runbook of the catalogue says that the alert means."""

import asyncio
from collections.abc import Callable
from urllib.parse import unquote

from receiver.enrichment.enricher import Finding
from receiver.runbooks.catalogue import meaning_of
from routing.incident import Incident

READ_MAX = 64 << 10
"""Bytes of a runbook among which its meaning is looked for."""


class RunbookEnricher:
    """Reads what the alert's runbook says it means, where the runbook is one of ours."""

    name = "runbook"

    def __init__(self, read: Callable[[str, int], bytes | None], base_url: str, ttl: float) -> None:
        """``read(name, most)``: what a runbook says; ``base_url``: where they are served."""
        self.ttl = ttl
        self._read = read
        self._prefix = f"{base_url}/runbooks/"

    def may_find(self, incident: Incident) -> bool:
        """Return whether its runbook is one of ours."""
        return incident.runbook_url.startswith(self._prefix)

    def key(self, incident: Incident) -> str:
        """Return the runbook's name, "" for one that is elsewhere."""
        url = incident.runbook_url
        return unquote(url.removeprefix(self._prefix)) if url.startswith(self._prefix) else ""

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return what the alert means."""
        text = await asyncio.to_thread(self._read, self.key(incident), READ_MAX)
        if text is None:
            return []
        meaning = meaning_of(text.decode("utf-8", "replace"))
        return [Finding(self.name, meaning, incident.runbook_url, now)] if meaning else []

    async def close(self) -> None:
        """Nothing to release."""
