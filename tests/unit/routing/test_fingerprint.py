"""The fingerprint of a set of labels, as Alertmanager makes it."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.fingerprint import _FNV_MAX_BYTES, fingerprint_of

LABELS = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), max_size=8)


@pytest.mark.parametrize(
    ("labels", "fingerprint"),
    [
        # FNV-1a of no bytes is its offset.
        ({}, "cbf29ce484222325"),
        # github.com/prometheus/common/model/signature_test.go, TestLabelsToSignature.
        ({"name": "garland, briggs", "fear": "love is not enough"}, f"{5799056148416392346:x}"),
    ],
)
def test_it_is_alertmanagers(labels: dict[str, str], fingerprint: str) -> None:
    assert fingerprint_of(labels) == fingerprint


def test_what_two_labels_hold_cannot_be_moved_between_them() -> None:
    found = [{"a": "bc"}, {"ab": "c"}, {"a": "b", "c": "d"}, {"a": "bc", "d": "e"}, {"a": "c"}]
    assert len({fingerprint_of(one) for one in found}) == len(found)


@given(LABELS)
@settings(max_examples=50)
def test_neither_order_nor_empty_values_matter(labels: dict[str, str]) -> None:
    found = fingerprint_of(labels)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert fingerprint_of(dict(reversed(labels.items()))) == found
    assert fingerprint_of({**labels, "none of the others at all": ""}) == found


@given(LABELS, st.text(min_size=1, max_size=20))
@settings(max_examples=50)
def test_one_more_label_is_another_alert(labels: dict[str, str], value: str) -> None:
    name = "none of the others at all"
    assert fingerprint_of({**labels, name: value}) != fingerprint_of(labels)


def test_a_large_set_gets_another_hash_of_the_same_form() -> None:
    # A name of one letter and two separators stand beside the value.
    exact = {"a": "x" * (_FNV_MAX_BYTES - 3)}
    beyond = {"a": "x" * (_FNV_MAX_BYTES - 2)}
    value = 0xCBF29CE484222325
    for byte in f"a\xff{exact['a']}\xff".encode("latin-1"):
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    assert fingerprint_of(exact) == f"{value:016x}"
    data = f"a\xff{beyond['a']}\xff".encode("latin-1")
    assert fingerprint_of(beyond) == hashlib.blake2b(data, digest_size=8).hexdigest()
    huge = {f"label{number}": "é" * 4_096 for number in range(64)}
    assert len(fingerprint_of(huge)) == 16
    assert fingerprint_of(huge) == fingerprint_of(dict(reversed(huge.items())))
