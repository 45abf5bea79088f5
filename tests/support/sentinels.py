"""A primary with replicas and Sentinels that watch it, all of which tests may kill."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from receiver.store.embedded.process import find_binary
from tests.support.external import DURABLE
from tests.support.rig import free_port, until
from tests.support.tools import require_tool

SERVICE = "incidents"
DOWN_AFTER_MS = 500


class Tls(NamedTuple):
    """By what servers and their clients know each other."""

    ca: Path
    cert: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Return those of a server: to its clients, its replicas and the rest of its Cluster."""
        files = {"ca-cert": self.ca, "cert": self.cert, "key": self.key}
        named = (word for name, file in files.items() for word in (f"--tls-{name}-file", str(file)))
        return (*named, "--tls-cluster", "yes", "--tls-replication", "yes")

    @property
    def client(self) -> dict[str, Any]:
        """Return the options of a client, by their names in a URL, too."""
        files = {"ca_certs": self.ca, "certfile": self.cert, "keyfile": self.key}
        return {f"ssl_{name}": str(file) for name, file in files.items()}


class Server:
    """One process on a folder and a port of its own."""

    def __init__(self, folder: Path, *command: str, tls: Tls | None = None) -> None:
        """``tls``: it speaks nothing else; a Redis then, as our Valkey was built without."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        # Without retries: a server that hangs is not to be waited for again and again.
        once = Retry(NoBackoff(), 0)
        self.client: Any = Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=once,
            ssl=tls is not None,
            **(tls.client if tls else {}),
        )
        self._program = require_tool("redis-server") if tls else str(find_binary())
        ports = ("--port", str(self.port))
        self._ports = ("--port", "0", "--tls-port", str(self.port)) if tls else ports
        self.command = (*command, *(tls.options if tls else ()))
        self.process: subprocess.Popen[bytes]

    async def start(self) -> None:
        command = [self._program, *self.command, *self._ports]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        await until(self.answers, 20, f"{self.folder.name} answers")

    async def answers(self) -> bool:
        try:
            return bool(await self.client.ping())
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer
            return False

    async def lose(self, replica: "Server") -> None:
        """Have a replica hear no more of what is written here, until ``hear``."""
        await replica.client.config_set("masterauth", "wrong")
        await replica.client.config_set("masteruser", "nobody")
        await self.client.execute_command("CLIENT", "KILL", "TYPE", "replica")

        async def is_apart() -> bool:
            return bool((await self.client.info("replication"))["connected_slaves"] == 0)

        await until(is_apart, 10, f"{replica.folder.name} is apart")

    async def hear(self) -> None:
        """Follow a primary again."""
        await self.client.config_set("masteruser", "")
        await self.client.config_set("masterauth", "")

    def send(self, number: int) -> None:
        """Send it a signal, as long as it runs."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait(10)


class Watched:
    """Three Sentinels, a primary, and its replicas."""

    def __init__(self, folder: Path, replicas: int) -> None:
        self.servers = [Server(folder / f"data{n}", *DURABLE) for n in range(replicas + 1)]
        self.sentinels: list[Server] = []
        self._folder = folder

    @property
    def url(self) -> str:
        """Return what ``redis.url`` is to be."""
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{places}/{SERVICE}"

    async def start(self) -> None:
        for server in self.servers:
            await server.start()
        first = self.servers[0]
        for server in self.servers[1:]:
            await server.client.replicaof("127.0.0.1", first.port)
        for number in range(3):
            place = self._folder / f"sentinel{number}"
            sentinel = Server(place, "sentinel.conf", "--sentinel")
            (place / "sentinel.conf").write_text(
                f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} 2\n"
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {SERVICE} 5000\n"
            )
            self.sentinels.append(sentinel)
            await sentinel.start()
        await until(self._is_whole, 30, "the Sentinels know each other and the replicas")

    async def _is_whole(self) -> bool:
        for sentinel in self.sentinels:
            state = await sentinel.client.sentinel_master(SERVICE)
            if state["num-other-sentinels"] < len(self.sentinels) - 1:
                return False
            if state["num-slaves"] < len(self.servers) - 1:
                return False
        # A replica that has not yet what the primary had would be none to take over.
        info = await self.servers[0].client.info("replication")
        return all(
            info.get(f"slave{n}", {}).get("state") == "online" for n in range(len(self.servers) - 1)
        )

    async def primary(self) -> Server:
        """Return which server the Sentinels name."""
        found = await self.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)
        return next(one for one in self.servers if one.port == int(found[1]))

    async def stop(self) -> None:
        for one in (*self.sentinels, *self.servers):
            await one.client.aclose(close_connection_pool=True)
            one.send(signal.SIGCONT)
            one.send(signal.SIGKILL)


@asynccontextmanager
async def watched(folder: Path, replicas: int = 2) -> AsyncIterator[Watched]:
    """Run them as long as the block runs."""
    found = Watched(folder, replicas)
    try:
        await found.start()
        yield found
    finally:
        await asyncio.shield(found.stop())
