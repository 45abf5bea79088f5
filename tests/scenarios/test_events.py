"""Open lists are told what changes: rows alone, to each what is in its list, nothing lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.web.listing import events, hub
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.many import arrival, open_many
from tests.support.notification import alert
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
WITHIN_S = 10.0


class Tab:
    """An open list."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self.position = ""

    async def next(self, *wanted: str) -> Any:
        """Return the next event of a kind as (its kind, what it says)."""
        async with asyncio.timeout(WITHIN_S):
            fields: dict[str, str] = {}
            while True:
                raw = await self._content.readline()
                if not raw:
                    return "end", {}
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields.get("event") in (wanted or ("rows",)):
                    self.position = fields["id"]
                    return fields["event"], json.loads(fields["data"])
                else:
                    fields = {}

    async def rows(self) -> dict[str, Any]:
        """Return the rows of the next event that has some, by id."""
        while True:
            kind, said = await self.next("rows", "anew")
            assert kind == "rows", kind
            if said["rows"]:
                return {row["id"]: row for row in said["rows"]}


@asynccontextmanager
async def opened(app: App, query: str = "", **headers: str) -> AsyncIterator[Tab]:
    async with app.session.get(f"{app.url}/events{query}", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        tab = Tab(answer.content)
        assert (await tab.next("beat", "rows", "anew"))[0] == "beat"
        yield tab


async def test_a_change_is_on_an_open_list_within_a_second(plain: App) -> None:
    async with opened(plain) as tab:
        loop = asyncio.get_running_loop()
        began = loop.time()
        incident = await plain.fire()
        rows = await tab.rows()
        assert loop.time() - began < 1.5
        assert rows[incident]["incident"]["state"] == "triggered"
        await plain.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
        rows = await tab.rows()
        assert rows[incident]["incident"]["acknowledged_by"]["name"] == "Ann"
        await plain.post({}, f"/v1/incidents/{incident}/resolve")
        while "incident" in (await tab.rows())[incident]:
            pass


async def test_each_list_is_told_what_is_in_it_and_its_numbers(plain: App) -> None:
    async with opened(plain, "?priority=P1&form=rows") as urgent, opened(plain, "?team=x") as none:
        await plain.fire(alert("DiskFull", labels={"severity": "warning"}), group="a")
        incident = await plain.fire(alert("ServiceDown"), group="b")
        told: dict[str, Any] = {}
        while incident not in told:
            _, said = await urgent.next("rows")
            told |= {row["id"]: row for row in said["rows"]}
        assert 'class="priority">P1<' in told[incident]["html"]
        assert f'formaction="/incidents/{incident}/acknowledge"' in told[incident]["html"]
        assert sum("html" in row for row in told.values()) == 1
        assert said["counts"] | {} == said["counts"]
        assert (said["counts"]["all"], said["counts"]["P1"]) == (2, 1)
        assert "incident" not in next(iter((await none.rows()).values()))


async def test_whoever_comes_back_is_told_what_they_missed(plain: App) -> None:
    async with opened(plain) as tab:
        first = await plain.fire(alert("A"), group="a")
        while first not in await tab.rows():
            pass
        position = tab.position
    await until(lambda: len(plain.service.open_lists) == 0)
    second = await plain.fire(alert("B"), group="b")
    for query, headers in (("", {"Last-Event-ID": position}), (f"?from={position}", {})):
        async with plain.session.get(f"{plain.url}/events{query}", headers=headers) as answer:
            assert second in await Tab(answer.content).rows()


@pytest.mark.parametrize("junk", ["0", "junk", "9999999999999-0", "1-1,1-1", "-", "٣-٣", "1-1"])
async def test_a_position_of_nobody_begins_anew(plain: App, junk: str) -> None:
    await plain.fire()
    async with plain.session.get(f"{plain.url}/events", params={"from": junk}) as answer:
        assert (await Tab(answer.content).next("beat", "rows", "anew"))[0] == "anew"


async def test_of_very_many_changes_lists_are_told_to_begin_anew(plain: App) -> None:
    async with opened(plain) as tab:
        arrivals = [arrival(number) for number in range(hub.MOST_ROWS + 1)]
        await open_many(plain.service.dispatcher.store, arrivals, at=plain.clock.now())
        kind, said = await tab.next("rows", "anew")
        while kind == "rows":
            assert len(said["rows"]) <= hub.MOST_ROWS
            kind, said = await tab.next("rows", "anew")
        assert kind == "anew"


async def test_another_process_is_told_of_it_as_well(tmp_path: Path, fakes: Fakes) -> None:
    """What a second service on the same Redis does is on the lists of the first one."""
    first = App(tmp_path / "1", *fakes)
    await first.start(**NO_ACCOUNTS)
    socket = first.service.embedded
    assert socket is not None
    second = App(tmp_path / "2", *fakes)
    await second.start(**NO_ACCOUNTS, **{"redis.url": socket.url, "redis.accept_loss": True})
    try:
        async with opened(first) as tab:
            incident = await second.fire()
            assert incident in await tab.rows()
    finally:
        await second.stop()
        await first.stop()


async def test_what_is_wrong_is_said_and_too_many_are_refused(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for query, words in (("priority=P9", "allowed: P1"), ("stat=open", "no parameter is called")):
        status, answer = await plain.get(f"/events?{query}")
        assert (status, words in str(answer)) == (400, True)
    async with plain.session.head(f"{plain.url}/events") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
    monkeypatch.setattr(events, "MOST", 1)
    async with opened(plain):
        assert (await plain.get("/events"))[0] == 503
    await until(lambda: len(plain.service.open_lists) == 0)
    async with opened(plain):
        pass


async def test_junk_in_the_place_of_the_stream_costs_no_commit(plain: App) -> None:
    store = plain.service.dispatcher.store
    await store.redis.set(store.keys[0].feed, "junk")
    await plain.fire(alert("A"), group="a")
    async with opened(plain) as tab:
        incident = await plain.fire(alert("B"), group="b")
        assert incident in await tab.rows()


async def test_a_stop_waits_for_no_open_list(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    async with opened(app) as tab:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await app.service.stop()
        assert loop.time() - began < 5
        assert (await tab.next("never"))[0] == "end"
    await app.session.close()


async def test_a_stream_says_nothing_of_how_fast_answers_are(plain: App) -> None:
    async with opened(plain):
        await asyncio.sleep(0.5)
    await until(lambda: len(plain.service.open_lists) == 0)

    async def seconds() -> float:
        name = "incident_manager_http_request_duration_seconds_sum"
        _, text = await plain.get("/metrics")
        rows = [row for row in str(text).splitlines() if row.startswith(name) and "/events" in row]
        return sum(float(row.rpartition(" ")[2]) for row in rows)

    assert await seconds() < 0.3
