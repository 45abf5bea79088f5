"""PagerDuty's webhooks: which are genuine, and what each tells."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import PayloadError
from receiver.pagerduty.webhook_payload import (
    ACTIONS,
    Told,
    is_key,
    is_signed,
    read_event,
    split_key,
)
from tests.support.fakes.pagerduty_webhooks import (
    INTEGRATION,
    NOBODY,
    SECRET,
    SERVICE,
    TYPES,
    PdWebhooks,
    signature,
)

KEY = "0-aaaaaaaaaaaaaaaa-1:0"
BODY = b'{"event":{}}'
SECRETS = [b"new secret", b"old secret"]


def told(kind: str = "incident.acknowledged", **more: object) -> Told:
    return read_event(PdWebhooks().make(kind, **more).body)  # type: ignore[arg-type]


# Signatures.


@pytest.mark.parametrize(
    "header",
    [
        signature(BODY, "new secret"),
        signature(BODY, "old secret"),
        signature(BODY, "a third one", "old secret"),
        signature(BODY, "new secret", "a third one"),
        signature(BODY, "new secret").replace(",", " , "),
        "v2=00," + signature(BODY, "new secret"),
        " " + signature(BODY, "new secret").upper().replace("V1", "v1"),
    ],
)
def test_any_signature_of_any_secret_counts(header: str) -> None:
    assert is_signed(header, BODY, SECRETS)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=",
        "v1",
        "v1=,v1=,",
        signature(BODY, "a third one"),
        signature(BODY + b" ", "new secret"),
        signature(BODY, "new secret")[:-1],
        signature(BODY, "new secret") + "0",
        signature(BODY, "new secret").removeprefix("v1="),
        signature(BODY, "new secret").replace("v1=", "v0="),
        "v1=é",
        "v1=\udcff\udc80",
        "v1=" + "\x00" * 64,
        "v1=0," * 1_000,
    ],
)
def test_nothing_else_does_and_nothing_raises(header: str) -> None:
    assert not is_signed(header, BODY, SECRETS)


def test_without_a_secret_nothing_is_believed() -> None:
    assert not is_signed(signature(BODY, ""), BODY, [])


@given(st.text(max_size=200))
def test_no_header_raises(header: str) -> None:
    assert not is_signed(header, BODY, SECRETS)


def test_a_known_vector() -> None:
    # printf '{"event":{}}' | openssl dgst -sha256 -hmac secret
    header = "v1=2c984a26b96792f49173390b114619a17f5699a0bb42f13aff472b980b3080b5"
    assert is_signed(header, BODY, [b"secret"])


# Our keys.


@pytest.mark.parametrize("key", [KEY, "0-aaaaaaaaaaaaaaaa-1:12:3", "1023-0123456789abcdef-7:0"])
def test_a_key_of_ours_is_known(key: str) -> None:
    assert is_key(key)
    incident, episode, *_ = key.split(":")
    assert split_key(key) == (incident, int(episode))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "d3640fbd41094207a1c11e58e46b1662",
        "0-aaaaaaaaaaaaaaaa-1",
        "0-aaaaaaaaaaaaaaaa-1:",
        "0-aaaaaaaaaaaaaaaa-1:-1",
        "0-aaaaaaaaaaaaaaaa-1:0:1:2",
        "0-aaaaaaaaaaaaaaaa-1:x",
        "0-AAAAAAAAAAAAAAAA-1:0",
        "0-aaaaaaaaaaaaaaaa-1:٣",
        "0-aaaaaaaaaaaaaaaa-1:" + "9" * 5_000,
        "a-b",
    ],
)
def test_anything_else_is_not(key: str) -> None:
    assert not is_key(key)


# What is told.


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read(kind: str) -> None:
    found = told(kind)
    assert found.what == ACTIONS.get(kind, "")
    if found.what:
        assert found.incident == "Q1KD0TLXG4S1VO"
        assert found.id.startswith("01FFE")
        assert found.at > 1_700_000_000_000


def test_a_new_type_may_have_any_shape() -> None:
    assert read_event(b'{"event":{"event_type":"incident.levitated"}}').what == ""


def test_a_user_is_a_person_and_nothing_else_is() -> None:
    person = told().actor
    assert (person.name, person.via, person.id) == ("Tenex Engineer", "pagerduty", "PLH1HKV")
    assert person.ends == "human"
    for by in (INTEGRATION, SERVICE, NOBODY):
        assert told(by=by).actor.ends == "automatic"
    assert told(by=NOBODY).actor.name == "PagerDuty"


def test_the_key_is_found_in_the_incident_and_in_the_client() -> None:
    assert told(key=KEY).claims == (KEY,)
    assert told(client_url=f"http://localhost:8080/v1/incidents/x#{KEY}").claims == (KEY,)
    link = f"http://localhost:8080/v1/incidents/x#{KEY}@pagerduty"
    assert told(client_url=link).claims == (f"{KEY}@pagerduty",)
    assert told(client_url=f"{link} or not").claims == ()
    assert told().claims == ()
    assert told(key="d3640fbd41094207a1c11e58e46b1662").claims == ()
    assert told(client_url="https://elsewhere.example/").claims == ()


def test_who_has_it_now() -> None:
    assert told("incident.reassigned", assignees=("User 1", "User 2")).names == "User 1, User 2"
    assert told("incident.delegated", assignees=()).names == "Default"


def test_notes_and_updates_carry_their_text() -> None:
    assert told("incident.annotated", text="it is the\ndisk").text == "it is the disk"
    assert told("incident.status_update_published", text="mended").text == "mended"
    assert len(told("incident.annotated", text="x" * 25_000).text) == 2_000


def test_a_merge_names_its_target() -> None:
    assert told("incident.resolved", merged_into="QTARGET").merged_into == "QTARGET"
    assert told("incident.resolved").merged_into == ""
    assert told("incident.resolved", merged_into="im:{0}:open").merged_into == ""


def test_an_id_becomes_no_part_of_a_key_name_by_itself() -> None:
    found = told(event_id="a}:x\x00" * 500)
    assert len(found.id) == 64
    assert found.id.isalnum()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        (b"null", "$.event"),
        (b"[]", "$.event"),
        (b'{"event": []}', "$.event"),
        (b'{"event": {}}', "$.event.event_type"),
        (b'{"event": {"event_type": 1}}', "$.event.event_type"),
        (b'{"event": {"event_type": "incident.resolved"}}', "$.event.id"),
        (b'{"event": {"event_type": "incident.resolved", "id": "1"}}', "$.event.occurred_at"),
    ],
)
def test_what_is_no_event_says_where(body: bytes, place: str) -> None:
    with pytest.raises(PayloadError) as error:
        read_event(body)
    assert error.value.position == place


@pytest.mark.parametrize("incident", ["", "../users", "a b", "x" * 41, 7, None, {"id": "Q1"}])
def test_an_incident_without_a_sound_id_is_no_event(incident: object) -> None:
    payload = json.loads(PdWebhooks().make("incident.resolved").body)
    payload["event"]["data"]["id"] = incident
    with pytest.raises(PayloadError):
        read_event(json.dumps(payload).encode())


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda part: (
        st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=10), part, max_size=4)
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(sorted(ACTIONS)),
    st.sampled_from(["agent", "client", "data", "id", "occurred_at", "event_type"]),
    _json,
)
def test_a_field_may_be_anything(kind: str, field: str, value: object) -> None:
    payload = json.loads(PdWebhooks().make(kind).body)
    payload["event"][field] = value
    try:
        found = read_event(json.dumps(payload).encode())
    except PayloadError:
        return
    assert found.actor.name.isprintable()
    assert len(found.id) <= 80


@given(
    st.sampled_from(sorted(ACTIONS)),
    st.sampled_from(
        ["incident", "incident_key", "assignees", "escalation_policy", "content", "resolve_reason"]
    ),
    _json,
)
def test_so_may_a_field_of_the_data(kind: str, field: str, value: object) -> None:
    payload = json.loads(PdWebhooks().make(kind).body)
    payload["event"]["data"][field] = value
    try:
        read_event(json.dumps(payload).encode())
    except PayloadError:
        return


def test_the_secret_of_the_fake_signs() -> None:
    webhook = PdWebhooks().make("pagey.ping")
    header = webhook.headers["X-PagerDuty-Signature"]
    assert is_signed(header, webhook.body, [SECRET.encode()])
