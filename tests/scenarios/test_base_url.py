"""One public address: every link begins with it, whatever stands between it and the service."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from receiver.http.config import WebConfig
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.proxies import ReverseProxy
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

Fakes = tuple[FakeSlack, FakePagerDuty]
PUBLIC = {"status_page.components": [{"name": "Checkout", "match": ['service="checkout"']}]}
KINDS = {
    # name: (path at the proxy, what the proxy strips, web.route_prefix or None)
    "nothing stripped": ("/im", "", None),
    "stripped, and nothing said": ("/im", "/im", None),
    "stripped, and said": ("/im", "/im", "/"),
    "stripped in part": ("/ops/im", "/ops", "/im"),
    "said twice": ("/im", "", "/im"),
    "at the root": ("", "", None),
}


@pytest.fixture(params=KINDS)
async def behind(
    request: pytest.FixtureRequest, tmp_path: Path, fakes: Fakes
) -> AsyncIterator[tuple[App, ReverseProxy]]:
    mount, strips, prefix = KINDS[request.param]
    proxy = ReverseProxy(mount, strips)
    await proxy.start()
    app = App(tmp_path, *fakes)
    await app.start(**{"web.external_url": proxy.url, "web.route_prefix": prefix})
    proxy.target = app.url
    yield app, proxy
    await app.stop()
    await proxy.stop()


async def _fire(app: App, proxy: ReverseProxy, name: str = "ServiceDown") -> str:
    """Fire one alert through the proxy; return its incident."""
    body = notification(alert(name, labels={"system": "orchestrator"}), group=name)
    async with app.session.post(f"{proxy.url}/v1/alerts/webhook", json=body) as answer:
        (found,) = (await answer.json())["incidents"]
        return str(found)


class _Links(HTMLParser):
    """What a page leads to, loads, and sends its forms to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.forms: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links |= {value for name in ("href", "src") if (value := found.get(name))}
        posted = found.get("action") if found.get("method") == "post" else None
        self.forms |= {value for value in (posted, found.get("formaction")) if value}
        if tag == "form" and found.get("method") == "get":
            self.links.add(found.get("action") or "")


async def _crawl(app: App, start: str, base: str) -> tuple[dict[str, int], set[str]]:
    """Return url -> status of all that is linked below ``base``, and where forms are sent."""
    seen: dict[str, int] = {}
    forms: set[str] = set()
    waiting = [start]
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        headers = {"Accept": "text/html,*/*"}
        async with app.session.get(url, headers=headers) as answer:
            seen[url] = answer.status
            assert f"{answer.url}/".startswith(f"{base}/"), f"{url} leads to {answer.url}"
            text = await answer.text() if answer.content_type == "text/html" else ""
            here = str(answer.url)
        page = _Links()
        page.feed(text)
        forms |= {urljoin(here, form) for form in page.forms}
        for link in page.links:
            found = urljoin(here, link).partition("#")[0]
            if urlsplit(found).netloc == urlsplit(base).netloc:
                waiting.append(found)
    return seen, forms


async def test_every_link_form_and_asset_is_reached_through_the_proxy(
    behind: tuple[App, ReverseProxy],
) -> None:
    app, proxy = behind
    name, other = await _fire(app, proxy), await _fire(app, proxy, "HighLatency")
    merge = f"{proxy.url}/v1/incidents/{other}/merge"
    async with app.session.post(merge, json={"by": "ann", "into": name}) as answer:
        assert answer.status == 200
    await app.settle()
    # Without the last slash, as a person writes it.
    seen, forms = await _crawl(app, proxy.url or f"{proxy.url}/", proxy.url)
    assert {url: status for url, status in seen.items() if status != 200} == {}
    assert proxy.strayed == []
    paths = {urlsplit(url).path.removeprefix(proxy.mount) for url in seen}
    assert {f"/incidents/{name}", "/console/style.css", "/console/live.js"} <= paths
    assert any(path.startswith("/runbooks/") for path in paths)
    assert {f"{proxy.url}/incidents/{name}/{what}" for what in ("acknowledge", "resolve")} < forms
    places = ("incidents/", "runbooks/", "bulk/", "audit", "?")
    assert [
        form
        for form in forms
        if form.rstrip("/") != proxy.url
        and not form.startswith(tuple(f"{proxy.url}/{place}" for place in places))
    ] == []


async def test_what_is_sent_elsewhere_leads_back(behind: tuple[App, ReverseProxy]) -> None:
    app, proxy = behind
    name = await _fire(app, proxy)
    await app.settle()
    sent = json.dumps(
        [app.slack.messages[0].__dict__, [event.__dict__ for event in app.pagerduty.events]],
        default=str,
    )
    found = {
        url.partition("#")[0]
        for url in re.findall(r"http://127\.0\.0\.1:[0-9]+[^\s\"'|>\\)]*", sent)
        if f":{proxy.port}" in url
    }
    assert f"{proxy.url}/incidents/{name}" in found
    assert f"{proxy.url}/runbooks/orchestrator/ServiceDown" in found
    for url in found:
        async with app.session.get(url) as answer:
            assert (url, answer.status) == (url, 200)
    assert proxy.strayed == []


