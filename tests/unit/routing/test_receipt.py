"""Joining a receipt with one that somebody else saved meanwhile."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.receipt import AlertKey, Attempt, Receipt, merge_receipts

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
RECEIPTS = st.builds(
    Receipt,
    revision=COUNT,
    version=COUNT,
    paged_seq=COUNT,
    failed_seq=COUNT,
    cursor=COUNT,
    channel=st.sampled_from(["", "C1"]),
    ts=st.sampled_from(["", "1.0", "2.0"]),
    plain=st.booleans(),
    keys=KEYS,
    attempt=st.one_of(st.none(), st.builds(Attempt, what=st.just("page"), at=COUNT)),
    failures=COUNT,
    last_error=st.sampled_from(["", "timeout"]),
)


@settings(deadline=None)
@given(RECEIPTS, RECEIPTS)
def test_what_was_sent_was_sent(stored: Receipt, ours: Receipt) -> None:
    merged = merge_receipts(stored, ours)
    for name in ("paged_seq", "failed_seq", "cursor"):
        assert getattr(merged, name) == max(getattr(stored, name), getattr(ours, name))
    known = {key.dedup_key: key for key in merged.keys}
    for key in (*stored.keys, *ours.keys):
        assert (known[key.dedup_key].at, known[key.dedup_key].state) >= (key.at, key.state)
    assert len(merged.keys) == len(known)
    assert [key.seq for key in merged.keys] == sorted(key.seq for key in merged.keys)


@settings(deadline=None)
@given(RECEIPTS, RECEIPTS)
def test_it_can_be_saved_over_the_stored_one(stored: Receipt, ours: Receipt) -> None:
    merged = merge_receipts(stored, ours)
    assert merged.revision == stored.revision
    # What we are in the middle of is ours to say.
    assert (merged.attempt, merged.failures) == (ours.attempt, ours.failures)
    assert merge_receipts(stored, merged) == merged
    assert msgspec.json.decode(msgspec.json.encode(merged), type=Receipt) == merged


def test_of_two_messages_the_first_one_stored_is_kept() -> None:
    stored = Receipt(revision=4, version=5, channel="C1", ts="1.0")
    ours = Receipt(revision=3, version=6, channel="C2", ts="2.0", plain=True)
    merged = merge_receipts(stored, ours)
    assert (merged.channel, merged.ts, merged.plain) == ("C1", "1.0", False)


def test_the_message_that_is_kept_is_brought_up_to_date() -> None:
    # Ours, which is given up, showed version 6: the one that is kept does not.
    stored, ours = Receipt(version=5, ts="1.0"), Receipt(version=6, ts="2.0")
    assert merge_receipts(stored, ours).version == 5
    assert merge_receipts(stored, msgspec.structs.replace(ours, ts="1.0")).version == 6


def test_a_message_is_not_lost_when_only_one_has_it() -> None:
    posted = Receipt(revision=1, version=2, channel="C1", ts="1.0", plain=True)
    for stored, ours in ((Receipt(), posted), (posted, Receipt(revision=1, failures=2))):
        merged = merge_receipts(stored, ours)
        assert (merged.channel, merged.ts, merged.plain) == ("C1", "1.0", True)
        assert merged.version == 2


def test_the_newer_state_of_an_alert_wins_on_either_side() -> None:
    old = AlertKey("id:0", 1, 0, state="triggered", at=5)
    new = AlertKey("id:0", 1, 0, state="resolved", at=9)
    for stored, ours in ((old, new), (new, old)):
        merged = merge_receipts(Receipt(keys=(stored,)), Receipt(keys=(ours,)))
        assert merged.keys == (new,)
