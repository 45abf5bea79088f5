"""What is wrong is said once, with its beginning, and ends with the report that it is over."""

import logging

import pytest

from receiver.conditions import Conditions, Subject


class Now:
    def __init__(self) -> None:
        self.ms = 1_000

    def __call__(self) -> int:
        return self.ms


def test_the_first_report_says_since_when_and_the_last_one_what() -> None:
    now = Now()
    conditions = Conditions(now)
    conditions.report(Subject.DISK, "2 % left")
    now.ms = 5_000
    conditions.report(Subject.DISK, "1 % left")
    (found,) = conditions.present()
    assert (found.problem, found.since, found.unready) == ("1 % left", 1_000, False)
    assert conditions.unready() == ""


def test_of_two_causes_the_older_one_ends_first_and_since_stays() -> None:
    conditions = Conditions(lambda: 9_000)
    conditions.report(Subject.NOTIFIERS, "slack and pagerduty fail", since=2_000)
    conditions.report(Subject.NOTIFIERS, "pagerduty fails", since=5_000)
    assert [one.since for one in conditions.present()] == [2_000]
    conditions.report(Subject.NOTIFIERS, "it was longer than known", since=1_000)
    assert [one.since for one in conditions.present()] == [1_000]


def test_what_makes_unready_comes_first_and_is_the_reason() -> None:
    conditions = Conditions(Now())
    conditions.report(Subject.MEMORY, "90 % used")
    conditions.report(Subject.STORE, "OOM", unready=True)
    assert [item.subject for item in conditions.present()] == ["store", "memory"]
    assert conditions.unready() == "OOM"


def test_the_log_has_a_line_each_way_and_none_between(caplog: pytest.LogCaptureFixture) -> None:
    conditions = Conditions(Now())
    with caplog.at_level(logging.INFO, "conditions"):
        conditions.report(Subject.STORE, "")
        conditions.report(Subject.STORE, "slow")
        conditions.report(Subject.STORE, "slower")
        conditions.report(Subject.STORE, "gone", unready=True)
        conditions.report(Subject.STORE, "")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "store: slow"),
        ("ERROR", "store (not ready): gone"),
        ("INFO", "store: well again, was: gone"),
    ]
    assert conditions.present() == []
