"""A real Alertmanager for the tests that talk to one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.real_alertmanager import Real


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    running = Real(tmp_path)
    await running.start()
    yield running
    await running.stop()
