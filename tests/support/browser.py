"""Real Chromium for system tests and proofs: started, sized, and what it drew looked at."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageStat
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.tools import require_tool

PATIENCE_S = 5.0
"""How long a page may take to be what is looked for."""


def text_of(browser: Chrome, selector: str) -> str:
    """Return what a visible element says, "" when there is none, or none any more.

    While a page is replaced, Chromium's errors about what was there are of several kinds.
    """
    try:
        return str(browser.find_element(By.CSS_SELECTOR, selector).text)
    except WebDriverException:
        return ""


def press(browser: Chrome, selector: str) -> None:
    """Click on an element, by CSS or by an XPath that begins with a slash."""
    _on(browser, selector, lambda found: found.click())


def write(browser: Chrome, selector: str, text: str) -> None:
    """Type into a field."""
    _on(browser, selector, lambda found: found.send_keys(text))


def _on(browser: Chrome, selector: str, work: Callable[[WebElement], None]) -> None:
    """Do something to an element; what is live may be replaced between a look and a click."""
    by = By.XPATH if selector.startswith("/") else By.CSS_SELECTOR
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work(browser.find_element(by, selector))
        except WebDriverException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Give a browser that is closed at the end."""
    options = ChromeOptions()
    options.binary_location = require_tool("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Driver(require_tool("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def set_screen(browser: Chrome, width: int, scheme: str) -> None:
    """Make it ``width`` pixels wide, and ``light`` or ``dark``."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def complaints(browser: Chrome) -> list[Any]:
    """Return what its console has complained about, such as something the page's policy forbids."""
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def fits(browser: Chrome) -> bool:
    """Return whether the page is no wider than the screen, as soon as it is laid out for it."""
    widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
    end = time.monotonic() + PATIENCE_S
    while True:
        shown, room = browser.execute_script(widths)
        if shown <= room or time.monotonic() > end:
            return bool(shown <= room)
        time.sleep(0.05)


def looks(picture: bytes) -> tuple[float, int]:
    """Return the mean brightness (0 to 255) of a picture, and how many colours it has."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    found = image.getcolors(maxcolors=1 << 20) or []
    return ImageStat.Stat(image.convert("L")).mean[0], len(found)
