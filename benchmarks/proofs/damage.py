"""Whatever is damaged, and however: no webhook is lost, everybody is paged, every list answers.

Here: junk in every key there is in Redis, in three ways each, while webhooks come in. Beside it: a
damaged append-only file and a backup of what runs (``damage_store``), a full memory, a full disk
and missing replicas (``damage_signals``).
"""

import asyncio
import contextlib
import importlib
import importlib.util
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientError
from redis.exceptions import ResponseError

from receiver.aio.background import end
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.redis import connect
from tests.support.faults_in_store import EVERY, LISTS, WAYS
from tests.support.notification import alert, notification
from tests.support.rig import CHANNEL, Rig, until

NAME = "damage"
OTHERS_PER_FAULT = 3
"""Groups of others whose first alert comes at the very moment of a fault."""
TRIES = 20
"""So often a webhook is sent again, as Alertmanager does after a 5xx."""
PAGED_WITHIN_S = 120
PARTS = ("damage_store", "damage_signals")

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Run all parts, each on data of its own."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        await rig.start()
        try:
            await _Faults(rig).run(report)
        finally:
            await rig.stop()
    for name in PARTS:
        if importlib.util.find_spec(f"benchmarks.proofs.{name}") is not None:
            await importlib.import_module(f"benchmarks.proofs.{name}").run(report)


class _Faults:
    """Puts one fault after another in, and keeps count."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.redis: Any = None
        self.faults = 0
        self.lost: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.wrong_lists: list[str] = []
        self.lists = 0
        self.wanted: Counter[str] = Counter()
        """Stem of a group's ids -> how many pages it is to have."""

    async def run(self, report: Report) -> None:
        path = EmbeddedValkey(self.rig.storage / "valkey").socket_path
        self.redis = connect(f"unix://{path}")
        reading = asyncio.create_task(self._read_lists())
        for kind in EVERY:
            for way in WAYS:
                await self._fault(kind, way)
        with contextlib.suppress(AssertionError):
            await until(lambda: not self._missing(), PAGED_WITHIN_S, "everybody is paged")
        await end([reading])
        await self.redis.aclose(close_connection_pool=True)
        self._report(report)

    def _report(self, report: Report) -> None:
        number = len(EVERY) * len(WAYS)
        report("faults put in", str(self.faults), f"= {number}", self.faults == number)
        again = sum(number for status, number in self.statuses.items() if status != 202)
        sent = f"{len(self.lost)} of {self.statuses[202] + len(self.lost)}"
        report("webhooks lost", sent, "0", not self.lost)
        report("webhooks answered 503, then 202", str(again), "any", True)
        missing = self._missing()
        pages = f"{len(missing)} of {sum(self.wanted.values())}"
        report("pages missing", pages, "0", not missing)
        lists = f"{len(self.wrong_lists)} of {self.lists} {' '.join(self.wrong_lists[:2])}".strip()
        report("lists that answered other than 200", lists, "0", not self.wrong_lists)

    async def _fault(self, kind: str, way: Any) -> None:
        label = f"{kind}-{way.__name__}".replace(":", "-")
        minor = alert("Minor", labels={"severity": "error", "fault": label})
        name = await self._send(label, minor)
        stem = name.rpartition("-")[0]
        await until(lambda: self._pages()[stem] > 0, 30, f"{label}: its group was paged before")
        clock = int((await self.redis.time())[0]) * 1000
        for _ in range(TRIES):
            with contextlib.suppress(ResponseError):
                # What the fault before left may be made good at this very moment.
                await way(self.redis, EVERY[kind](name, clock), name)
                self.faults += 1
                break
        others = [
            self._send(f"{label}-{number}", alert("Other", labels={"fault": f"{label}-{number}"}))
            for number in range(OTHERS_PER_FAULT)
        ]
        major = alert("Major", labels={"fault": label})
        *found, _ = await asyncio.gather(*others, self._send(label, minor, major))
        for other in found:
            self.wanted[other.rpartition("-")[0]] = 1
        # Once before the fault, and once more for what is more urgent, whatever became of the rest.
        self.wanted[stem] = 2

    async def _send(self, group: str, *alerts: dict[str, Any]) -> str:
        """Send a webhook until it is accepted; return the incident, "" when it never was."""
        for _ in range(TRIES):
            try:
                status, answer = await self.rig.post(notification(*alerts, group=group))
            except (ClientError, OSError):
                status, answer = 0, {}
            self.statuses[status] += 1
            if status == 202 and answer.get("incidents"):
                return str(answer["incidents"][0])
            await asyncio.sleep(0.25)
        self.lost.append(group)
        return ""

    async def _read_lists(self) -> None:
        while True:
            for path in LISTS:
                said = ""
                try:
                    async with self.rig.session.get(self.rig.url + path) as answer:
                        said = (await answer.text())[:300]
                        status = answer.status
                except (ClientError, OSError):
                    status = 0
                self.lists += 1
                if status != 200:
                    self.wrong_lists.append(f"{path}: {status} {said}")
            await asyncio.sleep(0.05)

    def _pages(self) -> Counter[str]:
        """Return how many pages PagerDuty has of each group."""
        keys = {item.dedup_key for item in self.rig.pagerduty.incidents}
        return Counter(key.rpartition("-")[0] for key in keys)

    def _missing(self) -> list[str]:
        """Return the groups that were paged too seldom, or are not to be seen in Slack."""
        pages = self._pages()
        shown = "\n".join(str(message.blocks) for message in self.rig.slack.top_level(CHANNEL))
        return [
            stem
            for stem, number in self.wanted.items()
            if pages[stem] < number or f"{stem}-" not in shown
        ]
