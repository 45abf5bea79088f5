"""Changes in the store: kept for a week, what is told twice is one, and junk stops nobody."""

from typing import Any

import msgspec
import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.changes import (
    KEPT_MS,
    SAME_AMONG,
    SAME_WITHIN_MS,
    Change,
    ChangeStore,
)
from receiver.store.keys import Keys
from receiver.store.redis import connect
from tests.support.builders import MINUTE, NOW

KEY = Keys(0).changes
CHECKOUT = Change(NOW, "deployed 1.2", {"service": "checkout", "env": "prod"}, "ci", id="42")


@pytest.fixture
def store(redis: Any) -> ChangeStore:
    return ChangeStore(redis)


def change(at: int, summary: str = "x") -> Change:
    return Change(at, summary)


async def everything(store: ChangeStore, limit: int = 20_000) -> list[Change]:
    return await store.between(NOW - 10 * KEPT_MS, NOW + 10 * KEPT_MS, limit)


@pytest.mark.parametrize(
    ("made", "asked", "concerns"),
    [
        ({}, {}, True),
        ({}, {"service": "checkout"}, True),
        ({"service": "checkout"}, {"service": "checkout", "pod": "a"}, True),
        ({"service": "checkout"}, {"service": "cart"}, False),
        ({"service": "checkout"}, {}, False),
        ({"service": "checkout", "env": "prod"}, {"service": "checkout"}, False),
        ({"service": ""}, {}, False),
        ({"service": ""}, {"service": ""}, True),
        ({"service": "Checkout"}, {"service": "checkout"}, False),
    ],
)
def test_a_change_concerns_what_has_all_of_its_labels(
    made: dict[str, str], asked: dict[str, str], concerns: bool
) -> None:
    assert Change(NOW, "x", made).concerns(asked) is concerns


async def test_what_is_told_comes_back_whole(store: ChangeStore) -> None:
    odd = Change(NOW + 1, "\u202e<b>\x00\x1f", {"": "", "é": '"'}, "ci\n", "https://h/?a=b&c", "\\")
    await store.add(CHECKOUT, NOW)
    await store.add(odd, NOW)
    assert await everything(store) == [odd, CHECKOUT]


async def test_what_is_sent_twice_is_one_whatever_the_order_of_its_labels(
    store: ChangeStore,
) -> None:
    turned = msgspec.structs.replace(CHECKOUT, labels={"env": "prod", "service": "checkout"})
    for one in (CHECKOUT, turned, CHECKOUT):
        await store.add(one, NOW)
    assert await everything(store) == [CHECKOUT]


@pytest.mark.parametrize(
    "more", [{"at": NOW + 1}, {"id": "43"}, {"summary": "deployed 1.3"}, {"labels": {}}]
)
async def test_what_differs_in_anything_is_another(store: ChangeStore, more: Any) -> None:
    await store.add(CHECKOUT, NOW)
    await store.add(msgspec.structs.replace(CHECKOUT, **more), NOW)
    assert len(await everything(store)) == 2


async def test_both_ends_of_a_time_belong_to_it_and_the_newest_is_first(store: ChangeStore) -> None:
    for at in (NOW + 1, NOW - 1, NOW, NOW + 2, NOW - 2):
        await store.add(change(at), NOW)
    assert [one.at for one in await store.between(NOW - 1, NOW + 1, 9)] == [NOW + 1, NOW, NOW - 1]
    assert [one.at for one in await store.between(NOW - 1, NOW + 1, 2)] == [NOW + 1, NOW]
    assert await store.between(NOW + 1, NOW - 1, 9) == []
    assert await store.between(NOW - 1, NOW + 1, 0) == []


async def test_one_of_a_week_ago_is_kept_and_goes_a_millisecond_later(store: ChangeStore) -> None:
    await store.add(change(NOW - KEPT_MS, "a week ago"), NOW)
    await store.add(change(NOW - KEPT_MS - 1, "too old"), NOW)
    assert [one.summary for one in await everything(store)] == ["a week ago"]
    await store.add(change(NOW, "new"), NOW + 1)
    assert [one.summary for one in await everything(store)] == ["new"]


async def test_a_clock_that_went_back_loses_nothing(store: ChangeStore) -> None:
    await store.add(change(NOW, "ahead"), NOW)
    await store.add(change(NOW - KEPT_MS, "before"), NOW - KEPT_MS)
    assert [one.summary for one in await everything(store)] == ["ahead", "before"]


