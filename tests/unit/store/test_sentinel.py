"""What a URL of Sentinels says, and which ones cannot be read."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from receiver.errors import ConfigError
from receiver.settings.schema import secret_values
from receiver.store.config import RedisConfig
from receiver.store.server.durability import Judge, Level, ServerFacts
from receiver.store.server.sentinel import read_sentinel_url, sentinel_pool
from receiver.store.server.startup import check_server
from tests.unit.store.test_config import problems

FSYNC = ServerFacts(run="1", aof=True, fsync="always")


def test_addresses_and_a_service() -> None:
    read = read_sentinel_url("redis+sentinel://a,b:1,[::1]:5/my%20shop")
    assert read.sentinels == [("a", 26379), ("b", 1), ("::1", 5)]
    assert (read.service, read.tls, read.server, read.asking) == ("my shop", False, {}, {})


def test_a_password_may_have_any_character() -> None:
    read = read_sentinel_url("redis+sentinel://u:\u2100%2F%25[x@[::1]/shop")
    assert read.server == {"username": "u", "password": "\u2100/%[x"}
    assert read.sentinels == [("::1", 26379)]


def test_what_is_the_servers_and_what_is_the_sentinels() -> None:
    url = "rediss+sentinel://u:p%40x@a/shop/2?ssl_ca_certs=/ca&sentinel_username=s&sentinel_password=z"
    read = read_sentinel_url(url)
    wanted = {"username": "u", "password": "p@x", "db": 2, "ssl_ca_certs": "/ca"}
    assert (read.sentinels, read.tls, read.server) == ([("a", 26379)], True, wanted)
    assert read.asking == {"username": "s", "password": "z", "ssl_ca_certs": "/ca", "ssl": True}


@pytest.mark.parametrize("url", ["a,b", "a/", "a/x/y", "a/x/1/2"])
def test_a_url_without_service_says_where_it_belongs(url: str) -> None:
    ((field, words),) = problems(RedisConfig, url=f"redis+sentinel://{url}")
    assert field == "url"
    assert "name the service after the Sentinels" in words
    assert "cret" not in words


@pytest.mark.parametrize(
    "url",
    [
        *("/x", "a,/x", "a:port/x", "a:65536/x", "[::1/x", "a,,/x"),
        *("u:se/cret@a/x", "u:12#secret@a/x", ":12?secret@a/x"),
    ],
)
def test_addresses_that_cannot_be_read_are_said_without_a_password(url: str) -> None:
    ((field, words),) = problems(RedisConfig, url=f"redis+sentinel://{url}")
    assert field == "url"
    assert "the addresses of the Sentinels cannot be read" in words
    assert "cret" not in words


def test_both_passwords_are_secrets() -> None:
    found = RedisConfig(url="redis+sentinel://u:one%2F@a,b/x?sentinel_password=two")
    assert {"one/", "two"} <= set(secret_values(found))


@pytest.mark.parametrize(
    ("fsync", "level", "words"),
    [
        ("always", Level.ONE_COPY, "a takeover may lose"),
        ("everysec", Level.EVERY_SECOND, "(appendfsync everysec); a takeover may lose"),
        ("no", Level.REFUSED, "30 seconds or more"),
    ],
)
def test_a_takeover_that_no_replica_is_waited_for_is_said(
    fsync: str, level: Level, words: str
) -> None:
    facts = ServerFacts(run="1", aof=True, fsync=fsync)
    found = Judge(takeover=True).judge(facts)
    assert (found.level, words in found.problem) == (level, True)
    assert Judge().judge(FSYNC).level is Level.EVERY_WRITE


@pytest.mark.parametrize(("wait", "takeover"), [(0, True), (1, False)])
def test_whoever_waits_for_a_replica_loses_nothing(wait: int, takeover: bool) -> None:
    assert RedisConfig(url="redis+sentinel://a/x", wait_replicas=wait).takeover is takeover
    assert not RedisConfig(url="redis://a").takeover


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("sentinel", "write redis.sentinel://HOST:PORT/SERVICE"),
        ("cluster", "write redis.cluster://HOST:PORT"),
        ("standalone", ""),
    ],
)
async def test_a_server_that_is_another_kind_is_refused(
    mode: str, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def told(_redis: object) -> ServerFacts:
        return ServerFacts(run="1", mode=mode, aof=True, fsync="always")

    monkeypatch.setattr("receiver.store.server.startup.read_facts", told)
    caplog.set_level(logging.INFO)
    server: Any = SimpleNamespace()
    if not words:
        found = await check_server(server, accept_loss=False, assured=False)
        assert found.level is Level.EVERY_WRITE
        return
    with pytest.raises(ConfigError, match=words):
        await check_server(server, accept_loss=False, assured=False)


class Managed:
    """Sentinels that name a primary."""

    def __init__(self) -> None:
        self.primary = ("a", 1)
        self.away = False
        self.asked = 0
        self.sentinels: list[Any] = []

    async def discover_master(self, _service: str) -> tuple[str, int]:
        self.asked += 1
        if self.away:
            raise ConnectionError("away")
        return self.primary


class Connection:
    """One that works as long as nobody ends it."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.ended = False

    async def disconnect(self, *_: Any, **__: Any) -> None:
        self.ended = True

    def should_reconnect(self) -> bool:
        return False

    async def re_auth(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(("away", "ends"), [(False, True), (True, False)])
async def test_a_connection_to_what_was_the_primary_is_ended_when_it_comes_back(
    away: bool, ends: bool
) -> None:
    pool: Any = sentinel_pool("redis+sentinel://a/x", 4)
    pool.sentinel_manager = managed = Managed()
    await pool.get_master_address()
    used = Connection("a", 1)
    pool._in_use_connections.add(used)
    managed.primary, managed.away = ("b", 2), away
    await pool._ask()
    assert managed.asked == 2
    await pool.release(used)
    assert used.ended is ends
    assert pool._available_connections == [used]
    await pool.disconnect()
