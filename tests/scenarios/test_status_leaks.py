"""Nothing internal leaves through the status page, by whatever way somebody looks at it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert

SHOP = {"name": "Shop", "matchers": ['service="checkout"']}
SECRET = (
    "HighErrorRate",
    "db-7.internal",
    "eu-secret",
    "Ann",
    "wiki.internal",
    "on checkout",
    "P1",
)


@pytest.fixture
async def site(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        **NO_ACCOUNTS,
        **{
            "web.credentials": [{"name": "ops", "token": "t"}],
            "status_page.components": [SHOP],
            "status_page.listen_address": "127.0.0.1:0",
        },
    )
    yield running
    await running.stop()


HEADERS = {"Authorization": "Bearer t"}


async def open_incident(app: App) -> str:
    more = {"runbook_url": "https://wiki.internal/x"}
    internal = alert(labels={"instance": "db-7.internal", "cluster": "eu-secret"}, annotations=more)
    body = {"alerts": [internal], "groupKey": "g", "version": "4"}
    _, answer = await app.post(body, headers=HEADERS)
    return str(answer["incidents"][0])


async def act(app: App, incident: str, action: str, **body: Any) -> None:
    path = f"/v1/incidents/{incident}/{action}"
    status, answer = await app.post({"by": "Ann"} | body, path, headers=HEADERS)
    assert status == 200, answer


async def everything(app: App) -> str:
    """Return all that the public port says, heads of answers and errors included."""
    await app.service.status_page.refresh()
    url = f"http://127.0.0.1:{app.service.status_port}"
    found = []
    for method in ("GET", "HEAD", "POST", "OPTIONS", "TRACE"):
        for path in (
            "/",
            "/status",
            "/status.json",
            "/status/style.css",
            "/status/x",
            "/x",
            "/status.json?id=1",
            "/v1/incidents",
            "/health",
        ):
            async with app.session.request(method, url + path) as answer:
                found.append(f"{answer.status} {dict(answer.headers)} {await answer.text()}")
    return "\n".join(found)


async def test_a_whole_life_shows_nothing_that_is_not_for_outsiders(site: App) -> None:
    incident = await open_incident(site)
    seen = [await everything(site)]
    await act(site, incident, "acknowledge")
    await act(site, incident, "note", text="db-7.internal is full")
    await act(site, incident, "status-update", status="identified")
    seen.append(await everything(site))
    await act(site, incident, "resolve", cause="db-7.internal")
    seen.append(await everything(site))
    for text in seen:
        told = [word for word in (*SECRET, incident) if word in text]
        assert not told
        assert "Problem with Shop" in text


async def test_what_was_taken_back_is_nowhere_in_history_either(site: App) -> None:
    incident = await open_incident(site)
    await act(site, incident, "status-update", status="identified", text="customer ACME is hit")
    assert "ACME" in await everything(site)
    tagged = {"If-None-Match": (await _etag(site))}
    await act(site, incident, "status-hide", update=2)
    assert "ACME" not in await everything(site)
    await act(site, incident, "resolve")
    assert "ACME" not in await everything(site)
    async with site.session.get(site.url + "/status.json", headers=tagged) as answer:
        assert answer.status == 200
    await act(site, incident, "status-hide")
    text = await everything(site)
    assert "Problem with Shop" not in text
    await act(site, incident, "status-show")
    text = await everything(site)
    assert "Problem with Shop" in text
    assert "ACME" not in text


async def test_an_incident_that_nobody_outside_reads_of_changes_nothing(site: App) -> None:
    async def page() -> dict[str, Any]:
        await site.service.status_page.refresh()
        _, found = await site.get("/status.json")
        return {name: value for name, value in found.items() if name != "as_of"}

    before = await page()
    quiet = alert("Quiet", labels={"service": "internal-tool"})
    _, answer = await site.post({"alerts": [quiet], "groupKey": "q"}, headers=HEADERS)
    await act(site, answer["incidents"][0], "acknowledge")
    assert await page() == before


async def _etag(app: App) -> str:
    async with app.session.get(app.url + "/status.json") as answer:
        return str(answer.headers["ETag"])
