"""Settings of a few words, complete, for tests of one check alone."""

from typing import Any

from receiver.config.problem import Problem
from receiver.settings.check import complete
from receiver.settings.model import Settings


def completed(**sections: Any) -> tuple[Settings, list[Problem]]:
    """Settings of these sections as they are used, and what ``complete`` says of them."""
    return complete(Settings.model_validate(sections))


def usable(**sections: Any) -> Settings:
    """The same, of which nothing is to be said."""
    settings, problems = completed(**sections)
    assert problems == []
    return settings


def said(problems: Any) -> list[tuple[str, str]]:
    """Place and words of each problem."""
    return [(".".join(map(str, one.path)), one.message) for one in problems]
