"""Open action items of all incidents: one page, the same over the API, and what keeps them."""

import re
from pathlib import Path
from typing import Any

import pytest

from receiver.store.keys import Keys
from receiver.store.redis import connect
from receiver.store.repair.healing import Healing
from receiver.upkeep.check import check
from receiver.upkeep.repair import repair
from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert
from tests.support.replicas import two_replicas

KEYS = Keys(0)


async def act(app: App, incident: str, action: str, **body: Any) -> Any:
    status, answer = await app.post({"by": "Ann"} | body, f"/v1/incidents/{incident}/{action}")
    assert status == 200, answer
    return answer["result"]


async def add(app: App, incident: str, text: str, due_on: str = "", owner: str = "") -> None:
    done = await act(app, incident, "action-item", text=text, due_on=due_on, owner=owner)
    assert done == "action_item_added"


async def listed(app: App, query: str = "") -> Any:
    status, answer = await app.get(f"/v1/action-items{query}")
    assert status == 200, answer
    return answer


def texts(found: Any) -> list[str]:
    return [item["text"] for item in found["action_items"]]


async def test_overdue_ones_come_first_then_what_is_due_and_the_rest_by_age(plain: App) -> None:
    one, two = await plain.fire(group="g1"), await plain.fire(group="g2")
    await add(plain, one, "no day, older")
    await add(plain, two, "far", "2099-01-01", "Bob")
    await add(plain, one, "long overdue", "2020-02-29", "bob")
    await add(plain, two, "no day, newer")
    await add(plain, two, "overdue", "2021-01-01")
    found = await listed(plain)
    assert texts(found) == ["long overdue", "overdue", "far", "no day, older", "no day, newer"]
    assert [item["overdue"] for item in found["action_items"]] == [True, True, False, False, False]
    assert (found["open"], found["overdue"], found["next"]) == (5, 2, None)
    first = found["action_items"][0]
    assert (first["incident"]["id"], first["number"], first["due_on"]) == (one, 2, "2020-02-29")
    assert texts(await listed(plain, "?overdue=1")) == ["long overdue", "overdue"]
    assert texts(await listed(plain, "?owner=BOB")) == ["long overdue", "far"]
    assert texts(await listed(plain, "?owner=nobody")) == []


async def test_a_list_is_read_in_pages_without_gaps(plain: App) -> None:
    names = [await plain.fire(group=f"g{n}") for n in range(3)]
    wanted = []
    for number in range(45):
        day = "" if number % 3 == 2 else f"2030-01-0{number % 3 + 1}"
        await add(plain, names[number % 3], f"item {number}", day)
        wanted.append(f"item {number}")
    for limit in (1, 7, 45, 100):
        seen: list[str] = []
        cursor = ""
        while True:
            found = await listed(plain, f"?limit={limit}&cursor={cursor}")
            seen += texts(found)
            cursor = found["next"]
            if cursor is None:
                break
        assert sorted(seen) == sorted(wanted)
        assert len(seen) == 45


async def test_what_is_ticked_off_changed_or_forgotten_leaves_or_moves(plain: App) -> None:
    incident = await plain.fire()
    await add(plain, incident, "a", "2030-01-01")
    await add(plain, incident, "b", "2031-01-01")
    assert await act(plain, incident, "action-item-done", number=1) == "action_item_done"
    assert texts(await listed(plain)) == ["b"]
    assert await act(plain, incident, "action-item-done", number=1, done=False)
    assert texts(await listed(plain)) == ["a", "b"]
    moved = await act(plain, incident, "action-item-change", number=1, due_on="2032-01-01")
    assert moved == "action_item_changed"
    assert texts(await listed(plain)) == ["b", "a"]
    assert await act(plain, incident, "action-item-change", number=1, due_on="", owner="Cleo")
    (_, last) = (await listed(plain))["action_items"]
    assert (last["text"], last["due_on"], last["owner"]) == ("a", None, "Cleo")
    same = await act(plain, incident, "action-item-change", number=1, owner="Cleo")
    assert same == "unchanged"
    both = await act(plain, incident, "action-item-change", number=1, text="b", owner="")
    assert both == "same_action_item"
    # Closed, they stay: that is when most of them are done.
    await plain.fire(alert(resolved=True))
    assert texts(await listed(plain)) == ["b", "a"]
    assert await act(plain, incident, "forget", force=True) == "forgotten"
    assert (await listed(plain))["action_items"] == []
    assert (await listed(plain))["open"] == 0


async def test_what_is_wrong_is_said_with_its_place(plain: App) -> None:
    incident = await plain.fire()
    for action, place, body in (
        ("action-item", "due_on", {"text": "x", "due_on": "tomorrow"}),
        ("action-item", "due_on", {"text": "x", "due_on": "2026-02-30"}),
        ("action-item", "due_on", {"text": "x", "due_on": "20260301"}),
        ("action-item", "due_on", {"text": "x", "due_on": "1999-01-01"}),
        ("action-item", "due_on", {"text": "x", "due_on": 5}),
        ("action-item-change", "number", {"text": "x"}),
        ("action-item-change", "text", {"number": 1, "text": " "}),
        ("action-item-change", "owner", {"number": 1, "owner": "a\nb"}),
    ):
        status, answer = await plain.post(body, f"/v1/incidents/{incident}/{action}")
        assert (status, answer["place"]) == (400, place), answer
    status, answer = await plain.post({"number": 1}, f"/v1/incidents/{incident}/action-item-change")
    assert "say what is to change" in answer["detail"]
    for query, place in (
        ("limit=0", "limit"),
        ("overdue=2", "overdue"),
        ("cursor=x", "cursor"),
        ("cursor=5.0-x", "cursor"),
        ("cursor=" + "9" * 300, "cursor"),
        ("owner=" + "x" * 81, "owner"),
        ("who=x", "who"),
    ):
        status, answer = await plain.get(f"/v1/action-items?{query}")
        assert (status, answer["place"]) == (400, place), answer
        if place not in ("limit", "who"):
            assert (await plain.get(f"/action-items?{query}"))[0] == 400


