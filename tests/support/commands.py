"""The command line."""

import asyncio
import sys

from click.testing import CliRunner, Result

from receiver.cli.root import main
from tests.support.app import App
from tests.support.places import ROOT


async def run_command(app: App, *words: str, stdin: str | None = None) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, [*words, "--url", app.url], input=stdin)

    return await asyncio.to_thread(call)


async def command(*words: str) -> tuple[int, str, str]:
    """Run a command as a process of its own; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receiver", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()
