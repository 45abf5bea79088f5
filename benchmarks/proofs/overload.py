"""More webhooks than can be answered, with people and P1 alerts beside them.

Each webhook is durable or refused, none is lost, people are answered within a second, P1 pages go
out within five, and a moment after the flood everything is as before.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tests.rig import Rig
from tests.scenarios.conftest import alert, notification

NAME = "overload"
SECONDS = 30
CASES = tuple((alerts, rate) for alerts in (1, 20) for rate in (1_000, 2_500, 5_000, 10_000))
CONNECTIONS = 2_000
PEOPLE_S, PAGE_S, RECOVERED_S = 1.0, 5.0, 5.0
BESIDE_S = 0.3
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
    """What goes on beside a flood: P1 alerts, and people who press and write."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._rig = rig
        self._name = name
        self.people: list[float] = []
        self.failed = 0
        self.sent: dict[str, float] = {}

    async def alert(self) -> None:
        """Send P1 alerts, each until it is taken, as Alertmanager does."""
        number = 0
        while True:
            group = f"{self._name}-p1-{number}"
            number += 1
            body = notification(alert("Down", labels={"group": group}), group=group)
            began = time.monotonic()
            while True:
                status, answer = await self._rig.post(body)
                if status == 202:
                    self.sent[answer["incidents"][0]] = began
                    break
                await asyncio.sleep(0.5)
            await asyncio.sleep(1)

    async def work(self) -> None:
        """Write notes and press buttons, and time the answers."""
        while True:
            for act in (self._note, self._press):
                began = time.perf_counter()
                try:
                    self.failed += await act() >= 500
                except OSError:
                    self.failed += 1
                self.people.append(time.perf_counter() - began)
                await asyncio.sleep(BESIDE_S)

    async def _note(self) -> int:
        if not self.sent:
            return 200
        incident = list(self.sent)[-1]
        body = {"text": "looking", "by": "ann"}
        return (await self._rig.post(body, f"/v1/incidents/{incident}/note"))[0]

    async def _press(self) -> int:
        return await self._rig.click("acknowledge") if self._rig.slack.top_level(CHANNEL) else 200

    def page_delays(self) -> list[float]:
        """Return the seconds from each P1 alert to its page; a minute for one that never came."""
        paged: dict[str, float] = {}
        for event in self._rig.pagerduty.events:
            if event.method == "trigger" and event.outcome == "ok":
                paged.setdefault(str(event.dedup_key).partition(":")[0], event.at)
        return [paged.get(name, at + 60) - at for name, at in self.sent.items()]


CHANNEL = "C0ALERTS"


async def run(report: Report) -> None:
    """Report each case."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        file = Path(folder) / "im.yml"
        file.write_text(yaml.safe_dump(QUIET | {"enrichment": {"enabled": False}}))
        await rig.start("receiver", f"--config.file={file}", LLM_IM__LOG__LEVEL="warning")
        try:
            for alerts, rate in CASES:
                await _case(rig, alerts, rate, report)
        finally:
            await rig.stop()


async def _case(rig: Rig, alerts: int, rate: int, report: Report) -> None:
    name = f"{rate:,}/s of {alerts}"
    before = await _incidents(rig)
    beside = Beside(rig, f"{alerts}-{rate}")
    going = [asyncio.create_task(beside.alert()), asyncio.create_task(beside.work())]
    await asyncio.sleep(1)
    found = await _flood(rig, alerts, rate)
    recovered = await _recover(rig, name)
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    await asyncio.sleep(2)
    taken = int(found["statuses"].get("202", 0))
    refused = int(found["statuses"].get("503", 0))
    broken = sum(found["statuses"].values()) - taken - refused
    stored = await _incidents(rig) - before - len(beside.sent)
    figure = f"{taken} taken, {refused} refused, {broken} broken at {found['rate']:,.0f}/s"
    report(name, figure, "all taken or refused", not broken)
    good = taken <= stored <= taken + recovered.sent
    report(f"{name}: stored", f"{stored} of {taken} + {recovered.sent}", "all", good)
    worst = _p99(beside.people)
    figure = f"p99 {worst * 1000:.0f} ms, {beside.failed} failed"
    report(f"{name}: people", figure, "1 s, 0", worst < PEOPLE_S and not beside.failed)
    delays = beside.page_delays()
    figure = f"p50 {statistics.median(delays):.2f} s, p99 {_p99(delays):.2f} s of {len(delays)}"
    report(f"{name}: P1 pages", figure, f"{PAGE_S:g} s", _p99(delays) < PAGE_S)
    good = recovered.seconds < RECOVERED_S
    report(f"{name}: as before after", f"{recovered.seconds:.1f} s", f"{RECOVERED_S:g} s", good)


async def _flood(rig: Rig, alerts: int, rate: int) -> dict[str, dict[str, int]]:
    words = [str(rig.port), str(rate), str(SECONDS), str(alerts), f"f{alerts}-{rate}"]
    flood = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.flood", *words, str(CONNECTIONS), stdout=-1
    )
    out, _ = await flood.communicate()
    found: dict[str, dict[str, int]] = json.loads(out)
    return found


class _Recovered:
    """How long it took until alerts were answered at once again, and how many tried."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sent = 0


async def _recover(rig: Rig, name: str) -> _Recovered:
    found, good, started = _Recovered(), 0, time.perf_counter()
    while good < 5 and found.seconds < 60:
        body = notification(
            alert("After", labels={"severity": "info"}), group=f"{name}-{found.sent}"
        )
        began = time.perf_counter()
        status, _ = await rig.post(body)
        found.sent += 1
        good = good + 1 if status == 202 and time.perf_counter() - began < 0.1 else 0
        found.seconds = time.perf_counter() - started
        await asyncio.sleep(0.05)
    return found


async def _incidents(rig: Rig) -> int:
    async with rig.session.get(f"http://127.0.0.1:{rig.metrics_port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(COUNTED)))


def _p99(values: list[float]) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
