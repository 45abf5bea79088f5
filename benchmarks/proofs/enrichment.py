"""Enrichers that hang, fail or are slow: the pages of P1 go out as if there were none.

Five services side by side, alike but for their enrichers, are sent the same alerts in turn. A page
is timed from the webhook until PagerDuty and Slack both have it. Then 100,000 distinct alerts: the
cache stays as small as it is configured.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.fakes.json_service import FakeJson, completion, vector
from tests.support.notification import alert, notification
from tests.support.rig import CHANNEL, Rig, until

NAME = "enrichment"
ROUNDS, PER_ROUND = 12, 5
MODES = ("off", "answering", "slow", "failing", "hung")
SLOW_S = 2.0
NOISE_S = 0.05
"""How much later a median page may be: timers of 20 ms and the noise of two shared cores."""
GRAPH = "http://prometheus.example/graph?g0.expr=errors+%3E+0.05&g0.tab=1"
DISTINCT, A_GROUP, CACHE_MAX = 100_000, 50, 500

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Time the pages with each kind of enricher, then fill the cache."""
    with TemporaryDirectory() as folder:
        places = {mode: _Place(Path(folder) / mode, mode) for mode in MODES}
        try:
            for place in places.values():
                await place.start()
            await _pages(places, report)
        finally:
            for place in places.values():
                await place.stop()
    with TemporaryDirectory() as folder:
        place = _Place(Path(folder), "answering")
        try:
            # What a minute's bound refuses is in no cache.
            more = {"CACHE_MAX_SIZE": str(CACHE_MAX), "PROMETHEUS__PER_MINUTE": "0"}
            await place.start(**{f"LLM_IM__ENRICHMENT__{name}": of for name, of in more.items()})
            await _cache(place, report)
        finally:
            await place.stop()


class _Place:
    """A service with the services its enrichers ask."""

    def __init__(self, folder: Path, mode: str) -> None:
        folder.mkdir(exist_ok=True)
        self.mode = mode
        self.rig = Rig(folder)
        self.asked = FakeJson(time.monotonic)
        self.waits: list[float] = []
        self.incidents: list[str] = []

    async def start(self, **env: str) -> None:
        await self.asked.start()
        self.asked.answers["/api/v1/query"] = vector(({"service": "checkout"}, 0.08))
        self.asked.answers["/chat/completions"] = completion("One. Two. Three.")
        if self.mode == "failing":
            self.asked.faults.add("500", times=None)
        elif self.mode in ("hung", "slow"):
            # A fake that holds a call answers it afterwards, if anybody still listens.
            seconds = SLOW_S if self.mode == "slow" else 3_600
            self.asked.faults.add("hang", times=None, seconds=seconds)
        prefix = "LLM_IM__ENRICHMENT__"
        settings = {
            f"{prefix}ENABLED": "false" if self.mode == "off" else "true",
            f"{prefix}PROMETHEUS__URL": self.asked.base_url,
            f"{prefix}SUMMARY__URL": self.asked.base_url,
            f"{prefix}SUMMARY__MODEL": "small",
        }
        await self.rig.start(**(settings | env))

    async def stop(self) -> None:
        # First the service: it hangs up on what is held here.
        await self.rig.stop()
        await self.asked.stop()

    async def page(self, number: int) -> None:
        """Send an alert and wait until both notifiers have its page."""
        item = {**alert(f"Alert{number}"), "generatorURL": GRAPH}
        began = time.monotonic()
        _, answer = await self.rig.post(notification(item, group=f"g{number}"))
        (name,) = answer["incidents"]
        self.incidents.append(name)
        await until(lambda: self._has(name), 30, "the page is out")
        self.waits.append(time.monotonic() - began)

    def _has(self, name: str) -> bool:
        paged = any(item.dedup_key == f"{name}:0" for item in self.rig.pagerduty.incidents)
        return paged and any(name in str(post.blocks) for post in self.rig.slack.top_level(CHANNEL))


async def _pages(places: dict[str, _Place], report: Report) -> None:
    for place in places.values():
        await place.page(-1)
        place.waits.clear()
    for number in range(ROUNDS):
        for place in places.values():
            pages = [place.page(number * PER_ROUND + at) for at in range(PER_ROUND)]
            await asyncio.gather(*pages)
    usual = statistics.median(places["off"].waits)
    for mode, place in places.items():
        median, worst = statistics.median(place.waits), max(place.waits)
        figure = f"median {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms"
        bound = "" if mode == "off" else f"{(usual + NOISE_S) * 1000:.0f} ms median"
        report(f"P1 paged, enrichers {mode}", figure, bound, median <= usual + NOISE_S)
    await _kept(places["hung"], report)
    twice = sum(
        len(place.rig.pagerduty.incidents) != len(place.incidents)
        or len(place.rig.slack.top_level(CHANNEL)) != len(place.incidents)
        for place in places.values()
    )
    report("services that paged twice", str(twice), "0", twice == 0)


async def _kept(place: _Place, report: Report) -> None:
    """With Prometheus and the model hung, what the others found is there all the same."""
    await place.rig.post({"summary": "deploy"}, "/v1/changes")
    await place.page(10_000)
    name = place.incidents[-1]

    async def context() -> bool:
        found = await place.rig.get(f"/v1/incidents/{name}")
        return [one["enricher"] for one in found["context"]] == ["changes"]

    began = time.monotonic()
    await until(context, 60, "the others' findings are kept")
    took = time.monotonic() - began
    report("others' findings while they hang", f"after {took:.1f} s", "kept", True)


async def _cache(place: _Place, report: Report) -> None:
    most, sent = 0, 0
    for number in range(DISTINCT // A_GROUP):
        labels = {"severity": "info"}
        items = [
            {**alert(f"A{number}", labels=labels | {"n": str(at)}), "generatorURL": GRAPH}
            for at in range(A_GROUP)
        ]
        status, _ = await place.rig.post(notification(*items, group=f"g{number}"))
        sent += A_GROUP * (status == 202)
        if number % 50 == 0:
            most = max(most, await _entries(place))

    async def looked_up() -> bool:
        return (
            await _metric(place, "cached") + await _metric(place, "success") >= DISTINCT / A_GROUP
        )

    await until(looked_up, 120, "every incident was looked at")
    most = max(most, await _entries(place))
    report("distinct alerts", f"{sent:,}", f"{DISTINCT:,}", sent == DISTINCT)
    report("most entries in the cache", str(most), str(CACHE_MAX), 0 < most <= CACHE_MAX)


async def _metric(place: _Place, status: str) -> float:
    return await place.rig.metric(f'enrichments_total{{enricher="prometheus",status="{status}"}}')


async def _entries(place: _Place) -> int:
    caches = (await place.rig.get("/v1/metrics/caches"))["caches"]
    return int(caches["enrichment"]["entries"])
