"""Dead letters in the store: the newest so many, each as it was, and one that is junk says so."""

from typing import Any

import msgspec
import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.dead_letters import KEPT, DeadLetter, DeadLetterStore, as_json
from receiver.store.keys import Keys
from receiver.store.records.record import SHOWN
from receiver.store.redis import connect
from tests.support.builders import NOW

KEY = Keys(0).dead
LETTER = DeadLetter(NOW, "it has no labels", "$.alerts[0]", '{"a": 1}', "Alertmanager/0.27")


@pytest.fixture
def store(redis: Any) -> DeadLetterStore:
    return DeadLetterStore(redis)


def letters(number: int, first: int = 0) -> list[DeadLetter]:
    return [msgspec.structs.replace(LETTER, at=NOW + first + at) for at in range(number)]


async def newest(store: DeadLetterStore, limit: int) -> list[DeadLetter]:
    return [kept.letter for kept in await store.newest(limit)]


def ages(found: list[DeadLetter]) -> list[int]:
    return [letter.at - NOW for letter in found]


async def test_there_are_none_at_first(store: DeadLetterStore) -> None:
    assert await newest(store, 100) == []


async def test_letters_come_back_whole_and_the_last_one_first(store: DeadLetterStore) -> None:
    odd = DeadLetter(NOW, "\u202e\x00", "", "\ufffd<script>\n" * 300)
    await store.push([LETTER])
    await store.push([odd, LETTER])
    assert await newest(store, 100) == [LETTER, odd, LETTER]


async def test_no_more_are_given_than_are_asked_for(store: DeadLetterStore) -> None:
    await store.push(letters(5))
    assert ages(await newest(store, 2)) == [4, 3]
    assert ages(await newest(store, 5)) == [4, 3, 2, 1, 0]
    assert ages(await newest(store, 6)) == [4, 3, 2, 1, 0]
    assert await newest(store, 0) == await newest(store, -1) == []


async def test_the_oldest_make_room_also_within_one_request(
    store: DeadLetterStore, redis: Any
) -> None:
    await store.push(letters(KEPT))
    await store.push(letters(1, KEPT))
    assert await redis.llen(KEY) == KEPT
    assert ages(await newest(store, 2_000))[:: KEPT - 1] == [KEPT, 1]
    await store.push(letters(KEPT + 500, 10_000))
    found = ages(await newest(store, 2_000))
    assert found == list(range(10_000 + KEPT + 499, 10_499, -1))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "truncated"),
        (b"junk", "malformed"),
        (b"{}", "missing required field"),
        (b'{"at":"now"}', "Expected `int`"),
        (b'{"at":99999999999999999,"reason":"","place":"","raw":""}', "Expected `int`"),
        (b"\xff\xfe\x00", "malformed"),
        (b'"' + b"\x80" * 3 + b'"', "Expected `object`"),
        (b"[" * 3_000, "Expected `object`"),
    ],
)
async def test_one_that_cannot_be_read_says_so_itself_in_its_place(
    store: DeadLetterStore, redis: Any, line: bytes, words: str
) -> None:
    await store.push([LETTER])
    await redis.lpush(KEY, line)
    await store.push([LETTER])
    first, junk, last = await newest(store, 3)
    assert (first, last) == (LETTER, LETTER)
    assert (junk.at, junk.place, junk.sender) == (0, "", "")
    assert junk.reason.startswith("this dead letter cannot be read: ")
    assert words in junk.reason
    assert junk.raw == line[:SHOWN].decode("utf-8", "backslashreplace")
    assert len(junk.reason) < 200


@pytest.mark.parametrize("way", ["push", "newest"])
async def test_a_key_of_another_type_is_put_aside_and_the_call_done(
    store: DeadLetterStore, redis: Any, way: str
) -> None:
    await redis.hset(KEY, "a", "b")
    if way == "push":
        await store.push([LETTER])
    assert await newest(store, 9) == ([LETTER] if way == "push" else [])
    (entry,) = await store._mending.register.listed()
    assert (entry.kind, entry.why) == ("other", "it is a hash, not a list")
    assert await redis.hgetall(entry.kept) == {b"a": b"b"}


async def test_one_is_found_by_its_id_and_taken_off_the_list_once(store: DeadLetterStore) -> None:
    await store.push(letters(250))
    rows = await store.newest(300)
    assert (len({kept.id for kept in rows}), await store.count()) == (250, 250)
    for at in (0, 99, 100, 249):
        assert await store.find(rows[at].id) == rows[at]
    assert await store.find("000000000000") is None
    assert await store.find("") is None
    assert await store.remove(rows[100])
    assert not await store.remove(rows[100])
    assert await store.find(rows[100].id) is None
    assert [kept.id for kept in await store.newest(300)] == [
        kept.id for kept in rows if kept.id != rows[100].id
    ]


async def test_what_an_older_release_put_aside_is_shown_and_cannot_be_sent_again(
    store: DeadLetterStore, redis: Any
) -> None:
    await redis.lpush(KEY, b'{"at":1,"reason":"r","place":"$","raw":"{}","sender":"curl"}')
    (kept,) = await store.newest(1)
    shown = as_json(kept)
    assert (shown["reason"], shown["raw"], shown["sent_by"]) == ("r", "{}", "")
    assert "not known to be a notification" in shown["again"]


async def test_a_server_that_refuses_to_write_is_said_and_nothing_is_half_kept(
    store: DeadLetterStore, redis: Any
) -> None:
    await store.push(letters(2))
    await redis.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError, match="its memory is full"):
        await store.push([LETTER])
    await redis.config_set("maxmemory", 0)
    assert ages(await newest(store, 9)) == [1, 0]


async def test_a_server_that_is_away_is_said() -> None:
    client = connect("unix:///nowhere/at/all.sock")
    store = DeadLetterStore(client)
    for call in (store.push([LETTER]), store.newest(1), store.find("a"), store.count()):
        with pytest.raises(StoreUnavailableError, match=r"^Redis: "):
            await call
    await client.aclose(close_connection_pool=True)