async def test_people_tick_them_off_on_the_page(plain: App) -> None:
    _, page = await plain.get("/action-items")
    assert "Nothing is left to do." in page
    incident = await plain.fire()
    hostile = "<img src=x onerror=alert(1)> " + "x" * 400
    await add(plain, incident, hostile, "2020-01-01", "Bob <b>")
    await add(plain, incident, "later", "2099-01-01")
    _, page = await plain.get("/action-items?owner=&overdue=1")
    assert "<img" not in page
    assert "1 overdue" in page
    assert "later" not in re.findall(r"<ul.*?</ul>", page, re.DOTALL)[0]
    form = dict(re.findall(r'name="(number|back|list)" value="([^"]*)"', page))
    path = re.findall(r'method="post" action="(/incidents/[^"]*action-item-done)"', page)[0]
    async with plain.session.post(plain.url + path, data=form, allow_redirects=False) as answer:
        place = answer.headers["Location"]
    assert place.startswith("/action-items?overdue=1&said=action_item_done")
    _, page = await plain.get(place)
    assert "Done." in page
    assert "Nothing here with these filters." in page
    _, page = await plain.get("/action-items")
    assert "later" in page
    # On the review they are changed, and what is emptied is taken away.
    async with plain.session.post(
        f"{plain.url}/incidents/{incident}/action-item-change",
        data={"number": "2", "text": "sooner", "owner": "", "due_on": ""},
        allow_redirects=False,
    ) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith(f"/incidents/{incident}/review?said=")
    (item,) = (await listed(plain))["action_items"]
    assert (item["text"], item["due_on"]) == ("sooner", None)


async def test_they_are_found_again_after_a_restart_and_by_each_replica(tmp_path: Path) -> None:
    async with two_replicas(tmp_path, "http") as (first, second):
        incident = await first.fire()
        await add(first, incident, "a", "2030-01-01")
        assert texts(await listed(second)) == ["a"]
        await act(second, incident, "action-item-done", number=1)
        assert texts(await listed(first)) == []


async def client(app: App) -> Any:
    assert app.service.embedded is not None
    return connect(app.service.embedded.url)


async def test_an_index_that_is_wrong_is_found_and_mended(plain: App) -> None:
    incident = await plain.fire()
    await add(plain, incident, "a", "2030-01-01")
    await add(plain, incident, "b")
    await add(plain, incident, "c")
    await act(plain, incident, "action-item-done", number=3)
    # What changes meanwhile is left alone.
    await plain.settle()
    redis = await client(plain)
    try:
        assert (await check(redis, [KEYS])).findings == []
        gone = "0-0123456789abcdef-1|1"
        await redis.zadd(KEYS.items, {f"{incident}|1": 5, f"{incident}|3": 7, gone: 1, "junk": 2})
        await redis.zrem(KEYS.items, f"{incident}|2")
        found = (await check(redis, [KEYS])).findings
        assert len(found) == 5, found
        assert texts(await listed(plain)) == ["a"]
        await repair(plain.service.dispatcher.store, found)
        assert (await check(redis, [KEYS])).findings == []
        assert texts(await listed(plain)) == ["a", "b"]
        await redis.set(KEYS.items, "no index") if await redis.delete(KEYS.items) else None
        await listed(plain)
        await Healing(plain.service.dispatcher.store).round()
        assert texts(await listed(plain)) == ["a", "b"]
    finally:
        await redis.aclose(close_connection_pool=True)


async def test_those_of_an_earlier_release_are_found(plain: App) -> None:
    incident = await plain.fire()
    await add(plain, incident, "a", "2030-01-01")
    redis = await client(plain)
    try:
        await redis.delete(KEYS.items, KEYS.items_begun)
    finally:
        await redis.aclose(close_connection_pool=True)
    await plain.stop()
    await plain.start(**NO_ACCOUNTS)
    await Healing(plain.service.dispatcher.store).round()
    assert texts(await listed(plain)) == ["a"]


@pytest.mark.parametrize("path", ["/action-items", "/v1/action-items"])
async def test_it_is_for_those_who_may_look(plain: App, path: str) -> None:
    await plain.stop()
    tokens = [{"name": "sends", "token": "t" * 32, "role": "sender"}]
    await plain.start(**NO_ACCOUNTS, **{"web.credentials": tokens})
    assert (await plain.get(path))[0] == 401
    headers = {"Authorization": f"Bearer {'t' * 32}"}
    assert (await plain.get(path, headers=headers))[0] == 403
