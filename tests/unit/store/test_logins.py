"""Sessions and failed logins as they are stored."""

from typing import Any

import msgspec
import pytest

from receiver.store.keys import session_key, sessions_key
from receiver.store.logins.attempts import AttemptStore
from receiver.store.logins.sessions import OF_ONE_MOST, LoginSession, SessionStore, digest_of

NOW = 1_800_000_000_000
HOUR_MS = 3_600_000


def _session(name: str = "ann", until: int = NOW + HOUR_MS) -> LoginSession:
    return LoginSession(name, "password", created=NOW, seen=NOW, until=until)


async def test_a_session_that_was_ended_is_not_brought_back_by_its_use(redis: Any) -> None:
    store = SessionStore(redis)
    await store.begin("one", _session(), HOUR_MS)
    assert await store.end("ann", only="one") == 1
    await store.used("one", msgspec.structs.replace(_session(), seen=NOW + 1), HOUR_MS)
    assert await store.find("one") is None
    assert await store.of("ann") == {}


async def test_somebody_has_so_many_sessions_and_the_first_to_end_makes_room(redis: Any) -> None:
    store = SessionStore(redis)
    for number in range(OF_ONE_MOST + 5):
        await store.begin(f"s{number}", _session(until=NOW + HOUR_MS + number), HOUR_MS)
    found = await store.of("ann")
    assert len(found) == OF_ONE_MOST
    assert await store.find("s0") is None
    assert await store.find(f"s{OF_ONE_MOST + 4}") is not None


async def test_nobody_ends_the_sessions_of_another(redis: Any) -> None:
    store = SessionStore(redis)
    await store.begin("one", _session("ann"), HOUR_MS)
    await store.begin("two", _session("ben"), HOUR_MS)
    # Also not by having its name among one's own.
    await redis.zadd(sessions_key(digest_of("ben")), {"one": NOW})
    assert await store.end("ben", only="one") == 0
    assert await store.end("ben") == 1
    assert list(await store.of("ann")) == ["one"]


async def test_what_a_browser_holds_is_nowhere_in_the_store(redis: Any) -> None:
    store = SessionStore(redis)
    await store.begin(digest_of("the-secret"), _session(), HOUR_MS)
    await store.remember("the-device", "ann")
    keys = [key async for key in redis.scan_iter()]
    assert keys
    assert not [key for key in keys if b"the-" in key]
    assert await store.knows("the-device", "ann")
    assert not await store.knows("the-device", "ben")
    assert not await store.knows("", "ann")


async def test_a_session_is_gone_when_its_time_is_over(redis: Any) -> None:
    store = SessionStore(redis)
    await store.begin("one", _session(), HOUR_MS)
    assert 0 < await redis.pttl(session_key("one")) <= HOUR_MS
    assert 0 < await redis.pttl(sessions_key(digest_of("ann"))) <= HOUR_MS


@pytest.mark.parametrize("ahead", [0, 60_000, 10**9])
async def test_a_clock_that_was_ahead_makes_nobody_wait_for_longer(redis: Any, ahead: int) -> None:
    store = AttemptStore(redis)
    waits = (0, 1_000, 5_000)
    for number in range(3):
        assert await store.take("ann", waits, NOW + ahead + number * 10_000) == 0
    wait = await store.take("ann", waits, NOW)
    assert 0 < wait <= 5_000
    assert await store.take("ben", waits, NOW) == 0
    assert await store.forget("ann")
    assert await store.take("ann", waits, NOW) == 0


async def test_a_login_of_a_single_sign_on_ends_once(redis: Any) -> None:
    store = SessionStore(redis)
    assert await store.is_first("state", 1_000)
    assert not await store.is_first("state", 1_000)
    assert await store.is_first("another", 1_000)
