"""What a runbook of the catalogue says that the alert means."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from receiver.enrichment.base import Finding
from receiver.text.visible import clean_text
from routing.incident import Incident

TEXT_MAX = 300
_HEADING = re.compile(r"^#+[ \t]+(.+)$", re.MULTILINE)
_UNSEEN = re.compile(r"<!--.*?-->|^```.*?^```", re.MULTILINE | re.DOTALL)


class RunbookEnricher:
    """Reads what the alert's runbook says it means, where the runbook is one of ours."""

    name = "runbook"

    def __init__(self, file_of: Callable[[str], Path | None], base_url: str, ttl: float) -> None:
        """``file_of(name)``: the file of a runbook; ``base_url``: where they are served."""
        self.ttl = ttl
        self._file_of = file_of
        self._prefix = f"{base_url}/runbooks/"

    def key(self, incident: Incident) -> str:
        """Return the runbook's name, "" for one that is elsewhere."""
        url = incident.runbook_url
        return url.removeprefix(self._prefix) if url.startswith(self._prefix) else ""

    async def ask(self, incident: Incident, now: int) -> list[Finding]:
        """Return what the alert means."""
        file = self._file_of(self.key(incident))
        if file is None:
            return []
        text = await asyncio.to_thread(file.read_text, encoding="utf-8", errors="replace")
        meaning = meaning_of(text)
        return [Finding(self.name, meaning, incident.runbook_url, now)] if meaning else []

    async def close(self) -> None:
        """Nothing to release."""


def meaning_of(markdown: str) -> str:
    """Return what a runbook says under "What it means", else its first words, on one line."""
    first, *rest = _HEADING.split(_UNSEEN.sub("", markdown))
    sections = [("", first), *zip(rest[::2], rest[1::2], strict=True)]
    told = [(title, text) for title, text in sections if text.strip()]
    chosen = [text for title, text in told if "mean" in title.lower()] or [text for _, text in told]
    return (
        clean_text(" ".join(chosen[0].strip().split("\n\n")[0].split()), TEXT_MAX) if chosen else ""
    )
