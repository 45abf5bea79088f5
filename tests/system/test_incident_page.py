"""The page of an incident in real Chromium: keys, questions, and what outlives its refresh."""

from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.keys import Keys

from tests.support.browser import complaints, fits, set_screen, text_of
from tests.support.console import do
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until

LONG = "W" * 1000 + " \u202e<img src=x onerror=alert(1)>"


@pytest.fixture
def browser(browser: Chrome) -> Chrome:
    set_screen(browser, 1100, "light")
    return browser


async def run(browser: Chrome, script: str) -> Any:
    return await do(browser.execute_script, script)


async def press(browser: Chrome, *keys: str) -> None:
    """Type at whatever has the focus: no element is held, for the page replaces them."""
    await do(lambda: ActionChains(browser).send_keys(*keys).perform())


async def shows(browser: Chrome, selector: str, words: str) -> bool:
    return words in str(await do(text_of, browser, selector))


async def is_so(browser: Chrome, script: str) -> bool:
    return bool(await run(browser, f"return {script}"))


async def fire(rig: Rig, *alerts: dict[str, Any]) -> str:
    status, answer = await rig.post(notification(*alerts))
    assert status == 202
    return str(answer["incidents"][0])


async def state(rig: Rig, incident: str) -> str:
    return str((await rig.get(f"/v1/incidents/{incident}"))["state"])


async def test_keys_do_what_they_say_and_enter_never_resolves(rig: Rig, browser: Chrome) -> None:
    incident = await fire(rig, alert("ServiceDown"))
    await do(browser.get, f"{rig.url}/incidents/{incident}")
    await until(lambda: shows(browser, ".copies .bell", "Keys: ?"), PATIENCE_S, "the script")
    await press(browser, "?")
    await until(lambda: shows(browser, "dialog[open]", "acknowledge"), 10, "the keys")
    await press(browser, Keys.ESCAPE)
    await until(lambda: is_so(browser, "!document.querySelector('dialog[open]')"), 10, "closed")
    # While something is typed, a letter is a letter.
    await run(browser, "document.querySelector('#card [name=name]').focus()")
    await press(browser, "ar?")
    assert await is_so(browser, "document.querySelector('#card [name=name]').value === 'ar?'")
    assert await is_so(browser, "!document.querySelector('dialog[open]')")
    await run(
        browser,
        "const one = document.querySelector('#card [name=name]'); one.value = 'Ann'; one.blur()",
    )
    # Asked, and answered with Enter: it goes on.
    await press(browser, "r")
    await until(lambda: shows(browser, "dialog[open]", "Resolve it?"), 10, "the question")
    await press(browser, Keys.ENTER)
    await until(lambda: is_so(browser, "!document.querySelector('dialog[open]')"), 10, "no")
    assert await state(rig, incident) == "triggered"
    await press(browser, "a")
    await until(lambda: shows(browser, "article .state", "acknowledged by Ann"), 10, "it is taken")
    # Nothing is left for Enter to press but Resolve, which it does not.
    await run(browser, "document.querySelector('#card [name=name]').focus()")
    await press(browser, Keys.ENTER)
    await run(browser, "return new Promise((done) => setTimeout(done, 500))")
    assert await state(rig, incident) == "acknowledged"
    await run(browser, "document.activeElement.blur()")
    await press(browser, "n")
    await until(lambda: is_so(browser, "document.activeElement.name === 'text'"), 10, "the note")
    await press(browser, "found it")
    await run(
        browser,
        "document.activeElement.form.requestSubmit(document.activeElement.form.querySelector('button'))",
    )
    await until(lambda: shows(browser, "#timeline ~ ol", "found it"), 10, "the note is there")
    # Of two buttons of one name the one that was pressed: with what was typed beside it.
    await run(
        browser,
        "const form = document.querySelector('#do-resolve form');"
        "form.elements.cause.value = 'A full disk'; form.querySelector('button').click()",
    )
    await until(
        lambda: shows(browser, "dialog[open]", "Resolve this incident?"), 10, "the question"
    )
    await press(browser, Keys.TAB, Keys.ENTER)
    await until(lambda: shows(browser, "article .state", "resolved by Ann"), 10, "it is over")
    assert await shows(browser, "#timeline ~ ol", "A full disk")
    assert not await do(complaints, browser)


async def test_what_is_open_and_read_outlives_what_changes(rig: Rig, browser: Chrome) -> None:
    labels = {"system": "incident-manager"}
    rows = [alert("WebhookFailing", labels=labels | {"pod": f"p{n}", "x": LONG}) for n in range(12)]
    incident = await fire(rig, *rows)
    await do(browser.get, f"{rig.url}/incidents/{incident}?kind=people")
    await until(lambda: shows(browser, ".copies .bell", "Keys: ?"), PATIENCE_S, "the script")
    await run(
        browser,
        "window.mine = 1; document.getElementById('common').open = true;"
        "document.getElementById('runbook-text').scrollTop = 60",
    )
    await rig.post({"by": "Bob", "text": "Looking"}, f"/v1/incidents/{incident}/note")
    await run(browser, "document.dispatchEvent(new Event('visibilitychange'))")
    await until(lambda: shows(browser, "#timeline ~ ol", "Looking"), PATIENCE_S, "the news")
    assert not await shows(browser, "#timeline ~ ol", "Step 1")
    assert await is_so(browser, "window.mine === 1")
    assert await is_so(browser, "document.getElementById('common').open")
    assert await is_so(browser, "document.getElementById('runbook-text').scrollTop === 60")
    for width in (1100, 320):
        for scheme in ("light", "dark"):
            await do(set_screen, browser, width, scheme)
            assert await do(fits, browser), (width, scheme)
    assert not await do(complaints, browser)
