"""The checks of the operational runbook, as they are written there, against `make run`.

They name ports 8080 and 9090, so nothing else may use these. What is left out, and why: commands
of kubectl (no cluster here), of a Prometheus on another host, and /debug/pprof (profiles of Go).
"""

import asyncio
import os
import signal
from collections.abc import Callable
from tempfile import TemporaryDirectory

from tests.support.places import ROOT

NAME = "seed-commands"
READY_S = 90.0
COMMANDS = (
    "curl http://localhost:9090/metrics",
    "curl http://localhost:9090/metrics | grep sentinel",
    "curl http://localhost:8080/v1/metrics/integrations",
    "curl http://localhost:8080/v1/metrics/integrations | jq .",
    "curl http://localhost:8080/v1/metrics/integrations/sentinel | jq .",
    "curl http://localhost:9090/metrics | grep connection_pool",
    "curl http://localhost:8080/v1/health/circuit-breakers",
    "curl http://localhost:8080/v1/metrics/caches",
    'curl http://localhost:9090/metrics | grep "# TYPE"',
    'curl http://localhost:9090/metrics | grep -i "integration.*request"',
    "curl http://localhost:8080/health",
    "curl http://localhost:9090/metrics | head -20",
    'curl -s http://localhost:9090/metrics | grep "# TYPE" | wc -l',
    "curl -s http://localhost:9090/metrics | grep llm_integration_requests_total",
    "curl -sf http://localhost:8080/health > /dev/null",
    'curl -s http://localhost:9090/metrics | grep -q "^llm_integration_requests_total"',
    'curl -s http://localhost:9090/metrics | grep -q "^llm_integration_success_rate_percent"',
    'curl -s http://localhost:9090/metrics | grep -q "^incident_manager_alerts_processed_total"',
)

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report each command: its exit code, and how much it printed."""
    with TemporaryDirectory() as folder:
        service = await asyncio.create_subprocess_exec(
            "make",
            "run",
            f"ARGS=--storage.path={folder}",
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            started = await _ready(service)
            report("make run answers", "yes" if started else "no", "yes", started)
            for command in COMMANDS if started else ():
                code, printed = await _sh(command)
                quiet = command.endswith("/dev/null") or "grep -q" in command
                good = code == 0 and (quiet or bool(printed))
                report(
                    command.removeprefix("curl ")[-46:],
                    f"exit {code}, {len(printed)} characters",
                    "exit 0",
                    good,
                )
        finally:
            if service.returncode is None:
                # make hands no signal on: its whole group, which is ours, is told to end.
                os.killpg(service.pid, signal.SIGTERM)
                await asyncio.wait_for(service.wait(), 30)


async def _ready(service: asyncio.subprocess.Process) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + READY_S
    while loop.time() < end and service.returncode is None:
        if (await _sh("curl -sf http://localhost:8080/-/ready"))[0] == 0:
            return True
        await asyncio.sleep(0.5)
    return False


async def _sh(command: str) -> tuple[int, str]:
    """Run a command as it is written; a pipe fails with any part of it but a closed one."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode("utf-8", "replace").strip()
