"""Commits that wait for replicas while the server is away."""

from pathlib import Path

import pytest
from redis.exceptions import RedisError

from receiver.store.incidents import IncidentStore
from receiver.store.redis import connect
from tests.support.external import DURABLE, external


async def test_a_commit_that_fails_keeps_no_connection(tmp_path: Path) -> None:
    """Each would keep one of 32, and no commit could be made when the server is back."""
    async with external(tmp_path / "server", *DURABLE) as server:
        client = connect(server.url)
        store = IncidentStore(client, 1, 1_000, wait_replicas=1)
        keys = store.keys[0]
        await client.ping()
        server.end()
        for _ in range(3):
            with pytest.raises((RedisError, OSError)):
                await store._run(keys, ["x"], ["y"], store.fence.begin(keys))
        assert not client.connection_pool._in_use_connections
        await client.aclose(close_connection_pool=True)
