"""Joining a receipt with one that somebody else saved meanwhile."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.notify.receipt_state import NO_STATE, ReceiptState
from receiver.pagerduty.receipt import STATE as ALERTS
from receiver.pagerduty.receipt import AlertKey
from receiver.slack.receipt import STATE as MESSAGE
from receiver.slack.receipt import Posted
from receiver.store.records.receipts import decode_receipt, encode_receipt
from routing.receipt import Attempt, Receipt

COUNT = st.integers(0, 6)
STATES = st.sampled_from(["triggered", "acknowledged", "resolved"])
KEYS = st.lists(
    st.builds(
        AlertKey,
        dedup_key=st.sampled_from(["id:0", "id:0:2", "id:1:3"]),
        seq=st.integers(1, 3),
        episode=st.integers(0, 1),
        state=STATES,
        at=st.integers(0, 5),
    ),
    max_size=3,
    unique_by=lambda key: key.dedup_key,
).map(tuple)
COMMON = st.builds(
    Receipt,
    revision=COUNT,
    version=COUNT,
    paged_seq=COUNT,
    failed_seq=COUNT,
    cursor=COUNT,
    attempt=st.one_of(st.none(), st.builds(Attempt, what=st.just("page"), at=COUNT)),
    failures=COUNT,
    last_error=st.sampled_from(["", "timeout"]),
)
POSTED = st.builds(
    Posted,
    channel=st.sampled_from(["", "C1"]),
    ts=st.sampled_from(["", "1.0", "2.0"]),
    plain=st.booleans(),
)
IN_SLACK = st.builds(MESSAGE.put, COMMON, POSTED)
IN_PAGERDUTY = st.builds(ALERTS.with_keys, COMMON, KEYS)
PAIRS = st.one_of(
    st.tuples(st.just(MESSAGE), IN_SLACK, IN_SLACK),
    st.tuples(st.just(ALERTS), IN_PAGERDUTY, IN_PAGERDUTY),
    st.tuples(st.just(NO_STATE), COMMON, COMMON),
)
Pair = tuple[ReceiptState[msgspec.Struct], Receipt, Receipt]


@settings(deadline=None)
@given(PAIRS)
def test_what_was_sent_was_sent(pair: Pair) -> None:
    state, stored, ours = pair
    merged = state.merge(stored, ours)
    for name in ("paged_seq", "failed_seq", "cursor"):
        assert getattr(merged, name) == max(getattr(stored, name), getattr(ours, name))


@settings(deadline=None)
@given(IN_PAGERDUTY, IN_PAGERDUTY)
def test_of_an_alert_the_newest_state_counts(stored: Receipt, ours: Receipt) -> None:
    merged = ALERTS.merge(stored, ours)
    keys = ALERTS.of(merged).keys
    known = {key.dedup_key: key for key in keys}
    for key in (*ALERTS.of(stored).keys, *ALERTS.of(ours).keys):
        assert (known[key.dedup_key].at, known[key.dedup_key].state) >= (key.at, key.state)
    assert len(keys) == len(known)
    assert [key.seq for key in keys] == sorted(key.seq for key in keys)
    assert merged.follows == any(key.state != "triggered" for key in keys)


@settings(deadline=None)
@given(PAIRS)
def test_it_can_be_saved_over_the_stored_one(pair: Pair) -> None:
    state, stored, ours = pair
    merged = state.merge(stored, ours)
    assert merged.revision == stored.revision
    # What we are in the middle of is ours to say.
    assert (merged.attempt, merged.failures) == (ours.attempt, ours.failures)
    assert state.merge(stored, merged) == merged
    assert decode_receipt(encode_receipt(merged)) == merged
    assert state.reads(merged)


def test_of_two_messages_the_first_one_stored_is_kept() -> None:
    stored = MESSAGE.put(Receipt(revision=4, version=5), Posted("C1", "1.0"))
    ours = MESSAGE.put(Receipt(revision=3, version=6), Posted("C2", "2.0", plain=True))
    assert MESSAGE.of(MESSAGE.merge(stored, ours)) == Posted("C1", "1.0")


def test_the_message_that_is_kept_is_brought_up_to_date() -> None:
    # Ours, which is given up, showed version 6: the one that is kept does not.
    stored = MESSAGE.put(Receipt(version=5), Posted(ts="1.0"))
    ours = MESSAGE.put(Receipt(version=6), Posted(ts="2.0"))
    assert MESSAGE.merge(stored, ours).version == 5
    assert MESSAGE.merge(stored, MESSAGE.put(ours, Posted(ts="1.0"))).version == 6


def test_a_message_is_not_lost_when_only_one_has_it() -> None:
    posted = MESSAGE.put(Receipt(revision=1, version=2), Posted("C1", "1.0", plain=True))
    for stored, ours in ((Receipt(), posted), (posted, Receipt(revision=1, failures=2))):
        merged = MESSAGE.merge(stored, ours)
        assert MESSAGE.of(merged) == Posted("C1", "1.0", plain=True)
        assert merged.version == 2


def test_the_newer_state_of_an_alert_wins_on_either_side() -> None:
    old = AlertKey("id:0", 1, 0, state="triggered", at=5)
    new = AlertKey("id:0", 1, 0, state="resolved", at=9)
    for stored, ours in ((old, new), (new, old)):
        merged = ALERTS.merge(
            ALERTS.with_keys(Receipt(), [stored]), ALERTS.with_keys(Receipt(), [ours])
        )
        assert ALERTS.of(merged).keys == (new,)


def test_receipts_of_earlier_releases_are_read_as_they_are_and_written_so() -> None:
    slack = b'00000003{"revision":3,"version":2,"channel":"C1","ts":"1.0","cursor":4}'
    receipt = decode_receipt(slack)
    assert (receipt.version, receipt.cursor) == (2, 4)
    assert MESSAGE.of(receipt) == Posted("C1", "1.0")
    assert json.loads(encode_receipt(receipt)[8:]) == json.loads(slack[8:])
    key = {"dedup_key": "id:0", "seq": 1, "episode": 0, "state": "resolved", "at": 5}
    stored = {"revision": 1, "paged_seq": 1, "keys": [key]}
    receipt = decode_receipt(b"00000001" + json.dumps(stored).encode())
    assert ALERTS.of(receipt).keys == (AlertKey("id:0", 1, 0, "resolved", 5),)
    assert json.loads(encode_receipt(receipt)[8:]) == stored


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (MESSAGE, {"ts": 5}),
        (MESSAGE, {"ts": "1.0", "plain": "yes"}),
        (ALERTS, {"keys": {}}),
        (ALERTS, {"keys": [{"dedup_key": "id:0"}]}),
    ],
)
def test_what_cannot_be_read_is_said_and_costs_the_join_nothing(
    state: ReceiptState[msgspec.Struct], kept: dict[str, object]
) -> None:
    damaged = Receipt(revision=7, paged_seq=3, state=kept)
    assert not state.reads(damaged)
    merged = state.merge(damaged, Receipt(revision=6, paged_seq=2))
    assert (merged.revision, merged.paged_seq, merged.state) == (7, 3, {})


def test_what_the_api_shows() -> None:
    assert MESSAGE.shown(Receipt()) == {}
    posted = MESSAGE.put(Receipt(), Posted("C1", "1.0"))
    link = "https://slack.com/app_redirect?channel=C1&message_ts=1.0"
    assert MESSAGE.shown(posted) == {"slack": {"channel": "C1", "ts": "1.0", "link": link}}
    assert ALERTS.shown(Receipt()) == {}
    opened = ALERTS.with_keys(Receipt(), [AlertKey("id:0", 1, 0, "triggered", 0)])
    assert ALERTS.shown(opened)["pagerduty"][0]["dedup_key"] == "id:0"
    assert NO_STATE.shown(posted) == {}
