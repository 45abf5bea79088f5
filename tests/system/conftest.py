"""The service as a process, and a real Alertmanager, for the tests that talk to one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
