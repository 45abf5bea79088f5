"""Open tabs in real Chromium while things go away: what is shown stays, says so, and comes back."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.support.browser import complaints, fits, press, set_screen, text_of, write
from tests.support.console import do
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until


@pytest.fixture
def browser(browser: Chrome) -> Chrome:
    set_screen(browser, 390, "light")
    return browser


async def text(browser: Chrome, selector: str) -> str:
    return str(await do(text_of, browser, selector))


async def says(browser: Chrome, selector: str, words: str) -> bool:
    return words in await text(browser, selector)


async def run(browser: Chrome, script: str) -> Any:
    return await do(browser.execute_script, script)


async def look_now(browser: Chrome) -> None:
    """Let the page look as it does when somebody comes back to it."""
    await run(browser, "document.dispatchEvent(new Event('visibilitychange'))")


async def fire(rig: Rig, name: str = "ServiceDown") -> str:
    status, answer = await rig.post(notification(alert(name), group=name))
    assert status == 202
    return str(answer["incidents"][0])


async def acknowledged(rig: Rig, incident: str) -> int:
    found = await rig.get(f"/v1/incidents/{incident}")
    return sum(entry["kind"] == "acknowledged" for entry in found["timeline"])


async def test_a_tab_outlives_the_service_and_loses_nothing_that_was_typed(
    rig: Rig, browser: Chrome
) -> None:
    incident = await fire(rig)
    await do(browser.get, f"{rig.url}/")
    await run(browser, "window.mine = 1")
    await do(write, browser, "[name=name]", "Ann")
    await rig.service.end()
    await look_now(browser)
    await until(lambda: says(browser, ".lost", "Connection lost at"), PATIENCE_S, "the banner")
    assert "the service does not answer" in await text(browser, ".lost")
    assert "ServiceDown" in await text(browser, "article h2")
    assert await do(fits, browser)
    # Pressed while nobody is there: it says so, and keeps what was to be sent.
    await do(press, browser, "article button.primary")
    await until(
        lambda: says(browser, ".unsent", "NOT stored: Acknowledge"), PATIENCE_S, "not stored"
    )
    assert "ServiceDown" in await text(browser, "article h2")
    await rig.start_service()
    await until(lambda: _is(browser, ".lost", ""), PATIENCE_S, "it comes back by itself")
    assert await run(browser, "return document.querySelector('[name=name]').value") == "Ann"
    assert await acknowledged(rig, incident) == 0
    await do(press, browser, ".unsent button.primary")
    await until(lambda: says(browser, "article .state", "acknowledged by Ann"), 10, "it is taken")
    assert (await text(browser, ".said"), await text(browser, ".unsent")) == ("Acknowledged.", "")
    assert await acknowledged(rig, incident) == 1
    # All of it without leaving the page.
    assert await run(browser, "return window.mine") == 1
    quarrels = [one for one in await do(complaints, browser) if "ERR_CONN" not in one["message"]]
    assert not quarrels


async def _is(browser: Chrome, selector: str, words: str) -> bool:
    return await text(browser, selector) == words


async def test_redis_that_stands_still_is_a_page_that_goes_on_by_itself(
    rig: Rig, browser: Chrome
) -> None:
    incident = await fire(rig)
    await do(browser.get, f"{rig.url}/incidents/{incident}")
    pid = rig.valkey_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        await look_now(browser)
        await until(lambda: says(browser, ".lost", "Connection lost at"), 30, "the banner")
        assert "ServiceDown" in await text(browser, "article h1")
        await do(press, browser, "article button.primary")
        await until(lambda: says(browser, ".unsent", "NOT stored: Acknowledge"), 30, "not stored")
        await do(browser.switch_to.new_window, "tab")
        await do(browser.get, f"{rig.url}/")
        assert "Temporarily unavailable" in await text(browser, "h1")
        assert "tries again by itself" in await text(browser, "main")
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(
        lambda: says(browser, "article h2", "ServiceDown"), PATIENCE_S, "the page it was to be"
    )
    await do(browser.switch_to.window, browser.window_handles[0])
    await look_now(browser)
    await until(lambda: _is(browser, ".lost", ""), PATIENCE_S, "the other tab")
    # Whether it had been stored or not: it is done once.
    await do(press, browser, ".unsent button.primary")
    await until(lambda: says(browser, "article .state", "acknowledged"), 10, "it is taken")
    assert await acknowledged(rig, incident) == 1


async def test_another_release_brings_its_own_page_and_what_was_typed_stays(
    rig: Rig, browser: Chrome
) -> None:
    await fire(rig)
    await do(browser.get, f"{rig.url}/")
    await run(browser, "window.mine = 1; document.documentElement.dataset.version = 'older'")
    await do(write, browser, "[name=name]", "Ann")
    await look_now(browser)
    # Nobody is interrupted in the middle of a word.
    await run(browser, "return new Promise((done) => setTimeout(done, 1000))")
    assert await run(browser, "return window.mine") == 1
    await run(browser, "document.activeElement.blur()")
    await until(lambda: _gone(browser), 10, "it is loaded anew")
    assert await run(browser, "return document.querySelector('[name=name]').value") == "Ann"
    assert "ServiceDown" in await text(browser, "article h2")


async def _gone(browser: Chrome) -> bool:
    return bool(await run(browser, "return window.mine === undefined && document.body !== null"))


async def test_credentials_that_are_over_are_asked_for_in_a_page(
    tmp_path: Path, browser: Chrome
) -> None:
    rig = Rig(tmp_path)
    file = tmp_path / "config.yml"
    file.write_text("web:\n  credentials: [{name: ops, username: ops, password: secret}]\n")
    await rig.start("receiver", f"--config.file={file}")
    try:
        known = {"headers": {"Authorization": "Basic b3BzOnNlY3JldA=="}}
        await do(browser.execute_cdp_cmd, "Network.enable", {})
        await do(browser.execute_cdp_cmd, "Network.setExtraHTTPHeaders", known)
        await do(browser.get, f"{rig.url}/")
        assert "Nothing is open" in await text(browser, ".empty")
        await run(browser, "window.mine = 1")
        await do(browser.execute_cdp_cmd, "Network.setExtraHTTPHeaders", {"headers": {}})
        await look_now(browser)
        # The page is loaded anew, for only then does a browser ask; here nobody can answer it.
        await until(lambda: _gone(browser), 10, "it is asked")
        await do(browser.execute_cdp_cmd, "Network.setExtraHTTPHeaders", known)
        await do(browser.get, f"{rig.url}/")
        assert "Nothing is open" in await text(browser, ".empty")
    finally:
        await rig.stop()


async def test_what_is_old_is_marked_and_a_wrong_clock_changes_nothing(
    rig: Rig, browser: Chrome
) -> None:
    await fire(rig)
    await do(browser.get, f"{rig.url}/")
    first = await text(browser, "article .clock time")
    # The browser's clock is set an hour on: the page notices, and counts by the service's.
    await run(browser, "const real = Date.now; Date.now = () => real() + 3600000")
    await until(lambda: _left(browser, first), PATIENCE_S, "the clock of the service")
    assert not await run(browser, "return document.documentElement.classList.contains('aged')")
    await rig.service.end()
    await run(browser, "Date.now = ((real) => () => real() + 3600000)(Date.now)")
    await until(lambda: says(browser, ".lost", "Connection lost at"), PATIENCE_S, "the banner")
    assert await run(browser, "return document.documentElement.classList.contains('aged')")
    await rig.start_service()
    await until(lambda: _is(browser, ".lost", ""), PATIENCE_S, "it comes back by itself")
    assert not await run(browser, "return document.documentElement.classList.contains('aged')")


async def _left(browser: Chrome, first: str) -> bool:
    shown = await text(browser, "article .clock time")
    return shown != first and shown.startswith(("in 4m", "in 5m"))


async def test_an_incident_that_is_forgotten_under_an_open_tab_says_so(
    rig: Rig, browser: Chrome
) -> None:
    incident = await fire(rig)
    await do(browser.get, f"{rig.url}/incidents/{incident}")
    gone = f"/incidents/{incident[:-1]}7"
    await run(browser, f"history.replaceState(null, '', '{gone}')")
    await look_now(browser)
    await until(lambda: says(browser, "main .words", "There is no incident"), 10, "it is gone")


async def test_the_status_page_stays_while_the_service_is_away(
    tmp_path: Path, browser: Chrome
) -> None:
    rig = Rig(tmp_path)
    file = tmp_path / "config.yml"
    file.write_text("status_page:\n  components: [{name: Shop, matchers: ['service=\"shop\"']}]\n")
    await rig.start("receiver", f"--config.file={file}")
    try:
        await do(browser.get, f"{rig.url}/status")
        assert "Shop" in await text(browser, ".components")
        await rig.service.end()
        await run(browser, "refresh()")
        await until(
            lambda: says(browser, ".away", "cannot be brought up to date"), PATIENCE_S, "it is old"
        )
        assert "Shop" in await text(browser, ".components")
        await rig.start_service()
        await run(browser, "refresh()")
        await until(lambda: _is(browser, ".away", ""), PATIENCE_S, "it is true again")
        assert "Shop" in await text(browser, ".components")
        away = [one for one in await do(complaints, browser) if "ERR_CONN" not in one["message"]]
        assert not away
    finally:
        await rig.stop()
