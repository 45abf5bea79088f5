"""202 means durable, whatever the server: at the start, and whenever the server changes."""

import asyncio
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from tests.support.app import NO_ACCOUNTS, App
from tests.support.checks import run
from tests.support.external import DURABLE, RENAMED, External, external
from tests.support.notification import alert, notification
from tests.support.rig import Program, free_port
from tests.support.waiting import until

LEVEL = "incident_manager_durability"
PROGRAMS = (
    "/v1/alerts/webhook",
    "/v1/heartbeats/x",
    "/v1/integrations/x/events",
    "/v1/pagerduty/webhook",
    "/v1/changes",
)


async def started(folder: Path, fakes: Any, server: External, **redis: Any) -> App:
    app = App(folder / "own", *fakes)
    settings = {f"redis.{name}": value for name, value in redis.items()}
    await app.start(**NO_ACCOUNTS, **{"redis.url": server.url}, **settings)
    return app


async def test_a_server_without_append_only_file_is_refused_with_what_mends_it(
    tmp_path: Path, fakes: Any
) -> None:
    async with external(tmp_path / "debian", save="3600 1 300 100 60 10000") as server:
        with pytest.raises(ConfigError) as caught:
            await started(tmp_path, fakes, server)
        assert await server.client.dbsize() == 0, "nothing was written to it"
        words = str(caught.value)
        assert "keeps snapshots alone (save 3600 1 300 100 60 10000)" in words
        assert "redis.accept_loss: true" in words
        lines = [line.split() for line in words.splitlines() if line.startswith("  ")]
        assert lines == [["appendonly", "yes"], ["appendfsync", "always"]]
        for name, value in lines:
            await server.client.config_set(name, value)
        app = await started(tmp_path, fakes, server)
        try:
            # The file is complete only when all that was there before is in it.
            await app.until_ready()
            name = await app.fire()
            assert (await app.get("/health"))[1]["components"]["durability"] == "ok"
            assert await app.metric(f'{LEVEL}{{level="every_write"}}') == 1
            # Kept for as long as the words say, whatever becomes of the server.
            server.end(signal.SIGKILL)
            server.options += DURABLE
            await server.start()
            await app.until_ready()
            assert (await app.incident(name))["state"] == "triggered"
        finally:
            await app.stop()


