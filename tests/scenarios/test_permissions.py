"""A server that permits its user only some commands, as managed ones do."""

import re
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError, StoreUnavailableError
from receiver.store.incidents import IncidentStore
from receiver.store.redis import connect
from receiver.store.server.permissions import NEEDED
from receiver.store.server.probe import probe
from tests.support.app import App
from tests.support.external import DURABLE, External, external
from tests.support.places import ROOT
from tests.support.waiting import until

ALL = ("~*", "+@all")


async def started(folder: Path, fakes: Any, url: str, **redis: Any) -> App:
    app = App(folder / "own", *fakes)
    await app.start(**{"redis.url": url}, **{f"redis.{name}": to for name, to in redis.items()})
    return app


async def denied(server: External) -> list[bytes]:
    """Return what the server refused to somebody, by its own log."""
    rows = await server.client.execute_command("ACL", "LOG")
    return [dict(zip(row[::2], row[1::2], strict=True))[b"object"] for row in rows]


async def test_without_script_and_keys_everything_works(tmp_path: Path, fakes: Any) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path, fakes, await server.user(*ALL, "-script", "-keys"))
        try:
            name = await app.fire()
            await until(lambda: bool(fakes[1].events))
            # A restart forgets the scripts, and nobody may load one.
            await server.client.script_flush()
            assert (await app.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge"))[0] == 200
            assert (await app.get("/health"))[1]["status"] == "ok"
        finally:
            await app.stop()


async def test_a_commit_waits_for_replicas_also_without_script(tmp_path: Path) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        client = connect(await server.user(*ALL, "-script"))
        store = IncidentStore(client, 1, 1_000, wait_replicas=1)
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="only 0 of 1 replicas"):
                await probe(store, 0, 1_000)
        assert not client.connection_pool._in_use_connections
        await client.aclose(close_connection_pool=True)


@pytest.mark.parametrize(
    ("forbidden", "named"),
    [
        (("-evalsha",), ["EVALSHA"]),
        (("-eval", "-evalsha"), ["EVAL", "EVALSHA"]),
        (("-multi",), ["MULTI"]),
        (("-exec",), ["EXEC"]),
        (("-ping",), ["PING"]),
        (("-scan", "-time", "-zadd"), ["SCAN", "TIME", "ZADD"]),
    ],
)
async def test_a_server_that_forbids_what_is_needed_is_refused_by_name(
    tmp_path: Path, fakes: Any, forbidden: tuple[str, ...], named: list[str]
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        with pytest.raises(ConfigError) as caught:
            await started(tmp_path, fakes, await server.user(*ALL, *forbidden))
        assert await server.client.dbsize() == 0, "nothing was written to it"
        words = str(caught.value)
        assert f"what is needed: {', '.join(named)} (" in words
        # What the words say mends it.
        rights = re.findall(r"\+\w+", words.partition("Permit it")[2])
        app = await started(tmp_path, fakes, await server.user(*ALL, *forbidden, *rights))
        await app.stop()


async def test_commands_that_were_renamed_and_keys_that_are_not_given(
    tmp_path: Path, fakes: Any
) -> None:
    renamed = ("--rename-command", "EVAL", "")
    async with external(tmp_path / "server", *DURABLE, *renamed) as server:
        with pytest.raises(ConfigError, match=r"needed: EVAL \(unknown command"):
            await started(tmp_path, fakes, server.url)
    async with external(tmp_path / "other", *DURABLE) as server:
        with pytest.raises(ConfigError, match=r"Permit it .*on the keys ~im:\*"):
            await started(tmp_path, fakes, await server.user("~other:*", "+@all"))


async def test_each_command_that_is_needed_is_missed_by_its_name(
    tmp_path: Path, fakes: Any
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        url = await server.user("~*", "+info", "+config|get")
        with pytest.raises(ConfigError, match="MULTI"):
            await started(tmp_path, fakes, url)
        url = await server.user("~*", "+info", "+config|get", "+multi", "+exec", "+discard")
        with pytest.raises(ConfigError) as caught:
            await started(tmp_path, fakes, url)
        said = re.findall(r"[A-Z]+", str(caught.value).partition(": ")[2].partition("(")[0])
        assert said == sorted(NEEDED)


async def test_the_rights_that_the_docs_name_are_enough(tmp_path: Path, fakes: Any) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    found = re.search(r"ACL SETUSER \w+ on >\S+ ([^`]+)`", text)
    assert found is not None
    async with external(tmp_path / "server", *DURABLE) as server:
        app = await started(tmp_path, fakes, await server.user(*found[1].split()))
        try:
            name = await app.fire()
            await until(lambda: bool(fakes[1].events))
            assert (await app.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge"))[0] == 200
            assert (await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve"))[0] == 200
            await app.settle()
            assert (await app.get("/v1/incidents?state=all"))[0] == 200
            assert (await app.get("/health"))[1]["status"] == "ok"
            assert await denied(server) == []
        finally:
            await app.stop()


@pytest.mark.parametrize("config", ["", "assured"])
async def test_without_config_it_is_the_operator_who_says(
    tmp_path: Path, fakes: Any, config: str
) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        url = await server.user(*ALL, "-config")
        if not config:
            with pytest.raises(ConfigError, match=r"\+config\|get and \+info"):
                await started(tmp_path, fakes, url)
            return
        app = await started(tmp_path, fakes, url, durability=config)
        try:
            await app.fire()
            assert (await app.get("/health"))[1]["components"]["durability"] == "assured"
        finally:
            await app.stop()
