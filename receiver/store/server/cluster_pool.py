"""Connections to one primary of a Cluster."""

from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.exceptions import ConnectionError  # noqa: A004 - redis-py's name for it


class RetiredError(ConnectionError):
    """Nothing was sent: the server is no primary any more."""


class ClusterPool(BlockingConnectionPool):
    """A pool of connections to a primary, until that is none any more."""

    retired = False

    async def get_connection(self, *args: Any, **more: Any) -> Any:
        """Return a connection; RetiredError, also for whoever waited for one meanwhile."""
        if not self.retired:
            connection = await super().get_connection(*args, **more)  # type: ignore[no-untyped-call]
            if not self.retired:
                return connection
            await self.release(connection)
        raise RetiredError("that server of the Cluster is no primary any more")

    async def release(self, connection: Any) -> None:
        """Take a connection back, closed where nobody will use it again.

        One that was being made while the others were closed is open only now.
        """
        if self.retired:
            await connection.disconnect(nowait=True)
        await super().release(connection)

    async def retire(self) -> None:
        """Close all connections: whoever waits for an answer of a server that hung need not."""
        self.retired = True
        await self.disconnect()
