"""Retry-After as services send it, and as they do not."""

import time
from email.utils import formatdate

import pytest

from receiver.text.retry_after import LEAST_MS, MOST_MS, retry_after

THEN = 1_772_445_600


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7", 7_000),
        ("1.5", 1_500),
        (" 20 ", 20_000),
        ("0", LEAST_MS),
        ("-3", LEAST_MS),
        ("1000000", MOST_MS),
        ("9" * 400, MOST_MS),
        ("inf", MOST_MS),
        ("-inf", LEAST_MS),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("20 s", None),
        ("Mon, 99 Foo 2026 25:61:61 GMT", None),
        ("Mon, 02 Mar 99999 10:00:00 GMT", None),
    ],
)
def test_seconds_and_what_is_none(text: str, wanted: int | None) -> None:
    assert retry_after({"Retry-After": text}) == wanted


@pytest.mark.parametrize(
    ("later", "wanted"), [(30, 30_000), (0, LEAST_MS), (-3600, LEAST_MS), (86_400, MOST_MS)]
)
def test_a_date_counts_from_the_date_of_the_answer(later: int, wanted: int) -> None:
    headers = {"date": formatdate(THEN, usegmt=True)}
    headers["retry-after"] = formatdate(THEN + later, usegmt=True)
    assert retry_after(headers) == wanted


def test_a_date_of_an_answer_without_one_counts_from_now() -> None:
    found = retry_after({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert found is not None
    assert 95_000 <= found <= 100_000


def test_an_answer_that_says_nothing() -> None:
    assert retry_after({}) is None
