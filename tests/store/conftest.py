"""A real server for every store test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
async def redis(folder: Path) -> AsyncIterator[Any]:
    server = EmbeddedValkey(folder)
    await server.start()
    client = connect(server.url)
    yield client
    await client.aclose(close_connection_pool=True)
    await server.stop()