async def test_the_oldest_make_room(store: ChangeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.store.changes.KEPT", 3)
    for at in (5, 1, 3, 2, 4):
        await store.add(change(NOW + at), NOW)
    assert [one.at - NOW for one in await everything(store)] == [5, 4, 3]
    await store.add(change(NOW), NOW)
    assert [one.at - NOW for one in await everything(store)] == [5, 4, 3]


async def test_one_told_again_without_a_time_is_known_for_an_hour(store: ChangeStore) -> None:
    await store.add(CHECKOUT, NOW)
    for later in (0, MINUTE, SAME_WITHIN_MS):
        again = msgspec.structs.replace(CHECKOUT, at=NOW + later)
        assert await store.like(again, NOW + later) == CHECKOUT
    late = NOW + SAME_WITHIN_MS + 1
    assert await store.like(msgspec.structs.replace(CHECKOUT, at=late), late) is None


@pytest.mark.parametrize(
    "more", [{"id": "43"}, {"id": ""}, {"labels": {"service": "checkout"}}, {"source": ""}]
)
async def test_one_that_differs_in_more_than_its_time_is_not_known(
    store: ChangeStore, more: Any
) -> None:
    await store.add(CHECKOUT, NOW)
    assert await store.like(msgspec.structs.replace(CHECKOUT, at=NOW + 1, **more), NOW + 1) is None


async def test_one_that_is_told_for_later_is_not_known_yet(store: ChangeStore) -> None:
    await store.add(msgspec.structs.replace(CHECKOUT, at=NOW + 1), NOW)
    assert await store.like(CHECKOUT, NOW) is None


async def test_the_newest_of_several_alike_is_known(store: ChangeStore) -> None:
    for later in (0, 2, 1):
        await store.add(msgspec.structs.replace(CHECKOUT, at=NOW + later), NOW + 2)
    found = await store.like(CHECKOUT, NOW + 2)
    assert found is not None
    assert found.at == NOW + 2


async def test_a_change_is_known_among_the_last_thousand_alone(
    store: ChangeStore, redis: Any
) -> None:
    await store.add(CHECKOUT, NOW)
    others = [change(NOW + 1 + number, f"{number}") for number in range(SAME_AMONG)]
    rows = {msgspec.json.encode(one): one.at for one in others[:-1]}
    await redis.zadd(KEY, rows)
    assert await store.like(CHECKOUT, NOW + MINUTE) == CHECKOUT
    await store.add(others[-1], NOW + MINUTE)
    assert await store.like(CHECKOUT, NOW + MINUTE) is None


JUNK = (b"", b"junk", b"{}", b"\xff\xfe", b'{"at":1e30,"summary":"x"}', b"[" * 5_000)


async def test_what_cannot_be_read_is_put_aside_once_and_the_rest_is_shown(
    store: ChangeStore, redis: Any
) -> None:
    await store.add(CHECKOUT, NOW)
    await redis.zadd(KEY, dict.fromkeys(JUNK, NOW))
    assert await everything(store) == [CHECKOUT]
    entries = await store._mending.register.listed()
    assert {(entry.kind, entry.key) for entry in entries} == {("other", KEY)}
    assert {await redis.get(entry.kept) for entry in entries} == set(JUNK)
    assert await everything(store) == [CHECKOUT]
    assert len(await store._mending.register.listed()) == len(JUNK)


@pytest.mark.parametrize("way", ["add", "between", "like"])
async def test_a_key_of_another_type_is_put_aside_and_the_call_done(
    store: ChangeStore, redis: Any, way: str
) -> None:
    await redis.rpush(KEY, b"what is this")
    if way == "add":
        await store.add(CHECKOUT, NOW)
        assert await everything(store) == [CHECKOUT]
    elif way == "like":
        assert await store.like(CHECKOUT, NOW) is None
    else:
        assert await everything(store) == []
    (entry,) = await store._mending.register.listed()
    assert entry.why == "it is a list, not a zset"
    assert await redis.lrange(entry.kept, 0, -1) == [b"what is this"]


async def test_a_server_that_is_away_is_said() -> None:
    client = connect("unix:///nowhere/at/all.sock")
    store = ChangeStore(client)
    for call in (store.add(CHECKOUT, NOW), store.like(CHECKOUT, NOW), everything(store)):
        with pytest.raises(StoreUnavailableError, match=r"^Redis: "):
            await call
    await client.aclose(close_connection_pool=True)
