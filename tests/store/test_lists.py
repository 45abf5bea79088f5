"""Lists over a real server: their order, their filters, and pages that lose and repeat nothing."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from receiver.aio.background import end
from receiver.store.incidents import IncidentStore
from receiver.store.lists import sorting as module
from receiver.store.lists.legs import ListPage
from receiver.store.lists.order import BAND, open_score
from receiver.store.lists.query import CursorError, Query
from receiver.store.lists.read import EXAMINED_MAX
from receiver.store.lists.sorting import Sorting
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.matcher import parse_matchers
from routing.person_event import Acknowledged, PriorityChanged, Resolved
from tests.support.builders import MINUTE, NOW
from tests.support.many import arrival, happen, open_many
from tests.support.patience import PATIENCE_S

ANN = Actor("ann", "api")
PRIORITIES = ("P3", "P1", "P4", "P2")


@pytest.fixture(params=[1, 3])
def store(redis: Any, request: pytest.FixtureRequest) -> IncidentStore:
    return IncidentStore(redis, request.param, tombstone_ttl=60_000)


def _ids(page: ListPage[Incident]) -> list[str]:
    return [one.id for one in page.incidents]


async def _walk(store: IncidentStore, query: Query, limit: int) -> list[str]:
    found, cursor = [], ""
    while True:
        page = await store.lists.page(query, limit, cursor)
        found += _ids(page)
        cursor = page.next
        if not cursor:
            return found


async def _mixed(store: IncidentStore, number: int, apart: int = 1) -> list[Incident]:
    shards = len(store.keys)
    arrivals = [arrival(n, PRIORITIES[n % 4], shards) for n in range(number)]
    return await open_many(store, arrivals, apart=apart)


def _urgent_first(incidents: list[Incident]) -> list[str]:
    key = lambda one: (one.priority, one.episode_opened_at, one.id)  # noqa: E731
    return [one.id for one in sorted(incidents, key=key)]


async def test_open_ones_come_most_urgent_first_then_longest_waiting(store: IncidentStore) -> None:
    made = await _mixed(store, 40)
    page = await store.lists.page(Query(), 100)
    assert _ids(page) == _urgent_first(made)
    assert (page.next, page.total) == ("", 40)
    assert await store.lists.counts() | {"": 0} == {"": 0, "P1": 10, "P2": 10, "P3": 10, "P4": 10}


async def test_each_is_shown_as_it_is_read_and_only_if_it_is_of_the_page(
    store: IncidentStore,
) -> None:
    made = await _mixed(store, 40)
    wanted = _urgent_first([one for one in made if one.priority in ("P1", "P2")])
    shown: list[str] = []

    def show(incident: Incident) -> str:
        shown.append(incident.id)
        return f"<{incident.id}>"

    page = await store.lists.shown(Query(priorities=("P1", "P2")), 15, "", show)
    assert page.incidents == [f"<{name}>" for name in wanted[:15]]
    assert shown == wanted[:15]
    rest = await store.lists.shown(Query(priorities=("P1", "P2")), 15, page.next, show)
    assert (shown, rest.next) == (wanted, "")


async def test_others_have_their_turn_while_a_page_is_made(
    store: IncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await _mixed(store, 30)
    monkeypatch.setattr("receiver.store.lists.read.READ_SLICE_S", -1.0)
    turns, done = 0, False

    async def others() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    alone: list[int] = []
    await store.lists.shown(Query(), 30, "", lambda _incident: alone.append(turns))
    done = True
    await beside
    assert len(set(alone)) == len(made), "each in a slice of its own"


async def test_what_becomes_more_urgent_moves_up_in_the_same_commit(store: IncidentStore) -> None:
    made = await _mixed(store, 8)
    minor = made[0]
    raised = await happen(store, minor, PriorityChanged(ANN, "P1", "it is worse"))
    assert _ids(await store.lists.page(Query(), 1)) == [minor.id]
    page = await store.lists.page(Query(priorities=("P1",)), 9)
    assert (len(page.incidents), page.total) == (3, 3)
    taken = await happen(store, raised, Acknowledged(ANN))
    assert _ids(await store.lists.page(Query(), 1)) == [minor.id], "who has it changes no place"
    await happen(store, taken, Resolved(ANN), NOW + MINUTE)
    assert minor.id not in _ids(await store.lists.page(Query(), 99))
    assert _ids(await store.lists.page(Query(state="closed"), 9)) == [minor.id]


@pytest.mark.parametrize("apart", [1, 0])
@pytest.mark.parametrize("sort", ["urgent", "newest", "oldest"])
async def test_pages_give_each_once_whatever_their_length(
    store: IncidentStore, sort: str, apart: int
) -> None:
    """Without time between them all have the same score."""
    made = await _mixed(store, 700, apart)
    for limit in (7, 100, 999):
        found = await _walk(store, Query(sort=sort), limit)
        assert Counter(found) == Counter(one.id for one in made)
        if sort == "urgent":
            assert found == _urgent_first(made)
        elif apart:
            by_time = [one.id for one in made]
            assert found == (by_time if sort == "oldest" else by_time[::-1])


@pytest.mark.parametrize("sort", ["urgent", "newest", "oldest"])
async def test_what_is_there_all_the_time_is_seen_once_while_others_come_and_go(
    store: IncidentStore, sort: str
) -> None:
    shards = len(store.keys)
    made = await _mixed(store, 400, apart=0)
    found: list[str] = []
    ended: set[str] = set()
    cursor, turn = "", 0
    while True:
        page = await store.lists.page(Query(sort=sort), 20, cursor)
        found += _ids(page)
        cursor = page.next
        if not cursor:
            break
        # Some end, seen or not, among them the last one shown: the cursor names it.
        for one in (page.incidents[-1], made[(turn * 37) % 400], made[(turn * 53 + 11) % 400]):
            if one.id not in ended:
                await happen(store, one, Resolved(ANN), NOW + MINUTE)
                ended.add(one.id)
        number = 10_000 + turn * 4
        fresh = [arrival(number + n, PRIORITIES[n], shards) for n in range(4)]
        await open_many(store, fresh, at=NOW + turn * 1_000)
        turn += 1
    counted = Counter(found)
    assert max(counted.values()) == 1
    assert {one.id for one in made} - ended <= set(found)
    assert ended


async def test_all_is_the_open_ones_then_the_closed_the_last_to_end_first(
    store: IncidentStore,
) -> None:
    made = await _mixed(store, 30)
    closed = [made[n] for n in (3, 9, 20)]
    for at, one in enumerate(closed):
        await happen(store, one, Resolved(ANN), NOW + at * MINUTE)
    still = _urgent_first([one for one in made if one not in closed])
    ends = [one.id for one in closed[::-1]]
    for limit in (4, 100):
        assert await _walk(store, Query(state="all"), limit) == [*still, *ends]
    assert (await store.lists.page(Query(state="all"), 5)).total == 30
    assert (await store.lists.page(Query(state="closed"), 2)).total == 3
    newest = await _walk(store, Query(state="all", sort="newest"), 4)
    assert newest[:2] == ends[:2], "a time is a time, of opening or of an end"
    assert Counter(newest) == Counter(one.id for one in made)


async def test_filters_find_what_is_deep_in_a_long_list(store: IncidentStore) -> None:
    shards = len(store.keys)
    rare = {"alertname": "DiskFull", "service": "Billing", "env": "prod"}
    arrivals = [arrival(n, "P3", shards) for n in range(2_600)]
    arrivals += [
        arrival(n, "P4", shards, labels=rare, annotations={"summary": "Volume /data is full"})
        for n in range(2_600, 2_603)
    ]
    made = await open_many(store, arrivals)
    wanted = [one.id for one in made[-3:]]
    for query in (
        Query(text="volume /DATA"),
        Query(text="service=bill"),
        Query(matchers=parse_matchers('service="Billing", env!="test"')),
        Query(matchers=parse_matchers('service=~"Bill.*"'), sort="newest"),
    ):
        found = await _walk(store, query, 10)
        assert sorted(found) == sorted(wanted)
    first = await store.lists.page(Query(text="volume /data"), 10)
    assert (first.incidents, first.total) == ([], None)
    assert first.next, "it says that it has not looked at everything"
    assert EXAMINED_MAX < 2_600
    assert await _walk(store, Query(matchers=parse_matchers("service=Billing,env=test")), 10) == []
    assert await _walk(store, Query(team="nobody"), 10) == []


async def test_one_state_of_open_ones_is_counted_and_found(store: IncidentStore) -> None:
    made = await _mixed(store, 20)
    for one in made[:5]:
        await happen(store, one, Acknowledged(ANN))
    page = await store.lists.page(Query(state="acknowledged"), 3)
    assert (len(page.incidents), page.total) == (3, 5)
    waiting = await store.lists.page(Query(state="triggered", priorities=("P1", "P2")), 50)
    assert waiting.total == len(waiting.incidents)
    assert {one.state for one in waiting.incidents} == {"triggered"}


async def test_a_cursor_of_something_else_is_refused_in_words(store: IncidentStore) -> None:
    await _mixed(store, 12)
    cursor = (await store.lists.page(Query(), 5)).next
    assert (await store.lists.page(Query(), 3, cursor)).incidents, "pages may differ in length"
    for query, text, words in (
        (Query(priorities=("P1",)), cursor, "another list"),
        (Query(sort="oldest"), cursor, "another list"),
        (Query(), "1772445600000", "earlier release"),
        (Query(), cursor[:-3], "is none"),
        (Query(), "%%%", "is none"),
        (Query(), "\u00e9", "is none"),
        (Query(), "A" * 9_000, "is none"),
    ):
        with pytest.raises(CursorError, match=words):
            await store.lists.page(query, 5, text)


async def test_what_an_earlier_release_wrote_is_read_first_and_sorted_in(
    store: IncidentStore, redis: Any
) -> None:
    made = await _mixed(store, 30)
    old, stale = made[2], made[7]
    keys = store.of(old.id)
    await redis.zadd(keys.open, {old.id: old.episode_opened_at})
    await redis.zadd(store.of(stale.id).open, {stale.id: 4 * BAND + 5})
    assert old.priority == "P4"
    assert _ids(await store.lists.page(Query(), 1)) == [old.id]
    assert old.id in _ids(await store.lists.page(Query(priorities=("P4",)), 30))
    assert (await store.lists.page(Query(sort="oldest"), 3)).total == 30
    sorting = Sorting(store)
    assert await sorting.sort() == 2
    assert await sorting.sort() == 0
    assert await _walk(store, Query(), 7) == _urgent_first(made)
    assert await redis.zscore(store.of(stale.id).open, stale.id) == open_score(stale)


async def test_sorting_beside_a_commit_moves_nothing_back(redis: Any) -> None:
    store = IncidentStore(redis, 1, tombstone_ttl=60_000)
    (minor,) = await open_many(store, [arrival(1, "P3")])
    (gone,) = await open_many(store, [arrival(2, "P3")])
    sorting = Sorting(store)
    keys = store.keys[0]
    scores = {name: float(NOW) for name in (minor.id, gone.id)}
    read = store.read

    async def late(names: Any) -> dict[str, Incident]:
        found = await read(names)
        await happen(store, minor, PriorityChanged(ANN, "P1", "worse"))
        await happen(store, gone, Resolved(ANN))
        return found

    store.read = late  # type: ignore[method-assign]
    assert await sorting._sort_some(keys, scores) == 0
    assert await redis.zscore(keys.open, minor.id) == BAND + minor.episode_opened_at
    assert await redis.zscore(keys.open, gone.id) is None


async def test_ids_are_found_by_the_beginning_of_their_digest(store: IncidentStore) -> None:
    made = await _mixed(store, 300)
    assert await store.lists.open_ids() == {one.id for one in made}
    wanted = {one.id for one in made if one.id.split("-")[1].startswith("00000000000000a")}
    assert wanted
    assert await store.lists.open_ids("00000000000000a") == wanted


async def test_junk_in_an_index_or_a_record_stops_no_list(store: IncidentStore, redis: Any) -> None:
    made = await _mixed(store, 12)
    urgent = [one for one in made if one.priority == "P1"]
    keys = store.of(urgent[0].id)
    await redis.zadd(keys.open, {"nonsense": BAND + 5, "\xff": float("inf"), "junk": -float("inf")})
    await redis.set(keys.incident(urgent[0].id), b"\x80\x03junk")
    await redis.hset(keys.active, "nonsense", "many")
    for query in (Query(), Query(sort="newest"), Query(sort="oldest")):
        assert Counter(await _walk(store, query, 3)) == Counter(one.id for one in made)
    page = await store.lists.page(Query(priorities=("P1",)), 9)
    assert _ids(page) == [one.id for one in urgent]
    assert page.incidents[0].state == "damaged"
    assert (await store.lists.page(Query(state="acknowledged"), 2)).incidents[0].state == "damaged"
    assert await Sorting(store).sort() == 0
    await redis.delete(keys.open)
    await redis.set(keys.open, "no index")
    assert isinstance(await store.lists.page(Query(), 3), ListPage)


async def test_a_score_that_nobody_of_ours_wrote_hides_nothing(
    store: IncidentStore, redis: Any
) -> None:
    made = await _mixed(store, 12)
    for one, score in zip(made, (float("inf"), -float("inf"), -5.0), strict=False):
        await redis.zadd(store.of(one.id).open, {one.id: score})
    for sort in ("urgent", "newest", "oldest"):
        assert Counter(await _walk(store, Query(sort=sort), 2)) == Counter(one.id for one in made)
    await Sorting(store).sort()
    assert await _walk(store, Query(), 5) == _urgent_first(made)


async def test_sorting_leaves_most_of_the_time_to_others(
    store: IncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 1)
    made = await _mixed(store, 6)
    worked, rested = [0.0], list[float]()
    read, sleep = store.read, asyncio.sleep

    async def timed(some: Any) -> Any:
        began = time.monotonic()
        found = await read(some)
        worked[0] += time.monotonic() - began
        return found

    async def noted(seconds: float) -> None:
        rested.append(seconds)
        await sleep(0)

    monkeypatch.setattr(store, "read", timed)
    monkeypatch.setattr(asyncio, "sleep", noted)
    await Sorting(store).sort()
    assert len(rested) == len(made)
    assert sum(rested) >= 4 * worked[0]


async def test_what_an_earlier_release_writes_beside_this_one_is_sorted_in(
    store: IncidentStore, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.store.lists.sorting.EVERY_S", 0.01)
    made = await _mixed(store, 20)
    running = asyncio.create_task(Sorting(store).run())
    for one in made[:6]:
        await redis.zadd(store.of(one.id).open, {one.id: one.episode_opened_at})
        async with asyncio.timeout(PATIENCE_S):
            while await redis.zscore(store.of(one.id).open, one.id) != open_score(one):
                await asyncio.sleep(0.01)
    assert await _walk(store, Query(), 7) == _urgent_first(made)
    await end([running])
