"""Problem details: what programs are told, whatever stands in the words."""

import json

import pytest
from aiohttp import web

from receiver.problem import CONTENT_TYPE, detail_of, problem, refusal


def test_an_answer_says_status_and_words() -> None:
    answer = problem(404, "there is no such place", {"Retry-After": "1"}, place="name")
    assert (answer.status, answer.content_type) == (404, CONTENT_TYPE)
    assert answer.headers["Retry-After"] == "1"
    assert json.loads(answer.text or "") == {
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such place",
        "place": "name",
    }


def test_an_error_to_raise_says_the_same() -> None:
    error = refusal(web.HTTPForbidden, 'it\'s "no"\n\u2028', needed="admin")
    assert (error.status, error.content_type) == (403, CONTENT_TYPE)
    assert detail_of(error.text or "") == 'it\'s "no"\n\u2028'
    assert json.loads(error.text or "")["needed"] == "admin"


def test_what_is_no_text_is_said_all_the_same() -> None:
    answer = problem(400, "no \udc80 here")
    assert json.loads(answer.text or "")["detail"] == "no \udc80 here"


@pytest.mark.parametrize("text", ["", "no", "[]", "7", '{"detail": 7}', '{"error": "x"}', "\ud800"])
def test_what_is_no_problem_has_no_detail(text: str) -> None:
    assert detail_of(text) is None
