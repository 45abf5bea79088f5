"""A Cluster of primaries, each with a replica, all of which tests may kill."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.external import DURABLE
from tests.support.rig import free_port, until
from tests.support.sentinels import Server, Tls

SLOTS = 16_384
NODE_TIMEOUT_MS = 1_000


class Cluster:
    """So many primaries, and for each of them a replica or none."""

    def __init__(
        self, folder: Path, primaries: int, replicas: int, *options: str, tls: Tls | None = None
    ) -> None:
        """``tls``: all of it is by TLS, and nothing without."""
        self.first = primaries
        self.tls = tls
        self.servers = []
        for number in range(primaries + replicas):
            own = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            server = Server(
                folder / f"data{number}",
                *(*DURABLE, *own, "--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
                *("--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"),
                *options,
                tls=tls,
            )
            self.servers.append(server)

    @property
    def url(self) -> str:
        """Return what ``redis.url`` is to be."""
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.servers[: self.first])
        more = f"?{urlencode(self.tls.client)}" if self.tls else ""
        return f"redis{'s' if self.tls else ''}+cluster://{places}{more}"

    async def start(self) -> None:
        for server in self.servers:
            await server.start()
        for number, server in enumerate(self.servers[: self.first]):
            begin, end = (SLOTS * at // self.first for at in (number, number + 1))
            await self.call(server, "ADDSLOTSRANGE", begin, end - 1)
            await self.call(server, "SET-CONFIG-EPOCH", number + 1)
        one = self.servers[0]
        for server in self.servers[1:]:
            bus = server.command[server.command.index("--cluster-port") + 1]
            await self.call(one, "MEET", "127.0.0.1", server.port, bus)
        await until(self._know_each_other, 30, "the servers of the Cluster know each other")
        for number, server in enumerate(self.servers[self.first :]):
            name = await self.call(self.servers[number % self.first], "MYID")
            await self.call(server, "REPLICATE", name.decode())
        await until(self.is_whole, 30, "the Cluster is whole")

    @staticmethod
    async def call(server: Server, *words: Any) -> Any:
        """Ask a server something about its Cluster."""
        return await server.client.execute_command("CLUSTER", *words)

    async def _know_each_other(self) -> bool:
        for server in self.servers:
            rows = (await self.call(server, "NODES")).decode().splitlines()
            if len(rows) < len(self.servers) or any("handshake" in row for row in rows):
                return False
        return True

    async def is_whole(self) -> bool:
        """Return whether every server runs and sees all slots held, and replicas have all there is.

        Of that a server that is away says nothing: False.
        """
        primaries = 0
        for server in self.servers:
            if not await server.answers():
                return False
            state = await self.call(server, "INFO")
            said: Any = state if isinstance(state, dict) else {}
            if (said or _fields(state)).get("cluster_state") != "ok":
                return False
            info = await server.client.info("replication")
            if info["role"] == "slave" and info["master_link_status"] != "up":
                return False
            primaries += info["role"] == "master"
        return primaries == self.first

    async def primary(self, number: int = 0) -> Server:
        """Return the primary of some slots: those that the server of that number began with."""
        slot = SLOTS * number // self.first
        for server in self.servers:
            if not await server.answers():
                continue
            for begin, end, place, *_ in await self.call(server, "SLOTS"):
                if begin <= slot <= end:
                    found = next(one for one in self.servers if one.port == place[1])
                    if await found.answers():
                        return found
        raise AssertionError(f"nobody has slot {slot}")

    async def replica(self, primary: Server) -> Server:
        """Return a replica of a primary."""
        for server in self.servers:
            if server is not primary and await server.answers():
                info = await server.client.info("replication")
                if info["role"] == "slave" and info["master_port"] == primary.port:
                    return server
        raise AssertionError(f"{primary.folder.name} has no replica")

    async def stop(self) -> None:
        for one in self.servers:
            await one.client.aclose(close_connection_pool=True)
            one.send(signal.SIGCONT)
            one.send(signal.SIGKILL)


def _fields(raw: Any) -> dict[str, str]:
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    rows = (row.partition(":") for row in text.splitlines())
    return {name: value for name, _, value in rows}


@asynccontextmanager
async def cluster(
    folder: Path,
    *options: str,
    primaries: int = 3,
    replicas: int = 3,
    tls: Tls | None = None,
) -> AsyncIterator[Cluster]:
    """Run one as long as the block runs."""
    found = Cluster(folder, primaries, replicas, *options, tls=tls)
    try:
        await found.start()
        yield found
    finally:
        await asyncio.shield(found.stop())
