"""A primary that dies or hangs under the service, and a replica that takes over."""

import signal
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError
from tests.support.app import App, accepted
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.sentinels import watched
from tests.support.waiting import until


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_replica_takes_over_and_nothing_is_lost_or_doubled(
    tmp_path: Path, how: int
) -> None:
    fakes = (FakeSlack(), FakePagerDuty())
    for fake in fakes:
        await fake.start()
    async with watched(tmp_path / "servers") as servers:
        app = App(tmp_path / "own", *fakes)
        settings: dict[str, Any] = {"redis.url": servers.url, "redis.wait_replicas": 1}
        await app.start(**settings)
        try:
            await app.until_ready()
            taken = [await accepted(app, number) for number in range(10)]
            (await servers.primary()).send(how)
            taken += [await accepted(app, number) for number in range(10, 20)]
            found = {one["id"] for one in (await app.get("/v1/incidents"))[1]["incidents"]}
            assert set(taken) <= found
            pages = fakes[1].events
            await until(lambda: len({page.dedup_key for page in pages}) == len(taken))
            await app.until_ready()
            assert sorted(one["id"] for one in await _all(app)) == sorted(set(taken))
            triggers = [page.dedup_key for page in pages if page.method == "trigger"]
            opened = fakes[1].incidents
            assert len(opened) == len(taken), "a page that comes twice opens nothing"
            assert set(triggers) == {one.dedup_key for one in pages}
        finally:
            await app.stop()
    for fake in fakes:
        await fake.stop()


async def test_what_a_takeover_has_lost_is_said_with_its_number(tmp_path: Path) -> None:
    fakes = (FakeSlack(), FakePagerDuty())
    for fake in fakes:
        await fake.start()
    async with watched(tmp_path / "servers", replicas=1) as servers:
        app = App(tmp_path / "own", *fakes)
        await app.start(**{"redis.url": servers.url})
        (known,) = app.service.dispatcher.store.fence._known.values()
        try:
            kept = [await accepted(app, number) for number in range(5)]
            await app.settle()
            primary = await servers.primary()
            (replica,) = (one for one in servers.servers if one is not primary)

            async def has_all() -> bool:
                info = await primary.client.info("replication")
                return bool(info["slave0"]["offset"] == info["master_repl_offset"])

            await until(has_all)
            had = known.acknowledged
            await primary.lose(replica)
            taken = [await accepted(app, number) for number in range(5, 10)]
            await app.settle()
            gone = known.acknowledged - had
            primary.send(signal.SIGKILL)
            await app.until_ready(503)
            await app.until_ready()
            await app.service.lost_commits.look()
            assert await app.metric("incident_manager_store_lost_commits_total") == gone >= 5
            assert sorted(one["id"] for one in await _all(app)) == sorted(kept)
            # Who repeats fills the hole, and nobody is paged twice.
            assert [await accepted(app, number) for number in range(5, 10)] == taken
            await until(lambda: len(fakes[1].incidents) == 10)
            assert sorted(one["id"] for one in await _all(app)) == sorted(kept + taken)
        finally:
            await app.stop()
    for fake in fakes:
        await fake.stop()


async def _all(app: App) -> list[dict[str, Any]]:
    return list((await app.get("/v1/incidents"))[1]["incidents"])


async def test_a_sentinel_itself_is_refused_with_the_right_address(tmp_path: Path) -> None:
    fakes = (FakeSlack(), FakePagerDuty())
    async with watched(tmp_path / "servers", replicas=0) as servers:
        app = App(tmp_path / "own", *fakes)
        url = f"redis://127.0.0.1:{servers.sentinels[0].port}"
        with pytest.raises(ConfigError, match="that is a Sentinel, which keeps no data"):
            await app.start(**{"redis.url": url})
