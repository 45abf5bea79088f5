"""Damaged records as others meet them: at the start, outsiders, PagerDuty, a second replica."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import LAYOUT, Keys
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.commands import run_command
from tests.support.damage import damage_record, following, paged
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.pagerduty_webhooks import SECRET
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.pagerduty_webhook_work import Work
from tests.support.status_pages import PAGE, page
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
Start = Callable[..., Awaitable[App]]


async def _layout(app: App, raw: bytes, shards: int) -> None:
    """Stop the service, write what the layout says, and start it again."""
    if not app.session.closed:
        await app.stop()
    server = EmbeddedValkey(app.path / "valkey")
    await server.start()
    client = connect(server.url)
    await client.set(LAYOUT, raw)
    await client.aclose(close_connection_pool=True)
    await server.stop()
    await app.start(**NO_ACCOUNTS, redis__shards=shards)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"1 3", "newer release .layout 3, this one knows 2.: start that release"),
        (b"1 3 and more", "newer release"),
        (b"4", "set it back to 4"),
    ],
)
async def test_a_layout_that_is_none_of_ours_is_refused_in_words(
    plain: App, raw: bytes, words: str
) -> None:
    await plain.fire()
    with pytest.raises(StoreUnavailableError, match=words):
        await _layout(plain, raw, 1)
    await _layout_back(plain)


async def _layout_back(app: App) -> None:
    await _layout(app, b"1", 1)


async def test_a_layout_that_cannot_be_read_is_found_out_from_the_incidents(plain: App) -> None:
    name = await plain.fire()
    await _layout(plain, b"\xffjunk", 1)
    assert (await plain.incident(name))["state"] == "triggered"
    assert await plain.service.redis.get(LAYOUT) == b"1"


async def test_and_refused_when_they_are_elsewhere(plain: App) -> None:
    for number in range(4):
        await plain.fire(group=f"g{number}")
    with pytest.raises(StoreUnavailableError, match=r"not of redis\.shards: 4"):
        await _layout(plain, b"\xffjunk", 4)
    await _layout_back(plain)


@pytest.fixture
async def start(tmp_path: Path, fakes: Fakes) -> AsyncIterator[Start]:
    """Starts services with settings of a test's own, and stops them."""
    running: list[App] = []

    async def start(**settings: Any) -> App:
        app = App(tmp_path / str(len(running)), *fakes)
        await app.start(**settings)
        running.append(app)
        return app

    yield start
    for app in reversed(running):
        await app.stop()


async def test_outsiders_keep_what_they_were_told(start: Start) -> None:
    app = await start(**NO_ACCOUNTS, **PAGE)
    name = await app.fire(alert())
    before = await page(app)
    assert before["incidents"]
    await damage_record(app, name)
    assert (await page(app))["incidents"] == before["incidents"]


async def test_pagerduty_is_answered_and_changes_nothing(start: Start) -> None:
    app = await start(pagerduty__webhook_secret=SECRET)
    work = Work(app)
    name = await work.page(alert())
    await damage_record(app, name)
    assert await work.tell("acknowledged") == "unchanged"


async def test_commands_show_it(plain: App) -> None:
    name = await plain.fire(alert("Broken"))
    await damage_record(plain, name)
    shown = await run_command(plain, "incidents", "list")
    assert shown.exit_code == 0
    assert "damaged" in shown.output
    one = await run_command(plain, "incidents", "show", name)
    assert one.exit_code == 0
    assert "damaged" in one.output


async def test_another_replica_that_remembers_the_record_begins_anew_too(start: Start) -> None:
    first = await start()
    embedded: Any = first.service.embedded
    second = await start(redis__url=embedded.url)
    name = await second.fire(alert("Broken"))
    await first.fire(alert("Broken"))
    await paged(first, name)
    await damage_record(first, name)
    assert await second.fire(alert("Broken")) == following(name)
    assert await first.fire(alert("Broken")) == following(name)
    await paged(first, following(name))


async def test_of_many_shards_only_the_one_is_made_anew(start: Start) -> None:
    app = await start(redis__shards=4, **NO_ACCOUNTS)
    names = [await app.fire(alert(f"A{n}"), group=f"g{n}") for n in range(12)]
    shard = int(names[0][0])
    redis: Any = app.service.redis
    await redis.set(Keys(shard).open, b"junk")
    await redis.set(Keys(shard).active, b"junk")

    async def whole() -> bool:
        _, found = await app.get("/v1/incidents?state=open&limit=100")
        active = await app.metric(
            'incidents_active{priority="P1",severity="critical",state="triggered"}'
        )
        return {one["id"] for one in found["incidents"]} == set(names) and active == len(names)

    assert (await app.get("/v1/incidents"))[0] == 200
    await until(whole, 15)
