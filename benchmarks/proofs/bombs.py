"""Attacks of strangers and careless senders beside a steady stream of webhooks.

None of the stream may be lost or late, the event loop may not be held, and memory stays bounded.
The attackers run as fast as they can, niced (see ``benchmarks.attacks``); the stream's sender, the
service and Valkey share the processors with them at equal priority.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from benchmarks.bodies import all_new
from benchmarks.load import Result, run_load
from tests.support.rig import Rig, free_port

NAME = "bombs"
TOKEN = "a-token-of-this-proof"  # noqa: S105 - of nobody
RATE, SECONDS = 100, 6
LATE_MS, HELD_MS, GROWN = 50, 50, 3.0
QUIET = dict.fromkeys(
    (
        "LLM_IM__SLACK__TOKEN",
        "LLM_IM__SLACK__CHANNEL",
        "LLM_IM__SLACK__SIGNING_SECRET",
        "LLM_IM__PAGERDUTY__ROUTING_KEY",
    ),
    "",
)
COUNTED = 'incidents_total{priority="P3",severity="warning",source="alertmanager",type="alert"}'

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report each attack: the stream's 99th percentile, the loop's lag, and what was lost."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        status = free_port()
        extra = {
            "status_page": {
                "components": [{"name": "Shop", "matchers": ['service="shop"']}],
                "listen_address": f"127.0.0.1:{status}",
            },
            "web": {"credentials": [{"name": "proof", "token": TOKEN}]},
            # Nothing of this is about what it takes to find out more.
            "enrichment": {"enabled": False},
            "alertmanagers": [{"urls": [f"http://127.0.0.1:{free_port()}"]}],
        }
        file = Path(folder) / "im.yml"
        file.write_text(yaml.safe_dump(extra))
        await rig.start("receiver", f"--config.file={file}", **QUIET)
        try:
            await _attacks(rig, status, report)
        finally:
            await rig.stop()


async def _attacks(rig: Rig, status: int, report: Report) -> None:
    sent, held = 0, 0.0
    first = await _stream(rig, "quiet", report)
    sent += len(first.latencies)
    before = await rig.metric("incident_manager_memory_usage_bytes")
    for name, port in (
        ("bombs", rig.port),
        ("bombs", rig.metrics_port),
        ("bombs", status),
        ("refused", rig.port),
        ("patterns", rig.port),
        ("silent1200", rig.metrics_port),
        ("silent600", status),
        ("silent5000", rig.port),
        ("nameless", rig.port),
        ("large", rig.port),
        ("odd", rig.port),
        ("pages", rig.port),
        ("pages", rig.metrics_port),
        ("dripping", rig.port),
    ):
        where = {rig.port: "", status: " (status)"}.get(port, " (metrics)")
        attacker = await _attack(name, port)
        await asyncio.sleep(1.5)
        found = await _stream(rig, f"{name}{where}", report)
        sent += len(found.latencies)
        held = max(held, await rig.metric("incident_manager_event_loop_lag_seconds") * 1000)
        await attacker.wait()
    report("event loop held at most", f"{held:.0f} ms", f"{HELD_MS} ms", held <= HELD_MS)
    after = await rig.metric("incident_manager_memory_usage_bytes")
    figure = f"{before / 1e6:.0f} to {after / 1e6:.0f} MB"
    report("memory", figure, f"at most {GROWN:g} x", after <= GROWN * before)
    incidents = await rig.metric(COUNTED)
    report("incidents of the stream", f"{incidents:.0f} of {sent}", "all", incidents >= sent)


async def _attack(name: str, port: int) -> asyncio.subprocess.Process:
    words = ["-m", "benchmarks.attacks", name, str(port), str(SECONDS), TOKEN]
    return await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.DEVNULL
    )


def _with_token(body: bytes) -> bytes:
    head = (
        f"POST /v1/alerts/webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _stream(rig: Rig, name: str, report: Report) -> Result:
    seconds = SECONDS - 2
    bodies = all_new(name, 1)
    found = await run_load(rig.port, bodies, RATE * seconds, 16, RATE, _with_token)
    late = found.percentile(0.99)
    good = late <= LATE_MS and not found.errors
    report(name, f"p99 {late:.0f} ms, {found.errors} refused", f"{LATE_MS} ms, 0", good)
    return found
