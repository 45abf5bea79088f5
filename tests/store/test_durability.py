"""What a real server says about itself, and how that is judged."""

from pathlib import Path

import msgspec
import pytest

from receiver.store.server.durability import (
    Durability,
    Judge,
    Level,
    ServerFacts,
    judge,
    read_facts,
)
from tests.support.external import DURABLE, RENAMED, external

ALWAYS = ServerFacts(aof=True, fsync="always", policy="noeviction")


async def verdict(folder: Path, *options: str, save: str = "", **trust: bool) -> Durability:
    async with external(folder / "server", *options, save=save) as server:
        return judge(await read_facts(server.client), **trust)


@pytest.mark.parametrize(
    ("options", "save", "level", "words"),
    [
        ((), "", "refused", "keeps nothing on disk: everything is lost when it stops"),
        ((), "3600 1", "refused", "keeps snapshots alone (save 3600 1): what came after the last"),
        (("--appendonly", "yes", "--appendfsync", "no"), "", "refused", "loses 30 seconds or more"),
        (("--appendonly", "yes"), "", "every_second", "lose the last 2 seconds"),
        (DURABLE, "", "every_write", ""),
        ((*DURABLE, "--no-appendfsync-on-rewrite", "yes"), "", "refused", "while it rewrites"),
        (("--replicaof", "127.0.0.1 1", *DURABLE), "", "refused", "it is a replica"),
        ((*DURABLE, *RENAMED), "", "refused", "does not tell whether"),
        (RENAMED, "", "refused", "keeps nothing on disk"),
        ((*DURABLE, *RENAMED, "--rename-command", "INFO", ""), "", "refused", "does not tell"),
        (
            (*DURABLE, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", *RENAMED),
            "",
            "refused",
            "may evict incidents when its memory is full (maxmemory-policy allkeys-lru)",
        ),
    ],
)
async def test_each_way_to_keep_data_is_known_for_what_it_loses(
    tmp_path: Path, options: tuple[str, ...], save: str, level: str, words: str
) -> None:
    found = await verdict(tmp_path, *options, save=save)
    assert found.level == level
    assert words in found.problem
    assert bool(found.problem) == (level != "every_write")


async def test_what_is_assured_counts_where_the_server_does_not_tell(tmp_path: Path) -> None:
    info = ("--rename-command", "INFO", "")
    told = [
        await verdict(tmp_path, *DURABLE, *RENAMED, assured=True),
        await verdict(tmp_path, *DURABLE, *RENAMED, *info, assured=True),
        await verdict(tmp_path / "b", *RENAMED, assured=True),
        await verdict(tmp_path / "c", assured=True),
        await verdict(tmp_path / "d", "--replicaof", "127.0.0.1 1", *RENAMED, assured=True),
    ]
    assert [found.level for found in told] == [
        *("assured", "assured", "assured"),
        *("refused", "refused"),
    ]
    assert [found.shown for found in told[:2]] == ["assured", "assured"]
    assert "the server says aof_enabled:0" in told[2].shown


def test_accepted_is_what_is_lost_and_nothing_else() -> None:
    lossy = msgspec.structs.replace(ALWAYS, aof=False)
    found = judge(lossy, accept_loss=True)
    assert found.level is Level.ACCEPTED_LOSS
    assert found.problem.endswith(
        "lost when it stops (appendonly no); redis.accept_loss accepts that"
    )
    assert judge(ALWAYS, accept_loss=True).level is Level.EVERY_WRITE
    assert judge(msgspec.structs.replace(ALWAYS, replica=True), accept_loss=True).refused
    evicting = msgspec.structs.replace(ALWAYS, limit=1, policy="volatile-ttl")
    assert judge(evicting, accept_loss=True).refused
    assert not judge(msgspec.structs.replace(evicting, limit=0)).refused


def test_a_failed_write_to_the_file_is_no_durability() -> None:
    failing = msgspec.structs.replace(ALWAYS, aof_written=False)
    assert "aof_last_write_status:err" in judge(failing).problem
    assert judge(msgspec.structs.replace(failing, fsync=""), assured=True).refused


async def test_a_file_that_is_written_for_the_first_time_is_none_yet(tmp_path: Path) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        judging = Judge()
        client = server.client
        assert not judging.judge(await read_facts(client)).refused
        # A child that writes slowly: milliseconds on a quick machine would be no test.
        await client.config_set("rdb-key-save-delay", "100000")
        await client.set("one", "1")
        await client.execute_command("BGREWRITEAOF")
        facts = await read_facts(client)
        assert facts.rewriting
        assert judging.judge(facts).level is Level.EVERY_WRITE, "it has the file it had"
        await client.config_set("appendonly", "no")
        assert judging.judge(await read_facts(client)).refused
        await client.config_set("appendonly", "yes")
        facts = await read_facts(client)
        assert facts.rewriting
        assert "written for the first time" in judging.judge(facts).problem
        assert "written for the first time" in Judge().judge(facts).problem
        assert Judge(accept_loss=True).judge(facts).level is Level.ACCEPTED_LOSS
        # And so it is: what the server takes meanwhile does not outlive it.
        await client.set("two", "2")
        server.end()
        await server.start()
        assert await client.get("two") is None
        assert not judging.judge(await read_facts(client)).refused
