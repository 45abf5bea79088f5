"""More webhooks than can be answered, with people and P1 alerts beside them.

Each webhook is durable or refused at once, none is lost, people are answered within a second, P1
pages go out within five, what is done does not fall with what is offered, and a moment after the
flood everything is as before. Every case has a service of its own.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from aiohttp import ClientError

from tests.support.notification import alert, notification
from tests.support.rig import CHANNEL, Rig

NAME = "overload"
SECONDS = 30
RATES = (1_000, 2_500, 5_000, 10_000)
CONNECTIONS = 3_000
"""As many as one address may have."""
PEOPLE_S, PAGE_S, RECOVERED_S, REFUSED_S = 1.0, 5.0, 5.0, 0.1
FEW = 0.05
KEPT = 0.7
"""How much of the most that was done is done at any pace."""
BESIDE_S = 0.2
COUNTED = "incidents_total{"
QUIET = {
    # What the flood opens is told to nobody but the log: this is about what comes in.
    "notifiers": {
        "book": {"type": "log"},
        "pagerduty": {"type": "pagerduty"},
        "slack": {"type": "slack"},
    },
    "escalations": {
        "book": {"steps": [{"notify": ["book"]}]},
        "ring": {"steps": [{"notify": ["pagerduty", "slack"]}]},
    },
    "priorities": {
        "P1": {"escalation": "ring"},
        "P2": {"escalation": "ring"},
        "P3": {"escalation": "book"},
        "P4": {"escalation": "book"},
    },
}

Report = Callable[[str, str, str, bool], None]


class Beside:
    """What goes on beside a flood: P1 alerts, and people who press, type and write."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.people: list[float] = []
        self.failed: Counter[str] = Counter()
        self.sent: dict[str, float] = {}
        self._pressed: set[str] = set()

    async def alert(self) -> None:
        """Send P1 alerts, each until it is taken, as Alertmanager does."""
        for number in range(10_000):
            group = f"p1-{number}"
            body = notification(alert("Down", labels={"group": group}), group=group)
            began = time.monotonic()
            while (found := await self._rig.post(body))[0] != 202:
                await asyncio.sleep(0.5)
            self.sent[found[1]["incidents"][0]] = began
            await asyncio.sleep(1)

    async def work(self) -> None:
        """Write notes, type commands and press buttons, and time the answers."""
        while True:
            for act in (self._note, self._type, self._press):
                began = time.perf_counter()
                try:
                    status = await act()
                except (ClientError, OSError) as error:
                    status, name = 0, type(error).__name__
                else:
                    name = f"{act.__name__} {status}"
                if status:
                    self.people.append(time.perf_counter() - began)
                if status != 200:
                    self.failed[name] += 1
                await asyncio.sleep(BESIDE_S)

    async def _note(self) -> int:
        if not self.sent:
            return 200
        body = {"text": "looking", "by": "ann"}
        return (await self._rig.post(body, f"/v1/incidents/{list(self.sent)[-1]}/note"))[0]

    async def _type(self) -> int:
        slack = self._rig.slack
        body, headers = slack.signed(slack.client().command("list"), int(time.time()))
        return await self._post("commands", body, headers)

    async def _press(self) -> int:
        """Acknowledge what was posted last, which nobody has acknowledged."""
        slack = self._rig.slack
        new = [one for one in slack.top_level(CHANNEL) if one.ts not in self._pressed]
        if not new:
            return 200
        self._pressed.add(new[-1].ts)
        body, headers = slack.click(new[-1], "acknowledge")
        return await self._post("actions", body, headers)

    async def _post(self, name: str, body: bytes, headers: dict[str, str]) -> int:
        url = f"{self._rig.url}/v1/slack/{name}"
        async with self._rig.session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    def pages(self) -> tuple[list[float], int]:
        """Return the seconds from each P1 alert to its page, and how many were paged twice.

        A minute for one that never came.
        """
        triggers = [one for one in self._rig.pagerduty.events if one.method == "trigger"]
        paged: dict[str, float] = {}
        keys = Counter(str(one.dedup_key) for one in triggers if one.outcome == "ok")
        for event in triggers:
            if event.outcome == "ok":
                paged.setdefault(str(event.dedup_key).partition(":")[0], event.at)
        delays = [paged.get(name, at + 60) - at for name, at in self.sent.items()]
        return delays, sum(number > 1 for number in keys.values())


async def run(report: Report) -> None:
    """Report each case, and of each size how much is done at least."""
    for alerts in (1, 20):
        done: list[float] = []
        over: list[float] = []
        for rate in RATES:
            found = await _case(alerts, rate, report)
            done.append(found["202"] / SECONDS)
            # Where few are refused, what is done is what was offered.
            if found["503"] > FEW * found.total():
                over.append(done[-1])
        most, least = max(done), min(over, default=max(done))
        figure = f"{least:,.0f} of {most:,.0f}/s ({least / most:.0%})"
        good = least >= KEPT * most
        report(f"of {alerts}: least done while some are refused", figure, f"{KEPT:.0%}", good)


