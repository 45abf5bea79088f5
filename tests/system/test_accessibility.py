"""Every page of the console and the status page under axe-core (WCAG 2.2 AA), in both schemes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.app import NO_ACCOUNTS, App
from tests.support.axe import axe_faults
from tests.support.browser import press, set_screen, text_of, write
from tests.support.console import do
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.logins import PASSWORD, entry
from tests.support.notification import alert, notification
from tests.support.pages import pages
from tests.support.patience import PATIENCE_S
from tests.support.status_pages import PAGE
from tests.support.waiting import until

TOKEN = {"Authorization": "Bearer the-token-of-ops"}
PEOPLE = [entry("root", "admin"), {"name": "ops", "role": "admin", "token": "the-token-of-ops"}]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    # Without accounts neither is called, so neither is started.
    running = App(tmp_path, FakeSlack(), FakePagerDuty())
    more = {"web.credentials": PEOPLE, "status_page.listen_address": "127.0.0.1:0"} | PAGE
    await running.start(**NO_ACCOUNTS, **more)
    yield running
    await running.stop()


async def log_in(app: App, browser: Chrome) -> None:
    await do(browser.get, f"{app.url}/login")
    await do(write, browser, "[name=username]", "root")
    await do(write, browser, "[name=password]", PASSWORD)
    await do(press, browser, "main button")

    async def there() -> bool:
        return "root" in await do(text_of, browser, "header")

    await until(there, PATIENCE_S)


async def fire(app: App, name: str, severity: str = "critical", **labels: str) -> str:
    one = alert(name, labels={"severity": severity} | labels)
    status, answer = await app.post(notification(one, group=name), headers=TOKEN)
    assert status == 202, answer
    return str(answer["incidents"][0])


async def act(app: App, incident: str, action: str, **more: str) -> None:
    path = f"/v1/incidents/{incident}/{action}"
    status, answer = await app.post({"by": "Ann"} | more, path, headers=TOKEN)
    assert status == 200, answer


async def some_history(app: App) -> dict[str, str]:
    """Make an incident of every kind; return them by what they are."""
    names = {
        "open": await fire(app, "ServiceDown", service="checkout"),
        "taken": await fire(app, "DiskFull", "warning"),
        "over": await fire(app, "SlowAnswers", "error"),
    }
    await fire(app, "Noise", "info", path="/a" * 100)
    await act(app, names["open"], "note", text="Looking into it")
    await act(app, names["taken"], "acknowledge")
    await act(app, names["over"], "resolve")
    return names


async def a_letter(app: App) -> str:
    """Make a dead letter; return its id."""
    await app.post({"hello": "world"}, headers=TOKEN)
    _, found = await app.get("/v1/dead-letters", headers=TOKEN)
    return str(found["dead_letters"][0]["id"])


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 320)])
async def test_every_page_is_one_that_anybody_can_use(
    app: App, browser: Chrome, scheme: str, width: int
) -> None:
    await do(set_screen, browser, width, scheme)
    wrong = await do(axe_faults, browser, f"{app.url}/login")
    await log_in(app, browser)
    # Nothing there yet, then something of each kind, then nothing that fits, and what is not there.
    wrong += await do(axe_faults, browser, f"{app.url}/")
    for path in pages((await some_history(app)).values()):
        wrong += await do(axe_faults, browser, app.url + path)
    wrong += await do(
        axe_faults, browser, f"{app.url}/operations/dead-letters/{await a_letter(app)}"
    )
    for path in (
        "/routing?labels=alertname=A",
        "/routing?labels=a",
        "/?text=nothing-fits",
        "/?priority=P9",
        "/incidents/none",
        "/?wall=1",
    ):
        wrong += await do(axe_faults, browser, app.url + path)
    outside = f"http://127.0.0.1:{app.service.status_port}"
    wrong += await do(axe_faults, browser, f"{outside}/")
    await app.service.status_page.refresh()
    _, public = await app.get("/status.json")
    wrong += await do(axe_faults, browser, f"{outside}/{public['incidents'][0]['url']}")
    # The same fault of many pages is one.
    each = {(rule, where): f"{url}: {rule}: {where}" for url, rule, where in reversed(wrong)}
    assert not each, "\n".join(each.values())
