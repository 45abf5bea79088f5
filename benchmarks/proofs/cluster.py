"""Primaries of a Cluster die, hang or are taken over by order amid a storm of P1 to P4.

Three primaries with a replica each; ten takeovers in each way, then some in which the service is
killed too, then some in which no replica is waited for, at last by replicas that have not heard of
the latest writes: what is lost there the service has to say itself.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.proofs.sentinel import LEASE_S, Storm, doubled_of, paged_at
from tests.support.clusters import Cluster, cluster
from tests.support.rig import CHANNEL, Rig, until

TAKEOVERS, BOTH, BEHIND, EVERY_S = 10, 4, 4, 6.0
BEHIND_S = 1.0
"""How long a replica hears of nothing before it takes over."""
TAKEN_OVER_WITHIN_S, WHOLE_WITHIN_S = 30.0, 60.0
LATE_S = 5.0
WAYS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "by order": 0}
APART = "replica behind"
LOST = "incident_manager_store_lost_commits_total"


async def run(report: Any) -> None:
    """Try each way with a replica that is waited for, and one without."""
    async with _running("1") as (rig, servers):
        first = 0
        for way in WAYS:
            first = await _phase(report, rig, servers, way, [way] * TAKEOVERS, first)
        ways = ["killed", "stopped"] * (BOTH // 2)
        await _phase(report, rig, servers, "both killed", ways, first, both=True)
    async with _running("0") as (rig, servers):
        said = (await rig.get("/health"))["components"]["durability"]
        good = "a takeover may lose what was acknowledged last" in said
        report("no replica waited for: said", said[:26], "a takeover may lose", good)
        ways = ["killed"] * TAKEOVERS
        first = await _phase(report, rig, servers, "not waited", ways, 0, waits=False)
        await _phase(report, rig, servers, APART, [APART] * BEHIND, first, waits=False)


@asynccontextmanager
async def _running(replicas: str) -> AsyncIterator[tuple[Rig, Cluster]]:
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        async with cluster(Path(name) / "servers") as servers:
            rig = Rig(Path(name))
            await rig.start(
                LLM_IM__REDIS__URL=servers.url,
                LLM_IM__REDIS__WAIT_REPLICAS=replicas,
                LLM_IM__STORAGE__PATH="",
                LLM_IM__LOG__LEVEL="warning",
            )
            try:
                yield rig, servers
            finally:
                await rig.stop()


async def _phase(
    report: Any,
    rig: Rig,
    servers: Cluster,
    name: str,
    ways: list[str],
    first: int,
    *,
    both: bool = False,
    waits: bool = True,
) -> int:
    """Let a storm go through takeovers, then look for what is missing; return its next number."""
    storm = Storm(rig, first)
    said = await rig.metric(LOST)
    running = asyncio.create_task(storm.run())
    took = []
    for number, way in enumerate(ways):
        took.append(await _takeover(rig, servers, number, way, both=both))
    storm.over = True
    await running
    found = {one["id"]: one["priority"] for one in await rig.incidents()}
    lost = storm.incidents - found.keys()
    kept = len(storm.taken) - (0 if waits else len(lost))
    pages = rig.pagerduty.events
    await until(lambda: len(paged_at(pages).keys() & storm.taken.keys()) >= kept, 90, "all paged")
    # P4 may have to wait for the morning.
    told = {name for name in storm.incidents - lost if found[name] != "P4"}
    await until(lambda: told <= set(_posts(rig)), 90, "all are told to Slack")
    _report(report, rig, name, storm, lost, took, both=both, waits=waits)
    said = await rig.metric(LOST) - said
    _report_fence(report, name, lost, said, waits=waits)
    return storm.next


def _report(
    report: Any,
    rig: Rig,
    name: str,
    storm: Storm,
    lost: set[str],
    took: list[float],
    *,
    both: bool,
    waits: bool,
) -> None:
    number = len(storm.incidents)
    paged = paged_at(rig.pagerduty.events)
    late = max(paged[alert] - at for alert, at in storm.taken.items() if alert in paged)
    doubled = doubled_of(rig, storm)
    posts = Counter(_posts(rig))
    again = sum(posts[one] - 1 for one in storm.incidents if posts[one] > 1)
    longest = max(took)
    report(f"{name}: another primary after", f"{longest:.1f} s at most of {len(took)}", "10 s",
           longest < 10, timed=True)  # fmt: skip
    bound = "0" if waits else "said"
    report(f"{name}: taken, then lost", f"{len(lost)} of {number}", bound, not lost or not waits)
    report(f"{name}: PagerDuty incidents doubled", f"{doubled}", "0", not doubled)
    report(f"{name}: posts to Slack doubled", f"{again} of {number}", "counted", ok=True)
    report(f"{name}: an alert is taken after", f"{storm.longest:.1f} s at most", "10 s",
           storm.longest < 10 or both, timed=True)  # fmt: skip
    most = (LEASE_S if both else longest) + LATE_S
    report(f"{name}: a page leaves after", f"{late:.1f} s at most", f"{most:.1f} s",
           late < most, timed=True)  # fmt: skip


def _report_fence(report: Any, name: str, lost: set[str], said: float, *, waits: bool) -> None:
    """Compare what the service says it lost with what is missing.

    Commits are not alerts: one may be of several, or of a deadline. But none is lost unsaid.
    """
    bound = f"some, of {len(lost)} alerts" if lost else "0" if waits else "counted"
    good = said > 0 if lost else not (said and waits)
    report(f"{name}: commits lost, so it says", f"{said:.0f}", bound, good)


def _posts(rig: Rig) -> list[str]:
    """Return the incident of each message that is at the top of the channel."""
    found = []
    for message in rig.slack.top_level(CHANNEL):
        payload = (message.metadata or {}).get("event_payload", {})
        found.append(str(payload.get("incident", "")))
    return found


async def _takeover(rig: Rig, servers: Cluster, number: int, way: str, *, both: bool) -> float:
    """Have a replica take over; return how long (s) nobody was primary."""
    await until(servers.is_whole, WHOLE_WITHIN_S, "every primary has its replica")
    part = number % servers.first
    primary = await servers.primary(part)
    began = time.monotonic()
    if way == APART:
        replica = await servers.replica(primary)
        await primary.lose(replica)
        await asyncio.sleep(BEHIND_S)
        began = time.monotonic()
        await servers.call(replica, "FAILOVER", "TAKEOVER")
        await replica.hear()
    elif WAYS[way]:
        primary.send(WAYS[way])
    else:
        await servers.call(await servers.replica(primary), "FAILOVER")
    if both:
        await rig.service.end(signal.SIGKILL)
        await rig.service.start()

    async def another() -> bool:
        try:
            return await servers.primary(part) is not primary
        except AssertionError:
            return False

    await until(another, TAKEN_OVER_WITHIN_S, "another one is primary")
    took = time.monotonic() - began
    primary.send(signal.SIGCONT)
    if way == "killed":
        await primary.start()
    await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))
    return took
