"""The command line: every command run against a live service, and what a start costs.

A command that is in none of the steps is short; so is a line of docs/command-line.md or README.md
that does not do what it stands there for. Steps name what is there: ``INCIDENT``, ``LETTER`` ...
"""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from receiver.cli.root import COMMANDS, load
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.notification import alert, notification
from tests.support.places import ROOT
from tests.support.rig import Rig

NAME = "cli"
Report = Callable[..., None]

START_S = 0.25
"""CPU of a start (ADR 76)."""
STARTS = 5
"""Of so many the one counts that took least: others share the machine."""
PAGE = ROOT / "docs" / "command-line.md"
README = ROOT / "README.md"
COMMAND = (sys.executable, "-m", "receiver")
COMPONENTS = [{"name": "Shop", "matchers": ['service="shop"']}]
SERVED = ("serve",)
"""Commands that the service itself is, here."""
WORKED, FAILED, NOT_UNDERSTOOD = 0, 1, 2
WARNED = 1
"""Of ``health-check``: somebody should take what is open."""
GONE_S = 7.0
"""How long a store counts as used after its service has ended."""


class Step(NamedTuple):
    """What is typed, and the exit code that it has to have."""

    line: str
    code: int = WORKED
    stdin: str = ""


STEPS = (
    Step("--help"),
    Step("--version"),
    Step("nonsense", NOT_UNDERSTOOD),
    Step("alert send Typed severity=critical"),
    Step("alert send Typed severity", NOT_UNDERSTOOD),
    Step("incidents list -o wide"),
    Step("incidents list --state closed --priority P9", NOT_UNDERSTOOD),
    Step("incidents show INCIDENT -o yaml"),
    Step("incidents show 0-aaaaaaaaaaaaaaaa-1", FAILED),
    Step("incidents open 'Opened by hand' --priority P3"),
    Step("incidents ack INCIDENT OTHER"),
    Step("incidents ack -", stdin="INCIDENT\n"),
    Step("incidents unack OTHER"),
    Step("incidents note INCIDENT 'Looking into it'"),
    Step("incidents note INCIDENT Looking into it", NOT_UNDERSTOOD),
    Step("incidents assign INCIDENT ann"),
    Step("incidents escalate OTHER"),
    Step("incidents priority OTHER P2 --reason 'it is worse'"),
    Step("incidents priority OTHER P9 --reason x", FAILED),
    Step("incidents snooze OTHER --for 1h"),
    Step("incidents snooze OTHER --until tomorrow", FAILED),
    Step("incidents silence INCIDENT --for 1h"),
    Step("silences list -o wide"),
    Step("incidents unsilence INCIDENT SILENCE"),
    Step("incidents silence INCIDENT --for 2h"),
    Step("silences expire SILENCE"),
    Step("silences expire no-such-silence", FAILED),
    Step(
        "incidents status-update INCIDENT --status investigating --component Shop --impact degraded"
    ),
    Step("incidents status-hide INCIDENT"),
    Step("incidents status-show INCIDENT"),
    Step("incidents merge OTHER INCIDENT"),
    Step("incidents resolve INCIDENT --cause failover"),
    Step("incidents reopen INCIDENT"),
    Step("incidents resolve INCIDENT"),
    Step("incidents action-item INCIDENT 'Mend it' --owner ann"),
    Step("incidents action-item-done INCIDENT 1"),
    Step("incidents action-item-change INCIDENT 1 --owner bob"),
    Step("incidents review-save INCIDENT --impact 'Nobody noticed'"),
    Step("review INCIDENT"),
    Step("explain incident INCIDENT"),
    Step("explain incident 0-aaaaaaaaaaaaaaaa-1", FAILED),
    Step("explain alert alertname=A severity=error --at 2026-03-27T16:30"),
    Step("explain alert alertname", NOT_UNDERSTOOD),
    Step("explain deadline --priority P3 --clock resolve"),
    Step("explain status alertname=A service=shop"),
    Step("routes show"),
    Step("routes test alertname=A severity=error -o json"),
    Step("routes test alertname=A --route nowhere", FAILED),
    Step("incidents forget OPENED --yes --force"),
    Step("changes add 'deploy v2.3' --label service=shop"),
    Step("changes list"),
    Step("dead-letters list -o wide"),
    Step("dead-letters show LETTER"),
    Step("dead-letters resend LETTER", FAILED),
    Step("dead-letters resend LETTER --body -", stdin=json.dumps(alert("Mended"))),
    Step("heartbeats -o wide"),
    Step("heartbeats --late"),
    Step("config show"),
    Step("config show -o name"),
    Step("audit list"),
    Step("audit verify"),
    Step("audit export"),
    Step("oncall"),
    Step("check-config FOLDER/im.yml"),
    Step("check-config FOLDER/none.yml", FAILED),
    Step("completion bash"),
    Step("context set prod --url http://127.0.0.1:1"),
    Step("context list"),
    Step("context use prod"),
    Step("context delete prod"),
    Step("files"),
    Step("rules incident-manager"),
    Step("token new ops --role viewer"),
    Step("login hash ann --role viewer", stdin="a-long-passphrase\na-long-passphrase\n"),
    Step("login unlock ann"),
    Step("login end ann"),
    Step("slack check"),
    Step("pagerduty check"),
    Step("notify test log"),
    Step("health-check", WARNED),
    Step("validate-metrics"),
    Step("weekly-report"),
    Step("store check --storage.path DATA"),
    Step("store backup FOLDER/backup --storage.path DATA"),
    Step("store export --storage.path DATA"),
)
"""In this order: one makes what the next one needs."""
AFTERWARDS = (
    Step("incidents list", FAILED),
    Step("store repair --storage.path DATA"),
    Step("store reshard 2 --storage.path DATA"),
    Step("store restore FOLDER/backup --storage.path FOLDER/other"),
)
"""What no service may run for."""


