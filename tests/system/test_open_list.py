"""An open list in real Chromium: rows come by themselves, nothing that somebody does is lost."""

import time
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import complaints, fits, press, set_screen, text_of, write
from tests.support.console import do
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until

CONNECTED = "return document.documentElement.classList.contains('connected')"


@pytest.fixture
def browser(browser: Chrome) -> Chrome:
    set_screen(browser, 1280, "light")
    return browser


async def fire(rig: Rig, name: str, severity: str = "critical") -> str:
    item = alert(name, labels={"severity": severity})
    status, answer = await rig.post(notification(item, group=name))
    assert status == 202
    return str(answer["incidents"][0])


async def run(browser: Chrome, script: str) -> Any:
    return await do(browser.execute_script, script)


async def shows(browser: Chrome, selector: str, words: str) -> bool:
    return words in str(await do(text_of, browser, selector))


async def opened(rig: Rig, browser: Chrome, query: str = "") -> None:
    await do(browser.get, f"{rig.url}/{query}")
    await until(lambda: run(browser, CONNECTED), PATIENCE_S, "it is connected")
    await run(browser, "window.mine = 1")


async def keys(browser: Chrome, text: str) -> None:
    await do(lambda: browser.switch_to.active_element.send_keys(text))


async def test_a_new_row_comes_while_somebody_types_and_takes_nothing_from_them(
    rig: Rig, browser: Chrome
) -> None:
    low = await fire(rig, "DiskFull", "warning")
    await opened(rig, browser)
    await do(write, browser, "[name=name]", "An")
    await do(press, browser, f"#i-{low} [name=incident]")
    await do(press, browser, "[name=name]")
    high = await fire(rig, "ServiceDown")
    began = time.monotonic()
    await until(lambda: shows(browser, f"#i-{high} h2", "ServiceDown"), PATIENCE_S, "the row")
    # A change is there within a second; the rest is this test's own way of looking.
    assert time.monotonic() - began < 2.5
    await keys(browser, "n")
    assert await run(browser, "return document.activeElement.value") == "Ann"
    order = "return [...document.querySelectorAll('#list article')].map((one) => one.id)"
    assert await run(browser, order) == [f"i-{high}", f"i-{low}"]
    ticked = f"return document.querySelector('#i-{low} [name=incident]').checked"
    assert await run(browser, ticked)
    assert (await run(browser, "return document.title")).startswith("(2) 2 open")
    # Somebody else takes it: it goes to the other part, and stays ticked.
    await rig.post({"by": "Bob"}, f"/v1/incidents/{low}/acknowledge")
    part = f"[data-part=answered] #i-{low} .state"
    await until(lambda: shows(browser, part, "acknowledged by Bob"), PATIENCE_S, "it is taken")
    assert await run(browser, ticked)
    await rig.post({}, f"/v1/incidents/{low}/resolve")
    await until(lambda: _gone(browser, low), PATIENCE_S, "it is over")
    assert await run(browser, "return window.mine") == 1
    # What was opened stays open as the page is asked for anew.
    await do(press, browser, ".narrow summary")
    await run(
        browser,
        "document.activeElement.blur(); refresh(); window.was = document.querySelector('main')",
    )
    await until(
        lambda: run(browser, "return window.was !== document.querySelector('main')"),
        PATIENCE_S,
        "it is another page",
    )
    assert await run(browser, "return document.querySelector('.narrow').open")
    assert not await do(complaints, browser)


async def _gone(browser: Chrome, incident: str) -> bool:
    return bool(await run(browser, f"return document.getElementById('i-{incident}') === null"))


async def test_the_service_ends_and_what_was_missed_is_there_when_it_is_back(
    rig: Rig, browser: Chrome
) -> None:
    await fire(rig, "ServiceDown")
    await opened(rig, browser)
    await rig.service.end()
    await until(lambda: shows(browser, ".lost", "Connection lost at"), 12, "the banner")
    await rig.start_service()
    late = await fire(rig, "DiskFull")
    await until(lambda: shows(browser, f"#i-{late} h2", "DiskFull"), 40, "what was missed")
    assert await do(text_of, browser, ".lost") == ""
    await until(lambda: run(browser, CONNECTED), 40, "it is connected again")
    assert await run(browser, "return window.mine") == 1


