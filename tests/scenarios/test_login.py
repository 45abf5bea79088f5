"""People log in with a password: sessions, what ends them, and what is refused."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth

from receiver.audit import notes as audit
from receiver.login.passwords import WAITING_MOST
from receiver.store.logins.sessions import digest_of
from tests.support.app import NO_ACCOUNTS, App
from tests.support.logins import HTML, PASSWORD, Browser, entry, next_of
from tests.support.notification import alert, notification

TOKEN = {"Authorization": "Bearer the-token-of-ops"}
OPS = {"name": "ops", "role": "admin", "token": "the-token-of-ops"}
PEOPLE = [
    entry("ann", "responder"),
    entry("vic", "viewer"),
    entry("root", "admin"),
    {"name": "old", "role": "responder", "username": "old", "password": "a plain old password"},
    OPS,
]


@pytest.fixture
async def app(tmp_path: Path, fakes: Any) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **{"web.credentials": PEOPLE})
    yield running
    await running.stop()


async def _incident(app: App) -> str:
    _, answer = await app.post(notification(alert()), headers=TOKEN)
    return str(answer["incidents"][0])


async def _timeline(app: App, incident: str) -> list[tuple[str, str]]:
    _, found = await app.get(f"/v1/incidents/{incident}", headers=TOKEN)
    return [(line["kind"], line["text"]) for line in found["timeline"]]


async def test_without_any_login_all_is_as_it_was(plain: App) -> None:
    browser = Browser(plain)
    page = await browser.get("/")
    assert page.status == 200
    assert "csrf" not in page.text
    assert "Log out" not in page.text
    assert (await browser.get("/login")).status == 404
    assert not browser.cookies


@pytest.mark.parametrize(
    "path", ["/", "/incidents/0-a-1", "/runbooks/?text=a%20b&x=1", "/sessions"]
)
async def test_a_page_leads_to_the_login_and_back(app: App, path: str) -> None:
    browser = Browser(app)
    led = await browser.get(path)
    assert (led.status, led.leads_to.startswith("/login?next=")) == (303, True)
    page = await browser.get(led.leads_to)
    assert page.status == 200
    assert 'name="password"' in page.text
    assert "WWW-Authenticate" not in page.headers
    value = page.text.split('name="next" value="')[1].split('"')[0].replace("&amp;", "&")
    entered = await browser.log_in("ann", leads_to=value)
    assert (entered.status, entered.leads_to) == (303, path)
    assert (await browser.get("/")).status == 200
    # Who is logged in already is not asked again.
    assert (await browser.get(led.leads_to)).leads_to == path


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "x",
     "/logout", "/login?next=/", "/a\nb", "/" + "x" * 3_000, "\\\\evil", "/ok\\..\\x"],
)  # fmt: skip
async def test_a_login_leads_to_no_other_site(app: App, target: str) -> None:
    entered = await Browser(app).log_in("ann", leads_to=target)
    assert (entered.status, entered.leads_to) == (303, "/")


async def test_programs_and_scripts_are_not_led_anywhere(app: App) -> None:
    browser = Browser(app, {"Accept": "*/*"})
    for headers in ({}, {"Accept": "text/html", "X-Requested-With": "XMLHttpRequest"}):
        answer = await browser.get("/", **headers)
        assert answer.status == 401
        assert "login?next=/" in answer.text
    assert (await browser.get("/v1/incidents")).status == 401
    assert (await app.get("/v1/incidents", headers=TOKEN))[0] == 200


async def test_a_session_acts_in_the_name_of_who_logged_in_and_nobody_elses(app: App) -> None:
    incident = await _incident(app)
    browser = Browser(app)
    await browser.log_in("ann")
    pressed = await browser.press(
        f"/incidents/{incident}/acknowledge", name="the CEO", by="the CEO", episode="0"
    )
    assert pressed.status == 303
    await browser.press(f"/incidents/{incident}/note", text="seen", name="the CEO")
    _, found = await app.get(f"/v1/incidents/{incident}", headers=TOKEN)
    assert found["acknowledged_by"]["name"] == "ann"
    assert found["acknowledged_by"]["human"] is True
    assert "the CEO" not in str(found["timeline"])
    # The API by the cookie as well: it needs the token in a header, and ``by`` counts for nothing.
    token = await browser.token()
    answer = await browser.ask(
        "POST", f"/v1/incidents/{incident}/note", b'{"by": "the CEO", "text": "again"}',
        {"X-CSRF-Token": token},
    )  # fmt: skip
    assert answer.status == 200
    assert '"name": "ann"' in answer.text


async def test_a_role_that_is_missing_is_said_and_nothing_happens(app: App) -> None:
    incident = await _incident(app)
    browser = Browser(app)
    await browser.log_in("vic")
    page = await browser.get(f"/incidents/{incident}")
    assert page.status == 200
    assert f"/incidents/{incident}/acknowledge" not in page.text
    refused = await browser.press(f"/incidents/{incident}/acknowledge", episode="0")
    assert refused.status == 403
    assert "vic has the role viewer; this needs responder" in refused.text.replace("Vic", "vic")
    assert "<html" in refused.text
    assert not any(kind == "acknowledged" for kind, _ in await _timeline(app, incident))


async def test_pages_are_packed_and_no_two_show_the_same_token(app: App) -> None:
    incident = await _incident(app)
    browser = Browser(app)
    await browser.log_in("ann")
    for path in ("/", f"/incidents/{incident}", "/sessions", "/runbooks/", "/api/"):
        page = await browser.get(path)
        assert page.headers["Content-Encoding"] in ("gzip", "deflate"), path
        plain = await browser.get(path, **{"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
    tokens = [await browser.token() for _ in range(3)]
    assert len(set(tokens)) == 3
    for token in tokens:
        answer = await browser.post(f"/incidents/{incident}/note", csrf=token, text="seen")
        assert answer.status == 303
    # What is no token of ours is refused, whatever it is made of.
    for odd in ("=", "a", "ab==", "\u00e9", tokens[0][:-4], tokens[0] + "AAAA", "A" * 100_000):
        refused = await browser.post(f"/incidents/{incident}/note", csrf=odd, text="odd")
        assert refused.status in (403, 413), odd[:20]


async def test_a_form_without_the_sessions_token_is_refused(app: App) -> None:
    incident = await _incident(app)
    ann, other = Browser(app), Browser(app)
    await ann.log_in("ann")
    await other.log_in("root")
    path = f"/incidents/{incident}/acknowledge"
    for fields in ({}, {"csrf": ""}, {"csrf": "x" * 64}, {"csrf": await other.token()}):
        refused = await ann.post(path, episode="0", **fields)
        assert refused.status == 403, fields
        assert "not sent by a page of your login" in refused.text
    for path in ("/logout", "/sessions/end", "/runbooks/incident-manager/SampleAlert"):
        assert (await ann.post(path, helped="yes")).status == 403
    answer = await ann.ask("POST", f"/v1/incidents/{incident}/resolve", b"{}")
    assert answer.status == 403
    crossed = await ann.ask(
        "POST", path, {"csrf": await ann.token()}, {"Origin": "https://evil.example"}
    )
    assert "another site" in crossed.text
    assert not any(
        kind in ("acknowledged", "resolved") for kind, _ in await _timeline(app, incident)
    )
    # And the token alone, without the cookie, is nothing either.
    token = await ann.token()
    stranger = Browser(app)
    assert (await stranger.post(path, csrf=token)).status == 401


async def test_every_form_of_the_console_brings_the_token(app: App) -> None:
    incident = await _incident(app)
    browser = Browser(app)
    await browser.log_in("root")
    for path in ("/", f"/incidents/{incident}", f"/incidents/{incident}/review",
                 "/runbooks/incident-manager/SampleAlert", "/runbooks/", "/sessions"):  # fmt: skip
        text = (await browser.get(path)).text
        forms = text.split('method="post"')[1:]
        assert forms, path
        for form in forms:
            assert 'name="csrf"' in form.split("</form>")[0], (path, form[:200])


async def test_the_cookie_is_kept_from_scripts_and_other_sites(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    for flags in browser.flags.values():
        assert "HttpOnly" in flags
        assert "SameSite=Lax" in flags
        assert "Secure" not in flags


async def test_by_https_it_is_of_this_host_alone(tmp_path: Path, fakes: Any) -> None:
    app = App(tmp_path, *fakes)
    url = "https://im.example.com/ops"
    await app.start(**NO_ACCOUNTS, **{"web.credentials": PEOPLE, "web.external_url": url})
    try:
        browser = Browser(app, {"Host": "im.example.com", "Origin": "https://im.example.com"})
        led = await browser.get("/ops/incidents/x")
        assert led.leads_to == "/ops/login?next=/ops/incidents/x"
        entered = await browser.log_in("ann", leads_to="/ops/incidents/x")
        assert entered.leads_to == "/ops/incidents/x"
        for name, flags in browser.flags.items():
            assert name.startswith("__Host-incident_manager_")
            assert {"Secure", "HttpOnly", "Path=/"} <= {flag.strip() for flag in flags.split(";")}
            assert "Domain" not in flags
        direct = Browser(app, {"Host": "10.1.2.3:8080", "Origin": "http://10.1.2.3:8080"})
        told = await direct.log_in("ann")
        assert told.status == 403
        assert "By http your browser would not keep the login: open https://im" in told.text
        assert not direct.cookies
        for origin, status in (("http://localhost:1", 303), ("http://[", 403), ("http://", 403)):
            odd = Browser(app, {"Origin": origin, "Sec-Fetch-Site": "same-origin"})
            assert (await odd.log_in("ann")).status == status
        # The proxy may strip the path or not.
        assert (await browser.get("/")).status == 200
        assert (await browser.get("/ops/")).status == 200
    finally:
        await app.stop()


async def test_a_login_begins_a_session_of_its_own(app: App) -> None:
    """Nobody can have somebody log in with a session that they know."""
    browser = Browser(app)
    browser.cookies["incident_manager_session"] = "chosen-by-somebody-else"
    assert (await browser.get("/")).status == 303
    await browser.log_in("ann")
    first = browser.session
    assert first != "chosen-by-somebody-else"
    await browser.log_in("ann")
    assert browser.session != first
    old = Browser(app)
    old.cookies["incident_manager_session"] = first
    assert (await old.get("/")).status == 303
    redis = app.service.redis
    assert await redis.exists(f"im:session:{digest_of(browser.session)}")
    stored = b"".join([await redis.get(key) async for key in redis.scan_iter(match="im:session:*")])
    assert browser.session.encode() not in stored


async def test_sessions_are_listed_and_ended(app: App) -> None:
    here, there, third = (Browser(app, {"User-Agent": f"Browser <{n}>"}) for n in "abc")
    for browser in (here, there, third):
        await browser.log_in("ann")
    stranger = Browser(app)
    await stranger.log_in("vic")
    page = (await here.get("/sessions")).text
    assert page.count("Elsewhere") == 2
    assert page.count("This browser") == 1
    assert "Browser &lt;b&gt;" in page
    digest = digest_of(there.session)
    # Somebody else's session cannot be ended by its name.
    assert (await stranger.press("/sessions/end", session=digest)).status == 303
    assert (await there.get("/")).status == 200
    assert (await here.press("/sessions/end", session=digest)).leads_to == "/sessions?said=ended"
    assert (await there.get("/")).status == 303
    assert (await third.get("/")).status == 200
    assert (await here.press("/sessions/end")).leads_to == "/sessions?said=others"
    assert (await third.get("/")).status == 303
    assert (await here.get("/")).status == 200
    out = await here.press("/logout")
    assert out.leads_to == "/login?said=out"
    assert "You are logged out" in (await here.get(out.leads_to)).text
    assert not here.session
    assert (await here.get("/")).status == 303
    assert (await stranger.get("/")).status == 200


async def test_whoever_wants_to_be_logged_out_is_told_so_also_when_the_session_is_over(
    app: App,
) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    app.clock.move(13 * 3_600)
    assert (await browser.post("/logout", csrf="of before")).leads_to == "/login?said=out"


async def test_the_first_login_comes_with_a_reload(plain: App) -> None:
    browser = Browser(plain)
    assert (await browser.get("/")).status == 200
    plain.wanted["web.credentials"] = [entry("ann"), OPS]
    assert (await plain.post({}, "/-/reload"))[0] == 200
    assert (await browser.get("/")).status == 303
    assert (await browser.log_in("ann")).status == 303
    assert (await browser.get("/")).status == 200
    assert (await plain.post(notification(alert())))[0] == 401
    assert (await plain.post(notification(alert()), headers=TOKEN))[0] == 202


async def test_a_replayed_cookie_is_worth_nothing_after_log_out(app: App) -> None:
    browser, thief = Browser(app), Browser(app)
    await browser.log_in("ann")
    thief.cookies = dict(browser.cookies)
    assert (await thief.get("/")).status == 200
    await browser.press("/logout")
    assert (await thief.get("/")).status == 303


async def test_idle_and_absolute_limits_end_a_session(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    for _ in range(14):
        app.clock.move(11 * 3_600)
        assert (await browser.get("/")).status == 200
    app.clock.move(13 * 3_600)
    assert (await browser.get("/")).status == 303
    await browser.log_in("ann")
    for _ in range(15):
        app.clock.move(11 * 3_600)
        assert (await browser.get("/")).status == 200
    app.clock.move(5 * 3_600)
    assert (await browser.get("/")).status == 303


async def test_a_session_lives_on_with_any_replica_and_after_a_restart(
    app: App, tmp_path: Path, fakes: Any
) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    other = App(tmp_path, *fakes)
    embedded: Any = app.service.embedded
    await other.start(**NO_ACCOUNTS, **{"web.credentials": PEOPLE, "redis.url": embedded.url})
    browser.app = other
    try:
        assert (await browser.get("/")).status == 200
        assert (await browser.press("/logout")).status == 303
    finally:
        await other.stop()
    browser.app = app
    await browser.log_in("ann")
    await app.stop()
    await app.start(**NO_ACCOUNTS, **{"web.credentials": PEOPLE})
    assert (await browser.get("/")).status == 200


async def test_another_configuration_holds_for_open_sessions(app: App) -> None:
    browser, root = Browser(app), Browser(app)
    await browser.log_in("ann")
    await root.log_in("root")
    incident = await _incident(app)

    async def reload(*people: dict[str, Any]) -> None:
        app.wanted["web.credentials"] = [*people, OPS]
        status, answer = await app.post({}, "/-/reload", headers=TOKEN)
        assert status == 200, answer

    ann = PEOPLE[0]
    await reload(ann | {"role": "viewer"})
    assert (await root.get("/")).status == 303
    refused = await browser.press(f"/incidents/{incident}/acknowledge", episode="0")
    assert refused.status == 403
    await reload(ann)
    assert (await browser.get("/")).status == 200
    await reload(entry("ann"))  # another salt: another hash
    assert (await browser.get("/")).status == 303
    await browser.log_in("ann")
    await reload(PEOPLE[1])
    assert (await browser.get("/")).status == 303
    await reload()  # nobody logs in any more
    assert (await browser.get("/login")).status == 404
    assert (await browser.get("/")).status == 401


async def test_wrong_passwords_are_slowed_down_then_locked_and_let_in_again(app: App) -> None:
    stranger, known = Browser(app), Browser(app)
    await known.log_in("ann")
    await known.press("/logout")
    statuses = [(await stranger.log_in("ann", "wrong")).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    answer = await stranger.log_in("ann")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert 'value="ann"' in answer.text
    assert PASSWORD not in answer.text
    for _ in range(8):
        app.clock.move(65)
        locked = await stranger.log_in("ann", "wrong")
    assert locked.status == 429
    assert int(locked.headers["Retry-After"]) > 60
    assert "incident-manager login unlock" in locked.text
    # The right password is no help; a browser used before is, an administrator, and time.
    assert (await stranger.log_in("ann")).status == 429
    assert (await known.log_in("ann")).status == 303
    async with app.session.delete(f"{app.url}/v1/logins/ann/lock", headers=TOKEN) as unlocked:
        assert (unlocked.status, await unlocked.json()) == (
            200,
            {"username": "ann", "had_failures": True},
        )
    assert (await stranger.log_in("ann")).status == 303
    for _ in range(11):
        app.clock.move(61)
        locked = await Browser(app).log_in("vic", "wrong")
    assert locked.status == 429
    app.clock.move(15 * 60 + 1)
    assert (await Browser(app).log_in("vic")).status == 303


async def test_many_at_once_are_no_way_round_the_lock(app: App) -> None:
    answers = await asyncio.gather(*[Browser(app).log_in("ann", f"wrong{n}") for n in range(40)])
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {401, 429, 503}
    assert statuses.count(401) <= 3


async def test_whoever_locks_a_name_locks_no_other(app: App) -> None:
    for _ in range(6):
        await Browser(app).log_in("ann", "wrong")
    assert (await Browser(app).log_in("ann")).status == 429
    assert (await Browser(app).log_in("vic")).status == 303


async def test_a_name_that_nobody_has_is_answered_alike(app: App) -> None:
    wrong, unknown = await Browser(app).log_in("ann", "x"), await Browser(app).log_in("nobody", "x")
    assert wrong.status == unknown.status == 401
    assert wrong.text.replace("ann", "*") == unknown.text.replace("nobody", "*")


async def test_the_log_has_who_came_and_who_failed_and_no_password(
    app: App, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_sparing_logins", audit.Sparing())
    browser = Browser(app)
    with caplog.at_level("INFO", logger="audit"):
        await browser.log_in("ann", "wrong horse battery")
        await browser.log_in(PASSWORD, "ann")
        await browser.log_in("ann")
        await browser.press("/logout")
    said = [record for record in caplog.records if record.name == "audit"]
    lines = [record.getMessage() for record in said]
    assert lines == [
        "login refused: ann by password",
        "login refused: an unknown name by password",
        "ann logged in by password",
        "sessions of ann ended: 1",
    ]
    assert "horse" not in str([vars(record) for record in said])


async def test_what_is_no_password_is_refused_in_words(app: App) -> None:
    browser = Browser(app)
    for name, password in (("", ""), ("ann", ""), ("ann\x00", "x"), ("ann", "x" * 5_000)):
        app.clock.move(900)
        assert (await browser.log_in(name, password)).status in (401, 429)
    assert (await browser.post("/login", username="ann", password="x" * 10_000)).status == 413
    assert (await browser.ask("POST", "/login", b"\xff\xfe")).status in (400, 401)
    assert (await Browser(app).log_in("old", "a plain old password")).status == 303


async def test_a_password_that_logs_in_is_no_basic_credential(app: App) -> None:
    """Each request would cost what a login costs."""
    headers = {"Authorization": encode_basic_auth("ann", PASSWORD)}
    assert (await app.get("/v1/incidents", headers=headers))[0] == 401


async def test_what_a_browser_shows_to_a_proxy_is_nothing_to_us(app: App) -> None:
    theirs = {"Authorization": encode_basic_auth("ann", "of the proxy")}
    browser = Browser(app, theirs)
    assert (await browser.get("/")).leads_to == "/login?next=/"
    await browser.log_in("ann")
    assert (await browser.get("/")).status == 200
    assert (await browser.press("/logout")).leads_to == "/login?said=out"
    expired = Browser(app, {"Accept": "*/*", **theirs})
    assert "credentials are missing or wrong" in (await expired.get("/")).text


async def test_a_login_that_is_over_amid_a_form_loses_nothing_unsaid(app: App) -> None:
    incident = await _incident(app)
    browser = Browser(app)
    await browser.log_in("ann")
    token = await browser.token()
    app.clock.move(13 * 3_600)
    place = f"/incidents/{incident}"
    refused = await browser.ask(
        "POST",
        f"{place}/note",
        {"csrf": token, "text": "the <disk> was full", "back": "incident", "episode": "0"},
        {"Referer": f"{app.url}{place}"},
    )
    assert refused.status == 401
    assert "NOT stored: note" in refused.text
    assert "the &lt;disk&gt; was full" in refused.text
    assert token not in refused.text
    assert f'href="{next_of(place)}"' in refused.text
    entered = await browser.log_in("ann", leads_to=place)
    assert entered.leads_to == place
    # The page that was open all the time has a token of the session before.
    again = await browser.post(f"{place}/note", csrf=token, text="the disk was full")
    assert again.status == 403
    await browser.press(f"{place}/note", text="the disk was full")
    notes = [text for kind, text in await _timeline(app, incident) if kind == "note"]
    assert len(notes) == 1


async def test_while_redis_is_away_one_reads_on_and_nobody_acts(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    token = await browser.token()
    embedded: Any = app.service.embedded
    await embedded.stop()
    page = await browser.get("/runbooks/incident-manager/RedisDown")
    assert (page.status, "RedisDown" in page.text) == (200, True)
    assert (await browser.post("/runbooks/incident-manager/RedisDown", csrf=token)).status == 503
    stranger = await Browser(app).log_in("ann")
    assert stranger.status == 503
    assert "Redis is away" in stranger.text
    assert PASSWORD not in stranger.text
    assert (await Browser(app).get("/login")).status == 200


async def test_a_server_that_takes_nothing_more_lets_people_read(
    app: App,
) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    await app.service.redis.config_set("maxmemory", "1")
    app.clock.move(600)
    try:
        assert (await browser.get("/sessions")).status == 200
        refused = await Browser(app).log_in("vic")
        assert (refused.status, "takes nothing" in refused.text) == (503, True)
    finally:
        await app.service.redis.config_set("maxmemory", "0")


async def test_a_shorter_limit_holds_for_sessions_that_are_open(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    app.clock.move(2 * 3_600)
    app.wanted["web.login"] = {"session_idle": "1h", "session_max": "3h"}
    assert (await browser.get("/")).status == 200
    assert (await app.post({}, "/-/reload", headers=TOKEN))[0] == 200
    assert (await browser.get("/")).status == 200
    app.clock.move(3_599)
    assert (await browser.get("/")).status == 200
    app.clock.move(60)
    assert (await browser.get("/")).status == 303


async def test_junk_in_the_place_of_a_session_is_no_session(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    redis, key = app.service.redis, f"im:session:{digest_of(browser.session)}"
    for junk in (b"junk", b"{}", b'{"name": 1}', b"\xff"):
        await redis.set(key, junk)
        assert (await browser.get("/")).status == 303
    await redis.delete(key)
    await redis.rpush(key, "x")
    assert (await browser.get("/")).status == 303
    for kind in ("sessions", "attempts", "device"):
        async for found in redis.scan_iter(match=f"im:{kind}:*"):
            await redis.delete(found)
            await redis.rpush(found, "x")
    assert (await browser.log_in("ann")).status == 303
    assert (await browser.get("/sessions")).status == 200
    for cookie in ("", "x" * 5_000, "é"):
        browser.cookies["incident_manager_session"] = cookie
        assert (await browser.get("/")).status in (303, 400)


async def test_an_administrator_ends_the_sessions_of_somebody(app: App) -> None:
    browser, root = Browser(app), Browser(app)
    await browser.log_in("ann")
    await root.log_in("root")
    place = f"{app.url}/v1/logins/ann/sessions"
    async with app.session.delete(place, headers=TOKEN) as answer:
        assert (answer.status, await answer.json()) == (200, {"name": "ann", "ended": 1})
    assert (await browser.get("/")).status == 303
    assert (await root.get("/")).status == 200


async def test_whoever_finds_no_place_has_not_failed(app: App) -> None:
    browser = Browser(app)
    with ExitStack() as held:
        for _ in range(WAITING_MOST):
            held.enter_context(app.service.login.passwords.place())
        for _ in range(20):
            assert (await browser.log_in("ann", "wrong")).status == 503
    assert (await browser.log_in("ann")).status == 303


async def test_a_flood_of_logins_delays_no_webhook(app: App) -> None:
    async def webhook() -> float:
        started = time.perf_counter()
        status, _ = await app.post(notification(alert(f"A{time.time_ns()}")), headers=TOKEN)
        assert status == 202
        return time.perf_counter() - started

    over = False
    tried = 0

    async def flood(number: int) -> None:
        nonlocal tried
        while not over:
            await Browser(app).log_in(f"user{number}-{tried}", "wrong")
            tried += 1

    await webhook()
    floods = [asyncio.create_task(flood(number)) for number in range(2 * WAITING_MOST)]
    took = []
    for _ in range(30):
        took.append(await webhook())
        await asyncio.sleep(0.02)
    over = True
    await asyncio.gather(*floods)
    assert tried > 20
    assert sorted(took)[-3] < 0.5, took


async def test_a_page_says_who_is_logged_in(app: App) -> None:
    browser = Browser(app)
    await browser.log_in("ann")
    text = (await browser.get("/")).text
    assert "<bdi>ann</bdi>" in text
    assert "Log out" in text
    assert "Your name" not in text
    async with app.session.get(app.url + "/sessions", headers=HTML | TOKEN) as answer:
        assert "with the credential <bdi>ops</bdi>" in await answer.text()
