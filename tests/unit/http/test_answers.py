"""Answers for programs: JSON as the standard library reads it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.http.answers import json_answer

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(VALUES)
def test_what_is_answered_is_what_was_meant(value: Any) -> None:
    body = json_answer(value).body
    assert isinstance(body, bytes)
    assert json.loads(body) == value


@pytest.mark.parametrize("status", [200, 409])
def test_an_answer_says_what_it_is(status: int) -> None:
    answer = json_answer({"a": "ü"}, status)
    assert (answer.status, answer.body) == (status, '{"a":"ü"}'.encode())
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
