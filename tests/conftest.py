"""What all tests have in common."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect

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
