"""Texts that must never be shown, blotted out of whatever is written or answered."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote


class Secrets:
    """Texts that must never be shown, and a function that blots them out.

    A secret is found as it is, and as JSON, ``repr`` and a URL would write it.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        """Add secrets to those known; empty ones are ignored."""
        for value in filter(None, values):
            written = (value, json.dumps(value)[1:-1], repr(value)[1:-1])
            self._values.update(written, (quote(value, safe="", errors="replace"),))
        if self._values:
            # The longest first: of two secrets, one may begin with the other.
            ordered = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def hide(self, text: str) -> str:
        """Return the text with every secret replaced by ``***``."""
        return self._pattern.sub("***", text) if self._pattern is not None else text


_SECRETS = Secrets()


def redact(values: Iterable[str]) -> None:
    """Have these secrets replaced by ``***`` in every line from now on."""
    _SECRETS.add(values)


def hide(text: str) -> str:
    """Return a text that others wrote, for people to read, with the secrets known as ``***``."""
    return _SECRETS.hide(text)
