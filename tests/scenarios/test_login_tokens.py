"""API tokens that people make for their own programs."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.login.tokens import MOST, PREFIX
from receiver.store.logins.sessions import digest_of
from tests.support.app import NO_ACCOUNTS, App
from tests.support.logins import Answer, Browser, entry
from tests.support.notification import alert, notification

OPS = {"Authorization": "Bearer the-token-of-ops"}
PEOPLE = [
    entry("ann", "responder"),
    entry("vic", "viewer"),
    {"name": "ops", "role": "admin", "token": "the-token-of-ops"},
]
DAY_S = 86_400


@pytest.fixture
async def app(tmp_path: Path, fakes: Any) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **{"web.credentials": PEOPLE})
    yield running
    await running.stop()


async def logged_in(app: App, name: str = "ann") -> Browser:
    browser = Browser(app)
    await browser.log_in(name)
    return browser


async def made(browser: Browser, label: str = "ci", days: str = "7") -> Answer:
    return await browser.press("/sessions/tokens", **{"for": label, "days": days})


def secret_in(answer: Answer) -> str:
    found = re.search(rf"{PREFIX}[\w-]+", answer.text)
    assert found is not None, answer.status
    return found[0]


def bearer(secret: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {secret}"}}


async def test_a_program_does_what_its_owner_may_in_their_name(app: App) -> None:
    _, answer = await app.post(notification(alert()), headers=OPS)
    incident = answer["incidents"][0]
    browser = await logged_in(app)
    secret = secret_in(await made(browser, "my <script>"))
    page = (await browser.get("/sessions")).text
    assert "my &lt;script&gt;" in page
    assert secret not in page
    path = f"/v1/incidents/{incident}/acknowledge"
    status, done = await app.post({"by": "the CEO"}, path, **bearer(secret))
    assert (status, done["by"]["name"]) == (200, "ann")
    # What only an administrator may is refused, with the role in words.
    assert (await app.post({}, "/-/reload", **bearer(secret)))[0] == 403


async def test_a_viewers_token_changes_nothing(app: App) -> None:
    _, answer = await app.post(notification(alert()), headers=OPS)
    secret = secret_in(await made(await logged_in(app, "vic")))
    incident = answer["incidents"][0]
    assert (await app.get(f"/v1/incidents/{incident}", **bearer(secret)))[0] == 200
    assert (await app.post({}, f"/v1/incidents/{incident}/resolve", **bearer(secret)))[0] == 403


async def test_it_ends_by_its_owner_and_by_nobody_else(app: App) -> None:
    ann, vic = await logged_in(app), await logged_in(app, "vic")
    first, second = secret_in(await made(ann, "one")), secret_in(await made(ann, "two"))
    await vic.press("/sessions/tokens/end", token=digest_of(first))
    assert (await app.get("/v1/incidents", **bearer(first)))[0] == 200
    ended = await ann.press("/sessions/tokens/end", token=digest_of(first))
    assert ended.leads_to == "/sessions?said=token"
    assert (await app.get("/v1/incidents", **bearer(first)))[0] == 401
    assert (await app.get("/v1/incidents", **bearer(second)))[0] == 200
    # A log-out ends a browser's session, and no program's.
    await ann.press("/logout")
    assert (await app.get("/v1/incidents", **bearer(second)))[0] == 200


async def test_it_ends_with_its_time_and_by_an_administrator(app: App) -> None:
    ann = await logged_in(app)
    short, long = secret_in(await made(ann, "a", "1")), secret_in(await made(ann, "b", "30"))
    app.clock.move(DAY_S + 60)
    assert (await app.get("/v1/incidents", **bearer(short)))[0] == 401
    assert (await app.get("/v1/incidents", **bearer(long)))[0] == 200
    page = (await (await logged_in(app)).get("/sessions")).text
    assert "<bdi>b</bdi>" in page
    path = f"{app.url}/v1/logins/ann/sessions"
    async with app.session.delete(path, headers=OPS) as answer:
        assert (await answer.json())["ended"] >= 1
    assert (await app.get("/v1/incidents", **bearer(long)))[0] == 401


async def test_another_password_or_no_entry_ends_it(app: App) -> None:
    secret = secret_in(await made(await logged_in(app)))
    again = [entry("ann", "responder", "another good password"), *PEOPLE[1:]]
    login = app.service.login
    login.use(login.config.model_copy(update={"credentials": read_entries(again)}))
    assert (await app.get("/v1/incidents", **bearer(secret)))[0] == 401


def read_entries(entries: list[dict[str, Any]]) -> Any:
    from receiver.http.config import WebConfig  # noqa: PLC0415 - beside what it is for

    return WebConfig.model_validate({"credentials": entries}).credentials


@pytest.mark.parametrize(
    ("label", "days", "said"),
    [
        ("", "7", "says what it is for"),
        (" \t", "7", "says what it is for"),
        ("x" * 81, "7", "says what it is for"),
        ("a\u202eb", "7", "says what it is for"),
        ("ci", "0", "1 to 90 days"),
        ("ci", "91", "1 to 90 days"),
        ("ci", "-1", "1 to 90 days"),
        ("ci", "a lot", "1 to 90 days"),
        ("ci", "9" * 400, "1 to 90 days"),
    ],
)
async def test_what_is_not_allowed_is_said(app: App, label: str, days: str, said: str) -> None:
    answer = await made(await logged_in(app), label, days)
    assert answer.status == 400
    assert said in answer.text
    assert PREFIX not in answer.text


async def test_there_is_an_end_to_how_many(app: App) -> None:
    browser = await logged_in(app)
    for number in range(MOST):
        assert (await made(browser, f"t{number}")).status == 200
    answer = await made(browser)
    assert (answer.status, f"you have {MOST} tokens" in answer.text) == (400, True)


async def test_a_token_or_a_credential_makes_no_token(app: App) -> None:
    secret = secret_in(await made(await logged_in(app)))
    for shown in (f"Bearer {secret}", OPS["Authorization"]):
        headers = {"Authorization": shown, "Content-Type": "application/x-www-form-urlencoded"}
        status, _ = await app.post(b"for=x&days=1", "/sessions/tokens", headers=headers)
        assert status == 400


async def test_a_form_of_another_site_makes_none(app: App) -> None:
    browser = await logged_in(app)
    answer = await browser.post("/sessions/tokens", **{"for": "x", "days": "1"})
    assert answer.status == 403
    assert "made" not in (await browser.get("/sessions")).text.partition("API tokens")[2]


@pytest.mark.parametrize("secret", [PREFIX, f"{PREFIX}x", f"{PREFIX}{'x' * 5_000}", "imp_é"])
async def test_what_is_no_token_is_nobodys(app: App, secret: str) -> None:
    status, answer = await app.get("/v1/incidents", **bearer(secret))
    assert status == 401
    assert "credentials are missing or wrong" in answer["detail"]


async def test_where_none_are_wanted_none_are_made_and_none_counts(app: App) -> None:
    browser = await logged_in(app)
    secret = secret_in(await made(browser))
    login = app.service.login
    off = login.config.login.model_copy(update={"token_max": None})
    login.use(login.config.model_copy(update={"login": off}))
    assert "Tokens are not made here" in (await browser.get("/sessions")).text
    assert (await made(browser)).status == 400
    assert (await app.get("/v1/incidents", **bearer(secret)))[0] == 401


async def test_nothing_of_it_is_in_the_store(app: App) -> None:
    secret = secret_in(await made(await logged_in(app)))
    redis = app.service.redis
    async for key in redis.scan_iter(match="im:token*"):
        kind = (await redis.type(key)).decode()
        held = await (redis.get(key) if kind == "string" else redis.zrange(key, 0, -1))
        assert secret not in f"{key} {held}"
