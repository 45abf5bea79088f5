"""Memory full, disk full, replicas missing: every signal says what webhooks are answered.

Webhooks come in all the time, and so do the questions: /-/ready, /health, its problems,
incident_manager_redis_up. Each of their answers is compared with those of the last webhook that was
answered before it was asked for and of the first one after it: where both say the same, so must it.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientError

from receiver.aio.background import end
from tests.support.external import DURABLE, External, external
from tests.support.notification import alert, notification
from tests.support.rig import Rig, free_port, until

NAME = "damage"
DISK_MIB = 16
LASTS_S = 4.0
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
SIGNALS = ("ready", "health", "problem", "redis_up")

Report = Callable[[str, str, str, bool], None]
Change = Callable[[], Awaitable[None]]


class Watch:
    """What webhooks were answered and what each signal said, with the time of the answer."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.webhooks: list[tuple[float, bool]] = []
        self.said: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in SIGNALS}
        self.kept: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in (self._post, self._ask)]
        try:
            yield
        finally:
            await end(tasks)

    async def _post(self) -> None:
        number = 0
        while True:
            number += 1
            name = f"A{number}"
            try:
                status, answer = await self._rig.post(notification(alert(name), group=name))
            except (ClientError, OSError, ValueError):
                status, answer = 0, {}
            self.webhooks.append((time.monotonic(), status == 202))
            if status == 202:
                self.kept += answer["incidents"]
            await asyncio.sleep(0.02)

    async def _ask(self) -> None:
        rig = self._rig
        while True:
            await self._note("ready", rig.ready)
            await self._note("redis_up", lambda: rig.metric("incident_manager_redis_up"))
            await self._note("health", self._health)
            await self._note("problem", self._unnamed)
            await asyncio.sleep(0.1)

    async def _note(self, name: str, ask: Callable[[], Awaitable[float]]) -> None:
        began = time.monotonic()
        good = await ask()
        self.said[name].append((began, time.monotonic(), bool(good)))

    async def _health(self) -> bool:
        return bool((await self._rig.get("/health"))["status"] != "unhealthy")

    async def _unnamed(self) -> bool:
        problems = (await self._rig.get("/health"))["problems"]
        return not any(item["unready"] for item in problems)

    def all_since(self, began: float, *, good: bool) -> bool:
        """Whether the last few webhooks were answered so, which is not at once: see everysec."""
        latest = [value for at, value in self.webhooks if at > began][-5:]
        return len(latest) > 2 and set(latest) == {good}

    def wrong(self, name: str) -> int:
        """How often a signal said what neither webhook beside it was answered."""
        found = 0
        for asked, answered, said in self.said[name]:
            before = [value for at, value in self.webhooks if at < asked][-1:]
            after = [value for at, value in self.webhooks if at > answered][:1]
            found += before == after == [not said]
        return found


async def run(report: Report) -> None:
    """Do each kind of damage, and undo it, while webhooks come in."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        async with external(path / "memory", *DURABLE) as server:
            change = _setting(server, "maxmemory", "1", "0")
            await _damage(report, "memory full", path, server, change)
        async with external(path / "few", *DURABLE) as server:
            change = _setting(server, "min-replicas-to-write", "1", "0")
            await _damage(report, "replicas missing (server)", path, server, change)
        await _replicas(report, path)
        with _disk(path / "disk") as disk:
            async with external(disk / "s", *EVERYSEC) as server:
                await _damage(report, "disk full (everysec)", path, server, _filling(disk))
        with _disk(path / "own") as disk:
            await _damage(report, "disk full (embedded)", disk, None, _filling(disk))


async def _replicas(report: Report, path: Path) -> None:
    """redis.wait_replicas: 1, and the only replica goes and comes back."""
    port = str(free_port())
    copy = External(path / "copy", "--replicaof", f"127.0.0.1 {port}")
    async with external(path / "primary", *DURABLE, "--port", port) as server:
        await copy.start()
        try:

            async def leave() -> None:
                copy.end()

            env = {"LLM_IM__REDIS__WAIT_REPLICAS": "1"}
            change = (leave, copy.start)
            await _damage(report, "replicas missing (WAIT)", path, server, change, env)
        finally:
            copy.end()


async def _damage(
    report: Report,
    name: str,
    folder: Path,
    server: External | None,
    change: tuple[Change, Change],
    env: dict[str, str] | None = None,
) -> None:
    rig = Rig(folder)
    await rig.start(LLM_IM__REDIS__URL=server.url if server else "", **(env or {}))
    watch = Watch(rig)
    begin, end = change
    try:
        async with watch.running():
            await until(lambda: watch.all_since(0, good=True), 30, "webhooks are accepted")
            await asyncio.sleep(LASTS_S)
            began = time.monotonic()
            await begin()
            await until(lambda: watch.all_since(began, good=False), 60, "webhooks are refused")
            await asyncio.sleep(LASTS_S)
            ended = time.monotonic()
            await end()
            await until(lambda: watch.all_since(ended, good=True), 60, "webhooks are accepted")
            await asyncio.sleep(LASTS_S)
        wrong = {signal: watch.wrong(signal) for signal in SIGNALS}
        asked = sum(len(said) for said in watch.said.values())
        bad = sum(not value for said in watch.said.values() for *_, value in said)
        figure = f"{sum(wrong.values())} of {asked} ({bad} bad)"
        report(f"{name}: signals that disagree", figure, "0", not any(wrong.values()) and bad > 0)
        found = {item["id"] for item in await rig.incidents()}
        lost = sum(one not in found for one in watch.kept)
        report(f"{name}: accepted, missing", f"{len(watch.kept)}, {lost}", "0", lost == 0)
    finally:
        await rig.stop()


def _setting(server: External, name: str, bad: str, good: str) -> tuple[Change, Change]:
    async def begin() -> None:
        await server.client.config_set(name, bad)

    async def end() -> None:
        await server.client.config_set(name, good)

    return begin, end


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """A small disk of its own, which only root can mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _filling(disk: Path) -> tuple[Change, Change]:
    file = disk / "full"

    async def begin() -> None:
        with file.open("wb", buffering=0) as out:
            for size in (65_536, 4_096, 1):
                try:
                    while out.write(b"x" * size):
                        pass
                except OSError:
                    continue

    async def end() -> None:
        file.unlink()

    return begin, end
