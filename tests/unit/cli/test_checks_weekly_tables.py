"""A week as tables: what is shown, how wide, and that no name breaks them."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.cli.checks.weekly.alerts import Rule
from receiver.cli.checks.weekly.capacity import Trend
from receiver.cli.checks.weekly.layout import markdown, simple
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.prometheus import Figure, SystemWeek
from receiver.cli.checks.weekly.report import Report
from receiver.cli.checks.weekly.response import Response
from receiver.cli.checks.weekly.tables import RULES_SHOWN, Table, measured, tables
from tests.unit.cli.test_checks_weekly_report import WEEK, answered, report, rule


def rows(made: Report, title: str) -> Table:
    return next(one for one in tables(made) if one.title == title)


def system(*figures: Figure, **more: Any) -> SystemWeek:
    fields = {"availability": Pair(0.9995, 1.0), "covered": Pair(0.75, 1.0)}
    return SystemWeek("shop", "j", figures=list(figures), no_data=[], **(fields | more))


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "ratio", "-"),
        (None, "seconds", "-"),
        (0.12345, "ratio", "12.35%"),
        (0, "ratio", "0.00%"),
        (0.25, "seconds", "250 ms"),
        (1, "seconds", "1.00 s"),
        (59.9, "seconds", "59.90 s"),
        (59.994, "seconds", "59.99 s"),
        (59.996, "seconds", "1m"),
        (59.999, "seconds", "1m"),
        (0.9996, "seconds", "1s"),
        (60, "seconds", "1m"),
        (0, "seconds", "0 s"),
        (-5, "seconds", "-5s"),
        (1536, "bytes", "1.5 KiB"),
        (1234567, "entries", "1,234,567"),
        (12.3456, "requests per second", "12.3"),
        (0.000012, "", "1.2e-05"),
    ],
)
def test_a_figure_with_its_unit(value: float | None, unit: str, shown: str) -> None:
    assert measured(value, unit) == shown


@pytest.mark.parametrize(
    ("this", "before", "unit", "change"),
    [
        (0.5, 0.4, "ratio", "+10.00"),
        (0.4, 0.5, "ratio", "-10.00"),
        (0.5, 0.5, "ratio", "+0.00"),
        # Too small to be shown, it has no direction.
        (0.499999, 0.5, "ratio", "+0.00"),
        (0.9999, 1.0, "", "+0%"),
        (3, 2, "", "+50%"),
        (1, 2, "", "-50%"),
        (3, 0, "", "-"),
        (None, 2, "ratio", "-"),
        (2, None, "", "-"),
        (0, 0, "ratio", "+0.00"),
    ],
)
def test_the_change_in_points_or_per_cent(
    this: float | None, before: float | None, unit: str, change: str
) -> None:
    one = system(Figure("hits", "slack", unit, Pair(this, before)))
    assert rows(report(systems=[one]), "shop").rows[0][4] == change


def test_what_nobody_has_data_of_has_no_table() -> None:
    assert list(tables(report())) == []
    assert list(tables(report(rules=[]))) == []
    titles = [one.title for one in tables(report(response=answered(), systems=[system()]))]
    assert titles == ["Incidents, and in the week before", "Availability"]


def test_incidents_of_both_weeks_stand_below_each_other() -> None:
    made = report(response=answered(opened=(3, 1), mtta=(90, 0), met=(2, 0), undeliverable=(1, 0)))
    found = rows(made, "Incidents, and in the week before")
    assert found.rows == [
        ("P1", "3", "1m 30s", "0 s", "2", "0", "0", "1"),
        ("  before", "1", "0 s", "0 s", "0", "0", "0", "0"),
    ]


def test_a_number_that_the_service_does_not_say_is_a_dash() -> None:
    made = report(response=answered(opened=(None, 1), mtta=(None, None), missed=(3, None)))
    assert rows(made, "Incidents, and in the week before").rows == [
        ("P1", "-", "-", "0 s", "0", "3", "0", "0"),
        ("  before", "1", "-", "0 s", "0", "-", "0", "0"),
    ]


def test_escalations_are_said_in_words_and_those_of_a_newer_release_as_they_are() -> None:
    some = [
        {"step": 2, "reason": "deadline", "number": 7},
        {"step": 1, "reason": "of_a_newer_release", "number": 1},
        *({"step": 1, "reason": "slow", "number": 1} for _ in range(20)),
    ]
    made = report(response=Response([], some))
    found = rows(made, "Escalations")
    assert found.rows[:2] == [
        ("step 2", "not acknowledged in time", "7"),
        ("step 1", "of a newer release", "1"),
    ]
    assert len(found.rows) == RULES_SHOWN


@pytest.mark.parametrize(
    ("number", "note"), [(1, ""), (RULES_SHOWN, ""), (RULES_SHOWN + 5, "and 5 more (-o json)")]
)
def test_the_noisiest_alerts_are_shown_and_the_rest_is_counted(number: int, note: str) -> None:
    found = rows(report(rules=[rule(f"A{n}") for n in range(number)]), "Noisiest alerts")
    assert (len(found.rows), found.note) == (min(number, RULES_SHOWN), note)


def test_what_is_not_known_of_an_alert_is_a_dash() -> None:
    unknown = Rule("A", "", "", Pair(), None, None, None)
    (row,) = rows(report(rules=[unknown]), "Noisiest alerts").rows
    assert row == ("A", "-", "-", "-", "-", "-", "-", "-")
    known = Rule("A", "shop", "high", Pair(0, 2), 61.0, 0, 0)
    (row,) = rows(report(rules=[known]), "Noisiest alerts").rows
    assert row == ("A", "shop", "high", "0", "2", "1m 1s", "0", "0")


def test_latencies_have_a_column_for_each_quantile() -> None:
    one = system(
        Figure("http latency p50", "/a", "seconds", Pair(0.1, 0.2)),
        Figure("http latency p99", "/a", "seconds", Pair(1.5, None), "recorded"),
        Figure("http latency p95", "/b", "seconds", Pair(0.3, 0.4)),
    )
    found = rows(report(systems=[one]), "shop, latency")
    assert found.head == ("", "", "p50", "before", "p95", "before", "p99", "before", "")
    assert found.rows == [
        ("http latency", "/a", "100 ms", "200 ms", "-", "-", "1.50 s", "-", "recorded"),
        ("http latency", "/b", "-", "-", "300 ms", "400 ms", "-", "-", ""),
    ]


def test_capacity_says_where_it_goes() -> None:
    full = Trend("shop", "memory", "ratio", Pair(0.5, 0.25), 0.75, 0.6, 1.0, 9.9)
    free = Trend("shop", "traffic", "requests per second", Pair(1.5), None, None, None, None)
    title = "Capacity, the last day's mean and a line through the week"
    found = rows(report(trends=[full, free]), title)
    assert found.head[5] == "in 7 days"
    assert found.rows == [
        ("shop", "memory", "50.00%", "25.00%", "75.00%", "60.00%", "9 days"),
        ("shop", "traffic", "1.5", "-", "-", "-", "-"),
    ]


def test_availability_says_how_much_of_it_is_known() -> None:
    found = rows(report(systems=[system(), system(covered=Pair())]), "Availability")
    assert found.rows == [
        ("shop", "99.95%", "100.00%", "-0.05", "75%"),
        ("shop", "99.95%", "100.00%", "-0.05", "-"),
    ]


@pytest.mark.parametrize(
    ("days", "title"),
    [
        (7, "Report of 2026-03-02 to 2026-03-08 (7 days, UTC)"),
        (1, "Report of 2026-03-08 to 2026-03-08 (1 day, UTC)"),
    ],
)
def test_the_days_are_in_the_title(days: int, title: str) -> None:
    made = report(week=Week(WEEK.last, days, WEEK.now))
    assert simple(made, "Service s").splitlines()[:2] == [title, "Service s"]
    assert markdown(made, "Service s").startswith(f"# {title}\n\nService s\n")


def test_what_failed_and_what_is_missing_stands_at_the_end() -> None:
    made = report(failed=["no answer from x"], no_data=["shop: y"])
    lines = [line for line in markdown(made, "s").splitlines() if line]
    assert lines[-4:] == ["## Not answered", "- no answer from x", "## No data", "- shop: y"]
    assert simple(made, "s").splitlines()[-1] == "  shop: y"


HOSTILE = st.text(list("|<`*_[]\\\n\t\x1b\u202e\u00e9a"), min_size=1, max_size=60)


@given(HOSTILE)
@settings(max_examples=40)
def test_no_name_breaks_a_table(name: str) -> None:
    made = report(
        rules=[Rule(name, name, name, Pair(7, 7), 1.0, 7, 0)],
        systems=[system(Figure(name, name, "", Pair(1, 1)))],
        failed=[name],
    )
    text = markdown(made, "s")
    columns = 0
    for line in text.splitlines():
        # A mark counts unless an odd number of backslashes stands before it.
        marks = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        columns = (columns or marks) if line.startswith("|") else 0
        assert marks == columns
    shown = simple(made, "s")
    assert not {"\x1b", "\u202e"} & set(text)
    plain = re.sub(r"\x1b\[[0-9]*m", "", shown)
    assert not {"\x1b", "\u202e", "\t"} & set(plain)
    assert max(map(len, plain.splitlines())) <= 100


@pytest.mark.parametrize("columns", ["60", "80", "500"])
def test_names_give_way_to_figures(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = Trend("s" * 90, "n" * 90, "ratio", Pair(0.5, 0.25), 0.75, 0.6, 1.0, 9.9)
    lines = simple(report(trends=[long]), "s").splitlines()
    (row,) = [line for line in lines if line.endswith("9 days")]
    assert row.endswith("50.00%  25.00%  75.00%     60.00%   9 days")
    assert ".." in row
    assert len(row) <= max(min(int(columns), 100), 70)


def test_a_terminal_too_narrow_for_figures_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    made = report(response=answered(opened=(123456, 1)))
    assert "123456" in simple(made, "s")