async def test_many_at_once_can_be_undone_for_a_while(rig: Rig, browser: Chrome) -> None:
    names = [await fire(rig, f"Alert{n}") for n in range(3)]
    await opened(rig, browser)
    await do(write, browser, "[name=name]", "Ann")
    await run(browser, "document.activeElement.blur()")
    await do(browser.find_element(By.TAG_NAME, "body").send_keys, "*")
    acknowledge = ".bar [formaction$='/bulk/acknowledge']"
    await do(press, browser, acknowledge)
    await until(lambda: shows(browser, ".undo", "Acknowledge 3 in"), 5, "it waits")
    await do(press, browser, "//button[text()='Undo']")
    time.sleep(0.5)
    assert await do(text_of, browser, ".undo") == ""
    found = [(await rig.get(f"/v1/incidents/{name}"))["state"] for name in names]
    assert found == ["triggered"] * 3
    await do(press, browser, acknowledge)
    await do(press, browser, "//button[text()='Do it now']")
    await until(lambda: shows(browser, ".said", "3: Acknowledged."), PATIENCE_S, "it is done")
    found = [(await rig.get(f"/v1/incidents/{name}"))["state"] for name in names]
    assert found == ["acknowledged"] * 3
    assert not await do(complaints, browser)


async def test_whoever_leaves_the_page_has_meant_it(rig: Rig, browser: Chrome) -> None:
    name = await fire(rig, "ServiceDown")
    await opened(rig, browser)
    await do(press, browser, "#list [name=incident]")
    await do(press, browser, ".bar [formaction$='/bulk/acknowledge']")
    await until(lambda: shows(browser, ".undo", "Acknowledge 1 in"), 5, "it waits")
    await do(browser.get, "about:blank")

    async def taken() -> bool:
        return bool((await rig.get(f"/v1/incidents/{name}"))["state"] == "acknowledged")

    await until(taken, PATIENCE_S, "it is sent")


async def test_keys_go_through_the_list_and_are_listed(rig: Rig, browser: Chrome) -> None:
    names = [await fire(rig, f"Alert{n}") for n in range(3)]
    await opened(rig, browser)
    await keys(browser, "?")
    assert await shows(browser, "dialog[open]", "next and previous row")
    await keys(browser, Keys.ESCAPE)
    await keys(browser, "jj")
    on = "return document.activeElement.closest('article')?.id"
    assert await run(browser, on) == f"i-{names[1]}"
    await keys(browser, "a")
    await until(
        lambda: shows(browser, f"[data-part=answered] #i-{names[1]} .state", "acknowledged"),
        PATIENCE_S,
        "it is taken",
    )
    await keys(browser, "/")
    assert await run(browser, "return document.activeElement.name") == "text"
    await keys(browser, "j?")
    assert await run(browser, "return document.activeElement.value") == "j?"


async def test_a_view_is_saved_in_this_browser_found_again_and_forgotten(
    rig: Rig, browser: Chrome
) -> None:
    await fire(rig, "ServiceDown")
    await opened(rig, browser, "?priority=P1&said=x")
    hostile = "Mine <img src=x onerror=document.title=1>"
    await run(browser, f"window.prompt = () => {hostile!r}")
    await do(press, browser, ".save-view")
    await until(lambda: shows(browser, ".views a", hostile), PATIENCE_S, "it is saved")
    # It outlives the page, and what the page is replaced by.
    await opened(rig, browser, "")
    await run(browser, "refresh()")
    await until(lambda: shows(browser, ".views a", hostile), PATIENCE_S, "it is kept")
    await do(press, browser, ".views a")
    await until(lambda: shows(browser, ".views a[aria-current=page]", hostile), PATIENCE_S, "it")
    assert (await run(browser, "return location.search")) == "?priority=P1"
    await do(press, browser, ".views button")
    assert await run(browser, "return document.querySelector('.views a') === null")
    # Whatever else is stored there breaks nothing.
    for odd in ("{", "null", "[null, 1, {}]"):
        await run(browser, f"localStorage.setItem('incident-manager-views', {odd!r})")
        await opened(rig, browser, "")
        assert await run(browser, "return document.querySelector('.save-view') !== null")
    assert not await do(complaints, browser)


@pytest.mark.parametrize("query", ["", "?wall=1", "?team=nobody", "?group=service"])
async def test_it_fits_the_smallest_screen(rig: Rig, browser: Chrome, query: str) -> None:
    await fire(rig, "X" * 300)
    await do(set_screen, browser, 320, "dark")
    await opened(rig, browser, query)
    assert await do(fits, browser)
    assert not await do(complaints, browser)
