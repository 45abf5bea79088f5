"""How whoever is not logged in is led to a login and back, and to nowhere else."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from receiver.http.logins import LoginNeededError, local_path, login_needed, within

HTML = {"Accept": "text/html"}


@given(st.text(max_size=40), st.sampled_from(["", "/im", "/a/b"]))
def test_an_address_of_a_url_is_a_path_of_ours_or_the_console(text: str, prefix: str) -> None:
    for target in (text, f"{prefix}/{text}", f"/{text}"):
        found = local_path(target, prefix)
        assert found.startswith(f"{prefix}/")
        assert not found[len(prefix) :].startswith(("//", "/\\"))
        assert found.isprintable()


@pytest.mark.parametrize(
    ("text", "prefix", "path"),
    [
        ("/incidents/x?said=1", "", "/incidents/x?said=1"),
        ("/im/incidents/x", "/im", "/im/incidents/x"),
        ("/imx/incidents", "/im", "/im/"),
        ("/incidents/x", "/im", "/im/"),
        ("/im/login?next=/", "/im", "/im/"),
        ("", "", "/"),
    ],
)
def test_what_is_ours_is_kept(text: str, prefix: str, path: str) -> None:
    assert local_path(text, prefix) == path


def _needed(
    method: str, path: str, headers: dict[str, str], prefix: str = "/im"
) -> web.HTTPException:
    return login_needed(make_mocked_request(method, path, headers), prefix, ("/im", ""))


@pytest.mark.parametrize("path", ["/incidents/x?a=1&b=%20", "/im/incidents/x?a=1&b=%20"])
def test_a_page_is_a_redirect_whether_a_proxy_strips_the_path_or_not(path: str) -> None:
    led = _needed("GET", path, HTML)
    assert isinstance(led, web.HTTPSeeOther)
    assert led.headers["Location"] == "/im/login?next=/im/incidents/x?a%3D1%26b%3D%2520"


@pytest.mark.parametrize(
    ("referer", "place"),
    [
        ("https://ops.example/im/incidents/x?p=1", "/im/incidents/x%3Fp%3D1"),
        ("https://evil.example//other.example/", "/im/"),
        ("https://[", "/im/"),
        ("", "/im/"),
        ("https://ops.example", "/im/"),
    ],
)
def test_a_form_is_led_to_the_page_it_was_on(referer: str, place: str) -> None:
    needed = _needed("POST", "/incidents/x/note", HTML | {"Referer": referer})
    assert isinstance(needed, LoginNeededError)
    assert needed.login == f"/im/login?next={place}"


def test_scripts_and_programs_are_answered_and_not_led() -> None:
    for headers in ({}, {"Accept": "*/*"}, HTML | {"X-Requested-With": "XMLHttpRequest"}):
        assert isinstance(_needed("GET", "/", headers), LoginNeededError)


def test_a_path_is_known_by_what_is_behind_the_prefix() -> None:
    assert [within(path, ("/im", "")) for path in ("/im", "/im/x", "/imx", "/x")] == [
        "",
        "/x",
        "/imx",
        "/x",
    ]
