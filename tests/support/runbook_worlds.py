"""Services in the states that the alerts about this service describe, to run runbooks against.

Real ones: a Redis that refuses commits, forgets, or has no memory left; a disk that is full;
notifiers that fail while work piles up; a process that is gone.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import redis
import yaml

from receiver.store.embedded.process import find_binary
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from routing.group import split_id
from tests.support.external import DURABLE
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.rig import Program, Rig, free_port, start_prometheus, until
from tests.support.runbook_commands import OWN, Command, Ran, commands_of, run
from tests.support.tools import require_tool

DISK_MIB = 16
QUEUED = 1_100
"""More than ProcessingQueueBackedUp allows."""
CLOSED_PORT = 9
SILENT = ("/-/reload", "/v1/damaged?place=", "-o /dev/null")
"""Commands of which nothing has to be printed."""


class World:
    """A state. ``values``: what stands for what; ``codes``: exit codes other than 0, by command."""

    def __init__(self, rig: Rig, env: dict[str, str] | None = None) -> None:
        self.rig = rig
        self.values: dict[str, str] = {}
        self.env = {"INCIDENT_MANAGER_URL": rig.url, "USER": "ann"} | (env or {})
        self.codes: dict[str, set[int]] = {"incident-manager health-check": {0, 1, 2, 3}}
        self.wrong: list[str] = []
        self._mended = False
        self._ran: dict[tuple[str, str, bool], Ran] = {}

    async def mend(self) -> None:
        """Make it well again, before what comes afterwards."""

    async def run(self, command: Command) -> Ran:
        """Run a command, and note what is wrong with what came of it.

        What several runbooks name is run once before it is mended, and once after that.
        """
        if command.mends and not self._mended:
            self._mended = True
            await self.mend()
        key = (command.before, command.text, self._mended)
        if key in self._ran:
            return self._ran[key]
        ran = self._ran[key] = await run(
            command, self.rig.folder, self.values, self.env | self.rig.service.env
        )
        allowed = next((v for k, v in self.codes.items() if command.text.startswith(k)), {0})
        silent = any(part in command.text for part in SILENT)
        if ran.code not in allowed or not (silent or ran.printed or ran.complained):
            what = f"{command.runbook}: {command.text}: exit {ran.code}: {ran.printed[-300:]}"
            self.wrong.append(f"{what} {ran.complained[-300:]}")
        return ran


def _own(command: Command) -> bool:
    return "LLM_IM__REDIS__URL" in command.text or command.text.startswith("CONFIG ")


def plan() -> dict[str, list[Command]]:
    """Return world -> its commands; each command that addresses the service is in one or more."""
    found: dict[str, list[Command]] = {name: [] for name in WORLDS}
    for file in OWN:
        for command in commands_of(file):
            if command.elsewhere:
                continue
            for world in _worlds_of(command):
                found[world].append(command)
    return found


def _worlds_of(command: Command) -> list[str]:
    if _own(command):
        return [
            {"DurabilityLost": "forgetful", "StorageMemoryFilling": "narrow"}.get(
                command.runbook, "refused"
            )
        ]
    if command.is_query or "$PROMETHEUS_URL" in command.text:
        return ["down" if command.runbook == "ServiceDown" else "busy"]
    if "-s data/" in command.text:
        return ["busy"]
    return {
        "RedisDown": ["full"] if "data" in command.text else ["refused", "full"],
        "StorageDiskFilling": ["full"],
        "DurabilityLost": ["forgetful"],
        "StorageMemoryFilling": ["narrow"],
        "ServiceDown": ["down"],
    }.get(command.runbook, ["busy"])


class _OwnRedis(World):
    """A service on a Redis of its own, which has a file of settings and a port."""

    def __init__(self, rig: Rig, client: Any, url: str) -> None:
        super().__init__(rig, {"LLM_IM__REDIS__URL": url})
        self.client = client


@asynccontextmanager
async def _own_redis(folder: Path, *options: str) -> AsyncIterator[_OwnRedis]:
    port = free_port()
    (folder / "redis").mkdir()
    file = folder / "redis" / "redis.conf"
    settings = [*zip(DURABLE[::2], DURABLE[1::2], strict=True), ("--port", str(port))]
    lines = [f"{name.removeprefix('--')} {value}" for name, value in settings]
    file.write_text("\n".join([*lines, f"dir {folder / 'redis'}", "bind 127.0.0.1", *options]))
    server = Program("redis", str(find_binary()), str(file), folder=folder)
    await server.start()
    client = redis.Redis(port=port)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    await until(answers, PATIENCE_S, "Redis answers")
    rig = Rig(folder)
    url = f"redis://127.0.0.1:{port}"
    await rig.start(LLM_IM__REDIS__URL=url)
    try:
        world = _OwnRedis(rig, client, url)
        world.values["ID"] = await _fire(rig)
        yield world
    finally:
        await rig.stop()
        client.close()
        await server.end()


@asynccontextmanager
async def refused(folder: Path) -> AsyncIterator[World]:
    """Give one whose Redis answers and takes no commit, for want of replicas."""
    async with _own_redis(folder) as world:

        async def mend() -> None:
            world.client.config_set("min-replicas-to-write", 0)
            await until(world.rig.ready, PATIENCE_S, "it is ready again")

        world.mend = mend  # type: ignore[method-assign]
        world.client.config_set("min-replicas-to-write", 1)
        await until(lambda: _unready(world.rig), PATIENCE_S, "commits are refused")
        yield world


@asynccontextmanager
async def forgetful(folder: Path) -> AsyncIterator[World]:
    """Give one whose Redis may forget: its commands have to make it ready again themselves."""
    async with _own_redis(folder) as world:
        world.client.config_set("appendonly", "no")
        world.client.config_set("maxmemory-policy", "allkeys-lru")
        await until(lambda: _unready(world.rig), PATIENCE_S, "durability is lost")
        yield world
        await until(world.rig.ready, PATIENCE_S, "the runbook's commands make it ready again")


@asynccontextmanager
async def narrow(folder: Path) -> AsyncIterator[World]:
    """Give one whose Redis has used most of its maxmemory, until the command raises it."""
    async with _own_redis(folder) as world:
        used = int(world.client.info("memory")["used_memory"])
        world.client.config_set("maxmemory", int(used * 1.15))
        await until(lambda: _has_problem(world.rig, "memory"), PATIENCE_S, "memory is short")
        yield world
        await until(
            lambda: _has_no_problem(world.rig, "memory"), PATIENCE_S, "the command raised it"
        )


@asynccontextmanager
async def full(folder: Path) -> AsyncIterator[World]:
    """Give one with the embedded server, whose disk has no byte left."""
    with small_disk(folder / "data") as disk:
        rig = Rig(folder)
        await rig.start()
        try:
            world = World(rig)
            world.values["ID"] = await _fire(rig)
            taken = _fill(disk)

            async def mend() -> None:
                taken.unlink()
                await until(rig.ready, PATIENCE_S, "it comes back by itself")

            world.mend = mend  # type: ignore[method-assign]
            await until(lambda: _refuses(rig), PATIENCE_S, "the disk is full")
            world.codes["incident-manager store repair"] = {0, 1}
            yield world
        finally:
            await rig.stop()


@asynccontextmanager
async def busy(folder: Path) -> AsyncIterator[World]:
    """Give one whose notifiers fail, with a thousand deliveries due and all else that may be."""
    (folder / "im.yml").write_text(
        yaml.safe_dump(
            {
                "heartbeats": {"nightly": {"interval": "1s", "severity": "warning"}},
                "integrations": {
                    "sentinel": {"token": "of-sentinel", "url": f"http://127.0.0.1:{CLOSED_PORT}/"}
                },
            }
        )
    )
    rig = Rig(folder)
    await rig.start(
        "receiver", f"--config.file={folder / 'im.yml'}", LLM_IM__STORAGE__MAX_MEMORY="512mb"
    )
    world = World(rig)
    try:
        await _watch(world)
        rig.slack.faults.add("hang", times=None, method="chat.postMessage", seconds=20)
        rig.pagerduty.faults.add("error:Invalid routing key", times=None, method="trigger")
        await _damage(world, await _fire(rig, "Damaged"))
        await rig.post({"nothing": "of ours"})
        for begin in range(0, QUEUED, 50):
            names = [f"Queued{number}" for number in range(begin, begin + 50)]
            world.values["ID"], *_ = await asyncio.gather(*(_fire(rig, name) for name in names))
        world.values |= {"NAME": "sentinel", "FILE": str(folder / "im.yml")}
        size = "incident_manager_processing_queue_size"

        async def is_backed_up() -> bool:
            return await rig.metric(size) > QUEUED - 100

        await until(is_backed_up, PATIENCE_S, "the queue is backed up")
        await until(
            lambda: rig.metric('incident_undeliverable_total{priority="P1"}'), PATIENCE_S, "nobody"
        )
        yield world
    finally:
        await rig.stop()


@asynccontextmanager
async def down(folder: Path) -> AsyncIterator[World]:
    """Give one that is gone, with the Prometheus that says so."""
    rig = Rig(folder)
    await rig.start()
    world = World(rig)
    try:
        await _watch(world)
        world.values |= {"FILE": str(ROOT / "deploy/incident-manager.yml")}
        await rig.service.end()
        world.codes["curl -sS -m 5"] = {7}

        async def mend() -> None:
            await rig.start_service()

        world.mend = mend  # type: ignore[method-assign]
        yield world
    finally:
        await rig.stop()


WORLDS = {
    "refused": refused,
    "forgetful": forgetful,
    "narrow": narrow,
    "full": full,
    "busy": busy,
    "down": down,
}


async def _fire(rig: Rig, name: str = "RedisDown") -> str:
    labels = {"severity": "critical", "system": "incident-manager"}
    _, answer = await rig.post(notification(alert(name, labels=labels), group=name))
    return str(answer["incidents"][0])


async def _watch(world: World) -> None:
    """Start Prometheus and an Alertmanager whose webhook nobody answers."""
    rig = world.rig
    own = {
        "job_name": "llm-incident-manager",
        "static_configs": [{"targets": [f"127.0.0.1:{rig.metrics_port}"]}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [own]}
    program, prometheus = await start_prometheus(rig.folder, config)
    rig.programs.append(program)
    shutil.copy(ROOT / "alertmanager.yml", rig.folder)
    address = f"127.0.0.1:{free_port()}"
    alertmanager = Program(
        "alertmanager",
        require_tool("prometheus-alertmanager"),
        f"--config.file={rig.folder / 'alertmanager.yml'}",
        f"--storage.path={rig.folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        folder=rig.folder,
    )
    await alertmanager.start()
    rig.programs.append(alertmanager)
    await until(lambda: rig.answers(f"http://{address}/-/ready"), PATIENCE_S, "Alertmanager")

    async def is_scraped() -> bool:
        question = {"query": 'up{job="llm-incident-manager"} == 1'}
        async with rig.session.get(f"{prometheus}/api/v1/query", params=question) as answer:
            return bool((await answer.json())["data"]["result"])

    await until(is_scraped, PATIENCE_S, "Prometheus scrapes")
    world.env |= {"PROMETHEUS_URL": prometheus, "ALERTMANAGER_URL": f"http://{address}"}


async def _damage(world: World, incident: str) -> None:
    """Write over an incident's record, and have it found."""
    rig = world.rig
    path = EmbeddedValkey(rig.storage / "valkey").socket_path
    client = redis.Redis(unix_socket_path=path)
    client.set(Keys(split_id(incident)[0]).incident(incident), b"junk")
    client.close()
    await rig.get(f"/v1/incidents/{incident}")
    (found, *_) = (await rig.get("/v1/damaged"))["damaged"]
    world.values |= {"PLACE": found["place"], "forget ID": f"forget --yes --force {incident}"}


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Give a disk of its own, which only root can mount."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(disk: Path) -> Path:
    file = disk / "full"
    with file.open("wb", buffering=0) as out:
        for size in (65_536, 4_096, 1):
            try:
                while out.write(b"x" * size):
                    pass
            except OSError:
                continue
    return file


async def _unready(rig: Rig) -> bool:
    return not await rig.ready()


async def _refuses(rig: Rig) -> bool:
    """Return whether an alert is sent away: a full disk is noticed by the write that fails."""
    status, _ = await rig.post(notification(alert("Another"), group="another"))
    return status == 503


async def _has_problem(rig: Rig, subject: str) -> bool:
    problems = (await rig.get("/health")).get("problems", [])
    return any(found["subject"] == subject for found in problems)


async def _has_no_problem(rig: Rig, subject: str) -> bool:
    return not await _has_problem(rig, subject)
