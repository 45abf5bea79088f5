"""Both commands of the README and the image, on a machine that never saw this project.

The machine is the one of CI (.ci/fresh-machine), so it takes root and mounts. It runs the last
commit: what is not committed is not there.
"""

import asyncio
import os
import re
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path

from tests.support.rig import free_port

NAME = "fresh"
MACHINE = Path(__file__).parents[2] / ".ci" / "fresh-machine"

# What a newcomer does in the first ten minutes, word for word but for the ports, which are shared
# with this machine, and for the terminal that a newcomer has. There is no curl yet.
FIRST_MINUTES = """
export LLM_IM__WEB__LISTEN_ADDRESS=127.0.0.1:{api} LLM_IM__WEB__METRICS_ADDRESS=127.0.0.1:{metrics}
export INCIDENT_MANAGER_URL=http://127.0.0.1:{api} INCIDENT_MANAGER_HUMAN=true
began=$(date +%s)
make run >run.log 2>&1 &
until grep -q 'is ready' run.log; do kill -0 $! || {{ cat run.log; exit 1; }}; sleep 0.2; done
echo "ready after $(($(date +%s) - began))"
get() {{ python3 -c "import urllib.request as r; print(r.urlopen('$1').read().decode())"; }}
.venv/bin/incident-manager alert send SampleAlert severity=critical system=incident-manager
.venv/bin/incident-manager incidents list
id=$(.venv/bin/incident-manager incidents list | grep -o '0-[0-9a-f]*-[0-9]*' | head -n 1)
.venv/bin/incident-manager incidents ack "$id"
.venv/bin/incident-manager incidents show "$id"
get http://127.0.0.1:{api}/ | grep -c 'SampleAlert' | sed 's/^/console names it /'
get http://127.0.0.1:{metrics}/metrics | grep '^incident_acknowledge_duration_seconds_count.*human'
kill -TERM $!
wait $! || true
grep -q '^Stopped. Nothing was lost' run.log && echo 'stopped well'
"""

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Report what each of them came to."""
    await _first_minutes(report)
    await _image(report)
    await _tests(report)


async def _on_fresh_machine(command: str) -> tuple[int, str, float]:
    """Return the exit status, what was said and how long (s) it took."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        MACHINE, command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=os.environ
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    if process.returncode:
        print(text[-3000:])
    return process.returncode or 0, text, time.monotonic() - began


async def _first_minutes(report: Report) -> None:
    command = FIRST_MINUTES.format(api=free_port(), metrics=free_port())
    status, text, _ = await _on_fresh_machine(command)
    ready = re.search(r"^ready after (\d+)$", text, re.MULTILINE)
    took = int(ready[1]) if ready else 0
    report("make run: ready, packages and all", f"{took} s", "600 s", 0 < took < 600, timed=True)
    acknowledged = " acknowledged" in text and "SampleAlert" in text
    report("alert sent, listed, taken, shown", f"{acknowledged}", "True", acknowledged)
    console = re.search(r"^console names it ([1-9]\d*)$", text, re.MULTILINE)
    report("the console shows it", f"{bool(console)}", "True", bool(console))
    counted = re.search(r"^incident_acknowledge_duration_seconds_count.* 1\.0$", text, re.MULTILINE)
    report("/metrics counts the acknowledgement", f"{bool(counted)}", "True", bool(counted))
    well = status == 0 and "stopped well" in text
    report("SIGTERM ends it well", f"{well}", "True", well)


async def _image(report: Report) -> None:
    status, text, took = await _on_fresh_machine(".ci/image-without-registry")
    good = status == 0 and "built, started, healthy, stopped." in text
    report("make image", f"{'healthy' if good else 'failed'}, {took:.0f} s", "healthy", good)
    size = re.search(r"(\d+) MB unpacked, of which the base (\d+) MB; user (\S+)", text)
    own = int(size[1]) - int(size[2]) if size else 0
    report("the image beyond its base", f"{own} MB", "200 MB", 0 < own < 200)
    user = size[3] if size else ""
    report("it runs as", user, "10001:10001", user == "10001:10001")


async def _tests(report: Report) -> None:
    status, text, took = await _on_fresh_machine("make test")
    passed = sum(map(int, re.findall(r"^=+ .*?(\d+) passed", text, re.MULTILINE)))
    good = status == 0 and passed > 0
    report("make test", f"{passed:,} passed" if good else "failed", "all passed", good)
    report("it took", f"{took / 60:.0f} min", "25 min", took < 25 * 60, timed=True)
