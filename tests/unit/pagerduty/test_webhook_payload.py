"""What a webhook of PagerDuty's tells where its fields are odd."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.errors import PayloadError
from receiver.pagerduty.webhook_payload import (
    NAME_MAX,
    TEXT_MAX,
    Told,
    is_key,
    read_event,
    split_key,
)
from tests.support.machine_zone import machine_zone

KEY = "0-aaaaaaaaaaaaaaaa-1:0"
INCIDENT = {"id": "Q1", "type": "incident"}


def told(kind: str = "incident.acknowledged", **event: Any) -> Told:
    """What an event tells whose other fields are sound."""
    fields = {"id": "E1", "event_type": kind, "occurred_at": "2026-03-02T10:00:00Z"}
    return read_event(json.dumps({"event": fields | {"data": INCIDENT} | event}).encode())


def of(**data: Any) -> Told:
    return told(data=INCIDENT | data)


@pytest.mark.parametrize(
    ("at", "ms"),
    [
        ("2026-03-02T10:00:00Z", 1_772_445_600_000),
        ("2026-03-02T10:00:00.123Z", 1_772_445_600_123),
        ("2026-03-02T11:00:00+01:00", 1_772_445_600_000),
        ("2026-03-02T10:00:00.123999Z", 1_772_445_600_123),
        ("20260302T100000Z", 1_772_445_600_000),
    ],
)
def test_when_it_occurred(at: str, ms: int) -> None:
    assert told(occurred_at=at).at == ms


@pytest.mark.parametrize(
    "at", [None, "", "soon", 1_772_445_600, True, ["2026"], "2026-13-01T00:00:00Z", "2026-03-02T25"]
)
def test_what_is_no_time_says_where(at: object) -> None:
    with pytest.raises(PayloadError, match="expected an ISO 8601 time") as error:
        told(occurred_at=at)
    assert error.value.position == "$.event.occurred_at"


@given(st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=50)
def test_any_time_is_read(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert told(occurred_at=moment.isoformat()).at == since // timedelta(milliseconds=1)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_time_without_a_zone_is_utc_wherever_the_machine_is(zone: str) -> None:
    with machine_zone(zone):
        assert told(occurred_at="2026-03-02T10:00:00").at == 1_772_445_600_000


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [("E1", True), ("01FFE-_z", True), ("x" * 80, True), ("x" * 81, False), ("a b", False),
     ("é", False), ("a:b", False), ("\n", False)],
)  # fmt: skip
def test_an_event_id_is_kept_or_replaced_by_a_hash_of_it(given_id: str, *, kept: bool) -> None:
    found = told(id=given_id).id
    assert (found == given_id) is kept
    assert kept or len(found) == 64
    assert told(id=given_id).id == found


@pytest.mark.parametrize("given_id", ["", None, 7, [], {"a": "b"}, False])
def test_without_an_event_id_copies_could_not_be_told_apart(given_id: object) -> None:
    with pytest.raises(PayloadError) as error:
        told(id=given_id)
    assert error.value.position == "$.event.id"


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({}, "$.event.data.incident.id"),
        ({"id": "Q1"}, "$.event.data.incident.id"),
        ({"id": "Q1", "type": "incident_note"}, "$.event.data.incident.id"),
        ({"type": "incident"}, "$.event.data.id"),
        ({"type": "incident", "id": "x" * 41}, "$.event.data.id"),
        ({"type": "incident_note", "incident": "Q1"}, "$.event.data.incident.id"),
        ({"type": "incident_note", "incident": {"id": "a/b"}}, "$.event.data.incident.id"),
        (None, "$.event.data.incident.id"),
        ([INCIDENT], "$.event.data.incident.id"),
    ],
)
def test_an_event_without_an_incident_says_where(data: object, place: str) -> None:
    with pytest.raises(PayloadError) as error:
        told(data=data)
    assert error.value.position == place


def test_a_note_is_of_the_incident_it_refers_to() -> None:
    data = {"id": "N1", "type": "incident_note", "content": "look", "incident": {"id": "Q7"}}
    found = told("incident.annotated", data=data)
    assert (found.incident, found.what, found.text) == ("Q7", "noted", "look")
    data = {"type": "status_update", "message": "better", "incident": {"id": "Q" * 40}}
    assert told("incident.status_update_published", data=data).text == "better"


@pytest.mark.parametrize(
    ("agent", "name", "identity", "human"),
    [
        ({"type": "user_reference", "id": "P1", "summary": "Ann"}, "Ann", "P1", True),
        ({"type": "user", "id": "P1", "summary": "Ann"}, "Ann", "P1", True),
        ({"type": "User", "id": "P1", "summary": "Ann"}, "Ann", "P1", False),
        ({"type": "service_reference", "summary": "shop"}, "shop", "", False),
        ({"summary": "  "}, "PagerDuty", "", False),
        ({"summary": None, "id": "a b"}, "PagerDuty", "", False),
        ({"summary": "a\nb\u202ec", "id": 7}, "a b c", "", False),
        ({"summary": "x" * 500}, "x" * NAME_MAX, "", False),
        ({"summary": 42}, "42", "", False),
        (None, "PagerDuty", "", False),
        ("Ann", "PagerDuty", "", False),
    ],
)
def test_who_did_it(agent: object, name: str, identity: str, *, human: bool) -> None:
    found = told(agent=agent).actor
    assert (found.name, found.id, found.human, found.via) == (name, identity, human, "pagerduty")


@pytest.mark.parametrize(
    ("key", "url", "claims"),
    [
        (KEY, None, (KEY,)),
        (None, f"https://im/#{KEY}@pagerduty", (f"{KEY}@pagerduty",)),
        (KEY, f"https://im/#{KEY}@pd-2.eu", (KEY, f"{KEY}@pd-2.eu")),
        (None, f"https://im/#a#{KEY}", (KEY,)),
        (f"{KEY}@pagerduty", None, (f"{KEY}@pagerduty",)),
        (7, 7, ()),
        ("", "", ()),
        (None, f"https://im/{KEY}", ()),
        (None, KEY, (KEY,)),
        (None, f"https://im/#{KEY}@", ()),
        (None, f"https://im/#{KEY}@-x", ()),
        (None, f"https://im/#{KEY}@{'x' * 65}", ()),
        (None, f"https://im/#{KEY}@{'x' * 64}", (f"{KEY}@{'x' * 64}",)),
        (None, f"https://im/#{KEY}@a b", ()),
        ([KEY], {"url": KEY}, ()),
    ],
)
def test_which_alerts_it_names(key: object, url: object, claims: tuple[str, ...]) -> None:
    assert told(data=INCIDENT | {"incident_key": key}, client={"url": url}).claims == claims
    for client in (None, "x", []):
        assert told(data=INCIDENT, client=client).claims == ()


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ({}, ""),
        ({"assignees": []}, ""),
        ({"assignees": [{"summary": "Ann"}]}, "Ann"),
        ({"assignees": [{"summary": "Ann"}, {"summary": ""}, None, "x", {"summary": "Bob"}]},
         "Ann, Bob"),
        ({"assignees": {"summary": "Ann"}, "escalation_policy": {"summary": "SRE"}}, "SRE"),
        ({"assignees": [{}], "escalation_policy": {"summary": " S\tRE "}}, "S RE"),
        ({"escalation_policy": "SRE"}, ""),
        ({"assignees": [{"summary": str(n)} for n in range(500)]}, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
    ],
)  # fmt: skip
def test_who_has_it(data: dict[str, Any], names: str) -> None:
    assert of(**data).names == names


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("", ""),
        ("  a \r\n\t b ", "a b"),
        ("<b>x</b>", "<b>x</b>"),
        ("\u202eevil\x00\x1b[31m", "evil [31m"),
        ("x" * (TEXT_MAX + 1), "x" * TEXT_MAX),
        ("é" * 100_000, "é" * TEXT_MAX),
        # Of a text without end no more is looked at than could be shown.
        (" " * 4 * TEXT_MAX + "x", ""),
        (7, "7"),
    ],
)
def test_a_text_is_one_line_of_a_bounded_length(content: object, text: str) -> None:
    assert of(content=content).text == text
    assert of(message=content).text == text


@pytest.mark.parametrize(
    ("reason", "target"),
    [
        (None, ""),
        ({"type": "merge_resolve_reason"}, ""),
        ({"type": "merge_resolve_reason", "incident": {"id": "Q9"}}, "Q9"),
        ({"type": "merge_resolve_reason", "incident": {"id": 9}}, ""),
        ({"type": "merge_resolve_reason", "incident": {"id": "a/b"}}, ""),
        ({"type": "other", "incident": {"id": "Q9"}}, ""),
        ({"incident": {"id": "Q9"}}, ""),
        ("merge", ""),
    ],
)
def test_a_merge_has_a_target(reason: object, target: str) -> None:
    assert of(resolve_reason=reason).merged_into == target


def test_what_is_none_of_our_business_is_not_looked_at() -> None:
    body = {"event": {"event_type": "incident.\u202elevitated\n" + "x" * 500, "data": 7}}
    found = read_event(json.dumps(body).encode())
    assert (found.id, found.what, found.incident) == ("", "", "")
    assert found.kind.startswith("incident. levitated x")
    assert len(found.kind) == NAME_MAX


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (f"{KEY}:1", True),
        ("0-aaaaaaaaaaaaaaaa-1:" + "9" * 15, True),
        ("0-aaaaaaaaaaaaaaaa-1:" + "9" * 16, False),
        ("0-aaaaaaaaaaaaaaaa-1:0:" + "9" * 16, False),
        ("0-aaaaaaaaaaaaaaaa-1:+1", False),
        ("0-aaaaaaaaaaaaaaaa-1: 1", False),
        ("0-aaaaaaaaaaaaaaaa-1:1_0", False),
        ("0-aaaaaaaaaaaaaaaa-1:0@pagerduty", False),
        ("-0-aaaaaaaaaaaaaaaa-1:0", False),
        ("x-aaaaaaaaaaaaaaaa-1:0", False),
    ],
)
def test_which_keys_are_ours(key: str, *, found: bool) -> None:
    assert is_key(key) is found


@given(st.text("0-a:1@x ", max_size=30))
@settings(max_examples=50)
def test_a_key_is_split_or_refused(key: str) -> None:
    try:
        incident, episode = split_key(key)
    except ValueError:
        assert not is_key(key)
        return
    assert is_key(key)
    assert key.startswith(f"{incident}:")
    assert episode >= 0
