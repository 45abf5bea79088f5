"""The command line in the habits of others: several ids, short ones, forms of output, watching."""

import asyncio
import json
import sys

import pytest
import yaml

from tests.support.app import App
from tests.support.commands import run_command
from tests.support.notification import alert
from tests.support.places import ROOT


async def three(app: App) -> list[str]:
    return [await app.fire(alert(f"A{at}"), group=f"g{at}") for at in range(3)]


async def states(app: App, names: list[str]) -> list[str]:
    return [(await app.incident(name))["state"] for name in names]


async def test_several_are_done_at_once(plain: App) -> None:
    names = await three(plain)
    done = await run_command(plain, "incidents", "ack", names[0], names[1].split("-")[1])
    assert done.exit_code == 0, done.output
    assert done.output.count("acknowledged: ") == 2
    assert await states(plain, names) == ["acknowledged", "acknowledged", "triggered"]


async def test_ids_come_in_from_a_list(plain: App) -> None:
    names = await three(plain)
    listed = await run_command(plain, "incidents", "list", "-o", "name")
    assert sorted(listed.output.split()) == sorted(names)
    text = f"\n{listed.output}\n  "
    done = await run_command(plain, "incidents", "resolve", "-", stdin=text)
    assert done.exit_code == 0, done.output
    assert await states(plain, names) == ["resolved"] * 3


async def test_one_that_fails_keeps_no_other_from_being_done(plain: App) -> None:
    names = await three(plain)
    missing = "0-aaaaaaaaaaaaaaaa-1"
    done = await run_command(plain, "incidents", "ack", names[0], missing, names[2])
    assert done.exit_code == 1
    assert f"{missing}: 404" in done.output
    assert "1 of 3 failed" in done.output
    assert await states(plain, names) == ["acknowledged", "triggered", "acknowledged"]


async def test_a_text_without_quotes_is_no_list_of_incidents(plain: App) -> None:
    name = await plain.fire()
    done = await run_command(plain, "incidents", "note", name, "restarted", "the", "pod")
    assert done.exit_code == 2
    assert "'restarted' is no incident; put a text of several words in quotes" in done.output
    assert not any(one["kind"] == "note" for one in (await plain.incident(name))["timeline"])
    done = await run_command(plain, "incidents", "note", name, "restarted the pod")
    assert done.exit_code == 0


async def test_nothing_is_done_where_nothing_comes_in(plain: App) -> None:
    done = await run_command(plain, "incidents", "ack", "-", stdin="\n")
    assert (done.exit_code, done.output) == (0, "no incidents\n")


@pytest.mark.parametrize("command", [("list",), ("show", "ID")])
async def test_yaml_says_what_json_says(plain: App, command: tuple[str, ...]) -> None:
    name = await plain.fire()
    words = [name if word == "ID" else word for word in command]
    found = {
        form: (await run_command(plain, "incidents", *words, "-o", form)).output
        for form in ("json", "yaml")
    }
    assert yaml.safe_load(found["yaml"]) == json.loads(found["json"])


async def test_the_wide_list_says_who_has_it_and_what_is_due(plain: App) -> None:
    name = await plain.fire()
    await plain.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    listed = await run_command(plain, "incidents", "list", "-o", "wide")
    head, row, *_ = listed.output.splitlines()
    assert head.split()[-5:] == ["TEAM", "WHO", "NEXT", "DEADLINE", "RUNBOOK"]
    assert " ann " in row
    assert "update 20" in row


async def test_a_list_is_watched_until_it_is_interrupted(plain: App) -> None:
    name = await plain.fire()
    words = ("-m", "receiver", "incidents", "list", "--watch", "--url", plain.url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    seen = b""
    async with asyncio.timeout(30):
        while seen.count(name.encode()) < 2:
            seen += await process.stdout.readline()
    await plain.post({}, f"/v1/incidents/{name}/resolve")
    async with asyncio.timeout(30):
        while b"no incidents (open)" not in seen:
            seen += await process.stdout.readline()
    process.terminate()
    await process.wait()
