"""What a person sees when something is wrong: a page with the right status, and never bare JSON."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from receiver.app.routes import PATHS
from receiver.errors import StoreUnavailableError
from receiver.http.admission import MOST, RequestLane
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert

Fakes = tuple[FakeSlack, FakePagerDuty]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HOSTILE = "<script>alert(1)<script>"
GONE = "0-0123456789abcdef-1"


async def ask(app: App, path: str, method: str = "GET", **more: Any) -> tuple[Any, str]:
    """Ask as a browser does; return (answer, text)."""
    headers = BROWSER | more.pop("headers", {})
    async with app.session.request(
        method, app.url + path, headers=headers, allow_redirects=False, **more
    ) as answer:
        return answer, await answer.text()


def check_page(answer: Any, text: str, status: int, *, back: bool = True) -> None:
    """It is a small page of the given status, with a way back, that runs nothing of its own."""
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert text.startswith("<!doctype html>")
    assert "width=device-width" in text
    assert 'name="color-scheme" content="light dark"' in text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! src=)|\son\w+=", text)
    assert bool(re.search(r'<a (class="brand" )?href="[^"]*/(status)?">', text)) == back
    assert len(text) < 30_000
    # Nothing that is opened is left open.
    parser = _Balance()
    parser.feed(text)
    assert parser.open == []


class _Balance(HTMLParser):
    VOID = ("meta", "link", "input", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing/here", 404, "There is nothing at this address"),
        ("GET", f"/incidents/{GONE}", 404, "There is no incident"),
        ("GET", f"/incidents/{GONE}/review", 404, "There is no incident"),
        ("POST", f"/incidents/{GONE}/acknowledge", 404, "There is no incident"),
        ("POST", f"/incidents/{GONE}/explode", 404, "no such button"),
        ("GET", "/runbooks/no/such", 404, "There is no runbook no/such"),
        ("GET", "/console/other.css", 404, "There is no other.css"),
        ("GET", "/console/charts/other.svg", 404, "There is no chart other"),
        ("GET", "/status", 404, "There is no status page"),
        ("GET", f"/incidents/{GONE}/acknowledge", 405, "what a button sends"),
        ("POST", "/", 405, "what a button sends"),
        ("DELETE", "/", 405, "what a button sends"),
        ("PUT", "/runbooks/x", 405, "what a button sends"),
    ],
)
async def test_every_error_is_a_page(
    plain: App, method: str, path: str, status: int, words: str
) -> None:
    answer, text = await ask(plain, path, method)
    # Outsiders are led nowhere where there is no status page.
    check_page(answer, text, status, back=path != "/status")
    assert words in text
    if status == 405:
        assert answer.headers["Allow"]
    # A program that asks the same is told in text.
    async with plain.session.request(method, plain.url + path) as other:
        assert (other.status, other.content_type) == (status, "text/plain")


async def test_a_page_for_every_route_while_redis_is_away(plain: App) -> None:
    incident = await plain.fire()
    _break(plain)
    for path in ("/", f"/incidents/{incident}", f"/incidents/{incident}/review"):
        answer, text = await ask(plain, path)
        check_page(answer, text, 503)
        assert answer.headers["Retry-After"]
        assert "This page tries again by itself" in text
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text
        assert 'src="/console/live.js' in text
        async with plain.session.get(plain.url + path) as other:
            assert (other.status, (await other.json())["detail"]) == (503, "try again: Redis: away")


def _break(app: App) -> None:
    """Let every read fail, as while Redis is away."""
    store = app.service.dispatcher.store

    async def away(*_: Any) -> Any:
        raise StoreUnavailableError("Redis: away")

    for name in ("find", "timeline", "unreached", "active"):
        setattr(store, name, away)


async def test_a_button_that_nobody_stored_says_so_and_can_be_pressed_again(plain: App) -> None:
    incident = await plain.fire()
    store: Any = plain.service.dispatcher.store
    commit = store.commit

    async def away(*_: Any) -> Any:
        raise StoreUnavailableError("Redis: away")

    store.commit = away
    form = {"episode": "0", "back": "incident", "name": 'Ann "<x>'}
    path = f"/incidents/{incident}/acknowledge"
    answer, text = await ask(plain, path, "POST", data=form)
    check_page(answer, text, 503)
    assert "NOT stored: acknowledge" in text
    # It is a page of a POST: coming again by itself would ask for something else.
    assert "http-equiv" not in text
    assert "data-retry" not in text
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text)
    assert dict(found) == {"episode": "0", "back": "incident", "name": "Ann &#34;&lt;x&gt;"}
    store.commit = commit
    # Pressed twice: the second time nothing happens, and it is said that it is theirs.
    for said in ("acknowledged", "yours"):
        answer, _ = await ask(plain, path, "POST", data=form)
        assert (answer.status, answer.headers["Location"]) == (
            303,
            f"/incidents/{incident}?said={said}%3A{incident}",
        )
    kinds = [entry["kind"] for entry in (await plain.incident(incident))["timeline"]]
    assert kinds.count("acknowledged") == 1


async def test_a_commit_whose_answer_was_lost_is_done_once(plain: App) -> None:
    incident = await plain.fire()
    store: Any = plain.service.dispatcher.store
    commit = store.commit

    async def lost(*arguments: Any) -> Any:
        await commit(*arguments)
        raise StoreUnavailableError("Redis: the answer was lost")

    store.commit = lost
    form = {"text": "Alert earlier", "owner": "ann", "name": "Ann"}
    answer, text = await ask(plain, f"/incidents/{incident}/action-item", "POST", data=form)
    check_page(answer, text, 503)
    store.commit = commit
    await ask(plain, f"/incidents/{incident}/action-item", "POST", data=form)
    assert len((await plain.incident(incident))["action_items"]) == 1


async def test_what_is_sent_away_under_load_is_a_page_too(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await plain.fire()
    monkeypatch.setitem(MOST, RequestLane.PEOPLE, 0)
    answer, text = await ask(plain, "/")
    check_page(answer, text, 503)
    assert answer.headers["Retry-After"]
    assert "tries again by itself" in text
    form = {"episode": "0", "name": "Ann"}
    answer, text = await ask(plain, f"/incidents/{incident}/acknowledge", "POST", data=form)
    check_page(answer, text, 503)
    assert "NOT stored: acknowledge" in text
    assert 'name="name" value="Ann"' in text
    async with plain.session.get(f"{plain.url}/v1/incidents") as other:
        assert (other.status, "more is sent" in (await other.json())["detail"]) == (503, True)


async def test_a_form_that_is_none_and_one_that_is_too_large(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, **{"web.max_body_bytes": 20_000})
    try:
        incident = await app.fire()
        path = f"/incidents/{incident}/action-item"
        headers = {"Content-Type": "multipart/form-data"}
        answer, text = await ask(app, path, "POST", data=b"--x\r\n", headers=headers)
        check_page(answer, text, 400)
        answer, text = await ask(app, path, "POST", data=FormData({"text": "x" * 40_000}))
        check_page(answer, text, 413)
    finally:
        await app.stop()


async def test_what_another_site_asks_is_refused_in_a_page(plain: App) -> None:
    incident = await plain.fire()
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer, text = await ask(plain, f"/incidents/{incident}/resolve", "POST", headers=headers)
    check_page(answer, text, 403)
    assert "asked by another site" in text


async def test_an_internal_error_names_its_log_line_and_nothing_else(plain: App) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("a secret")

    figures: Any = plain.service.figures
    figures.days = broken
    answer, text = await ask(plain, "/", headers={"X-Request-ID": "abc-123"})
    check_page(answer, text, 500)
    assert "abc-123" in text
    assert "secret" not in text


async def test_hostile_addresses_are_only_texts(plain: App) -> None:
    for path in (f"/{HOSTILE}", f"/incidents/{HOSTILE}", f"/runbooks/{HOSTILE}", "/a" * 3000):
        answer, text = await ask(plain, path)
        check_page(answer, text, 404)
        assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path in PATHS if path.startswith(("/v1/", "/-/", "/health"))],
)
async def test_the_api_stays_as_it_is_for_a_browser(plain: App, method: str, path: str) -> None:
    answer, text = await ask(plain, path.replace("{", "").replace("}", ""), method)
    assert answer.content_type != "text/html", text


async def test_unknown_addresses_of_the_api_are_json(plain: App) -> None:
    for method, path, status in (("GET", "/v1/other", 404), ("DELETE", "/v1/incidents", 405)):
        answer, _ = await ask(plain, path, method)
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
        assert path in (await answer.json())["detail"]


@pytest.fixture
async def guarded(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    credential = {"name": "ops", "username": "ops", "password": "secret"}
    component = {"name": "Shop", "matchers": ['service="shop"']}
    await running.start(
        **NO_ACCOUNTS,
        **{
            "web.credentials": [credential],
            "web.route_prefix": "/im",
            "status_page.components": [component],
            "status_page.listen_address": "127.0.0.1:0",
        },
    )
    yield running
    await running.stop()


async def test_a_browser_is_asked_who_it_is_and_told_what_for(guarded: App) -> None:
    for path in ("/im/", f"/im/incidents/{GONE}", "/im/runbooks/a/b", "/im/console/charts/x.svg"):
        answer, text = await ask(guarded, path)
        check_page(answer, text, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert f'<a href="{path}">Load it again</a>' in text
        assert '<a href="/im/">' in text
    answer, _ = await ask(guarded, "/im/v1/incidents")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    # A script that looks for news gets the 401, and no window pops up for it.
    answer, _ = await ask(guarded, "/im/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
    # Outside of the prefix nothing is known, not even that it is there.
    answer, text = await ask(guarded, "/")
    check_page(answer, text, 404)


async def test_outsiders_get_pages_that_say_nothing_of_the_inside(guarded: App) -> None:
    async def get(path: str) -> tuple[Any, str]:
        url = f"http://127.0.0.1:{guarded.service.status_port}{path}"
        async with guarded.session.get(url, headers=BROWSER) as answer:
            return answer, await answer.text()

    for path in ("/other", "/incidents/1", "/status/other.css"):
        answer, text = await get(path)
        check_page(answer, text, 404)
        assert answer.headers["Server"] == "status"
        assert "ncident" not in text.split("</style>")[1]
    guarded.service.status_page._documents.clear()
    answer, text = await get("/status")
    check_page(answer, text, 503)
    assert answer.headers["Retry-After"]
    assert "tries again by itself" in text


async def test_a_runbook_is_a_page_for_a_phone_in_the_dark(plain: App) -> None:
    answer, text = await ask(plain, "/runbooks/incident-manager/SampleAlert")
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert 'content="light dark"' in text
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert 'href="/console/style.css' in text
    assert '<a class="brand" href="/">' in text
    await plain.fire(alert())


async def test_a_runbook_that_cannot_be_read_is_no_error(tmp_path: Path, fakes: Fakes) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "Odd.md").write_bytes(b"# Odd\nrestart \xff it\n")
    (folder / "Gone.md").write_text("# Gone\n", encoding="utf-8")
    app = App(tmp_path / "store", *fakes)
    await app.start(**NO_ACCOUNTS, **{"runbooks.path": str(folder)})
    try:
        (folder / "Gone.md").unlink()
        answer, text = await ask(app, "/runbooks/Odd")
        assert (answer.status, "restart \ufffd it" in text) == (200, True)
        answer, _ = await ask(app, "/runbooks/Gone")
        assert answer.status == 404
    finally:
        await app.stop()
