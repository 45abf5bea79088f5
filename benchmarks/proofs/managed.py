"""A server that forbids commands, as managed ones do: it works, or is refused by name.

The user of the service is given all rights but some, or only those that docs/configuration.md
names; a server notes in its own log whatever it refuses to somebody.
"""

import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from tests.support.external import DURABLE, External, external
from tests.support.notification import alert, notification
from tests.support.places import ROOT
from tests.support.rig import Program, Rig, refused_start, until

ALERTS = 40
ALL = ("~*", "+@all")
ASSURED = {"LLM_IM__REDIS__DURABILITY": "assured"}
WAITS = {"LLM_IM__REDIS__WAIT_REPLICAS": "1"}
COMMANDS = (("store", "check"), ("store", "backup", "backup.gz"), ("check-config",))

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Try each way of forbidding something."""
    await _works(report, "no SCRIPT, no KEYS", (*ALL, "-script", "-keys"), "ok")
    await _works(report, "no CONFIG, assured", (*ALL, "-config"), "assured", ASSURED)
    await _works(
        report, "no CONFIG, no INFO, assured", (*ALL, "-config", "-info"), "assured", ASSURED
    )
    await _works(report, "no WAIT, none wanted", (*ALL, "-wait"), "ok")
    await _works(report, "only the documented rights", _documented(), "ok")
    for what, rights, env, words in (
        ("no CONFIG", ("-config",), {}, "+config|get and +info"),
        ("no WAIT, a replica wanted", ("-wait",), WAITS, "permit its user +wait"),
        ("no EVALSHA", ("-evalsha",), {}, "is needed: EVALSHA ("),
        ("no scripting", ("-@scripting",), {}, "is needed: EVAL, EVALSHA ("),
        ("no transactions", ("-@transaction",), {}, "is needed: DISCARD, EXEC, MULTI ("),
        (
            "nothing dangerous, no SCAN",
            ("-@dangerous", "-scan", "+info"),
            ASSURED,
            "is needed: SCAN (",
        ),
        ("keys of another name alone", ("resetkeys", "~other:*"), {}, "on the keys ~im:*"),
    ):
        await _refused(report, what, (*ALL, *rights), env, words)


def _documented() -> tuple[str, ...]:
    text = (ROOT / "docs" / "configuration.md").read_text()
    found = re.search(r"ACL SETUSER \w+ on >\S+ ([^`]+)`", text)
    assert found is not None
    return tuple(found[1].split())


@asynccontextmanager
async def _server(rights: tuple[str, ...]) -> AsyncIterator[tuple[Path, External, str]]:
    with TemporaryDirectory() as folder:
        async with external(Path(folder) / "server", *DURABLE) as server:
            yield Path(folder), server, await server.user(*rights)


async def _works(
    report: Report,
    what: str,
    rights: tuple[str, ...],
    verdict: str,
    env: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Alerts are taken, paged and listed, commands of ours run, and nothing is refused to us."""
    async with _server(rights) as (folder, server, url):
        rig = Rig(folder)
        await rig.start(LLM_IM__REDIS__URL=url, **env)
        try:
            taken = []
            for number in range(ALERTS):
                body = notification(
                    alert(f"A{number}", labels={"priority": "P1"}), group=f"{number}"
                )
                taken.append((await rig.post(body))[0])
            paged = rig.pagerduty.incidents
            await until(lambda: len(paged) >= ALERTS, 60, "all are paged")
            said = (await rig.get("/health"))["components"]["durability"]
            found = len(await rig.incidents())
            failed = [words for words in COMMANDS if await _command(rig, folder, words)]
        finally:
            await rig.stop()
        refused = {row for row in await _denied(server) if row not in _ASKED.get(verdict, ())}
        figure = f"{taken.count(202)}, {len(paged)}, {found} of {ALERTS}; {said}"
        good = taken.count(202) == len(paged) == found == ALERTS and said == verdict
        report(f"{what}: taken, paged, listed", figure, f"all; {verdict}", good)
        words = ", ".join([*sorted(refused), *(" ".join(one) for one in failed)]) or "nothing"
        report(f"{what}: refused us, or failed", words, "nothing", words == "nothing")


_ASKED = {"assured": ("config|get", "info")}
"""What is asked again and again where it is assured: somebody may permit it."""


async def _command(rig: Rig, folder: Path, words: tuple[str, ...]) -> int:
    assert rig.service.process is not None
    program = Program(
        words[0],
        *(sys.executable, "-m", "receiver", *words),
        folder=folder,
        env=rig.service.env,
    )
    program.command = tuple(
        str(folder / word) if word.endswith(".gz") else word for word in program.command
    )
    await program.start()
    assert program.process is not None
    return await program.process.wait()


async def _denied(server: External) -> set[str]:
    rows: list[list[Any]] = await server.client.execute_command("ACL", "LOG")
    return {dict(zip(row[::2], row[1::2], strict=True))[b"object"].decode() for row in rows}


async def _refused(
    report: Report, what: str, rights: tuple[str, ...], env: Mapping[str, str], words: str
) -> None:
    """The service does not start, writes nothing, and names what is missing."""
    async with _server(rights) as (folder, server, url):
        code, log = await refused_start(folder, url, **env)
        written = await server.client.dbsize()
        named = words in log
        figure = f"exit code {code}, {written} keys" + ("" if named else ", not named")
        report(f"{what}: start", figure, f"1, 0, {words}"[:40], code == 1 and named)
