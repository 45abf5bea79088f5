"""The sections of a review that people write, and its text as of a version."""

from collections.abc import Iterable, Mapping

import msgspec

from routing.alert import Time
from routing.incident_parts import Entry

SECTIONS: Mapping[str, str] = {
    "impact": "Who noticed, what did not work for them, for how long?",
    "causes": "What led to it? What made it worse, or hid it?",
    "lessons": "What went well, what went wrong, where were we lucky?",
}
"""Sections in their order, each with what it is to answer."""
VERSIONS_MAX = 500
"""Saves of one review; whoever has more to write keeps it elsewhere, and saves the link."""


class ReviewVersion(msgspec.Struct, frozen=True):
    """One save: its ``number`` from 1, and the sections it changed, as they were from then on."""

    number: int
    at: Time
    by: str
    sections: dict[str, str]


def versions_of(timeline: Iterable[Entry]) -> tuple[ReviewVersion, ...]:
    """Return the saves that a whole timeline tells of, the oldest first."""
    return tuple(
        ReviewVersion(entry.review.version, entry.at, entry.by, entry.review.sections)
        for entry in timeline
        if entry.review is not None
    )


def text_of(versions: Iterable[ReviewVersion], number: int = 0) -> dict[str, str]:
    """Return each section's text as of a version; 0: as of the last one."""
    found = dict.fromkeys(SECTIONS, "")
    for version in versions:
        if number and version.number > number:
            break
        found |= version.sections
    return found
