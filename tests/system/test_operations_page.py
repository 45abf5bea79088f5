"""Operations and routing in real Chromium: a letter is mended there, and an alert tried."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.app import NO_ACCOUNTS, App
from tests.support.browser import complaints, fits, press, set_screen, text_of
from tests.support.console import do
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.waiting import until

HOSTILE = "<img src=x onerror=document.title='taken'>" + "w" * 1_000
SET = "document.querySelector(arguments[0]).value = arguments[1]"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    # Without accounts neither is called, so neither is started.
    running = App(tmp_path, FakeSlack(), FakePagerDuty())
    await running.start(heartbeats={"backup": {"interval": "1h"}}, **NO_ACCOUNTS)
    yield running
    await running.stop()


async def says(browser: Chrome, words: str, selector: str = "main") -> None:
    """Wait until a part of the page says so."""

    async def there() -> bool:
        return words in await do(text_of, browser, selector)

    await until(there, PATIENCE_S)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 320)])
async def test_a_letter_is_mended_and_an_alert_is_tried(
    app: App, browser: Chrome, scheme: str, width: int
) -> None:
    await do(set_screen, browser, width, scheme)
    await app.post({"hello": HOSTILE})
    await app.post(notification(alert("DiskFull") | {"labels": 7}))
    await do(browser.get, f"{app.url}/operations")
    await says(browser, "expected an object, found a number")
    assert await do(fits, browser)
    await do(press, browser, "//a[contains(@href, '/operations/dead-letters/')]")
    await says(browser, "as it should have been")
    await do(press, browser, "main button")
    await says(browser, "Not sent", "[role=alert]")
    await do(browser.execute_script, SET, "#mended", json.dumps(alert("DiskFull")))
    await do(press, browser, "main button")
    await says(browser, "it opened an incident", "[role=status]")
    _, listed = await app.get("/v1/incidents")
    (incident,) = listed["incidents"]
    assert incident["title"].startswith("DiskFull")

    await do(browser.get, f"{app.url}/routing")
    labels = 'alertname="DiskFull"\nseverity="critical"'
    await do(browser.execute_script, SET, "#labels", labels)
    await do(press, browser, "main button")
    await says(browser, "Who is told when")
    assert await do(fits, browser)
    await do(browser.get, f"{app.url}/routing?incident={incident['id']}")
    await says(browser, "From now on, while nobody answers")
    assert await do(fits, browser)
    assert await do(lambda: browser.title) == "Routing"
    refused = [one for one in await do(complaints, browser) if "400 (Bad Request)" not in str(one)]
    assert refused == []
