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


async def _all(app: App) -> list[dict[str, Any]]:
    return list((await app.get("/v1/incidents"))[1]["incidents"])


async def test_a_sentinel_itself_is_refused_with_the_right_address(tmp_path: Path) -> None:
    fakes = (FakeSlack(), FakePagerDuty())
    async with watched(tmp_path / "servers", replicas=0) as servers:
        app = App(tmp_path / "own", *fakes)
        url = f"redis://127.0.0.1:{servers.sentinels[0].port}"
        with pytest.raises(ConfigError, match="that is a Sentinel, which keeps no data"):
            await app.start(**{"redis.url": url})
