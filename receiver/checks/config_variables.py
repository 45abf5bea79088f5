"""Environment variables that look like settings and are none."""

import difflib
import re
from collections.abc import Iterable, Iterator

PREFIX = "LLM_IM__"
_NEAR = re.compile(r"\ALLM[_-]*IM[_-]", re.IGNORECASE)
_KUBERNETES = re.compile(r"LLM_IM_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
"""What Kubernetes sets in every container beside a service that is called llm-im."""


def misspelt(names: Iterable[str], sections: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (variable, what is wrong) for those that were meant as a setting and are not read."""
    known = list(sections)
    for name in sorted(names):
        near = _NEAR.match(name)
        if near and not name.startswith(PREFIX) and not _KUBERNETES.fullmatch(name):
            words = f"not read: settings begin with {PREFIX}, and have __ before each key"
            yield name, words + _meant(name[near.end() :], known)


def _meant(rest: str, sections: list[str]) -> str:
    """Return the variable that was probably meant, as in ``; did you mean ...?``."""
    text = rest.lstrip("_").lower()
    for section in sorted(sections, key=len, reverse=True):
        if text.startswith(f"{section}_"):
            key = text.removeprefix(f"{section}_").lstrip("_")
            return f"; did you mean {PREFIX}{section.upper()}__{key.upper()}?"
    first = text.partition("_")[0]
    close = difflib.get_close_matches(first, sections, n=1)
    return f"; did you mean {PREFIX}{close[0].upper()}__...?" if close else ""
