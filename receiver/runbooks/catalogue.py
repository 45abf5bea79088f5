"""The files of the catalogue, by ``system/alertname`` or ``alertname``, and the search in them."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from receiver.text.markdown import without_comments
from receiver.text.visible import clean_text

log = logging.getLogger(__name__)

SEARCHED_MAX = 64 << 10
"""Bytes of a file that are searched."""
WORDS_MAX = 10
"""Words of a question that count."""
_TITLE = re.compile(r"^#[ \t]+(.*)$", re.MULTILINE)
_HEADING = re.compile(r"^#+[ \t]+(.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MEANING_MAX = 300


class Entry(NamedTuple):
    """A runbook in the list. ``system``: "" for one of no system; ``meaning``: its first words."""

    name: str
    system: str
    alert: str
    meaning: str


class _Known(NamedTuple):
    stamp: tuple[int, int]
    words: str
    meaning: str


class Catalogue:
    """Finds runbooks. Which files there are is looked up once, what they say each time."""

    def __init__(self, folder: Path, addresses: Mapping[str, str] = {}) -> None:
        """``addresses``: what ``$NAME`` in a command stands for here, by name."""
        self._addresses = [(f"${name}".encode(), url.encode()) for name, url in addresses.items()]
        self._files = {
            file.relative_to(folder).with_suffix("").as_posix(): file
            for file in sorted(folder.rglob("*.md"))
        }
        self._known: dict[str, _Known] = {}

    @property
    def names(self) -> frozenset[str]:
        """Return ``system/alertname`` or ``alertname`` for every file."""
        return frozenset(self._files)

    @property
    def numbers(self) -> dict[str, int]:
        """Return how many runbooks there are of each system; "any" are those of no system."""
        return dict(Counter(name.rpartition("/")[0] or "any" for name in self._files))

    def name_of(self, name: str) -> str:
        """Return the name of a runbook's file: by system and alert, else alert; "" none."""
        alone = name.rpartition("/")[2]
        return name if name in self._files else alone if alone in self._files else ""

    def file_of(self, name: str) -> Path | None:
        """Return the file of a runbook."""
        return self._files.get(self.name_of(name))

    def read(self, name: str, most: int = -1) -> bytes | None:
        """Return what a runbook says, ``most`` bytes at most; None where it cannot be read."""
        file = self.file_of(name)
        try:
            if file is not None:
                with file.open("rb") as stream:
                    return self._addressed(stream.read(most))
        except OSError as error:
            log.warning("the runbook %s cannot be read: %s", name, error)
        return None

    def _addressed(self, text: bytes) -> bytes:
        for name, url in self._addresses:
            text = text.replace(name, url)
        return text

    def search(self, question: str) -> list[Entry]:
        """Return the runbooks that have every word of a question, "" for all; reads files.

        Those whose name has them come first.
        """
        words = question.casefold().split()[:WORDS_MAX]
        found: list[tuple[bool, Entry]] = []
        for name in self._files:
            known = self._look(name)
            if known is None:
                continue
            title = name.casefold()
            if all(word in title or word in known.words for word in words):
                named = all(word in title for word in words)
                system, _, alert = name.rpartition("/")
                meaning = known.meaning.replace("`", "")
                found.append((not named, Entry(name, system, alert, meaning)))
        return [entry for _, entry in sorted(found, key=lambda row: row[0])]

    def _look(self, name: str) -> _Known | None:
        """Return what is known of a file, read again when it was changed."""
        try:
            status = self._files[name].stat()
        except OSError:
            return None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(name)
        if known is None or known.stamp != stamp:
            text = (self.read(name, SEARCHED_MAX) or b"").decode("utf-8", "replace")
            shown = without_comments(text)
            known = self._known[name] = _Known(stamp, shown.casefold(), meaning_of(text))
        return known


def heading_of(text: str) -> str:
    """Return the heading that a runbook begins with, "" where it has none."""
    found = _TITLE.search(text)
    return found[1].rstrip(" \t#\r") if found else ""


def meaning_of(markdown: str) -> str:
    """Return what a runbook says under "What it means", else its first words, on one line."""
    first, *rest = _HEADING.split(_CODE.sub("", without_comments(markdown)))
    sections = [("", first), *zip(rest[::2], rest[1::2], strict=True)]
    told = [(title, text) for title, text in sections if text.strip()]
    chosen = [text for title, text in told if "mean" in title.lower()] or [text for _, text in told]
    if not chosen:
        return ""
    return clean_text(" ".join(chosen[0].strip().split("\n\n")[0].split()), MEANING_MAX)
