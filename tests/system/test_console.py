"""The console in real Chromium: a clock that ticks, a button that works, a page that fits."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import (
    complaints,
    fits,
    looks,
    press,
    set_screen,
    text_of,
    write,
)
from tests.support.console import do
from tests.support.fakes.proxies import ReverseProxy
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until

LONG = "X" * 400


async def test_see_it_tick_acknowledge_it_and_see_mtta_move(rig: Rig, browser: Chrome) -> None:
    status, answer = await rig.post(notification(alert("ServiceDown")))
    assert status == 202
    (incident,) = answer["incidents"]
    await do(set_screen, browser, 1100, "light")
    await do(browser.get, f"{rig.url}/")
    assert "P1" in await do(text_of, browser, "article .priority")
    assert "ServiceDown" in await do(text_of, browser, "article h2")
    first = await do(text_of, browser, "article .clock time")
    assert first.startswith(("in 3m", "in 4m", "in 5m"))
    assert await until(lambda: _other(browser, first), PATIENCE_S, "the clock ticks")
    assert not any(char.isdigit() for char in await do(text_of, browser, "td.mtta"))
    await do(write, browser, "[name=name]", "Ann")
    await do(press, browser, "button.primary")
    # The click returns before the next page is there.
    assert await until(
        lambda: _shows(browser, "article .state", "acknowledged by Ann"), PATIENCE_S, "Ann"
    )
    assert await do(text_of, browser, ".said") == "Acknowledged."
    assert (await do(text_of, browser, "td.mtta")).endswith("s")
    found = await rig.get(f"/v1/incidents/{incident}")
    assert (found["state"], found["acknowledged_by"]["name"]) == ("acknowledged", "Ann")
    # Resolving while alerts fire asks first.
    await do(press, browser, "article button.quiet")
    assert "still fire" in await do(text_of, browser, "dialog[open]")
    # What Enter presses is No.
    await do(lambda: browser.switch_to.active_element.send_keys(Keys.ENTER))
    assert (await rig.get(f"/v1/incidents/{incident}"))["state"] == "acknowledged"
    await do(press, browser, "article button.quiet")
    await do(press, browser, "//dialog[@open]//button[text()='Resolve']")
    await until(lambda: _is_resolved(rig, incident), PATIENCE_S, "it is resolved")
    assert not await do(complaints, browser)


async def test_times_are_of_the_readers_zone_or_of_utc_as_they_choose(
    rig: Rig, browser: Chrome
) -> None:
    await rig.post(notification(alert("ServiceDown")))
    await do(browser.execute_cdp_cmd, "Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    await do(browser.get, f"{rig.url}/")
    assert await until(lambda: _shows(browser, ".zone", "GMT+9"), PATIENCE_S, "the zone")
    title = "return document.querySelector('article time').title"
    shown = await do(browser.execute_script, title)
    assert "GMT+9 (20" in shown
    assert shown.endswith(" UTC)")
    await do(press, browser, ".zone")
    assert await until(lambda: _shows(browser, ".zone", "UTC"), PATIENCE_S, "the other zone")
    assert (await do(browser.execute_script, title)).endswith("UTC")
    # It holds for the other pages of this browser, and longer than a page.
    (first,) = await rig.incidents()
    await do(browser.get, f"{rig.url}/incidents/{first['id']}")
    assert await until(lambda: _shows(browser, ".zone", "UTC"), PATIENCE_S, "it is kept")
    assert not await do(complaints, browser)


@pytest.mark.parametrize("strips", ["", "/im"])
async def test_behind_a_proxy_with_a_path_it_ticks_refreshes_and_its_buttons_work(
    tmp_path: Path, browser: Chrome, strips: str
) -> None:
    proxy, rig = ReverseProxy("/im", strips), Rig(tmp_path)
    await proxy.start()
    await rig.start(LLM_IM__WEB__EXTERNAL_URL=proxy.url)
    proxy.target = rig.url
    try:
        _, answer = await rig.post(notification(alert("ServiceDown")))
        (incident,) = answer["incidents"]
        await do(browser.get, proxy.url)
        assert "ServiceDown" in await do(text_of, browser, "article h2")
        first = await do(text_of, browser, "article .clock time")
        assert await until(lambda: _other(browser, first), PATIENCE_S, "the clock ticks")
        await do(write, browser, "[name=name]", "Ann")
        await do(press, browser, "button.primary")
        assert await until(
            lambda: _shows(browser, "article .state", "acknowledged by Ann"), PATIENCE_S, "Ann"
        )
        # The open page is fetched anew where it is.
        await rig.post({"by": "Bob", "text": "Looking"}, f"/v1/incidents/{incident}/note")
        await rig.post(notification(alert("DiskFull"), group="g2"))
        assert await until(lambda: _shows(browser, "#open", "2 open"), 60, "it is refreshed")
        link = browser.find_element(By.PARTIAL_LINK_TEXT, "ServiceDown").get_attribute
        await do(browser.get, await do(link, "href"))
        assert await until(lambda: _shows(browser, "ol.timeline", "Looking"), PATIENCE_S, "it")
        assert str(await do(lambda: browser.current_url)) == f"{proxy.url}/incidents/{incident}"
        assert proxy.strayed in ([], ["/favicon.ico"])
        assert not await do(complaints, browser)
    finally:
        await rig.stop()
        await proxy.stop()


async def _other(browser: Chrome, first: str) -> bool:
    return await do(text_of, browser, "article .clock time") not in ("", first)


async def _shows(browser: Chrome, selector: str, text: str) -> bool:
    return text in await do(text_of, browser, selector)


async def _is_resolved(rig: Rig, incident: str) -> bool:
    return bool((await rig.get(f"/v1/incidents/{incident}"))["state"] == "resolved")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone_in_both_schemes_and_is_not_blank(
    rig: Rig, browser: Chrome, scheme: str
) -> None:
    for number, severity in enumerate(("critical", "error", "warning", "critical")):
        name = LONG if number == 3 else f"Alert{number}"
        item = alert(name, labels={"severity": severity, "path": "/a" * 200})
        await rig.post(notification(item, group=f"g{number}"))
    (first, *_) = await rig.incidents()
    await rig.post({"text": LONG, "by": "Ann"}, f"/v1/incidents/{first['id']}/note")
    page = f"/incidents/{first['id']}"
    for path in ("/", page, f"{page}/review"):
        await do(set_screen, browser, 360, scheme)
        await do(browser.get, rig.url + path)
        assert await do(fits, browser)
        picture = await do(browser.get_screenshot_as_png)
        light, colours = looks(picture)
        assert (light > 150) == (scheme == "light")
        assert colours > 50
    assert not await do(complaints, browser)


async def test_a_review_is_printed_without_buttons_and_fits_the_paper(
    rig: Rig, browser: Chrome
) -> None:
    _, answer = await rig.post(notification(alert("ServiceDown")))
    (incident,) = answer["incidents"]
    await rig.post({"text": LONG, "by": "Ann"}, f"/v1/incidents/{incident}/note")
    await rig.post({"by": "Ann"}, f"/v1/incidents/{incident}/resolve")
    await do(set_screen, browser, 700, "dark")
    await do(browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": "print"})
    page = f"{rig.url}/incidents/{incident}/review"
    await do(browser.get, page)
    assert await do(fits, browser)
    visible = (
        "return [...document.querySelectorAll('form, .top')].filter(e => e.offsetParent).length"
    )
    assert await do(browser.execute_script, visible) == 0
    light, _ = looks(await do(browser.get_screenshot_as_png))
    assert light > 200
    await do(browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})
    await do(write, browser, "[name=text]", "Alert earlier")
    await do(press, browser, "form.act button")
    assert await until(
        lambda: _shows(browser, "#action-items", "1: Alert earlier"), PATIENCE_S, "it"
    )
    assert not await do(complaints, browser)