class Live:
    """A service, and what the steps name of it."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.names = {"FOLDER": str(folder), "DATA": str(rig.storage)}
        self.env = {
            **os.environ,
            "INCIDENT_MANAGER_URL": rig.url,
            "INCIDENT_MANAGER_HUMAN": "1",
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(folder),
            "USER": "ann",
            **{name: value for name, value in rig.service.env.items() if name.startswith("LLM_IM")},
        }
        self.folder = folder

    async def run(self, step: Step) -> tuple[int, str]:
        """Type a line; return its exit code and what it printed."""
        await self._look(step.line)
        words = [self._named(word) for word in shlex.split(step.line)]
        given = self._named(step.stdin)
        return await self._do([*COMMAND, *words], given)

    async def shell(self, line: str) -> tuple[int, str]:
        """Do the same with a line for a shell, where the command has its usual name."""
        await self._look(line)
        command = f'incident-manager() {{ {shlex.join(COMMAND)} "$@"; }}; {self._named(line)}'
        return await self._do(["bash", "-o", "pipefail", "-c", command], "")

    async def _do(self, words: list[str], given: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.env,
            cwd=self.folder,
        )
        printed, _ = await process.communicate(given.encode())
        return process.returncode or 0, printed.decode("utf-8", "replace")

    async def _look(self, line: str) -> None:
        """Find what a line names that is another one by now."""
        if "SILENCE" in line:
            found = (await self._get("/v1/silences"))["silences"]
            self.names["SILENCE"] = found[-1]["id"]
        if "LETTER" in line:
            self.names["LETTER"] = (await self._get("/v1/dead-letters"))["dead_letters"][0]["id"]

    async def _get(self, path: str) -> Any:
        async with self.rig.session.get(self.rig.url + path) as answer:
            return await answer.json()

    def _named(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(name, value)
        return text


async def run(report: Report) -> None:
    """Run the steps, the lines of the page and of the README, and measure a start."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        manager = FakeAlertmanager()
        await manager.start()
        rig = Rig(folder)
        await rig.start(
            LLM_IM__ALERTMANAGERS=json.dumps([{"urls": [manager.url]}]),
            LLM_IM__HEARTBEATS=json.dumps({"backup": {"interval": "1h"}}),
            LLM_IM__NOTIFIERS=json.dumps({"log": {"type": "log"}}),
            LLM_IM__STATUS_PAGE__COMPONENTS=json.dumps(COMPONENTS),
        )
        live = Live(rig, folder)
        try:
            await _prepare(live)
            await _steps(report, live, STEPS)
            await _lines(report, live)
            for words in (["--help"], ["incidents", "list"]):
                took = await asyncio.to_thread(_start_s, words, live.env)
                shown = f"CPU of {' '.join(words)}"
                ok = took < START_S
                report(shown, f"{took:.3f} s", f"< {START_S} s", ok, timed=True)
            await rig.service.end()
            await asyncio.sleep(GONE_S)
            await _steps(report, live, AFTERWARDS)
        finally:
            await rig.stop()
            await manager.stop()
    left = sorted(set(leaves()) - {_command_of(step.line) for step in (*STEPS, *AFTERWARDS)})
    left = [command for command in left if command not in SERVED]
    report("commands that no step runs", ", ".join(left) or "none", "none", not left)
    unknown = [words for words in _named_commands() if words not in set(leaves())]
    report("commands of the page that are none", ", ".join(unknown) or "none", "none", not unknown)


