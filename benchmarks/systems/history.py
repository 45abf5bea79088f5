"""A past for alerts that compare with it: hours of it, written as blocks by the real promtool."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from benchmarks.systems.fast import fast_rules
from benchmarks.systems.generator import Generator, value_at
from systems.model import Alert, System
from tests.support.rig import start_prometheus
from tests.support.tools import promtool

EVERY_S = 5
"""How often (s) what is recorded is recorded in the past: a range has 11,000 points at most."""
_RECORDED = re.compile(r"\bsystem:[a-z0-9_:]+")


async def write_past(
    folder: Path, generator: Generator, members: Iterable[tuple[System, Alert]]
) -> None:
    """Write what came before the start of a generator into the Prometheus of a folder."""
    now = time.time()
    file = folder / "past.om"
    with file.open("w") as output:
        for series, values, start in generator.past():
            steps = int(start)
            output.writelines(
                f"{series} {value_at(values, step):.9g} {now - (start - step):.3f}\n"
                for step in range(steps)
            )
        output.write("# EOF\n")
    storage = folder / "prometheus"
    promtool("tsdb", "create-blocks-from", "openmetrics", str(file), str(storage))
    longest = max(start for _, _, start in generator.past())
    rules = folder / "recorded.yml"
    rules.write_text(yaml.safe_dump({"groups": [_recorded(*member) for member in members]}))
    program, url = await start_prometheus(folder, {})
    try:
        times = (f"--start={now - longest:.0f}", f"--end={now:.0f}", f"--eval-interval={EVERY_S}s")
        where = (f"--url={url}", f"--output-dir={storage}", str(rules))
        promtool("tsdb", "create-blocks-from", "rules", *times, *where)
    finally:
        await program.end()


def _recorded(system: System, alert: Alert) -> dict[str, object]:
    """Return a group of what an alert's expression looks back at, with the rules of its system."""
    wanted = set(_RECORDED.findall(alert.expr))
    every = yaml.safe_load(fast_rules(system))["groups"]
    found = [rule for group in every for rule in group["rules"] if rule.get("record") in wanted]
    return {"name": f"{system.system}-{alert.alert}", "rules": found}
