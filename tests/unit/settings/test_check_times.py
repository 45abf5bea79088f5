"""Calendars and deadlines, asked of the check itself."""

from typing import Any

import pytest

from receiver.settings.check_times import check_times
from receiver.settings.model import Settings
from routing.config.calendar import CalendarConfig
from tests.support.settings import said


def _checked(**sections: Any) -> list[tuple[str, str]]:
    settings = Settings.model_validate(sections)
    return said(check_times(settings, {"default": CalendarConfig(), **settings.calendars}))


def test_what_is_usual_is_well() -> None:
    assert _checked() == []


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"priorities": {"P3": {"calendar": "moon"}}}, "priorities.P3.calendar"),
        ({"route": {"calendar": "moon"}}, "route.calendar"),
        (
            {"route": {"routes": [{"matchers": ["a=b"], "calendar": "moon"}]}},
            "route.routes.0.calendar",
        ),
        (
            {"route": {"routes": [{"priorities": {"P1": {"calendar": "moon"}}}]}},
            "route.routes.0.priorities.P1.calendar",
        ),
    ],
)
def test_a_calendar_that_is_not_there_is_said(sections: dict[str, Any], place: str) -> None:
    assert (place, "unknown calendar 'moon'") in _checked(**sections)


@pytest.mark.parametrize("priority", ["P1", "P2"])
def test_what_pages_at_night_cannot_wait_for_the_morning(priority: str) -> None:
    found = _checked(priorities={priority: {"quiet_hours": True}})
    assert (f"priorities.{priority}.quiet_hours", "only P3 and P4 can wait for working hours") in (
        found
    )
    assert _checked(priorities={"P3": {"quiet_hours": True}}) == []
