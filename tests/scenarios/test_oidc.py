"""Single sign-on: beside a real provider, and beside one that is strict or bad in every way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from receiver.login import provider
from tests.support import canaille_program
from tests.support.app import NO_ACCOUNTS, App
from tests.support.canaille import canaille, log_in_at
from tests.support.fakes.oidc import CLIENT, SECRET, FakeOidc
from tests.support.logins import PASSWORD, Answer, Browser, entry
from tests.support.notification import alert, notification
from tests.support.rig import free_port

TOKEN = {"Authorization": "Bearer the-token-of-ops"}
OPS = {"name": "ops", "role": "admin", "token": "the-token-of-ops"}
ROLES = {"oncall": "responder", "staff": "viewer", "leads": "admin"}


def _settings(port: int, **oidc: Any) -> dict[str, Any]:
    config = {"client_id": CLIENT, "client_secret": SECRET, "roles": ROLES} | oidc
    return {
        "web.listen_address": f"127.0.0.1:{port}",
        "web.external_url": f"http://localhost:{port}",
        "web.credentials": [OPS, entry("root", "admin")],
        "web.login": {"oidc": {name: value for name, value in config.items() if value is not None}},
        "people": {"ann.smith": {"email": "ann@example.com", "name": "Ann Smith"}},
    }


@pytest.fixture
async def idp() -> AsyncIterator[FakeOidc]:
    found = FakeOidc()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def app(tmp_path: Path, fakes: Any, idp: FakeOidc) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    idp.now = running.clock.now
    await running.start(**NO_ACCOUNTS, **_settings(free_port(), issuer=idp.issuer))
    yield running
    await running.stop()


def browser_of(app: App) -> Browser:
    host = f"localhost:{app.service.api_port}"
    return Browser(app, {"Host": host, "Origin": f"http://{host}"})


async def at_the_provider(app: App, browser: Browser, leads_to: str = "/") -> str:
    """Go to the provider and through it; return where it leads back to, as a path."""
    begun = await browser.get(f"/login/oidc?next={leads_to}")
    assert begun.status == 303, begun.text
    async with app.session.get(begun.leads_to, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        return _path(answer.headers["Location"])


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def log_in(app: App, browser: Browser, leads_to: str = "/") -> Answer:
    return await browser.get(await at_the_provider(app, browser, leads_to))


async def test_people_log_in_at_a_real_provider(tmp_path: Path, fakes: Any) -> None:
    port = free_port()
    back = f"http://localhost:{port}/login/oidc/callback"
    async with canaille(back) as issuer:
        app = App(tmp_path, *fakes)
        given = {"client_id": canaille_program.CLIENT, "client_secret": canaille_program.SECRET}
        scopes = ["openid", "profile", "email", "groups"]
        await app.start(**NO_ACCOUNTS, **_settings(port, issuer=issuer, scopes=scopes, **given))
        try:
            _, opened = await app.post(notification(alert()), headers=TOKEN)
            incident = opened["incidents"][0]
            names = {}
            for name in ("ann", "vic", "eve"):
                browser = browser_of(app)
                begun = await browser.get(f"/login/oidc?next=/incidents/{incident}")
                returned = await log_in_at(begun.leads_to, name, back)
                names[name] = await browser.get(_path(returned))
                if name == "ann":
                    await browser.press(f"/incidents/{incident}/acknowledge", episode="0")
                    again = await browser.get(_path(returned))
                    assert again.status == 403
                if name == "vic":
                    note = await browser.press(f"/incidents/{incident}/note", text="x")
                    assert note.status == 403
            assert names["ann"].status == 303, names["ann"].text
            assert names["ann"].leads_to == names["vic"].leads_to == f"/incidents/{incident}"
            assert names["eve"].status == 403
            assert "eve@example.com has no role here" in names["eve"].text
            assert "told: visitors" in names["eve"].text
            found = (await app.get(f"/v1/incidents/{incident}", headers=TOKEN))[1]
            assert found["acknowledged_by"]["name"] == "Ann Smith"
        finally:
            await app.stop()


async def test_one_comes_back_to_the_page_and_acts_in_ones_name(app: App) -> None:
    browser = browser_of(app)
    page = (await browser.get("/login?next=/runbooks/")).text
    assert "/login/oidc?next=/runbooks/" in page
    assert 'name="password"' in page
    assert (await log_in(app, browser, "/runbooks/")).leads_to == "/runbooks/"
    sessions = (await browser.get("/sessions")).text
    assert "Where <bdi>Ann Smith</bdi> is logged in" in sessions
    assert "by single sign-on" in sessions
    assert "Your role is responder" in sessions
    assert not any("oidc" in name for name in browser.cookies)
    out = await browser.press("/logout")
    after = (await browser.get(out.leads_to)).text
    assert "/login/oidc/end" in after
    ended = (await browser.get("/login/oidc/end")).leads_to
    assert "/end?client_id=incident-manager&post_logout_redirect_uri=http" in ended
    assert (await browser.get("/")).status == 303


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"aud": []}, "aud"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1}, "expired"),
        ({"exp": "soon"}, "exp"),
        ({"exp": None}, "exp"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 17}, "sub"),
        ({"sub": "x" * 300}, "subject"),
        ({"at_hash": "AAAA"}, "at_hash"),
        ({"email_verified": False}, "not verified"),
        ({"email": None}, "name_claim"),
        ({"email": ["ann"]}, "name_claim"),
        ({"email": " "}, "name_claim"),
        ({"email": "a\u202eb"}, "name_claim"),
        ({"groups": None}, "told: none"),
        ({"groups": ["other", 17, None]}, "told: other"),
        ({"groups": {"oncall": True}}, "told: none"),
    ],
)
async def test_a_token_that_does_not_hold_lets_nobody_in(
    app: App, idp: FakeOidc, claims: dict[str, Any], words: str
) -> None:
    idp.claims = claims
    browser = browser_of(app)
    answer = await log_in(app, browser)
    assert answer.status == 403, answer.text
    assert words in answer.text, answer.text
    assert not browser.session
    assert (await browser.get("/")).status == 303


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, 303), (50, 303), (-50, 303), (90, 403), (-400, 403)],
)
async def test_clocks_may_differ_by_a_minute(
    app: App, idp: FakeOidc, seconds: int, status: int
) -> None:
    idp.now = lambda: app.clock.now() + seconds * 1000
    idp.claims = {"nbf": idp.now() // 1000}
    assert (await log_in(app, browser_of(app))).status == status


async def test_a_signature_is_of_a_key_of_the_provider_and_of_a_pair(
    app: App, idp: FakeOidc
) -> None:
    ours, stranger = idp.keys[0], idp.new_key("one")
    for header, key in (
        ({"alg": "none"}, None),
        ({"alg": "HS256"}, ours),
        ({"alg": "HS256", "kid": None}, ours),
        ({}, stranger),
        ({"kid": "unknown"}, ours),
        ({"kid": None}, stranger),
    ):
        idp.header, idp.signing = header, key
        answer = await log_in(app, browser_of(app))
        assert answer.status == 403, (header, answer.text)
        assert "not signed by a key of the provider" in answer.text, answer.text
    idp.header, idp.signing = {"kid": None}, None
    assert (await log_in(app, browser_of(app))).status == 303


async def test_a_provider_changes_its_keys(app: App, idp: FakeOidc) -> None:
    assert (await log_in(app, browser_of(app))).status == 303
    await asyncio.sleep(0)
    provider_of(app)._keys.tried = provider_of(app)._keys.at = -20.0  # asked for some time ago
    new = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    idp.keys = idp.published = [*idp.keys, new]
    idp.header = {"alg": "ES256"}
    asked = idp.calls.count("/jwks")
    provider_of(app)._keys.at = provider_of(app)._now() - 60
    provider_of(app)._keys.tried = provider_of(app)._now() - 60
    assert (await log_in(app, browser_of(app))).status == 303
    assert idp.calls.count("/jwks") == asked + 1
    # Whoever makes keys up has the provider asked for them now and then, not each time.
    idp.header = {"alg": "ES256", "kid": "made-up"}
    for _ in range(5):
        assert (await log_in(app, browser_of(app))).status == 403
    assert idp.calls.count("/jwks") <= asked + 2


def provider_of(app: App) -> provider.Provider:
    assert app.service.login.oidc is not None
    return app.service.login.oidc.provider


async def test_a_login_ends_once_and_where_it_began(app: App, idp: FakeOidc) -> None:
    browser, thief = browser_of(app), browser_of(app)
    back = await at_the_provider(app, browser)
    # Another browser that is made to open the way back is logged in as nobody.
    assert (await thief.get(back)).status == 403
    assert not thief.session
    kept = dict(browser.cookies)
    assert (await browser.get(back)).status == 303
    again = await browser.get(back)
    assert again.status == 403
    assert "did not begin in this browser, or was ended already" in again.text
    # With the cookie as well: the code counts once, and so does the login.
    thief.cookies = dict(kept)
    assert (await thief.get(back)).status in (403, 503)
    state = parse_qs(urlsplit(back).query)["state"][0]
    code = idp.authorize(
        {
            "state": state,
            "nonce": "x",
            "code_challenge": "x",
            "redirect_uri": f"http://localhost:{app.service.api_port}/login/oidc/callback",
            "scope": "openid",
            "response_type": "code",
            "client_id": CLIENT,
            "code_challenge_method": "S256",
        }
    )
    thief.cookies = dict(kept)
    # A code of another login (without our verifier) is refused by the provider.
    assert (await thief.get(_path(code.headers["Location"]))).status == 503
    assert not thief.session


async def test_a_replayed_answer_of_the_provider_begins_no_second_session(
    app: App, idp: FakeOidc
) -> None:
    browser = browser_of(app)
    back = await at_the_provider(app, browser)
    kept, codes = dict(browser.cookies), dict(idp.codes)
    assert (await browser.get(back)).status == 303
    idp.codes = codes  # a provider that takes a code twice
    thief = browser_of(app)
    thief.cookies = dict(kept)
    answer = await thief.get(back)
    assert (answer.status, "ended already" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "did not begin in this browser"),
        ("state=x", "did not begin in this browser"),
        ("state=%00%ff&code=1", "did not begin in this browser"),
        ("STATE&error=access_denied&error_description=%3Cb%3Eno", "access_denied &lt;b&gt;no"),
        ("STATE", "gave no code"),
        ("STATE&code=", "gave no code"),
        ("STATE&code=1&iss=https://evil.example", "another provider"),
    ],
)
async def test_what_else_leads_back_is_said(app: App, query: str, words: str) -> None:
    browser = browser_of(app)
    back = await at_the_provider(app, browser)
    state = parse_qs(urlsplit(back).query)["state"][0]
    path = f"/login/oidc/callback?{query.replace('STATE', f'state={state}')}"
    answer = await browser.get(path)
    assert answer.status == 403
    assert words in answer.text


async def test_a_state_that_only_begins_like_ours_is_another(app: App) -> None:
    browser = browser_of(app)
    back = await at_the_provider(app, browser)
    state = parse_qs(urlsplit(back).query)["state"][0]
    answer = await browser.get(back.replace(state, state[:8] + state[8:][::-1]))
    assert answer.status == 403
    assert "did not begin in this browser" in answer.text


async def test_a_login_takes_ten_minutes_at_most(app: App) -> None:
    browser = browser_of(app)
    back = await at_the_provider(app, browser)
    app.clock.move(601)
    answer = await browser.get(back)
    assert (answer.status, "began too long ago" in answer.text) == (403, True)


async def test_two_tabs_may_log_in_at_the_same_time(app: App) -> None:
    browser = browser_of(app)
    first = await at_the_provider(app, browser, "/runbooks/")
    second = await at_the_provider(app, browser, "/sessions")
    assert (await browser.get(first)).leads_to == "/runbooks/"
    assert (await browser.get(second)).leads_to == "/sessions"


async def test_logins_that_are_never_ended_make_no_request_too_large(app: App) -> None:
    browser = browser_of(app)
    place = "/" + "x" * 1_500
    for _ in range(20):
        await at_the_provider(app, browser, place)
    assert sum(map(len, browser.cookies.values())) < 6_000
    assert (await log_in(app, browser, "/runbooks/")).leads_to == "/runbooks/"
    assert (await browser.get("/")).status == 200


async def test_a_group_that_has_a_role_is_not_lost_among_many(app: App, idp: FakeOidc) -> None:
    idp.claims = {"groups": [*(f"g{number}" for number in range(500)), "staff"]}
    assert (await log_in(app, browser_of(app))).status == 303


async def test_another_name_of_this_machine_is_led_to_the_one_that_is_known(app: App) -> None:
    answer = await Browser(app).get("/login/oidc?next=/runbooks/")
    port = app.service.api_port
    assert answer.leads_to == f"http://localhost:{port}/login/oidc?named=1&next=/runbooks/"
    # A proxy that hands on another name: nobody is led round in circles.
    again = await Browser(app).get("/login/oidc?named=1&next=/runbooks/")
    assert "/authorize" in again.leads_to


def _page(text: str = "<html>", status: int = 200, **headers: str) -> web.Response:
    return web.Response(text=text, status=status, headers=headers)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: _page(status=500), "answers HTTP 500"),
        (lambda: _page("<html>log in</html>"), "cannot be read"),
        (lambda: _page("[" * 100_000), "cannot be read"),
        (lambda: _page("x" * 300_000), "more than 262144 bytes"),
        (lambda: _page("", 302, Location="https://evil.example/"), "answers HTTP 302"),
        (lambda: _page('{"issuer": "https://evil.example", "authorization_endpoint": "a", '
                       '"token_endpoint": "b", "jwks_uri": "c"}'), "calls itself"),
        (lambda: _page('{"issuer": 5}'), "cannot be read"),
    ],
)  # fmt: skip
async def test_a_provider_that_is_away_or_odd_is_said_and_passwords_work(
    app: App, idp: FakeOidc, answer: Any, words: str
) -> None:
    idp.answer = lambda _path: answer()
    browser = browser_of(app)
    said = await browser.get("/login/oidc")
    assert said.status == 503
    assert words in said.text, said.text
    assert "passwords work all the same" in said.text
    assert 'name="password"' in said.text
    assert (await browser.log_in("root", PASSWORD)).status == 303
    # Not asked again by each who comes.
    asked = len(idp.calls)
    for _ in range(5):
        assert (await browser.get("/login/oidc")).status == 503
    assert len(idp.calls) == asked


async def test_a_provider_that_hangs_holds_nobody_for_long(
    app: App, idp: FakeOidc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_of(app)._http, "_timeout", 0.2)
    await idp.stop()
    answer = await browser_of(app).get("/login/oidc")
    assert (answer.status, "does not answer" in answer.text) == (503, True)


async def test_a_provider_that_went_away_amid_a_login_is_said(app: App, idp: FakeOidc) -> None:
    browser = browser_of(app)
    back = await at_the_provider(app, browser)
    idp.answer = lambda path: _page(status=502) if path == "/token" else None
    answer = await browser.get(back)
    assert (answer.status, "answers HTTP 502" in answer.text) == (503, True)
    back = await at_the_provider(app, browser)
    idp.answer = lambda path: _page("[]") if path == "/token" else None
    assert (await browser.get(back)).status == 503
    back = await at_the_provider(app, browser)
    idp.answer = lambda path: _page("{}") if path == "/token" else None
    assert (await browser.get(back)).status == 403


@pytest.mark.parametrize("place", ["token_endpoint", "jwks_uri", "authorization_endpoint"])
async def test_a_part_that_is_not_reached_by_https_is_never_asked(
    app: App, idp: FakeOidc, place: str
) -> None:
    idp.metadata = {place: "http://evil.example/x"}
    answer = await browser_of(app).get("/login/oidc")
    assert (answer.status, "not reached by https" in answer.text) == (503, True)


async def test_names_and_groups_may_come_from_the_userinfo(app: App, idp: FakeOidc) -> None:
    idp.metadata = {"userinfo_endpoint": f"{idp.issuer}/userinfo"}
    idp.claims = {"groups": None, "email": None}
    idp.userinfo = {"sub": "248289761001", "email": "vic@example.com", "groups": "staff"}
    browser = browser_of(app)
    assert (await log_in(app, browser)).status == 303
    assert "vic@example.com" in (await browser.get("/sessions")).text
    idp.userinfo["sub"] = "another"
    assert (await log_in(app, browser_of(app))).status == 403


@pytest.mark.parametrize(
    ("oidc", "secret", "methods"),
    [
        ({}, SECRET, ["client_secret_post"]),
        ({"client_secret": None}, None, ["none"]),
    ],
)
async def test_the_client_shows_itself_as_the_provider_wants_it(
    tmp_path: Path, fakes: Any, idp: FakeOidc, oidc: Any, secret: str | None, methods: list[str]
) -> None:
    idp.secret, idp.metadata = secret, {"token_endpoint_auth_methods_supported": methods}
    app = App(tmp_path, *fakes)
    idp.now = app.clock.now
    await app.start(**NO_ACCOUNTS, **_settings(free_port(), issuer=idp.issuer, **oidc))
    try:
        assert (await log_in(app, browser_of(app))).status == 303
    finally:
        await app.stop()


async def test_groups_within_groups_and_the_highest_role(
    tmp_path: Path, fakes: Any, idp: FakeOidc
) -> None:
    idp.claims = {"realm_access": {"roles": ["staff", "leads", "oncall"]}}
    app = App(tmp_path, *fakes)
    idp.now = app.clock.now
    more = {"groups_claim": "realm_access.roles", "name_claim": "sub", "label": "Keycloak <x>"}
    await app.start(**NO_ACCOUNTS, **_settings(free_port(), issuer=idp.issuer, **more))
    try:
        browser = browser_of(app)
        assert "Keycloak &lt;x&gt;" in (await browser.get("/login")).text
        assert (await log_in(app, browser)).status == 303
        text = (await browser.get("/sessions")).text
        assert "248289761001" in text
        assert "Your role is admin" in text
    finally:
        await app.stop()


async def test_another_configuration_holds_for_those_who_are_logged_in(
    app: App, idp: FakeOidc
) -> None:
    browser = browser_of(app)
    await log_in(app, browser)

    async def reload(login: dict[str, Any]) -> None:
        app.wanted["web.login"] = login
        assert (await app.post({}, "/-/reload", headers=TOKEN))[0] == 200

    oidc = app.wanted["web.login"]["oidc"]
    await reload({"oidc": oidc | {"roles": {"oncall": "viewer"}}})
    assert "Your role is viewer" in (await browser.get("/sessions")).text
    await reload({"oidc": oidc | {"roles": {"leads": "admin"}}})
    assert (await browser.get("/")).status == 303
    await reload({"oidc": oidc})
    assert (await browser.get("/")).status == 200
    await reload({"oidc": oidc | {"client_id": "another"}})
    assert (await browser.get("/")).status == 303
    await reload({})
    assert (await browser.get("/login/oidc")).status == 404
    assert (await browser.log_in("root")).status == 303
