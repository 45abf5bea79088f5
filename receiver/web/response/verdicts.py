"""What the figures of a rule say of it, in words that say what to do."""

from typing import NamedTuple

from receiver.web.response.figures import MACHINES, PEOPLE, Figures

FEW = 5
"""Below so many incidents a rule is not judged."""
NOISY, FLAPPY, LATE = 0.7, 0.3, 0.25
"""Shares from which on a rule is called so."""


class Verdict(NamedTuple):
    """``word``: noise, flaps, late, useful or few; ``why``: the share, and what to do."""

    word: str
    why: str


def verdict_of(figures: Figures) -> Verdict:
    """Return what to think of a rule."""
    opened, reopened = figures.counts["opened"], figures.counts["reopened"]
    ended = figures.number("resolve", *PEOPLE, *MACHINES)
    alone = figures.number("resolve", "alone")
    met, missed = figures.counts["met"], figures.counts["missed"]
    if opened + reopened < FEW:
        return Verdict("few", "too few to judge")
    if ended and alone / ended >= NOISY:
        why = f"{_share(alone, ended)} ended before anybody did anything: a longer for, or a lower"
        return Verdict("noise", f"{why} priority")
    if reopened / (opened + reopened) >= FLAPPY:
        share = _share(reopened, opened + reopened)
        return Verdict("flaps", f"{share} fired again: keep_firing_for, or a wider threshold")
    if met + missed and missed / (met + missed) >= LATE:
        share = _share(missed, met + missed)
        return Verdict("late", f"{share} of the deadlines missed: more people, or a lower priority")
    answered = figures.number("acknowledge", *PEOPLE)
    return Verdict("useful", f"people answered {_share(answered, opened + reopened)}")


def _share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %"
