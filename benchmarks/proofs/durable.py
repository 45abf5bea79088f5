"""What the start says of a server's durability is what happens when that server is killed.

Each way of keeping data is started as Debian, Docker, an operator or a provider would, given
webhooks, and killed with -9 in the middle of them. A power cut cannot be tried: of what only that
would lose (``appendfsync no``, ``everysec``) nothing may be missing here.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientError

from tests.support.external import DURABLE, RENAMED, External, external
from tests.support.notification import alert, notification
from tests.support.rig import Rig, refused_start, until

NAME = "durable"
EACH = 40
ACCEPT = {"LLM_IM__REDIS__ACCEPT_LOSS": "true"}
ASSURED = {"LLM_IM__REDIS__DURABILITY": "assured"}
AOF = ("--appendonly", "yes", "--appendfsync")

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Try each way of keeping data."""
    for name, options, save, words in (
        ("no AOF (Docker)", (), "", "appendfsync always"),
        ("snapshots alone (Debian)", (), "3600 1 300 100 60 10000", "appendfsync always"),
        ("appendfsync no", (*AOF, "no"), "", "appendfsync always"),
        ("CONFIG renamed away", (*DURABLE, *RENAMED), "", "redis.durability: assured"),
        ("CONFIG renamed away, no AOF", RENAMED, "", "appendonly yes"),
    ):
        await _refused(report, name, options, save, words)
    await _killed(report, "no AOF, loss accepted", (), ACCEPT, "everything is lost when it stops")
    await _snapshots(report)
    await _killed(
        report, "appendfsync no, loss accepted", (*AOF, "no"), ACCEPT, "30 seconds or more"
    )
    await _killed(report, "everysec", (*AOF, "everysec"), {}, "the last 2 seconds")
    await _killed(report, "always", DURABLE, {}, "ok")
    await _killed(report, "assured, CONFIG renamed away", (*DURABLE, *RENAMED), ASSURED, "assured")
    await _changed(report)


async def _refused(
    report: Report, name: str, options: tuple[str, ...], save: str, words: str
) -> None:
    """The service does not start, and says what mends it."""
    with TemporaryDirectory() as folder:
        async with external(Path(folder) / "server", *options, save=save) as server:
            code, log = await refused_start(Path(folder), server.url)
            good = code == 1 and words in log
            report(f"{name}: start", f"exit code {code}", f"says {words}"[:22], good)


@asynccontextmanager
async def _running(
    options: tuple[str, ...], env: dict[str, str], save: str = ""
) -> AsyncIterator[tuple[Rig, External]]:
    with TemporaryDirectory() as folder:
        async with external(Path(folder) / "server", *options, save=save) as server:
            rig = Rig(Path(folder))
            await rig.start(LLM_IM__REDIS__URL=server.url, **env)
            try:
                yield rig, server
            finally:
                await rig.stop()


async def _killed(
    report: Report, name: str, options: tuple[str, ...], env: dict[str, str], words: str
) -> None:
    """The server is killed while webhooks come in, and started again as it was."""
    async with _running(options, env) as (rig, server):
        said = (await rig.get("/health"))["components"]["durability"]
        async with _storm(rig) as accepted:
            await until(lambda: len(accepted) >= EACH, 60, f"{EACH} webhooks are accepted")
            server.end(signal.SIGKILL)
        missing = await _missing(rig, server, accepted)
        lossy = "everything" in words
        wanted = len(accepted) if lossy else 0
        figure = f"{len(accepted)}, {missing}"
        report(f"{name}: accepted, lost", figure, str(wanted), missing == wanted and words in said)


async def _snapshots(report: Report) -> None:
    """With snapshots alone what came after the last one is lost, and nothing before it."""
    async with _running((), ACCEPT, save="3600 1") as (rig, server):
        said = (await rig.get("/health"))["components"]["durability"]
        before = [await _post(rig, f"B{number}") for number in range(EACH)]
        await server.client.save()
        after = [await _post(rig, f"A{number}") for number in range(EACH)]
        server.end(signal.SIGKILL)
        lost = await _missing(rig, server, before), await _missing(rig, server, after)
        good = lost == (0, EACH) and "what came after the last one is lost" in said
        report(
            "snapshots: lost before, after the last", f"{lost[0]}, {lost[1]}", f"0, {EACH}", good
        )


async def _changed(report: Report) -> None:
    """CONFIG SET appendonly no while webhooks come in: soon nothing more is acknowledged."""
    async with _running(DURABLE, {}) as (rig, server):
        async with _storm(rig) as accepted:
            await until(lambda: len(accepted) >= EACH, 60, f"{EACH} webhooks are accepted")
            await server.client.config_set("appendonly", "no")
            began = time.monotonic()
            await until(lambda: _unready(rig), 10, "unready")
            took = time.monotonic() - began
            report("CONFIG SET appendonly no: unready after", f"{took:.1f} s", "3 s", took < 3)
            number = len(accepted)
            await asyncio.sleep(2)
            more = len(accepted) - number
            # One may have been under way.
            report("accepted in the 2 s after that", str(more), "0", more <= 1)
            await server.client.config_set("appendonly", "yes")
            await until(rig.ready, 30, "ready again")
            number = len(accepted)
            await until(lambda: len(accepted) >= number + EACH, 60, "webhooks are accepted again")
            server.end(signal.SIGKILL)
        missing = await _missing(rig, server, accepted)
        report("ready again, then killed: lost", f"{missing} of {len(accepted)}", "0", missing == 0)


async def _unready(rig: Rig) -> bool:
    return not await rig.ready()


@asynccontextmanager
async def _storm(rig: Rig) -> AsyncIterator[list[str]]:
    """Post one webhook after the other while the block runs, and note what was acknowledged."""
    accepted: list[str] = []
    over = asyncio.Event()

    async def post() -> None:
        number = 0
        while not over.is_set():
            number += 1
            name = await _post(rig, f"Storm{number}")
            accepted.extend([name] if name else [])
            await asyncio.sleep(0.01)

    storm = asyncio.create_task(post())
    try:
        yield accepted
    finally:
        over.set()
        await storm


async def _post(rig: Rig, name: str) -> str:
    try:
        status, answer = await rig.post(notification(alert(name), group=name))
    except (ClientError, OSError, ValueError):
        return ""
    return str(answer["incidents"][0]) if status == 202 else ""


async def _missing(rig: Rig, server: External, accepted: list[str]) -> int:
    """Start the server again if it does not run, and count what is not there any more."""
    if server.process is not None and server.process.poll() is not None:
        await server.start()
    await until(rig.ready, 30, "the service is ready")
    found = {item["id"] for item in await rig.incidents()}
    return sum(name not in found for name in accepted)
