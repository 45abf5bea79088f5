"""A Valkey server that somebody else runs, with any options, which tests may kill."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from receiver.errors import StoreUnavailableError
from receiver.store.embedded.process import find_binary
from receiver.store.redis import connect, unavailable_is_503
from tests.support.patience import PATIENCE_S

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
RENAMED = ("--rename-command", "CONFIG", "")
"""As managed servers forbid it."""


class External:
    """One server on one folder; ``url`` stays the same over restarts."""

    def __init__(self, folder: Path, *options: str, save: str = "") -> None:
        self.folder = folder
        self.options = ("--save", save, *options)
        self.url = f"unix://{folder}/s.sock"
        self.client: Any = connect(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and return when its data is loaded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(find_binary()), "--port", "0", "--dir", str(self.folder)]
        command += ["--unixsocket", self.url.removeprefix("unix://"), *self.options]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        async with asyncio.timeout(PATIENCE_S):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def user(self, *rights: str) -> str:
        """Return the URL of a user of its own who may do what these rules of an ACL say."""
        rules = ("reset", "on", ">secret", *rights)
        await self.client.execute_command("ACL", "SETUSER", "service", *rules)
        return f"{self.url}?username=service&password=secret"

    async def _answers(self) -> bool:
        try:
            async with unavailable_is_503():
                return bool(await self.client.exists("x") == 0)
        except StoreUnavailableError:
            return False

    @property
    def file(self) -> Path:
        """The append-only file that it writes to."""
        return next((self.folder / "appendonlydir").glob("*.incr.aof"))

    async def written(self) -> int:
        """Return the size of that file with all in it: beside a slow fsync that is put off."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.client.info("persistence"))["aof_buffer_length"]:
                await asyncio.sleep(0.02)
        return self.file.stat().st_size

    async def go_back(self, size: int) -> None:
        """End it, take all that it wrote behind so many bytes, and start it again."""
        self.end()
        os.truncate(self.file, size)
        await self.start()

    def end(self, number: int = signal.SIGKILL) -> None:
        """Kill it, or end it in another way."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)


@asynccontextmanager
async def external(folder: Path, *options: str, save: str = "") -> AsyncIterator[External]:
    """Run a server as long as the block runs."""
    server = External(folder, *options, save=save)
    try:
        await server.start()
        yield server
    finally:
        await server.client.aclose(close_connection_pool=True)
        server.end()
