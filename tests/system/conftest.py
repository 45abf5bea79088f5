"""The service as a process, a real Alertmanager and a real browser, for the tests that need one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.browser import chromium
from tests.support.real_alertmanager import Real
from tests.support.rig import Rig


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    running = Real(tmp_path)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    running = Rig(tmp_path)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        yield found
