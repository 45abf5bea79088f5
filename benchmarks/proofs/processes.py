"""Four processes of one service, killed and replaced under load: refused, lost, doubled.

Senders keep on sending, each webhook again until it is accepted, as Alertmanager does. First one
process after another is killed, then one is halted, then all are replaced, again and again; at the
end everything that was accepted must be there, and must have paged once.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.patience import PATIENCE_S
from tests.support.processes import Senders, children, kill
from tests.support.rig import CHANNEL, Rig, until

NAME = "processes"
WANTED = 4
KILLS = 10
ROUNDS = 3
SENDERS = 8
PAUSE_S = 0.3
"""More than 20 pages a second and channel are more than can be looked through for one that may have
been posted by a process that was killed; Slack takes one."""
DELIVERED_WITHIN_S = 240

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Run everything on one service."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        await rig.start("receiver", f"--processes={WANTED}")
        try:
            await _under_load(rig, report)
        finally:
            await rig.stop()


async def _under_load(rig: Rig, report: Report) -> None:
    await until(lambda: _all_answer(rig), PATIENCE_S, "all processes answer")
    senders = Senders(rig.url, SENDERS, PAUSE_S)
    pages = Pages(rig)
    senders.start()
    watching = asyncio.create_task(pages.watch())
    await until(lambda: len(senders.accepted) > 20, PATIENCE_S, "webhooks are accepted")
    took = [await _kill_one(rig, number) for number in range(KILLS)]
    lost = senders.tries["lost"]
    most = SENDERS * KILLS
    report("kill -9, each replaced within", f"{KILLS}, {max(took):.1f} s", "15 s", max(took) < 15)
    report("cut off in them, and sent again", str(lost), f"{most} at most", lost <= most)
    await _replace_all(rig)
    cut = senders.tries["lost"] - lost
    report(f"all replaced {ROUNDS} times: cut off", str(cut), "0", not cut)
    await senders.stop()
    refused = senders.tries["refused"]
    others = {name: number for name, number in senders.tries.items() if name not in _KNOWN}
    report("connections refused", str(refused), "0", not refused)
    report("answers but 202", str(others or 0), "0", not others)
    watching.cancel()
    report("metrics read, sums that fell", f"{pages.read}, {pages.fell}", "0 fell", not pages.fell)
    await _check_losses(rig, senders, report)


_KNOWN = ("202", "refused", "lost")


async def _all_answer(rig: Rig) -> bool:
    return await rig.metric('incident_manager_processes{state="running"}') == WANTED


async def _kill_one(rig: Rig, number: int) -> float:
    """Kill a process, and return how long (s) it took until there is another that answers."""
    began = time.monotonic()
    kill(children(rig)[number % WANTED])
    await asyncio.sleep(0.3)
    await until(lambda: _all_answer(rig), PATIENCE_S, "another one answers")
    return time.monotonic() - began


async def _replace_all(rig: Rig) -> None:
    for number in range(1, ROUNDS + 1):
        os.kill(rig.service.pid, signal.SIGUSR2)
        words = f"all {WANTED} processes were replaced"
        said = partial(_says, rig, words, number)
        await until(said, 3 * PATIENCE_S, "all are others")


def _says(rig: Rig, words: str, times: int) -> bool:
    return rig.service.log.read_text().count(words) >= times


class Pages:
    """Scrapes, and compares each sum with the one before."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.read = self.fell = 0

    async def watch(self) -> None:
        before: dict[str, float] = {}
        while True:
            now = await self._sums()
            self.read += 1
            self.fell += sum(now.get(name, 0) < number for name, number in before.items())
            before = now
            await asyncio.sleep(1)

    async def _sums(self) -> dict[str, float]:
        url = f"http://127.0.0.1:{self._rig.metrics_port}/metrics"
        # A connection of its own each time, so that any process may answer.
        async with self._rig.session.get(url, headers={"Connection": "close"}) as answer:
            rows = (await answer.text()).splitlines()
        pairs = (row.rpartition(" ")[::2] for row in rows if not row.startswith("#"))
        return {name: float(number) for name, number in pairs if _is_sum(name)}


def _is_sum(name: str) -> bool:
    return name.partition("{")[0].endswith(("_total", "_count", "_sum", "_bucket"))


async def _check_losses(rig: Rig, senders: Senders, report: Report) -> None:
    accepted = set(senders.accepted.values())

    def all_paged() -> bool:
        keys = {item.dedup_key for item in rig.pagerduty.incidents}
        return {f"{name}:0" for name in accepted} <= keys and len(
            rig.slack.top_level(CHANNEL)
        ) >= len(accepted)

    await until(all_paged, DELIVERED_WITHIN_S, "everything is told")
    await asyncio.sleep(3)  # for what would be too much
    found = {item["id"] for item in await rig.incidents()}
    missing = accepted - found
    report("accepted, missing", f"{len(accepted)}, {len(missing)}", "0 missing", not missing)
    shown = Counter(
        str((message.metadata or {})["event_payload"]["incident"])
        for message in rig.slack.top_level(CHANNEL)
    )
    keys = Counter(item.dedup_key for item in rig.pagerduty.incidents)
    doubled = (sum(shown.values()) - len(shown), sum(keys.values()) - len(keys))
    report("doubled in Slack, PagerDuty", f"{doubled[0]}, {doubled[1]}", "0, 0", doubled == (0, 0))
    counted = await _incidents_total(rig)
    report(
        "incidents_total, incidents",
        f"{counted:.0f}, {len(found)}",
        "the same",
        counted == len(found),
    )


async def _incidents_total(rig: Rig) -> float:
    async with rig.session.get(f"http://127.0.0.1:{rig.metrics_port}/metrics") as answer:
        rows = (await answer.text()).splitlines()
    return sum(float(row.rpartition(" ")[2]) for row in rows if row.startswith("incidents_total{"))