async def _case(alerts: int, rate: int, report: Report) -> Counter[str]:
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        file = Path(folder) / "im.yml"
        file.write_text(yaml.safe_dump(QUIET | {"enrichment": {"enabled": False}}))
        await rig.start("receiver", f"--config.file={file}", LLM_IM__LOG__LEVEL="warning")
        try:
            return await _flooded(rig, alerts, rate, report)
        finally:
            await rig.stop()


async def _flooded(rig: Rig, alerts: int, rate: int, report: Report) -> Counter[str]:
    name = f"{rate:,}/s of {alerts}"
    beside = Beside(rig)
    going = [asyncio.create_task(beside.alert()), asyncio.create_task(beside.work())]
    await asyncio.sleep(1)
    pids = {"service": rig.service.pid, "Valkey": rig.valkey_pid(), "fakes": os.getpid()}
    before, began = {who: _cpu(pid) for who, pid in pids.items()}, time.monotonic()
    found = await _flood(rig, alerts, rate)
    took = time.monotonic() - began
    shares = {who: (_cpu(pid) - before[who]) / took for who, pid in pids.items()}
    shares["sender"] = found["cpu"] / took
    recovered = await _recover(rig)
    await _end(going)
    await asyncio.sleep(2)
    statuses = Counter(found["statuses"])
    taken, refused = statuses["202"], statuses["503"]
    broken = statuses.total() - taken - refused
    stored = await _incidents(rig) - len(beside.sent) - recovered.taken
    _report_flood(name, found, shares, report)
    good = not broken and taken == stored
    figure = f"{taken} taken, {stored} stored, {refused} refused, {broken} broken"
    report(f"{name}: all stored or refused", figure, "taken = stored", good)
    _report_beside(name, beside, report)
    good = recovered.seconds < RECOVERED_S
    report(f"{name}: as before after", f"{recovered.seconds:.1f} s", f"{RECOVERED_S:g} s", good)
    return statuses


def _report_flood(
    name: str, found: dict[str, Any], shares: dict[str, float], report: Report
) -> None:
    figure = f"{found['sent'] / SECONDS:,.0f}/s, {found['late']} of them late"
    report(f"{name}: sent", figure, "", True)
    used = ", ".join(f"{who} {share:.2f}" for who, share in shares.items())
    report(f"{name}: processors used", used, f"of {os.cpu_count()}", True)
    waits = {status: (row["p50"], row["p99"]) for status, row in found["waits"].items()}
    figure = "p50 {:.0f} ms, p99 {:.0f} ms".format(*waits["202"])
    report(f"{name}: taken after", figure, "", True)
    if "503" in waits:
        row = found["refused_after"]
        figure = f"p50 {row['p50']:.0f} ms, p99 {row['p99']:.0f} ms"
        good = row["p99"] < REFUSED_S * 1000
        report(f"{name}: refused after", figure, f"{REFUSED_S * 1000:.0f} ms", good)


def _report_beside(name: str, beside: Beside, report: Report) -> None:
    worst, failed = _p99(beside.people), beside.failed.total()
    figure = f"p99 {worst * 1000:.0f} ms of {len(beside.people)}, {failed} failed"
    report(f"{name}: people", figure, "1 s, 0", worst < PEOPLE_S and not failed)
    if failed:
        print(dict(beside.failed))
    delays, twice = beside.pages()
    worst = _p99(delays)
    figure = (
        f"p50 {statistics.median(delays):.2f} s, p99 {worst:.2f} s of {len(delays)}, {twice} twice"
    )
    report(f"{name}: P1 pages", figure, f"{PAGE_S:g} s, 0", worst < PAGE_S and not twice)


async def _flood(rig: Rig, alerts: int, rate: int) -> dict[str, Any]:
    words = [str(rig.port), str(rate), str(SECONDS), str(alerts), "flood", str(CONNECTIONS)]
    flood = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.flood", *words, stdout=-1
    )
    out, _ = await flood.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def _end(going: list[asyncio.Task[None]]) -> None:
    """End what goes on; what ended by itself did so by a mistake, which is raised."""
    for task in going:
        task.cancel()
    for outcome in await asyncio.gather(*going, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


class _Recovered:
    """How long it took until alerts were answered at once again, and how many were taken."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.taken = 0


async def _recover(rig: Rig) -> _Recovered:
    found, good, sent, started = _Recovered(), 0, 0, time.perf_counter()
    while good < 5 and found.seconds < 60:
        body = notification(alert("After", labels={"severity": "info"}), group=f"after-{sent}")
        began = time.perf_counter()
        status, _ = await rig.post(body)
        sent += 1
        found.taken += status == 202
        good = good + 1 if status == 202 and time.perf_counter() - began < 0.1 else 0
        found.seconds = time.perf_counter() - started
        await asyncio.sleep(0.05)
    return found


async def _incidents(rig: Rig) -> int:
    async with rig.session.get(f"http://127.0.0.1:{rig.metrics_port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(COUNTED)))


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in threads) / 1e9


def _p99(values: list[float]) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
