"""The commands that runbooks name: found in their text, told apart, and run as they are written.

Only what cannot be the same on every machine is put in: ports, ids and names in capitals. ``data``
is the storage path, which is a folder of that name where commands run.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.places import ROOT

RUNBOOKS = ROOT / "runbooks"
OWN = (*sorted((RUNBOOKS / "incident-manager").glob("*.md")), RUNBOOKS / "HeartbeatMissing.md")

_BLOCK = re.compile(r"^[ \t]*```bash\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^[ \t]*```.*?^[ \t]*```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_PROGRAM = re.compile(
    r"^(curl|incident-manager|redis-cli|amtool|promtool|kubectl|docker|journalctl|df|du|make|date"
    r"|timedatectl|chronyc|CONFIG)(?: |$)"
)
_QUERY = re.compile(r"^(max|min|sum|avg|topk|rate|predict_linear|histogram_quantile)\b.*\(.*\)")
_ELSEWHERE = (
    (re.compile(r"^kubectl\b"), "needs a Kubernetes cluster"),
    (re.compile(r"^docker\b"), "needs the container"),
    (re.compile(r"^journalctl\b"), "needs the journal of systemd"),
    (re.compile(r"^(timedatectl|chronyc)\b"), "needs NTP of the machine"),
    (re.compile(r"^(ss|uptime|date)\b"), "asks the machine alone"),
    (re.compile(r"^make\b"), "starts the service: the proofs fresh and seed-commands"),
    (re.compile(r"https://slack\.com"), "asks Slack itself"),
    (re.compile(r"http://ALERTMANAGER\b"), "asks an Alertmanager of yours"),
)


class Command(NamedTuple):
    """A command of a runbook. ``before``: what has to be defined for it; ``mends``: it is to."""

    runbook: str
    text: str
    before: str = ""
    mends: bool = False

    @property
    def elsewhere(self) -> str:
        """Why it cannot be run against the service, "" for what is about it."""
        return next((why for pattern, why in _ELSEWHERE if pattern.search(self.text)), "")

    @property
    def is_query(self) -> bool:
        """Whether it is one for Prometheus."""
        return _QUERY.search(self.text) is not None


class Ran(NamedTuple):
    """What came of a command."""

    code: int
    printed: str
    complained: str


def commands_of(file: Path) -> list[Command]:
    """Return every command of a runbook, in the order of its sections."""
    text = file.read_text(encoding="utf-8")
    parts = _SECTION.split(text)
    found: list[Command] = []
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        mends = title == "How to resolve"
        places = [(match.start(), list(_statements(match[1]))) for match in _BLOCK.finditer(body)]
        hidden = _FENCED.sub(lambda match: " " * len(match[0]), body)
        places += [
            (match.start(), [("", match[1])])
            for match in _INLINE.finditer(hidden)
            if _PROGRAM.match(match[1]) or _QUERY.search(match[1])
        ]
        for _, statements in sorted(places):
            found += [Command(file.stem, one, before, mends) for before, one in statements]
    return found


def _statements(block: str) -> Iterator[tuple[str, str]]:
    """Give (definitions before it, statement) of a block of shell."""
    before, waiting = "", ""
    for line in block.splitlines():
        waiting = f"{waiting}\n{line}" if waiting else line.strip()
        whole = subprocess.run(["bash", "-n", "-c", waiting], capture_output=True, check=False)
        if not waiting or line.endswith("\\") or whole.returncode or whole.stderr:
            continue
        if re.match(r"\w+\(\) *\{", waiting):
            before += f"{waiting}\n"
        else:
            yield before, waiting
        waiting = ""
    assert not waiting, f"no whole statement: {waiting}"


async def run(
    command: Command, folder: Path, values: Mapping[str, str], env: Mapping[str, str]
) -> Ran:
    """Run a command in ``folder``. ``values``: what stands for what in it, longest first."""
    text = command.text
    if text.startswith("CONFIG "):
        text = f'redis-cli -u "$LLM_IM__REDIS__URL" {text}'
    if command.is_query:
        text = f"promtool query instant $PROMETHEUS_URL '{text}'"
    text = command.before + text
    for name, value in values.items():
        # ID stands for an id, but not in $INCIDENT_MANAGER_URL.
        text = re.sub(rf"(?<![A-Z_]){re.escape(name)}(?![A-Z_])", lambda _, to=value: to, text)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-e",
        "-c",
        text,
        cwd=folder,
        env={**os.environ, **env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complained = await asyncio.wait_for(process.communicate(), 60)
    return Ran(process.returncode or 0, printed.decode().strip(), complained.decode().strip())