async def _prepare(live: Live) -> None:
    """Make what the steps are about."""
    for name, group in (("INCIDENT", "one"), ("OTHER", "two"), ("OPENED", "three")):
        _, answer = await live.rig.post(notification(alert(group), group=group))
        live.names[name] = answer["incidents"][0]
    await live.rig.post(notification(alert("Mended") | {"labels": 7}))
    async with live.rig.session.post(f"{live.rig.url}/v1/heartbeats/backup") as answer:
        await answer.read()
    (live.folder / "im.yml").write_text("log: {level: info}\n")


async def _steps(report: Report, live: Live, steps: tuple[Step, ...]) -> None:
    for step in steps:
        code, printed = await live.run(step)
        good = code == step.code and "Traceback" not in printed
        report(step.line[:46], f"exit {code}", f"exit {step.code}", good)
        if not good:
            print(printed[-2_000:])


async def _lines(report: Report, live: Live) -> None:
    """Run what stands in the page and the README, with what is there in the place of its names."""
    readme = re.findall(r"^ {4}\.venv/bin/(incident-manager .+)$", README.read_text(), re.MULTILINE)
    for line in readme:
        code, printed = await live.shell(re.sub(r"\bID\b", "INCIDENT", line))
        _told(report, f"README: {line}", code, printed)
    await live.rig.post(notification(alert("Again", labels={"service": "checkout"}), group="again"))
    for line in re.findall(r"^ {4}(incident-manager .+)$", PAGE.read_text(), re.MULTILINE):
        known = line.replace("53a0 9b1c", "INCIDENT OTHER").replace("5f0c9a1b2c3d", "LETTER")
        if "LETTER" in known and "show" in known:
            await live.rig.post(notification(alert("Late") | {"labels": 7}, group="late"))
        code, printed = await live.shell(known)
        _told(report, f"page: {line}", code, printed)
        letter = live.folder / "letter.json"
        if letter.exists():
            # What a person does between the two lines.
            mended = json.loads(letter.read_text()) | {"labels": {"alertname": "Late"}}
            letter.write_text(json.dumps(mended))


def _told(report: Report, what: str, code: int, printed: str) -> None:
    report(what[:46], f"exit {code}", "exit 0", code == 0)
    if code:
        print(printed[-2_000:])


def _start_s(words: list[str], env: dict[str, str]) -> float:
    """Return the CPU time of a command, in s: the least of some."""
    least = float("inf")
    for _ in range(STARTS):
        process = subprocess.Popen(
            [*COMMAND, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        least = min(least, used.ru_utime + used.ru_stime)
    return least


def leaves() -> Iterator[str]:
    """Yield every command that is no group of others."""
    for name, lazy in COMMANDS.items():
        yield from _below(load(lazy), name)


def _below(command: click.Command, words: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None:
            yield from _below(found, f"{words} {name}")


def _command_of(line: str) -> str:
    """Return the command that a line runs."""
    words = shlex.split(line)
    known = set(leaves())
    return next((one for one in (" ".join(words[:2]), words[0]) if one in known), "")


def _named_commands() -> list[str]:
    """Return the commands that the page names by two words."""
    found = re.findall(r"`([a-z][a-z-]+ [a-z][a-z-]+)`", PAGE.read_text())
    return [words for words in found if words.split()[0] in COMMANDS]
