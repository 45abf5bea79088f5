"""What is said of a rule, at the shares where the word changes."""

import pytest

from receiver.web.response.figures import Figures
from receiver.web.response.verdicts import verdict_of


def of(
    *,
    opened: int = 10,
    reopened: int = 0,
    alone: int = 0,
    people: int = 0,
    met: int = 0,
    missed: int = 0,
) -> Figures:
    figures = Figures()
    figures.add("opened", "", -1, opened)
    figures.add("reopened", "", -1, reopened)
    figures.add("deadline", "met", -1, met)
    figures.add("deadline", "missed", -1, missed)
    figures.add("resolve", "alone", 100, alone)
    figures.add("resolve", "human", 100, people)
    figures.add("acknowledge", "human", 50, people)
    return figures


@pytest.mark.parametrize(
    ("figures", "word", "why"),
    [
        (of(opened=4, alone=4), "few", "too few"),
        (of(alone=7, people=3), "noise", "70 % ended before anybody did anything"),
        (of(alone=6, people=4), "useful", "people answered 40 %"),
        (of(opened=7, reopened=3, people=10), "flaps", "30 % fired again"),
        (of(opened=8, reopened=2, people=10), "useful", "people answered 100 %"),
        (of(people=10, met=15, missed=5), "late", "25 % of the deadlines missed"),
        (of(people=10, met=16, missed=4), "useful", ""),
        (of(), "useful", "people answered 0 %"),
    ],
)
def test_a_rule_is_judged_by_its_shares(figures: Figures, word: str, why: str) -> None:
    found = verdict_of(figures)
    assert found.word == word
    assert why in found.why
