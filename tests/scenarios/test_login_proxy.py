"""A proxy says who people are: believed from its addresses, and nothing from any other."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth

from tests.support.app import NO_ACCOUNTS, App
from tests.support.logins import Browser, entry
from tests.support.notification import alert, notification

TOKEN = {"Authorization": "Bearer the-token-of-ops"}
OPS = {"name": "ops", "role": "admin", "token": "the-token-of-ops"}
Start = Callable[..., Any]
ANN = {"X-User": "ann@example.com", "X-Groups": "staff, oncall"}


@pytest.fixture
async def start(tmp_path: Path, fakes: Any) -> AsyncIterator[Start]:
    running = App(tmp_path, *fakes)

    async def begin(addresses: list[str], people: list[Any] | None = None, **proxy: Any) -> App:
        config: dict[str, Any] = {
            "header": "X-User",
            "groups_header": "X-Groups",
            "roles": {"oncall": "responder", "staff": "viewer"},
            "from": addresses,
        } | proxy
        await running.start(
            **NO_ACCOUNTS,
            **{
                "web.login": {"proxy": config},
                "web.credentials": [OPS, *(people or [])],
                "people": {"ann.smith": {"email": "ann@example.com", "name": "Ann Smith"}},
            },
        )
        return running

    yield begin
    await running.stop()


async def test_who_a_proxy_names_acts_in_that_name(start: Start) -> None:
    app = await start(["127.0.0.0/8", "::1"])
    _, opened = await app.post(notification(alert()), headers=TOKEN)
    incident = opened["incidents"][0]
    browser = Browser(app, ANN)
    page = await browser.get("/")
    assert page.status == 200
    assert "<bdi>Ann Smith</bdi>" in page.text
    assert "Log out" not in page.text
    pressed = await browser.post(f"/incidents/{incident}/acknowledge", episode="0", name="the CEO")
    assert pressed.status == 303
    found = (await app.get(f"/v1/incidents/{incident}", headers=TOKEN))[1]
    assert found["acknowledged_by"]["name"] == "Ann Smith"
    crossed = await browser.ask(
        "POST", f"/incidents/{incident}/resolve", {}, {"Origin": "https://evil.example"}
    )
    assert crossed.status == 403
    vic = Browser(app, {"X-User": "vic", "X-Groups": "staff"})
    refused = await vic.post(f"/incidents/{incident}/resolve")
    assert refused.status == 403
    assert "vic has the role viewer; this needs responder" in refused.text.replace("Vic", "vic")
    assert "A proxy in front" in (await browser.get("/sessions")).text


async def test_a_header_from_any_other_address_is_nothing(start: Start) -> None:
    app = await start(["192.0.2.0/24", "2001:db8::/32"])
    browser = Browser(app, ANN)
    led = await browser.get("/")
    assert led.status == 303
    page = await browser.get(led.leads_to)
    assert "come by its address" in page.text
    assert (await browser.get("/v1/incidents")).status == 401
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        spoofed = Browser(app, ANN | {name: "192.0.2.7"})
        assert (await spoofed.get("/")).status == 303


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"X-User": "eve", "X-Groups": "visitors"}, 403, "eve has no role here"),
        ({"X-User": "eve"}, 403, "has no role here"),
        ({"X-User": "x" * 100, "X-Groups": "staff"}, 403, "no single name"),
        ({"X-User": "a\u00adb", "X-Groups": "staff"}, 403, "no single name"),
        ({"X-User": "", "X-Groups": "staff"}, 303, ""),
        ({"X-Groups": "staff"}, 303, ""),
    ],
)
async def test_what_is_no_name_or_has_no_role_is_refused_in_words(
    start: Start, headers: dict[str, str], status: int, words: str
) -> None:
    app = await start(["127.0.0.1"])
    answer = await Browser(app, headers).get("/")
    assert answer.status == status, answer.text
    assert words in answer.text.replace("Eve", "eve")
    assert "Traceback" not in answer.text


async def test_a_name_that_is_sent_twice_is_nobodys(start: Start) -> None:
    app = await start(["127.0.0.1"])
    headers = [("X-User", "ann"), ("X-User", "root"), ("X-Groups", "staff")]
    async with app.session.get(app.url + "/", headers=headers) as answer:
        assert answer.status == 403


async def test_a_token_counts_before_the_header_and_a_password_beside_it(start: Start) -> None:
    app = await start(["127.0.0.1"], [entry("root", "admin")])
    async with app.session.get(f"{app.url}/v1/incidents", headers=ANN | TOKEN) as answer:
        assert answer.status == 200
    # A proxy that asks for a password itself hands it on: it is meant for nobody here.
    theirs = {"Authorization": encode_basic_auth("ann", "of the proxy")}
    page = await Browser(app, ANN | theirs).get("/")
    assert (page.status, "<bdi>Ann Smith</bdi>" in page.text) == (200, True)
    async with app.session.get(f"{app.url}/v1/incidents", headers=theirs) as answer:
        assert answer.status == 401
        assert "credentials are missing or wrong" in await answer.text()
    browser = Browser(app)
    assert (await browser.log_in("root")).status == 303
    assert "<bdi>root</bdi>" in (await browser.get("/")).text


async def test_everybody_may_have_a_role(start: Start) -> None:
    app = await start(["127.0.0.1"], roles={}, groups_header=None, default_role="viewer")
    assert (await Browser(app, {"X-User": "anybody"}).get("/")).status == 200
