"""What is taken apart a piece at a time is what it would be at once, and so is what is wrong."""

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.intake.payload_json import IN_PIECES, MAX_VALUES, WHOLE, WINDOW, json_text, load_json
from receiver.text.visible import clean_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=40,
)
LONG = [
    {"labels": {"a": "x" * at}, "of": [{"b": at}, [], {}]} for at in (1, WINDOW, 1, WINDOW - 40)
]


def outcome(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        return repr(decoder.decode(text))
    except json.JSONDecodeError as error:
        return error.msg, error.pos
    except RecursionError:
        return "too deep"


@given(VALUES, st.sampled_from([None, 2]))
@example({"alerts": LONG}, None)
def test_both_ways_decode_the_same(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert outcome(IN_PIECES, text) == outcome(WHOLE, text)


@given(VALUES, st.integers(0, 400), st.sampled_from(['"', "{", "}", "]", ",", ":", "\\", "", "1e"]))
@example({"alerts": LONG}, 60, "}")
@example({"alerts": LONG}, WINDOW + 100, '"')
@example([{"a": 1, "a ": [{}]}], 7, "")
def test_both_ways_say_the_same_of_what_is_wrong(value: Any, at: int, put: str) -> None:
    text = json.dumps(value)
    broken = text[:at] + put + text[at + 1 :]
    assert outcome(IN_PIECES, broken) == outcome(WHOLE, broken)


def test_what_is_too_deep_is_so_in_both_ways() -> None:
    for text in ('{"alerts":' + "[" * 100_000, '{"alerts":[{"a":' + '{"a":' * 100_000):
        assert outcome(IN_PIECES, text) == outcome(WHOLE, text) == "too deep"


@given(VALUES, st.integers(1, 200))
def test_a_long_value_is_shown_by_its_beginning(value: Any, most: int) -> None:
    for ascii_only in (True, False):
        whole = json.dumps(value, ensure_ascii=ascii_only)
        found = json_text(value, most, ascii_only=ascii_only)
        assert found == whole or (len(found) > most and whole.startswith(found))


def share_held(work: Callable[[], object]) -> float:
    """Return for which share of its time a thread's work kept the interpreter at a stretch."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    thread = threading.Thread(target=work)
    began = last = time.perf_counter()
    worst = 0.0
    try:
        thread.start()
        while thread.is_alive():
            time.sleep(0.001)
            now = time.perf_counter()
            worst, last = max(worst, now - last), now
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    return worst / (last - began)


MANY = MAX_VALUES // 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "inside",
    [
        "{" + ",".join(f'"{at}":""' for at in range(MANY)) + "}",
        "[" + ",".join(['{"a":1}'] * MANY) + "]",
        "[" + ",".join(["[]"] * MANY) + "]",
    ],
    ids=["keys", "objects", "lists"],
)
def test_many_values_in_one_place_leave_others_their_turn(inside: str) -> None:
    body = b'{"alerts":[{"labels":' + inside.encode() + b"}]}"
    # Compiled code would hold it all the while.
    assert min(share_held(lambda: load_json(body)) for _ in range(3)) < 0.5


def test_a_long_text_is_cleaned_in_pieces_as_it_is_at_once() -> None:
    text = ("a\x01é\ud800" * 50_000) + "end"
    assert clean_text(text, len(text)) == "aé\ufffd" * 50_000 + "end"
    assert clean_text(text, 10) == "aé\ufffd" * 3 + "…"
