"""Every command of the runbooks about this service, run in the state that its alert describes."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.runbook_commands import OWN, commands_of
from tests.support.runbook_worlds import WORLDS, plan

NAME = "runbooks"

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report each command: its exit code, and how much it printed; then those left out, and why."""
    for name, commands in plan().items():
        if name == "full" and os.geteuid() != 0:
            report("a full disk", "only root mounts one", "", False)
            continue
        with TemporaryDirectory() as folder:
            async with WORLDS[name](Path(folder)) as world:
                for command in commands:
                    wrong = len(world.wrong)
                    ran = await world.run(command)
                    what = " ".join(command.text.split())
                    report(
                        f"{command.runbook}: {what}"[:46],
                        f"{name}: exit {ran.code}, {len(ran.printed)} chars",
                        "as the runbook says",
                        len(world.wrong) == wrong,
                    )
                print("\n".join(world.wrong), end="\n" if world.wrong else "")
    left_out = Counter(
        command.elsewhere for file in OWN for command in commands_of(file) if command.elsewhere
    )
    for why, number in left_out.most_common():
        report(f"not run here: {why}"[:46], f"{number} commands", "named", True)
