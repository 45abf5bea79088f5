"""The order of lists: open incidents most urgent first, then longest waiting; closed by their end.

An open incident's score is the band of its priority plus when its episode opened (ms), so that the
index itself is in the order people need and a reader that stops early has read what matters most.
"""

from routing.alert import PRIORITIES
from routing.incident import Incident

BAND = 10**13
"""The scores of one priority: milliseconds up to the year 2286. Scores are doubles, exact to 9e15:
five bands are far from where they would round."""
UNSORTED = 0
"""The band of what a release wrote that scored by time alone: it is read first until it is sorted
in, for it may be a P1 (see ``sorting``)."""
BANDS = range(len(PRIORITIES) + 1)
"""The unsorted, and one for each priority."""


_BAND_OF: dict[str, int] = {priority: band for band, priority in enumerate(PRIORITIES, 1)}


def band_of(priority: str) -> int:
    """Return the band of a priority."""
    return _BAND_OF[priority]


def open_score(incident: Incident) -> int:
    """Return the score of an open incident in the index of open ones."""
    # A clock of another age must not make another priority of it.
    opened = min(max(0, incident.episode_opened_at), BAND - 1)
    return _BAND_OF[incident.priority] * BAND + opened
