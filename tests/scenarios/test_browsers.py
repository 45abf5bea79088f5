"""What a page of another site can make a browser do here: nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.app.routes import PATHS
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

Fakes = tuple[FakeSlack, FakePagerDuty]
WRITING = [path for method, path in PATHS if method == "POST"]
OTHER_SITES = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
)
REBOUND = {"Host": "evil.example:8080"}


async def asked(app: App, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    async with app.session.request(
        method, app.url + path, headers=headers, data=b"{}", allow_redirects=False
    ) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("path", WRITING)
async def test_no_route_that_writes_takes_a_request_of_another_site(plain: App, path: str) -> None:
    for headers in OTHER_SITES:
        status, text = await asked(plain, "POST", path.replace("{", "").replace("}", ""), headers)
        assert (status, "another site" in text) == (403, True), headers


async def test_a_page_of_this_service_may_and_a_program_is_asked_nothing(plain: App) -> None:
    own = plain.url
    for headers in (
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": own},
        {"Sec-Fetch-Site": "none"},
        {"Origin": own},
        {"Origin": "http://localhost:8080"},
    ):
        assert (await plain.post({"title": "x"}, "/v1/incidents", headers=headers))[0] == 201


@pytest.mark.parametrize("path", ["/", "/v1/incidents", "/metrics", "/health", "/v1/dead-letters"])
async def test_a_name_that_is_made_to_lead_here_shows_nothing(plain: App, path: str) -> None:
    await plain.fire()
    status, text = await asked(plain, "GET", path, REBOUND)
    assert status == 403
    assert "web.external_url" in text
    status, _ = await asked(
        plain, "POST", "/v1/incidents", REBOUND | {"Origin": "http://evil.example:8080"}
    )
    assert status == 403
    same = REBOUND | {"Sec-Fetch-Site": "same-origin"}
    assert (await asked(plain, "POST", "/v1/alerts/webhook", same))[0] == 403


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1:1",
        "[::1]:8080",
        "incident-manager:8080",
        "im.localhost",
        "10.1.2.3",
        "LOCALHOST:8080",
        "localhost.",
    ],
)
async def test_names_that_nobody_else_can_have_are_ours(plain: App, host: str) -> None:
    assert (await asked(plain, "GET", "/v1/incidents", {"Host": host}))[0] == 200


async def test_alerts_are_taken_under_any_name(plain: App) -> None:
    """A proxy may hand on any name; what pages people must not depend on it."""
    status, _ = await plain.post(notification(alert()), headers={"Host": "im.example.com"})
    assert status == 202


@pytest.fixture
async def proxied(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        **NO_ACCOUNTS,
        **{
            "web.external_url": "https://im.example.com",
            "status_page.components": [{"name": "Shop", "matchers": ['service="shop"']}],
        },
    )
    yield running
    await running.stop()


async def test_behind_a_proxy_the_external_address_is_ours(proxied: App) -> None:
    assert (await asked(proxied, "GET", "/", {"Host": "im.example.com"}))[0] == 200
    assert (await asked(proxied, "GET", "/", {"Host": "im.example.com:443"}))[0] == 200
    # The proxy speaks to us by another name than the browser to it.
    pressed = {"Origin": "https://im.example.com", "Host": "127.0.0.1"}
    assert (await asked(proxied, "POST", "/v1/incidents", pressed))[0] == 400
    assert (await asked(proxied, "GET", "/", {"Host": "status.example.com"}))[0] == 403
    for path in ("/status", "/status.json", "/status/style.css"):
        assert (await asked(proxied, "GET", path, {"Host": "status.example.com"}))[0] == 200


async def test_with_credentials_any_name_will_do(tmp_path: Path, fakes: Fakes) -> None:
    running = App(tmp_path, *fakes)
    credential = {"name": "ops", "token": "t0ken"}
    await running.start(**NO_ACCOUNTS, **{"web.credentials": [credential]})
    try:
        known = {"Authorization": "Bearer t0ken", "Host": "im.example.com"}
        assert (await asked(running, "GET", "/v1/incidents", known))[0] == 200
        assert (await asked(running, "POST", "/v1/incidents", known))[0] == 400
        crossed = known | {"Sec-Fetch-Site": "cross-site"}
        assert (await asked(running, "POST", "/v1/incidents", crossed))[0] == 403
    finally:
        await running.stop()


async def test_named_hosts_are_the_only_ones_on_every_port(tmp_path: Path, fakes: Fakes) -> None:
    running = App(tmp_path, *fakes)
    await running.start(
        **NO_ACCOUNTS,
        **{
            "web.allowed_hosts": ["Im.Example.com."],
            "web.metrics_token": "the-token-of-the-scraper",
            "status_page.components": [{"name": "Shop", "matchers": ['service="shop"']}],
            "status_page.listen_address": "127.0.0.1:0",
        },
    )
    service = running.service
    scraper = {"Authorization": "Bearer the-token-of-the-scraper"}
    try:
        for port, path in (
            (service.api_port, "/health"),
            (service.api_port, "/status"),
            (service.metrics_port, "/metrics"),
            (service.status_port, "/status"),
        ):
            for host, status in (
                ("im.example.com:8080", 200),
                ("localhost", 200),
                ("evil.example", 403),
            ):
                async with running.session.get(
                    f"http://127.0.0.1:{port}{path}", headers=scraper | {"Host": host}
                ) as answer:
                    assert answer.status == status, (port, path, host)
        # A sender calls it as it likes: a page would be lost over a name.
        status, _ = await running.post(notification(alert()), headers={"Host": "any.example"})
        assert status == 202
    finally:
        await running.stop()
