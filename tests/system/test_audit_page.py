"""The page of the audit trail in real Chromium: 100,000 entries, on a phone, with long texts."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from receiver.store.audit.entries import AuditStore
from receiver.store.audit.entry import AuditEntry
from tests.support.app import NO_ACCOUNTS, App
from tests.support.browser import complaints, fits, press, set_screen, text_of
from tests.support.console import do
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack

ENTRIES = 100_000
WITHIN_S = 5.0
"""Far above what a page takes, and far below what anybody waits for."""
LONG = "x" * 200
HOSTILE = "<img src=x onerror=document.title=1>"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    # Without accounts neither is called, so neither is started.
    running = App(tmp_path, FakeSlack(), FakePagerDuty())
    await running.start(**NO_ACCOUNTS)
    await _fill(running.service.audit.store, running.clock.now())
    yield running
    await running.stop()


async def _fill(store: AuditStore, now: int) -> None:
    for start in range(0, ENTRIES, 1_000):
        many = range(start, start + 1_000)
        await store.append(
            0, [AuditEntry(now, "note", "noted", f"person {n}", detail=f"the {n}th") for n in many]
        )
        while await store.pack(0):
            pass
    for text in (LONG, HOSTILE):
        await store.append(0, [_of(now, text)])


def _of(now: int, text: str) -> AuditEntry:
    return AuditEntry(now, text, text, text, text, text, text, text, 1, text, text, 9)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_is_read_on_a_phone_and_pages_lead_on(
    app: App, browser: Chrome, scheme: str
) -> None:
    for width in (320, 1100):
        await do(set_screen, browser, width, scheme)
        began = time.monotonic()
        await do(browser.get, f"{app.url}/audit")
        assert time.monotonic() - began < WITHIN_S
        assert await do(fits, browser), width
        assert len(await do(browser.find_elements, By.CSS_SELECTOR, ".audit tbody tr")) == 100
    assert LONG in await do(text_of, browser, ".audit tbody")
    assert await do(lambda: browser.title) == "Audit trail"
    await do(press, browser, "a[rel=next]")
    assert "person 99802" in await do(text_of, browser, ".audit tbody")
    # What is far back, and nothing else.
    began = time.monotonic()
    await do(browser.get, f"{app.url}/audit?principal=person+42&action=note&since=2000-01-01")
    took = time.monotonic() - began
    assert took < WITHIN_S
    assert await do(fits, browser)
    assert "person 42" in await do(text_of, browser, ".audit tbody")
    assert not await do(complaints, browser)
