"""A server that comes back without its last writes: said, counted, and filled by who repeats."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from receiver.text.units import counted
from tests.support.app import NO_ACCOUNTS, App
from tests.support.external import DURABLE, External, external
from tests.support.notification import alert, notification
from tests.support.rig import Rig
from tests.support.waiting import until

LOST = "incident_manager_store_lost_commits_total"
CONDITION = 'incident_manager_condition{subject="lost_commits"}'


async def started(folder: Path, fakes: Any, server: External) -> App:
    app = App(folder, *fakes)
    await app.start(**NO_ACCOUNTS, **{"redis.url": server.url})
    return app


async def problem(app: App) -> str:
    """Return what /health says of it, "" for nothing."""
    problems = (await app.get("/health"))[1]["problems"]
    return next((one["problem"] for one in problems if one["subject"] == "lost_commits"), "")


def acknowledged(app: App) -> int:
    fence = app.service.dispatcher.store.fence
    return sum(known.acknowledged for known in fence._known.values())


async def fired(app: App, *names: str) -> list[str]:
    return [await app.fire(alert(name), group=name) for name in names]


async def test_it_is_said_with_the_number_and_repeats_fill_the_hole(
    tmp_path: Path, fakes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path / "a", fakes, server)
        other = await started(tmp_path / "b", fakes, server)
        try:
            (kept,) = await fired(app, "Kept")
            await app.settle()
            before = [acknowledged(one) for one in (app, other)]
            size = server.file.stat().st_size
            lost = await fired(app, "B", "C", "D")
            (elsewhere,) = await fired(other, "E")
            assert await app.metric(LOST) == 0
            assert not await problem(app)
            # Timers are done by whichever is first, and are commits too.
            await app.settle()
            await other.settle()
            after = [acknowledged(one) for one in (app, other)]
            gone, more = (last - first for first, last in zip(before, after, strict=True))
            assert (gone >= 3, more >= 1) == (True, True)
            await server.go_back(size)
            await app.until_ready()
            await until(lambda: problem(app))
            await until(lambda: problem(other))
            words = (
                f"Redis has lost {counted(gone, 'commit')} that it had acknowledged to this process"
            )
            assert await problem(app) == f"{words} (shard 0)"
            assert (await app.metric(LOST), await other.metric(LOST)) == (gone, more)
            assert await app.metric(CONDITION) == 1
            errors = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
            assert f"shard 0: Redis has lost {gone} commits" in "; ".join(errors)
            assert (await app.get("/-/ready"))[0] == 200, "what comes now is taken"
            # What was remembered of those is gone, too: each opens as if for the first time.
            assert await fired(app, "B", "C", "D", "E", "Kept") == [*lost, elsewhere, kept]
            found = (await app.get("/v1/incidents"))[1]["incidents"]
            assert sorted(one["id"] for one in found) == sorted([*lost, elsewhere, kept])
            await app.pass_time(4 * 3600 + 60)
            await until(lambda: _none(app))
            assert await app.metric(LOST) == gone
        finally:
            await app.stop()
            await other.stop()


async def _none(app: App) -> bool:
    return not await problem(app)


async def test_nobody_goes_on_from_a_version_that_is_lost(tmp_path: Path, fakes: Any) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path / "a", fakes, server)
        other = await started(tmp_path / "b", fakes, server)
        try:
            name = await app.fire(alert("One"))
            await app.settle()
            await other.settle()
            size = server.file.stat().st_size
            await app.fire(alert("Two"))
            await server.go_back(size)
            await until(lambda: problem(app))
            # Another process gives the number of the version that is lost to one of its own.
            await other.fire(alert("Three"))
            await app.fire(alert("Four"))
            found = [one["labels"]["alertname"] for one in (await app.incident(name))["alerts"]]
            assert sorted(found) == ["Four", "One", "Three"]
        finally:
            await app.stop()
            await other.stop()


async def test_of_several_processes_each_tells_its_own_and_the_page_of_metrics_all(
    tmp_path: Path,
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        rig = Rig(tmp_path)
        env = {"LLM_IM__REDIS__URL": server.url, "LLM_IM__STORAGE__PATH": ""}
        await rig.start("receiver", "--processes=2", **env)

        async def fire(name: str) -> str:
            # A connection of its own, so that either process has some.
            async with ClientSession() as session:
                body = notification(alert(name), group=name)
                async with session.post(f"{rig.url}/v1/alerts/webhook", json=body) as answer:
                    assert answer.status == 202
                    return str((await answer.json())["incidents"][0])

        async def said() -> list[str]:
            problems = (await rig.get("/health"))["problems"]
            return [one["problem"] for one in problems if one["subject"] == "lost_commits"]

        try:
            kept = await asyncio.gather(*(fire(f"K{number}") for number in range(20)))
            await asyncio.sleep(1)
            size = server.file.stat().st_size
            for number in range(12):
                await fire(f"L{number}")
            await server.go_back(size)
            await until(said)
            await until(rig.ready)

            async def all_told() -> bool:
                return await rig.metric(LOST) >= 12

            await until(all_told)
            (words,) = await said()
            assert "that it had acknowledged to this process (shard 0)" in words
            found = {one["id"] for one in await rig.incidents()}
            assert set(kept) <= found
        finally:
            await rig.stop()


async def test_one_that_was_emptied_is_not_told_as_a_lost_tail(tmp_path: Path, fakes: Any) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path, fakes, server)
        try:
            await fired(app, "A", "B")
            await server.client.flushall()
            await until(lambda: problem(app))
            assert "holds other data than before: it was emptied" in await problem(app)
            assert await app.metric(LOST) == 0
            await fired(app, "A")
        finally:
            await app.stop()


async def test_a_server_that_is_killed_and_one_that_starts_say_nothing(
    tmp_path: Path, fakes: Any
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path / "a", fakes, server)
        try:
            await fired(app, "A", "B")
            server.end()
            await server.start()
            await app.until_ready()
            await fired(app, "C")
            assert not await problem(app)
            size = server.file.stat().st_size
            await fired(app, "D")
        finally:
            await app.stop()
        await server.go_back(size)
        app = await started(tmp_path / "b", fakes, server)
        try:
            await fired(app, "E")
            assert not await problem(app), "a process that starts has nothing to compare with"
        finally:
            await app.stop()
