"""What follows the ``?`` of a request, and which requests of browsers are refused."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.web_urldispatcher import MatchInfoError
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from receiver.errors import PayloadError
from receiver.http.asked.parameters import (
    LIMIT,
    LIST,
    check_parameters,
    read_choice,
    read_number,
    read_one,
    read_query,
)
from receiver.http.asked.spec import Parameter
from receiver.http.same_origin import Browsers

FORMAT = Parameter("format", "how", choices=("json", "html"))


def asked(query: str = "", method: str = "GET", **headers: str) -> web.Request:
    given = CIMultiDict((name.replace("_", "-"), value) for name, value in headers.items())
    request = make_mocked_request(method, f"/v1/incidents?{query}", headers=given)
    request._match_info = MatchInfoError(web.HTTPNotFound())  # of no route
    return request


def refused(read: Any, *args: Any) -> tuple[str, str]:
    with pytest.raises(PayloadError) as found:
        read(*args)
    return found.value.position, found.value.message


def test_what_nobody_reads_is_refused_with_what_there_is() -> None:
    check_parameters(asked("state=open&limit=5"), [one.name for one in LIST])
    assert refused(check_parameters, asked("stat=open"), ("state", "sort")) == (
        "stat",
        "no parameter is called 'stat'; available: state, sort",
    )
    assert refused(check_parameters, asked("x=1"), ()) == (
        "x",
        "no parameter is called 'x'; there are none here",
    )


def test_of_a_long_name_a_part_is_repeated() -> None:
    place, words = refused(check_parameters, asked("n" * 500 + "=1"), ())
    assert len(place) == 40
    assert len(words) < 100


@pytest.mark.parametrize(("query", "found"), [("", "usual"), ("a=", ""), ("a=x", "x")])
def test_one_is_given_once_or_not(query: str, found: str) -> None:
    assert read_one(asked(query), "a", "usual") == found


@pytest.mark.parametrize("times", [2, 500])
def test_what_is_given_more_often_is_refused(times: int) -> None:
    query = "&".join(["a=x"] * times)
    assert refused(read_one, asked(query), "a") == ("a", f"a is given {times} times; allowed: once")


@pytest.mark.parametrize("text", ["JSON", " json", "json,html", "", "\u202ejson"])
def test_a_choice_is_one_of_those_there_are(text: str) -> None:
    request = asked(f"format={text}")
    place, words = refused(read_choice, request, FORMAT, "json")
    assert place == "format"
    assert words.endswith("allowed: json, html")
    assert read_choice(asked(), FORMAT, "json") == "json"


@pytest.mark.parametrize(("text", "found"), [("1", 1), ("1000", 1_000), ("007", 7), ("", None)])
def test_a_number_lies_within_its_bounds(text: str, found: int | None) -> None:
    request = asked(f"limit={text}")
    if found is None:
        assert refused(read_number, request, LIMIT)[0] == "limit"
    else:
        assert read_number(request, LIMIT) == found


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.5", "1e3", "\u0661", "0x10", "9" * 5_000])
def test_what_is_no_number_says_which_are(text: str) -> None:
    place, words = refused(read_number, asked(f"limit={text}"), LIMIT)
    assert place == "limit"
    assert words.endswith("allowed: 1 to 1000")
    assert len(words) < 100


def test_a_number_that_is_left_out_is_the_usual_one() -> None:
    assert read_number(asked(), LIMIT) == 100


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ()),
        ("priority=P2", ("P2",)),
        ("priority=p3,P1", ("P1", "P3")),
        ("priority=P4&priority=P1,P1", ("P1", "P4")),
        ("priority=,%20P2%20,", ("P2",)),
        ("priority=", ()),
    ],
)
def test_priorities_come_in_their_order_each_once(query: str, found: tuple[str, ...]) -> None:
    assert read_query(asked(query)).priorities == found


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("priority=P5", "priority"),
        ("priority=P1,urgent", "priority"),
        ("state=shut", "state"),
        ("sort=loudest", "sort"),
        ("team=" + "x" * 201, "team"),
        ("text=" + "x" * 201, "text"),
        ("text=a&text=b", "text"),
        ("label=a", "label"),
        ("label=a=~%22(%22", "label"),
        ("label=" + "a" * 1_001, "label"),
        ("&".join(f"label=a{n}=b" for n in range(21)), "label"),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_parameter(query: str, place: str) -> None:
    assert refused(read_query, asked(query))[0] == place


def test_a_list_is_read_whole() -> None:
    query = read_query(
        asked("state=closed&sort=oldest&team=db&text=%20slow%20&label=a=b,c!=d&label=e=~f")
    )
    assert (query.state, query.sort, query.team, query.text) == ("closed", "oldest", "db", "slow")
    assert [matcher.name for matcher in query.matchers] == ["a", "c", "e"]
    assert read_query(asked(), "closed").state == "closed"


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from([one.name for one in LIST]), st.text(max_size=30), max_size=4)
)
def test_any_query_is_a_list_or_a_refusal_of_one_of_its_parameters(given: dict[str, str]) -> None:
    request = make_mocked_request("GET", "/")
    request = request.clone(rel_url=request.rel_url.with_query(given))
    place = None
    try:
        read_query(request)
    except PayloadError as error:
        place = error.position
    assert place is None or place in given


HERE = {"Host": "im.example:8080"}


def check(method: str, own: str = "", *, guarded: bool = True, **headers: Any) -> str:
    """Return "" when a request may go on, else why not."""
    request = asked("", method, **headers)
    browsers = Browsers(own, lambda: guarded)
    try:
        browsers.check(request)
    except web.HTTPForbidden as error:
        return str(error.text)
    return ""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("headers", "goes_on"),
    [
        ({}, True),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": ""}, False),
        ({"Origin": "http://im.example:8080"}, True),
        ({"Origin": "https://IM.example:8080"}, True),
        ({"Origin": "http://im.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": "http://evil.example", "Sec_Fetch_Site": "same-origin"}, True),
    ],
)
def test_what_writes_is_asked_by_our_own_pages(
    method: str, headers: dict[str, Any], *, goes_on: bool
) -> None:
    words = check(method, Host="im.example:8080", **headers)
    assert (words == "") is goes_on
    if words:
        assert "another site" in words


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_is_answered_to_any_page(method: str) -> None:
    assert check(method, Host="im.example", Origin="http://evil.example") == ""


def test_the_address_that_people_use_is_ours_behind_a_proxy() -> None:
    own = "https://incidents.example/im"
    sent: dict[str, Any] = {"Host": "10.0.0.7:8080", "Origin": "https://incidents.example"}
    assert check("POST", own, **sent) == ""
    assert "another site" in check("POST", "", **sent)


@pytest.mark.parametrize(
    ("host", "goes_on"),
    [
        ("localhost:8080", True),
        ("im.localhost", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("10.1.2.3", True),
        ("monitoring", True),
        ("", True),
        ("incidents.example", True),
        ("INCIDENTS.example.:443", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8080", False),
        ("incidents.example.evil.example", False),
        ("localhost.evil.example", False),
    ],
)
def test_without_credentials_a_name_that_others_can_have_is_refused(
    host: str, *, goes_on: bool
) -> None:
    words = check("GET", "https://incidents.example", guarded=False, Host=host)
    assert (words == "") is goes_on
    if words:
        assert "set web.external_url" in words
    assert check("GET", "https://incidents.example", guarded=True, Host=host) == ""


def test_a_program_is_asked_nothing() -> None:
    assert check("POST", guarded=False, Host="anything.example") == ""
    assert check("POST", guarded=False, Host="anything.example", Sec_Fetch_Site="none") != ""