async def test_an_accepted_loss_is_said_wherever_one_looks(
    tmp_path: Path, fakes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with external(tmp_path / "server") as server:
        app = await started(tmp_path, fakes, server, accept_loss=True)
        try:
            await app.fire()
            status, health = await app.get("/health")
            assert (status, health["status"]) == (200, "degraded")
            (problem,) = health["problems"]
            assert (problem["subject"], problem["unready"]) == ("durability", False)
            assert "everything is lost when it stops" in problem["problem"]
            assert await app.metric(f'{LEVEL}{{level="accepted_loss"}}') == 1
            assert await app.metric('incident_manager_condition{subject="durability"}') == 1
            assert any("accepted_loss" in line for line in caplog.messages)
            checked = await run("health-check", "--url", app.url)
            assert checked.output.count(" durability ") == 1
            assert checked.exit_code == 1
        finally:
            await app.stop()


async def test_every_second_warns_of_how_much_may_be_lost(
    tmp_path: Path, fakes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with external(tmp_path / "server", "--appendonly", "yes") as server:
        app = await started(tmp_path, fakes, server)
        try:
            status, health = await app.get("/health")
            assert (status, health["status"]) == (200, "ok")
            assert "may lose the last 2 seconds" in health["components"]["durability"]
            assert await app.metric(f'{LEVEL}{{level="every_second"}}') == 1
            checked = await run("health-check", "--url", app.url)
            assert re.search(r"ok +durability +a power cut may lose the last 2", checked.output)
            assert checked.exit_code == 0
            await app.fire()
            warned = [one for one in caplog.records if one.levelno == logging.WARNING]
            assert any("lose the last 2 seconds" in record.message for record in warned)
        finally:
            await app.stop()


async def test_a_server_that_tells_nothing_is_taken_when_it_is_assured(
    tmp_path: Path, fakes: Any
) -> None:
    async with external(tmp_path / "server", *DURABLE, *RENAMED) as server:
        with pytest.raises(ConfigError, match=r"redis\.durability: assured"):
            await started(tmp_path, fakes, server)
        app = await started(tmp_path, fakes, server, durability="assured")
        try:
            await app.fire()
            assert (await app.get("/health"))[1]["components"]["durability"] == "assured"
            assert await app.metric(f'{LEVEL}{{level="assured"}}') == 1
        finally:
            await app.stop()


CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "without append-only file": (("appendonly", "no"),),
    "written when the kernel likes": (("appendfsync", "no"),),
    "evicting": (("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_server_that_begins_to_forget_is_given_nothing_more(
    tmp_path: Path, fakes: Any, change: str
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path, fakes, server)
        try:
            name = await app.fire()
            for setting, value in CHANGES[change]:
                await server.client.config_set(setting, value)
            await app.until_ready(503)
            for path in PROGRAMS:
                assert (await app.post(notification(alert("B"), group="b"), path))[0] == 503, path
            _, health = await app.get("/health")
            (problem,) = health["problems"]
            assert (problem["subject"], problem["unready"]) == ("durability", True)
            assert problem["problem"].startswith("what is acknowledged may be lost: it ")
            assert health["components"]["redis"] == "ok"
            assert await app.metric(f'{LEVEL}{{level="refused"}}') == 1
            assert await app.metric("incident_manager_redis_up") == 0
            # What a person does is taken: refused, it would page again for certain.
            done = await app.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
            assert done[0] == 200, done
            for setting, value in (
                *(("appendonly", "yes"), ("appendfsync", "always")),
                ("maxmemory-policy", "noeviction"),
            ):
                await server.client.config_set(setting, value)
            await app.until_ready()
            await app.fire(alert("B"), group="b")
        finally:
            await app.stop()


async def test_after_a_failover_to_a_server_without_append_only_file_nothing_is_accepted(
    tmp_path: Path, fakes: Any
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path, fakes, server)
        try:
            await app.fire()
            server.end()
            assert (await app.post(notification(alert("B"), group="b")))[0] == 503
            assert (await app.get("/-/ready"))[0] == 503
            server.options = ("--save", "")
            await server.start()

            async def said() -> bool:
                health: Any = (await app.get("/health"))[1]
                return any(item["subject"] == "durability" for item in health["problems"])

            await until(said)
            assert (await app.get("/-/ready"))[0] == 503
            assert (await app.post(notification(alert("B"), group="b")))[0] == 503
        finally:
            await app.stop()


async def test_a_server_that_still_loads_is_waited_for(tmp_path: Path, fakes: Any) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        pipeline = server.client.pipeline(transaction=False)
        for number in range(20_000):
            pipeline.set(f"x{number}", "y" * 100)
        await pipeline.execute()
        server.end(signal.SIGTERM)
        server.options += (
            *("--key-load-delay", "50", "--loading-process-events-interval-bytes", "1024"),
        )
        starting = asyncio.create_task(server.start())
        await asyncio.sleep(0.2)
        app = await started(tmp_path, fakes, server)
        await app.stop()
        await starting


@pytest.mark.parametrize(
    "wrong",
    [
        {"redis.accept_loss": True},
        {"redis.durability": "assured"},
        {"redis.wait_replicas": 1},
        {"redis.url": "redis://h", "redis.accept_loss": True, "redis.durability": "assured"},
    ],
)
def test_what_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"only with redis\.url|contradicts redis\.durability"):
        load_settings(None, {}, wrong)


async def test_the_banner_says_what_may_be_lost_and_what_is_not_ready(tmp_path: Path) -> None:
    async with external(tmp_path / "server", "--appendonly", "yes") as server:
        env = {
            "LLM_IM__REDIS__URL": server.url,
            "LLM_IM__REDIS__WAIT_REPLICAS": "1",
            "LLM_IM__WEB__LISTEN_ADDRESS": f"127.0.0.1:{free_port()}",
            "LLM_IM__WEB__METRICS_ADDRESS": f"127.0.0.1:{free_port()}",
            "LLM_IM__WEB__SHUTDOWN_DELAY": "0s",
        }
        program = Program(
            *("service", sys.executable, "-m", "receiver", "serve"), folder=tmp_path, env=env
        )
        await program.start()
        try:
            await until(lambda: "Ctrl-C stops" in program.log.read_text())
        finally:
            await program.end()
        said = program.log.read_text()
        assert "is NOT READY: only 0 of 1 replicas have the commit" in said
        assert "store      WARNING: a power cut may lose the last 2 seconds" in said
        assert os.sep not in said.partition("NOT READY")[2].partition("\n")[0]


async def test_a_server_that_forbids_wait_is_refused_where_replicas_are_waited_for(
    tmp_path: Path, fakes: Any
) -> None:
    """Every commit would be written, and then answered with 503."""
    async with external(tmp_path / "server", *DURABLE) as server:
        await server.client.execute_command("ACL", "SETUSER", "default", "-wait")
        with pytest.raises(ConfigError, match=r"redis\.wait_replicas: .*permit its user \+wait"):
            await started(tmp_path, fakes, server, wait_replicas=1)
        app = await started(tmp_path, fakes, server)
        await app.stop()
