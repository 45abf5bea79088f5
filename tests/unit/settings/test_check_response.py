"""Times that contradict each other, asked of the check itself."""

from typing import Any

import pytest

from receiver.settings.check_response import check_response
from receiver.settings.check_unused import given_in
from tests.support.settings import said, usable


def _checked(**sections: Any) -> list[tuple[str, str]]:
    return said(check_response(usable(**sections), given_in(sections)))


def test_what_is_usual_contradicts_nothing() -> None:
    assert _checked() == []


@pytest.mark.parametrize(
    ("times", "place", "words"),
    [
        (
            {"acknowledge_within": "1h", "resolve_within": "30m"},
            "priorities.P3.resolve_within",
            "resolve_within 30m is over before acknowledge_within 1h",
        ),
        (
            {"acknowledge_within": "30s"},
            "priorities.P3.acknowledge_within",
            "is over after acknowledge_within 30s",
        ),
        (
            {"acknowledge_within": "5m", "deliver_within": "10m"},
            "priorities.P3.deliver_within",
            "deliver_within 10m is over after acknowledge_within 5m",
        ),
    ],
)
def test_what_is_over_too_early_is_said_where_it_is_written(
    times: dict[str, str], place: str, words: str
) -> None:
    found = dict(_checked(priorities={"P3": times}))
    assert words in found[place]
    assert found[place].startswith("P3: ")


@pytest.mark.parametrize(
    "times",
    [
        {"acknowledge_within": "off", "resolve_within": "1m"},
        {"acknowledge_within": "1h", "resolve_within": "off"},
        {"acknowledge_within": "1h", "resolve_within": "1h"},
    ],
)
def test_what_has_no_deadline_or_the_same_contradicts_nothing(times: dict[str, str]) -> None:
    assert _checked(priorities={"P3": times}) == []


def test_what_is_forgotten_cannot_be_reopened() -> None:
    ((place, words),) = _checked(incidents={"retention": "1h", "reopen_within": "2h"})
    assert place == "incidents.reopen_within"
    assert "cannot be reopened" in words


def test_nothing_is_said_of_a_place_where_nothing_is_written() -> None:
    settings = usable(priorities={"P3": {"acknowledge_within": "1h", "resolve_within": "30m"}})
    assert said(check_response(settings, lambda _place: False)) == []
