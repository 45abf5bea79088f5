"""Figures people look at, added up from days."""

import re
from datetime import date

from receiver.observability.response_figures import by_day, by_priority, steps, to_json
from receiver.store.daily_figures import Day
from receiver.store.records.counted import day_fields
from receiver.web import charts
from routing.decision import Observation

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
DAYS = [
    Day(
        MONDAY,
        {
            ("opened", "P1"): 2,
            ("acknowledge", "P1", "core", "human"): 1,
            ("acknowledge_ms", "P1", "core", "human"): 60_000,
            ("acknowledge", "P1", "core", "automatic"): 1,
            ("acknowledge_ms", "P1", "core", "automatic"): 1_000,
            ("resolve", "P1", "core", "human"): 1,
            ("resolve_ms", "P1", "core", "human"): 600_000,
            ("deadline", "P1", "acknowledge", "met", "human"): 1,
            ("deadline", "P1", "resolve", "missed", "nobody"): 2,
        },
    ),
    Day(
        TUESDAY,
        {
            ("acknowledge", "P1", "", "human"): 3,
            ("acknowledge_ms", "P1", "", "human"): 60_000,
            ("resolve", "P1", "", "automatic"): 1,
            ("resolve_ms", "P1", "", "automatic"): 1_800_000,
            ("escalation", "P1", "2", "deadline"): 3,
            ("escalation", "P3", "2", "slow"): 1,
            ("reopened", "P1"): 1,
        },
    ),
]


def test_means_are_over_episodes_of_all_teams_and_people_apart_from_automation() -> None:
    first, second, *_ = by_priority(DAYS)
    assert (first.priority, first.opened, first.reopened) == ("P1", 2, 1)
    assert first.mtta == 30.0
    assert (first.mttr, first.mttr_human, first.mttr_automatic) == (1200.0, 600.0, 1800.0)
    assert (first.met, first.missed, first.escalated) == (1, 2, 3)
    assert (second.mtta, second.mttr, second.opened) == (None, None, 0)


def test_days_and_steps() -> None:
    monday, tuesday = by_day(DAYS)
    assert (monday.opened, monday.met, monday.missed, monday.escalated) == (2, 1, 2, 0)
    assert tuesday.escalated == 4
    assert steps(DAYS) == [("2", "deadline", 3), ("2", "slow", 1)]
    shown = to_json(DAYS)
    assert (shown["from"], shown["to"]) == ("2026-03-02", "2026-03-03")
    assert [row.priority for row in shown["priorities"]] == ["P1", "P2", "P3", "P4"]


def test_what_decisions_observe_becomes_fields_of_a_day() -> None:
    labels = {"priority": "P1", "team": "a|b", "by": "human", "severity": "critical"}
    told = [
        Observation("incident_acknowledge_duration_seconds", 1.5, labels),
        Observation("incident_acknowledge_duration_seconds", 2.5, labels),
        Observation("incident_reopened_total", 1, {"priority": "P2"}),
        Observation("incident_runbooks_total", 1, {"source": "none"}),
    ]
    assert [day_fields(one) for one in told] == [
        (("acknowledge|P1|a/b|human", 1), ("acknowledge_ms|P1|a/b|human", 1_500)),
        (("acknowledge|P1|a/b|human", 1), ("acknowledge_ms|P1|a/b|human", 2_500)),
        (("reopened|P2", 1),),
        (),
    ]


def test_charts_are_images_without_scripts_and_references() -> None:
    for image in (
        charts.response_times(by_priority(DAYS)),
        charts.response_times(by_priority([])),
        charts.deadlines(by_day(DAYS)),
        charts.deadlines([]),
    ):
        text = image.decode()
        assert "<svg" in text
        assert "<script" not in text
        assert not re.search(r"(href|src)=|url\((?!#)|@import", text)
