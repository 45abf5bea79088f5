"""A percentile is off by 2 % at most, and a field says again what it was made of."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.store.response.fields import LABELS, VALUE_MAX, read_field, response_fields
from receiver.store.response.spread import (
    ERROR,
    LAST,
    bucket_of,
    percentile,
    seconds_of,
)
from routing.decision import Observation
from tests.support.builders import NOW, alert, play, received, rules

DURATIONS = st.floats(min_value=0, max_value=40 * 366 * 86_400, allow_nan=False)


@given(DURATIONS)
def test_a_bucket_stands_for_what_falls_into_it(seconds: float) -> None:
    told = seconds_of(bucket_of(seconds))
    assert abs(told - seconds) <= max(1.0, ERROR * seconds * (1 + 1e-9))


@given(st.lists(DURATIONS, min_size=1, max_size=60), st.floats(min_value=0.01, max_value=1))
def test_a_percentile_of_parts_that_were_added_up(values: list[float], share: float) -> None:
    counts: dict[int, int] = {}
    for part in (values[::2], values[1::2]):
        for value in part:
            counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    true = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    told = percentile(counts, share)
    assert told is not None
    assert abs(told - true) <= max(1.0, ERROR * true * (1 + 1e-9))


@pytest.mark.parametrize("value", [-1.0, 0.0, math.nan, 1.0])
def test_what_is_no_duration_counts_as_none(value: float) -> None:
    assert bucket_of(value) == 0


def test_what_takes_for_ever_has_a_last_bucket() -> None:
    assert bucket_of(math.inf) == bucket_of(1e300) == LAST
    assert percentile({}, 0.5) is None


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_any_label_comes_back_as_it_was_as_far_as_it_is_kept(
    rule: str, team: str, person: str
) -> None:
    one = alert("a", labels={"alertname": rule, "service": team})
    incident, _ = play((0, received(one)), found=rules())
    incident = msgspec.structs.replace(incident, team=team)
    labels = {"priority": "P1", "by": "human"}
    seen = [Observation("incident_acknowledge_duration_seconds", 90.0, labels, person)]
    fields = list(response_fields(incident, seen, NOW))
    assert len(fields) == 1 + bool(person)
    keys = [read_field(field.encode(), b"1")[0] for field in fields]
    kept = [text[:VALUE_MAX].encode(errors="replace").decode() for text in (rule, team, person)]
    assert keys[0] == ("acknowledge", "P1", kept[1], kept[1], kept[0], "human", keys[0][-1])
    if person:
        assert keys[1][:4] == ("answer", "P1", kept[1], kept[2])
    for key in keys:
        assert len(key) == len(LABELS[key[0]]) + 1


def test_what_the_group_does_not_say_its_first_alerts_do() -> None:
    alerts = [alert(str(n), labels={"alertname": f"Rule{n}"} if n else {}) for n in range(3)]
    incident, decisions = play((0, received(*alerts)), found=rules())
    (decision,) = decisions
    fields = list(response_fields(incident, decision.observations, NOW))
    assert f"opened|{incident.priority}|{incident.team}||Rule1" in fields
    assert f"hour|{incident.priority}|{incident.team}|40" in fields
    assert any(field.startswith("page|") for field in fields)
