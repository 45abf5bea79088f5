"""Two processes on a Cluster of twelve shards: its lists, its audit trail, a takeover amid both."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from receiver.store.audit.entries import AuditStore
from receiver.store.audit.read import AuditReader
from receiver.store.redis import connect
from receiver.text.times import iso_ms
from tests.support.clusters import Cluster, cluster
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.processes import children
from tests.support.rig import Rig, until

SHARDS, TABS = 12, 8


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path / "servers") as found:
        yield found


@pytest.fixture
async def rig(tmp_path: Path, servers: Cluster) -> AsyncIterator[Rig]:
    found = Rig(tmp_path)
    await found.start(
        "receiver",
        "--processes=2",
        LLM_IM__REDIS__URL=servers.url,
        LLM_IM__REDIS__WAIT_REPLICAS="1",
        LLM_IM__STORAGE__PATH="",
    )
    try:
        await until(lambda: _both(found), PATIENCE_S, "both answer")
        yield found
    finally:
        await found.stop()


async def _both(rig: Rig) -> bool:
    return await rig.metric('incident_manager_processes{state="running"}') == 2


class Tab:
    """An open list on a connection of its own, and the incidents it was told of."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.connected = asyncio.Event()
        self.told: dict[str, str] = {}
        """Incident -> its state, "" once it left the list."""
        self.anew = 0
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        position = ""
        while True:
            headers = {"Last-Event-ID": position} if position else {}
            async with (
                ClientSession() as session,
                session.get(f"{self._url}/events", headers=headers) as answer,
            ):
                self.connected.set()
                event: dict[str, str] = {}
                async for raw in answer.content:
                    line = raw.decode().rstrip("\n")
                    if line:
                        name, _, value = line.partition(": ")
                        event[name] = value
                        continue
                    position = event.get("id", position)
                    self._take(event)
                    event = {}
            await asyncio.sleep(0.2)

    def _take(self, event: dict[str, str]) -> None:
        if event.get("event") == "anew":
            self.anew += 1
        elif event.get("event") == "rows":
            for row in json.loads(event["data"])["rows"]:
                self.told[row["id"]] = row.get("incident", {}).get("state", "")


async def send(rig: Rig, name: str) -> str:
    body = notification(alert(name, labels={"severity": "critical"}), group=name)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, answer = await rig.post(body)
            if status == 202:
                return str(answer["incidents"][0])
            await asyncio.sleep(0.1)


async def trail(rig: Rig, query: str = "", limit: int = 7) -> list[dict[str, Any]]:
    """Return all entries, a few a page, whichever process answers for each."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        body = await rig.get(f"/v1/audit?limit={limit}{query}{more}")
        found += body["entries"]
        cursor = body["next"]
    return found


async def test_every_list_is_told_of_every_shard_and_the_trail_has_it_once(
    rig: Rig, servers: Cluster
) -> None:
    assert len(children(rig)) == 2
    tabs = [Tab(rig.url) for _ in range(TABS)]
    try:
        await asyncio.gather(*(tab.connected.wait() for tab in tabs))
        taken = await asyncio.gather(*(send(rig, f"A{number}") for number in range(60)))
        assert len({name.partition("-")[0] for name in taken}) > SHARDS // 2
        await until(lambda: all(set(taken) <= set(tab.told) for tab in tabs), 10, "all are told")
        for name in taken[:20]:
            await _acknowledge(rig, name)
        await until(
            lambda: all(_states(tab, taken[:20]) == {"acknowledged"} for tab in tabs), 10, "so here"
        )
        primary = await servers.primary()
        primary.send(signal.SIGKILL)
        await until(partial(_is_another, servers, primary), 30, "another is primary")
        await primary.start()
        more = await asyncio.gather(*(send(rig, f"B{number}") for number in range(60)))
        await until(lambda: all(_knows(tab, more) for tab in tabs), PATIENCE_S, "after it too")
        every = {*taken, *more}
        assert len(every) == 120
        await until(lambda: _opened(rig, every), PATIENCE_S, "the trail has all")
        entries = await trail(rig)
        places = Counter((entry["shard"], entry["number"]) for entry in entries)
        assert set(places.values()) == {1}, "each once, however the pages were cut"
        assert len({entry["shard"] for entry in entries}) > SHARDS // 2
        times = [iso_ms(entry["at"]) for entry in entries]
        # The two processes do not write in the order in which they looked at the time.
        assert all(one <= before + 1_000 for before, one in pairwise(times))
        acked = [one for one in entries if one["action"] == "acknowledge" and one["incident"]]
        assert {one["incident"] for one in acked} == set(taken[:20])
        assert all(one["principal"] == "ann" for one in acked)
    finally:
        for tab in tabs:
            tab.task.cancel()
        await asyncio.gather(*(tab.task for tab in tabs), return_exceptions=True)
    client = connect(servers.url)
    try:
        faults, number, _ = await AuditReader(AuditStore(client, SHARDS)).verify()
        assert (faults, number >= len(entries)) == ([], True)
    finally:
        await client.aclose(close_connection_pool=True)


async def _acknowledge(rig: Rig, name: str) -> None:
    status, answer = await rig.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    assert status == 200, answer


def _states(tab: Tab, names: Any) -> set[str]:
    return {tab.told[name] for name in names}


def _knows(tab: Tab, names: Any) -> bool:
    # Whoever was away for long reads the list anew, and is told so.
    return set(names) <= set(tab.told) or tab.anew > 0


async def _opened(rig: Rig, names: set[str]) -> bool:
    found = await trail(rig, "&outcome=opened", limit=1_000)
    assert len(found) <= len(names)
    return {one["incident"] for one in found} == names


async def _is_another(servers: Cluster, primary: Any) -> bool:
    try:
        return await servers.primary() is not primary
    except AssertionError:
        return False
