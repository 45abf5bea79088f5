"""What all tests have in common."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.slots import checked

# Nothing is timed in a test: a machine that is busy is not a defect.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
async def redis() -> AsyncIterator[Any]:
    """A real server, and a client of it."""
    with TemporaryDirectory() as folder:  # a path short enough for a socket
        server = EmbeddedValkey(Path(folder))
        await server.start()
        client = connect(server.url)
        yield client
        await client.aclose(close_connection_pool=True)
        await server.stop()


@pytest.fixture
async def alertmanager() -> AsyncIterator[FakeAlertmanager]:
    """An Alertmanager that keeps silences, and fails as a test tells it to."""
    made = FakeAlertmanager()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(scope="session", autouse=True)
def _in_several_slots() -> Iterator[list[str]]:
    found: list[str] = []
    with checked(found):
        yield found


@pytest.fixture(autouse=True)
def in_one_slot(_in_several_slots: list[str]) -> Iterator[None]:
    """What a test has sent at once is about keys of one slot, as a Cluster demands."""
    yield
    wrong = list(_in_several_slots)
    _in_several_slots.clear()
    assert not wrong
