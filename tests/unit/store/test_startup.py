"""Reaching Redis at the start, and what is said of a server that may forget."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from receiver.errors import ConfigError, StoreUnavailableError
from receiver.store.server import startup
from receiver.store.server.durability import Level
from receiver.store.server.startup import START_WITHIN_S, check_server, reach

AWAY = RedisError("Connection refused")


class Time:
    """A loop whose time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def get_running_loop(self) -> Any:
        return SimpleNamespace(time=lambda: self.now)


class Server:
    """Fails in these ways, one a ping, then answers; the last way for ever if it ``stays``."""

    def __init__(self, *ways: Exception, stays: bool = False) -> None:
        self.ways = list(ways)
        self.stays = stays
        self.pings = 0

    async def ping(self) -> bool:
        self.pings += 1
        if self.ways:
            raise self.ways[0] if self.stays and len(self.ways) == 1 else self.ways.pop(0)
        return True


class Told:
    """Says about itself what a test says; commands in ``forbidden`` it refuses."""

    def __init__(
        self, config: dict[str, str], info: dict[str, Any], forbidden: tuple[str, ...] = ()
    ) -> None:
        self._config, self._info, self._forbidden = config, info, forbidden
        self._asked: list[str] = []

    def pipeline(self, *, transaction: bool) -> "Told":
        assert not transaction, "one that forbids a command would fail all of them"
        return self

    def config_get(self, _pattern: str) -> None:
        self._asked.append("config")

    def info(self) -> None:
        self._asked.append("info")

    async def execute(self, *, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        answers = {"config": self._config, "info": self._info}
        return [
            ResponseError("NOPERM") if name in self._forbidden else answers[name]
            for name in self._asked
        ]


DURABLE = {"appendonly": "yes", "appendfsync": "always"}


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(startup, "asyncio", made)
    return made


async def test_a_server_that_answers_is_waited_for_by_nobody(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    await reach(server)
    assert (server.pings, time.slept, caplog.messages) == (1, [], [])


async def test_one_that_starts_meanwhile_is_waited_for_and_each_wait_says_why(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    loading = BusyLoadingError("Redis is loading the dataset in memory")
    server = Server(AWAY, TimeoutError(), OSError(2, "No such file"), loading)
    await reach(server)
    assert (server.pings, time.slept) == (5, [1, 1, 1, 1])
    assert caplog.messages == [
        "waiting for Redis: Redis: Connection refused",
        "waiting for Redis: Redis: TimeoutError",
        "waiting for Redis: Redis: [Errno 2] No such file",
        "waiting for Redis: Redis: Redis is loading the dataset in memory",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_after_a_minute_it_is_given_up_with_the_last_reason(time: Time) -> None:
    server = Server(AWAY, AuthenticationError("WRONGPASS"), stays=True)
    with pytest.raises(StoreUnavailableError, match="WRONGPASS"):
        await reach(server)
    assert sum(time.slept) == START_WITHIN_S + 1
    assert server.pings == START_WITHIN_S + 2


async def test_one_that_answers_in_the_last_moment_is_taken(time: Time) -> None:
    server = Server(*[AWAY] * (int(START_WITHIN_S) + 1))
    await reach(server)
    assert sum(time.slept) == START_WITHIN_S + 1


async def test_a_fault_of_our_own_is_not_waited_out(time: Time) -> None:
    with pytest.raises(TypeError):
        await reach(Server(TypeError("ours")))
    assert time.slept == []


@pytest.mark.parametrize(
    ("config", "info", "options", "level", "logged"),
    [
        (DURABLE, {}, {}, Level.EVERY_WRITE, (logging.INFO, "durability every_write: ok")),
        (
            DURABLE | {"appendfsync": "everysec"},
            {},
            {},
            Level.EVERY_SECOND,
            (logging.WARNING, "durability every_second: a power cut may lose the last 2 seconds"),
        ),
        (
            {},
            {"aof_enabled": 0},
            {"accept_loss": True},
            Level.ACCEPTED_LOSS,
            (logging.WARNING, "redis.accept_loss accepts that"),
        ),
        ({}, {}, {"assured": True}, Level.ASSURED, (logging.INFO, "durability assured: ok")),
        (
            {},
            {"aof_enabled": 0},
            {"assured": True},
            Level.ASSURED,
            (logging.WARNING, "the server says aof_enabled:0"),
        ),
    ],
)
async def test_what_is_taken_is_logged_and_returned(
    config: dict[str, str],
    info: dict[str, Any],
    options: dict[str, bool],
    level: Level,
    logged: tuple[int, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "app")
    trust = {"accept_loss": False, "assured": False} | options
    found = await check_server(Told(config, info), **trust)
    assert found.level is level
    (record,) = caplog.records
    assert record.levelno == logged[0]
    assert logged[1] in record.getMessage()


FIRST = "Tell the running server first (redis-cli CONFIG SET appendonly yes)"
ASSURED = "if its provider promises that nothing acknowledged is lost"
ACCEPT = "redis.accept_loss: true"


@pytest.mark.parametrize(
    ("config", "info", "forbidden", "said", "unsaid"),
    [
        ({}, {"aof_enabled": 0}, (), ("  appendonly yes", FIRST, ACCEPT), (ASSURED,)),
        (
            DURABLE | {"appendfsync": "no"},
            {},
            (),
            ("  appendfsync always", "power cut loses 30 seconds", ACCEPT),
            (ASSURED,),
        ),
        (
            DURABLE | {"no-appendfsync-on-rewrite": "yes"},
            {},
            (),
            ("  no-appendfsync-on-rewrite no", ACCEPT),
            (FIRST, ASSURED),
        ),
        (
            {},
            {"aof_enabled": 1},
            ("config",),
            ("  redis.durability: assured", ASSURED, "+config|get", ACCEPT),
            (FIRST,),
        ),
        (
            {},
            {},
            ("config", "info"),
            ("  redis.durability: assured", ASSURED, ACCEPT),
            (FIRST,),
        ),
        (
            DURABLE,
            {"role": "slave"},
            (),
            ("it is a replica", "redis.url: the address of the primary"),
            (FIRST, ASSURED, ACCEPT),
        ),
        (
            DURABLE | {"maxmemory": "100", "maxmemory-policy": "allkeys-lru"},
            {},
            (),
            ("allkeys-lru", "  maxmemory-policy noeviction"),
            (FIRST, ASSURED, ACCEPT),
        ),
        (
            DURABLE,
            {"aof_last_write_status": "err"},
            (),
            ("aof_last_write_status:err", "  free its disk", ACCEPT),
            (FIRST, ASSURED),
        ),
    ],
)
async def test_a_refusal_says_what_mends_just_this(
    config: dict[str, str],
    info: dict[str, Any],
    forbidden: tuple[str, ...],
    said: tuple[str, ...],
    unsaid: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ConfigError) as caught:
        await check_server(Told(config, info, forbidden), accept_loss=False, assured=False)
    words = str(caught.value)
    assert words.startswith("redis.url: 202 has to mean durable")
    assert [part for part in said if part not in words] == []
    assert [part for part in unsaid if part in words] == []
    assert len(caught.value.problems) == 1
    assert caplog.messages == []


@pytest.mark.parametrize("info", [{"role": "slave"}, {"maxmemory": 1, "maxmemory_policy": "x"}])
async def test_no_trust_overrules_what_loses_incidents_for_certain(info: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="may forget"):
        await check_server(Told(DURABLE, info), accept_loss=True, assured=True)