async def test_a_button_comes_back_to_its_page_with_a_cookie_for_it_alone(
    behind: tuple[App, ReverseProxy],
) -> None:
    app, proxy = behind
    name = await _fire(app, proxy)
    async with app.session.post(
        f"{proxy.url}/incidents/{name}/acknowledge", data={"name": "Ann", "back": "index"}
    ) as answer:
        assert answer.status == 200
        assert str(answer.url).startswith(f"{proxy.url}/?said=acknowledged")
        (cookie,) = (found for step in answer.history for found in step.cookies.values())
        assert cookie["path"] == f"{proxy.mount}/"
    async with app.session.get(f"{proxy.url}/v1/incidents/{name}") as answer:
        assert (await answer.json())["state"] == "acknowledged"


async def test_errors_are_pages_whose_links_work(behind: tuple[App, ReverseProxy]) -> None:
    app, proxy = behind
    headers = {"Accept": "text/html"}
    async with app.session.get(f"{proxy.url}/nowhere", headers=headers) as answer:
        assert answer.status == 404
        page = _Links()
        page.feed(await answer.text())
    async with app.session.get(f"{proxy.url}/v1/nowhere", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert page.links
    for link in page.links:
        async with app.session.get(urljoin(f"{proxy.url}/nowhere", link)) as answer:
            assert answer.status == 200


async def test_nothing_that_is_posted_is_led_elsewhere(behind: tuple[App, ReverseProxy]) -> None:
    app, proxy = behind
    body = json.dumps(notification(alert())).encode()
    for path, status in (("/v1/alerts/webhook", 202), ("/v1/alerts/webhook/", 202), ("", 405)):
        async with app.session.post(proxy.url + path, data=body, allow_redirects=False) as answer:
            assert (path, answer.status) == (path, status)


async def test_without_the_last_slash_what_was_asked_stays(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**{"web.route_prefix": "/im"})
    try:
        for method in ("GET", "HEAD"):
            async with app.session.request(
                method, f"{app.url}/im?text=a%20b&priority=P1", allow_redirects=False
            ) as answer:
                assert answer.status == 302
                assert answer.headers["Location"] == "/im/?text=a%20b&priority=P1"
        assert (await app.get("/"))[0] == 404
    finally:
        await app.stop()


async def test_a_route_is_counted_by_one_name_with_a_path_and_without(
    tmp_path: Path, fakes: Fakes
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**{"web.external_url": "https://ops.example.com/im"})
    try:
        for prefix in ("", "/im"):
            assert (await app.post(notification(alert()), f"{prefix}/v1/alerts/webhook"))[0] == 202
        line = 'http_requests_total{endpoint="/v1/alerts/webhook",method="POST",status="202"}'
        assert await app.metric(line) == 2
        assert await app.metric('llm_integration_requests_total{integration="alertmanager"}') == 2
    finally:
        await app.stop()


@pytest.mark.parametrize(
    ("settings", "base", "served"),
    [
        ({}, "http://localhost:8080", ("",)),
        # Links follow the address that is listened on.
        ({"listen_address": "127.0.0.1:9999"}, "http://localhost:9999", ("",)),
        ({"listen_address": "0.0.0.0:81"}, "http://localhost:81", ("",)),
        ({"listen_address": "10.1.2.3:81"}, "http://10.1.2.3:81", ("",)),
        ({"listen_address": "[2001:db8::1]:81"}, "http://[2001:db8::1]:81", ("",)),
        ({"listen_address": "[::1]:81"}, "http://localhost:81", ("",)),
        ({"route_prefix": "im"}, "http://localhost:8080/im", ("/im",)),
        ({"external_url": ""}, "http://localhost:8080", ("",)),
        ({"external_url": "https://x.example/"}, "https://x.example", ("",)),
        ({"external_url": "https://x.example/im/"}, "https://x.example/im", ("/im", "")),
        ({"external_url": "https://x.example//im"}, "https://x.example/im", ("/im", "")),
        (
            {"external_url": "https://x.example/im", "route_prefix": "/im"},
            "https://x.example/im",
            ("/im",),
        ),
        (
            {"external_url": "https://x.example/im", "route_prefix": "/"},
            "https://x.example/im",
            ("",),
        ),
        (
            {"external_url": "https://x.example", "route_prefix": "/im"},
            "https://x.example/im",
            ("/im",),
        ),
    ],
)
def test_what_two_settings_mean(
    settings: dict[str, Any], base: str, served: tuple[str, ...]
) -> None:
    web = WebConfig(**settings)
    assert (web.base_url, web.served_under) == (base, served)
