"""A Cluster by TLS alone, of another maker: taken over, and refused to whom nobody vouches for."""

import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from receiver.errors import StoreUnavailableError
from receiver.store.redis import connect, unavailable_is_503
from tests.support.app import App, accepted
from tests.support.certificates import Authority
from tests.support.clusters import Cluster, cluster
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.sentinels import Tls
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> AsyncIterator[Cluster]:
    files = authority.issue("server")
    tls = Tls(authority.ca, files.cert, files.key)
    async with cluster(tmp_path_factory.mktemp("servers") / "s", tls=tls) as found:
        yield found


async def test_everything_is_by_tls_and_outlives_a_takeover(
    tmp_path: Path, servers: Cluster
) -> None:
    fakes: Any = (FakeSlack(), FakePagerDuty())
    for fake in fakes:
        await fake.start()
    app = App(tmp_path / "own", *fakes)
    assert servers.url.startswith("rediss+cluster://")
    await app.start(**{"redis.url": servers.url, "redis.wait_replicas": 1})
    try:
        await app.until_ready()
        taken = [await accepted(app, number) for number in range(30)]
        assert len({name.partition("-")[0] for name in taken}) > 3
        primary = await servers.primary()
        primary.send(signal.SIGKILL)
        await until(partial(_is_another, servers, primary))
        # Without its replica nothing of its slots is durable.
        await primary.start()
        taken += [await accepted(app, number) for number in range(30, 60)]
        await app.until_ready()
        await until(servers.is_whole)
        found = (await app.get("/v1/incidents?limit=100"))[1]["incidents"]
        assert sorted(one["id"] for one in found) == sorted(set(taken))
        await until(lambda: len(fakes[1].incidents) == len(taken))
        assert await app.metric("incident_manager_store_lost_commits_total") == 0
        # Each pool of connections has the certificates, those of later primaries too.
        for _, client in await app.service.redis.primaries():
            assert client.connection_pool.connection_kwargs["ssl_certfile"]
    finally:
        await app.stop()
        for fake in fakes:
            await fake.stop()


async def _is_another(servers: Cluster, primary: Any) -> bool:
    try:
        return await servers.primary() is not primary
    except AssertionError:
        return False


async def said(url: str) -> str:
    """Return why a URL reaches nobody."""
    client = connect(url)
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            async with unavailable_is_503():
                await client.get("im:x")
        return str(caught.value)
    finally:
        await client.aclose(close_connection_pool=True)


async def test_who_is_not_vouched_for_hears_why(
    servers: Cluster, authority: Authority, tmp_path: Path
) -> None:
    places = servers.url.partition("://")[2].partition("?")[0]
    assert servers.tls is not None
    ca = f"ssl_ca_certs={authority.ca}"
    stranger = Authority(tmp_path / "other", "other-ca")
    files = stranger.issue("client")
    assert "certificate verify failed" in await said(f"rediss+cluster://{places}")
    strange = f"ssl_ca_certs={stranger.ca}"
    assert "certificate verify failed" in await said(f"rediss+cluster://{places}?{strange}")
    # By TLS 1.3 it is only with the first answer that a server says what it thinks of a client.
    for client in ("", f"&ssl_certfile={files.cert}&ssl_keyfile={files.key}"):
        words = await said(f"rediss+cluster://{places}?{ca}{client}")
        assert any(part in words.lower() for part in ("alert", "closed", "reset")), words
    assert await said(f"redis+cluster://{places}")
