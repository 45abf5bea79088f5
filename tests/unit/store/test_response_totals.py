"""The response's metrics as Redis keeps them: what is added, and what becomes of what is read."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.observability.metrics.registry import Metrics
from receiver.observability.metrics.response import Configured, response_families
from receiver.store.response_totals import BOUNDS, ID, VALUE_MAX, added, read_field
from routing.decision import Observation

STORED = [f for f in response_families(Configured((), (), ("db",), {})) if f.stored]
TIMED = "incident_acknowledge_duration_seconds"
RESPONSE = {"severity": "high", "type": "alert", "priority": "P2", "team": "db", "by": "human"}
Row = dict[bytes, bytes]


def row(*observations: Observation, identity: bytes = b"one") -> Row:
    """The hash of a shard after these."""
    numbers: Counter[str] = Counter()
    for observation in observations:
        for field, number in added(observation):
            numbers[field] += number
    return {ID: identity} | {field.encode(): b"%d" % n for field, n in numbers.items()}


def seen(name: str, value: float = 1.0, **labels: str) -> Observation:
    return Observation(name, value, labels)


def shown(made: Metrics) -> dict[str, float]:
    """Every series of a page, named as it is printed."""
    lines = made.render()[0].decode().splitlines()
    rows = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(number) for name, _, number in rows}


def page(*rows: Row, **config: Any) -> dict[str, float]:
    made = Metrics(version="1", **({"teams": ("db",)} | config))
    made.response.set(rows)
    return shown(made)


def series(name: str, **labels: str) -> str:
    """A series as it is printed, its labels in order."""
    pairs = [f'{key}="{value}"' for key, value in sorted(labels.items())]
    return name + "{" + ",".join(pairs) + "}"


def test_a_counter_is_one_field() -> None:
    labels = {"severity": "high", "type": "alert", "source": "grafana", "priority": "P2"}
    one = seen("incidents_total", **labels)  # type: ignore[arg-type]
    assert added(one) == (
        ("incidents_total|severity=high|type=alert|source=grafana|priority=P2", 1),
    )
    assert page(row(one, one), row(one))[series("incidents_total", **labels)] == 3


def test_a_duration_is_one_bucket_and_the_sum() -> None:
    stem = f"{TIMED}|severity=high|type=alert|priority=P2|team=db|by=human"
    assert added(seen(TIMED, 301.5, **RESPONSE)) == ((f"{stem}|le=600", 1), (f"{stem}|sum", 301500))
    assert added(seen(TIMED, 300, **RESPONSE))[0] == (f"{stem}|le=300", 1)
    assert added(seen(TIMED, 1e9, **RESPONSE))[0] == (f"{stem}|le=+Inf", 1)


@pytest.mark.parametrize("seconds", [0.0, 0.25, 59.9, 60, 60.1, 301.5, 604_800, 604_801, 1e9])
def test_a_duration_is_shown_in_its_bucket_and_all_above(seconds: float) -> None:
    found = page(row(seen(TIMED, seconds, **RESPONSE)))
    assert found[series(f"{TIMED}_sum", **RESPONSE)] == pytest.approx(seconds)
    assert found[series(f"{TIMED}_count", **RESPONSE)] == 1
    for bound in BOUNDS[TIMED]:
        name = series(f"{TIMED}_bucket", **RESPONSE, le=str(float(bound)))
        assert found[name] == (seconds <= bound)
    assert found[series(f"{TIMED}_bucket", **RESPONSE, le="+Inf")] == 1


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), float("-inf")])
def test_one_unsound_value_does_not_spoil_a_sum_for_ever(bad: float) -> None:
    found = page(row(seen(TIMED, bad, **RESPONSE), seen(TIMED, 7, **RESPONSE)))
    assert found[series(f"{TIMED}_sum", **RESPONSE)] == 7
    assert found[series(f"{TIMED}_count", **RESPONSE)] == 2
    counted = page(row(seen("incident_undeliverable_total", bad, priority="P1")))
    assert counted[series("incident_undeliverable_total", priority="P1")] == 0


@given(st.data(), st.sampled_from(STORED))
def test_whatever_is_added_is_read_again_and_no_free_text_becomes_a_label(
    data: Any, family: Any
) -> None:
    anything = st.text(max_size=200) | st.sampled_from(["P1", "a|b", "a=b", "\ud800", "|le=1", ""])
    labels = {name: data.draw(anything) for name in family.labels}
    value = data.draw(st.floats(min_value=0, max_value=1e9))
    fields = added(Observation(family.name, value, labels))
    for field, number in fields:
        read = read_field(field.encode(), b"%d" % number)
        assert read.name == family.name
        assert set(read.labels) == set(labels)
        assert all(len(text) <= VALUE_MAX for text in read.labels.values())
    made = Metrics(version="1", teams=("db",))
    made.response.set([{field.encode(): b"%d" % number for field, number in fields}])
    made.response.refresh()
    allowed = {name: {*closed.values, closed.rest} for name, closed in family.labels.items()}
    for metric in made.response.collect():
        for sample in metric.samples:
            if metric.name == family.name.removesuffix("_total"):
                known = {name: text for name, text in sample.labels.items() if name != "le"}
                assert all(text in allowed[name] for name, text in known.items())


def test_a_team_that_is_gone_counts_as_the_rest_and_nothing_of_it_is_lost() -> None:
    labels = RESPONSE | {"team": "gone"}
    rest = RESPONSE | {"team": ""}
    found = page(row(seen(TIMED, 7, **labels), seen(TIMED, 8, **rest)))
    assert found[series(f"{TIMED}_count", **rest)] == 2
    assert found[series(f"{TIMED}_sum", **rest)] == 15
    assert not [name for name in found if "gone" in name]


def test_a_label_of_a_later_release_and_one_that_is_missing_are_no_damage() -> None:
    found = page({b"incident_undeliverable_total|priority=P1|region=eu": b"4"})
    assert found[series("incident_undeliverable_total", priority="P1")] == 4
    found = page({b"incident_escalations_total|priority=P1|step=2": b"4"})
    labels = {"priority": "P1", "step": "2", "reason": "other"}
    assert found[series("incident_escalations_total", **labels)] == 4
    found = page({b"incidents_of_tomorrow_total|priority=P1": b"4"})
    assert not [name for name in found if "tomorrow" in name]
    # What is a counter here may be a histogram there.
    found = page({b"incident_undeliverable_total|priority=P1|le=60": b"4"})
    assert found[series("incident_undeliverable_total", priority="P1")] == 0


@pytest.mark.parametrize(
    ("bound", "shown_at"),
    [("60", 60), ("45", 60), ("90", 300), ("1e3", 1800), ("1e9", None), ("+Inf", None)],
)
def test_a_bound_that_exists_no_more_counts_under_the_next_one(
    bound: str, shown_at: int | None
) -> None:
    stem = added(seen(TIMED, 1, **RESPONSE))[0][0].rpartition("|")[0]
    found = page({f"{stem}|le={bound}".encode(): b"3"})
    for le in BOUNDS[TIMED]:
        name = series(f"{TIMED}_bucket", **RESPONSE, le=str(float(le)))
        assert found[name] == (3 if shown_at is not None and le >= shown_at else 0)
    assert found[series(f"{TIMED}_count", **RESPONSE)] == 3


@pytest.mark.parametrize(
    ("field", "number"),
    [
        (b"incident_undeliverable_total|priority=P1", b"-1"),
        (b"incident_undeliverable_total|priority=P1", b"many"),
        (b"incident_undeliverable_total|priority=P1", b""),
        (b"incident_undeliverable_total|priority=P1", b"9" * 400),
        (b"incident_undeliverable_total|priority=P1|unreadable", b"7"),
        (b"incident_undeliverable_total|P1", b"7"),
        (b"\xff\xfe|priority=P1", b"7"),
        (TIMED.encode() + b"|priority=P1|le=nan", b"7"),
        (TIMED.encode() + b"|priority=P1|le=-5", b"7"),
        (TIMED.encode() + b"|priority=P1|le=soon", b"7"),
        (TIMED.encode() + b"|priority=P1|le=60|sum", b"7"),
        (b"|", b"7"),
    ],
)
def test_junk_is_told_from_what_can_be_read_and_left_out(field: bytes, number: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_field(field, number)
    found = page({field: number} | row(seen("incident_reopened_total", priority="P1")))
    assert found[series("incident_reopened_total", priority="P1")] == 1
    assert found[series("incident_undeliverable_total", priority="P1")] == 0


# What was read before.


def test_before_anything_was_read_nothing_is_shown_and_then_all_of_it() -> None:
    made = Metrics(version="1")
    assert not [name for name in shown(made) if name.startswith("incidents_total")]
    made.response.set([{}])
    labels = {"severity": "critical", "type": "alert", "source": "alertmanager", "priority": "P1"}
    assert shown(made)[series("incidents_total", **labels)] == 0


def test_nothing_falls_while_the_data_is_the_same() -> None:
    """A failover loses the last second of what was counted; to Prometheus that is a restart."""
    made = Metrics(version="1")
    one, name = seen("incident_reopened_total", priority="P1"), "incident_reopened_total"
    made.response.set([row(one, one, one)])
    assert shown(made)[series(name, priority="P1")] == 3
    made.response.set([row(one)])
    assert shown(made)[series(name, priority="P1")] == 3
    made.response.set([{ID: b"one"}])
    assert shown(made)[series(name, priority="P1")] == 3
    made.response.set([row(one, one, one, one)])
    assert shown(made)[series(name, priority="P1")] == 4


def test_other_data_begins_with_its_own_numbers() -> None:
    made = Metrics(version="1")
    one, name = seen("incident_reopened_total", priority="P1"), "incident_reopened_total"
    made.response.set([row(one, one, one)])
    assert shown(made)[series(name, priority="P1")] == 3
    made.response.set([row(one, identity=b"two")])
    assert shown(made)[series(name, priority="P1")] == 1


def test_every_histogram_of_the_response_has_the_bounds_the_commit_counts_by() -> None:
    timed = {family.name: family.buckets for family in STORED if family.kind == "histogram"}
    assert timed == BOUNDS
