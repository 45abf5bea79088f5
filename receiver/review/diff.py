"""What one save of a review changed, line by line."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from receiver.text.visible import visible
from routing.review_sections import SECTIONS, ReviewVersion, text_of

SHOWN = 200
"""Lines of a section that are shown; the JSON has all of it."""
AROUND = 2
"""Lines that are the same and are shown around what changed."""
SAME, ADDED, REMOVED, GAP = "same", "added", "removed", "gap"


class Changed(NamedTuple):
    """A line of a section, and what became of it; a GAP stands for lines that are left out."""

    how: str
    text: str


class SavedVersion(NamedTuple):
    """A save, with what it changed in each of its sections."""

    number: int
    at: int
    by: str
    sections: tuple[tuple[str, tuple[Changed, ...]], ...]


def changes_of(versions: Sequence[ReviewVersion], numbers: Sequence[int]) -> list[SavedVersion]:
    """Return what these versions changed, in the order of ``numbers``."""
    found = {}
    for place, version in enumerate(versions):
        if version.number in numbers:
            before = text_of(versions[:place])
            found[version.number] = SavedVersion(
                version.number,
                version.at,
                version.by,
                tuple(
                    (name, changed_lines(before[name], version.sections[name]))
                    for name in SECTIONS
                    if name in version.sections
                ),
            )
    return [found[number] for number in numbers if number in found]


def changed_lines(before: str, after: str) -> tuple[Changed, ...]:
    """Return the lines that differ with some around them."""
    old, new = (text.split("\n") if text else [] for text in (before, after))
    found: list[Changed] = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(AROUND):
        if found:
            found.append(Changed(GAP, ""))
        for tag, first, last, start, stop in group:
            if tag == "equal":
                found += [Changed(SAME, visible(line)) for line in old[first:last]]
                continue
            found += [Changed(REMOVED, visible(line)) for line in old[first:last]]
            found += [Changed(ADDED, visible(line)) for line in new[start:stop]]
    more = [Changed(GAP, f"{len(found) - SHOWN} more lines")] if len(found) > SHOWN else []
    return (*found[:SHOWN], *more)
