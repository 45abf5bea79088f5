"""Parts of an incident's page that need no service: what differs, kinds, and what comes next."""

import pytest

from receiver.errors import PayloadError
from receiver.web.charts import sparkline
from receiver.web.incident.alert_table import COLUMNS, alert_table
from receiver.web.incident.outlook import outlook
from receiver.web.incident.timeline import GROUPS, read_kinds
from routing.decide import decide
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from routing.vocabulary import Kind
from tests.support.builders import NOW, alert, received, rules

_ANN = Actor("Ann", "console")


def opened(*labels: dict[str, str]) -> Incident:
    alerts = [alert(f"f{number}", labels=found) for number, found in enumerate(labels)]
    found = decide(None, received(*alerts), NOW, rules()).incident
    assert found is not None
    return found


def test_every_kind_of_entry_is_looked_for_in_one_group() -> None:
    grouped = [kind for kinds in GROUPS.values() for kind in kinds]
    assert sorted(grouped) == sorted(Kind)


def test_kinds_of_an_address_are_groups_or_kinds() -> None:
    assert read_kinds(["people", "", "note", "people"]) == ("people", "note")
    with pytest.raises(PayloadError, match="allowed: people, pages"):
        read_kinds(["note", "Note"])


def test_a_column_tells_alerts_apart_the_best_one_first() -> None:
    rows = [
        {"alertname": f"A{n % 2}", "pod": f"p{n}", "zone": f"z{n % 3}", "app": "x", "x": str(n % 2)}
        for n in range(6)
    ]
    table = alert_table(opened(*rows), 1)
    assert table["columns"] == ["alertname", "pod", "zone", "x"]
    assert dict(table["labels"])["app"] == "x"
    assert [row["cells"][:2] for row in table["rows"]] == [
        ["A0", "p0"], ["A0", "p2"], ["A0", "p4"], ["A1", "p1"], ["A1", "p3"], ["A1", "p5"],
    ]  # fmt: skip


def test_a_label_that_only_some_have_differs() -> None:
    table = alert_table(opened({"a": "1"}, {"a": "1", "b": "2"}), 1)
    assert "b" in table["columns"]
    assert "b" not in dict(table["labels"])
    assert sorted(row["cells"][table["columns"].index("b")] for row in table["rows"]) == ["", "2"]


def test_what_has_no_column_and_what_is_long_is_in_the_details() -> None:
    many = {f"l{n}": "x" for n in range(COLUMNS + 3)}
    table = alert_table(opened(many, dict.fromkeys(many, "y" * 300)), 1)
    assert len(table["columns"]) == COLUMNS
    longest = max(table["rows"], key=lambda row: len(row["more"]))
    assert {name for name, _ in longest["more"]} == set(many)
    assert all(len(cell) <= 80 for cell in longest["cells"])


def test_no_page_is_beyond_the_last() -> None:
    table = alert_table(opened(*({"n": str(n)} for n in range(51))), 9)
    assert (table["page"], table["pages"], table["first"], table["last"]) == (2, 2, 51, 51)
    assert alert_table(opened({}), 1)["total"] == 1


def test_what_comes_next_is_what_the_rules_do() -> None:
    incident = opened({"a": "1"})
    before = incident
    steps = outlook(incident, rules(), NOW + 1_000, lambda _names: ())["steps"]
    due = min(
        incident.timers[name] for name in ("acknowledge", "escalate") if name in incident.timers
    )
    assert steps[0]["due"] == due
    # It is played beside the incident, which stays as it is.
    assert incident == before
    taken = decide(incident, Acknowledged(_ANN), NOW + 2_000, rules()).incident
    assert taken is not None
    after = outlook(taken, rules(), NOW + 2_000, lambda _names: ())["steps"]
    assert all(step["clock"] != "acknowledge" for step in after)


def test_of_what_is_over_only_news_makes_something() -> None:
    incident = opened({"a": "1"})
    closed = decide(incident, Resolved(_ANN), NOW + 1_000, rules()).incident
    assert closed is not None
    found = outlook(closed, rules(), NOW + 2_000, lambda _names: ())
    assert (found["over"], found["steps"]) == (True, [])
    assert found["reopens"]["at"]
    assert not outlook(closed, rules(), NOW + 10**9, lambda _names: ())["reopens"]["at"]


def test_a_line_is_broken_where_there_is_no_value() -> None:
    drawn = sparkline((None, 1.0, 3.0, None, 2.0))
    assert drawn["lines"] == ["40.0,30.0 80.0,2.0", "160.0,16.0 160.0,16.0"]
    assert (drawn["least"], drawn["most"], drawn["last"]) == ("1", "3", "2")
    assert sparkline((None, 1.0)) == {}
    assert sparkline((2.0, 2.0))["lines"] == ["0.0,16.0 160.0,16.0"]
