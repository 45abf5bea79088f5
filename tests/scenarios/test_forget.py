"""Forgetting an incident: nothing of it is left, and nothing that is needed goes by accident."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until


async def _forget(app: App, name: str, *words: str, answer: str | None = None) -> Result:
    def call() -> Result:
        command = ["incidents", "forget", name, "--by", "ann", *words, "--url", app.url]
        return CliRunner().invoke(main, command, input=answer)

    return await asyncio.to_thread(call)


async def _traces(app: App, name: str) -> list[str]:
    """Where the store still mentions an incident, applied events aside."""
    assert app.service.embedded is not None
    redis: Any = connect(app.service.embedded.url)
    found = []
    try:
        async for key in redis.scan_iter(match="im:*"):
            kind = (await redis.type(key)).decode()
            if kind == "none" or key.endswith(b":feed"):
                continue  # gone meanwhile; or ids of what changed, for open lists
            content = {
                "string": lambda key=key: redis.get(key),
                "hash": lambda key=key: redis.hgetall(key),
                "zset": lambda key=key: redis.zrange(key, 0, -1),
                "list": lambda key=key: redis.lrange(key, 0, -1),
                "set": lambda key=key: redis.smembers(key),
            }[kind]
            # The audit trail tells for ever that there was one, and who had it forgotten.
            if b":e:" in key or key.endswith(b":audit"):
                continue
            if name in f"{key}{await content()}":
                found.append(key.decode())
        return found
    finally:
        await redis.aclose(close_connection_pool=True)


async def _active(app: App) -> int:
    _, text = await app.get("/metrics")
    rows = [row for row in str(text).splitlines() if row.startswith("incidents_active{")]
    return sum(int(float(row.rpartition(" ")[2])) for row in rows)


async def _settled(app: App, name: str) -> None:
    async def all_told() -> bool:
        deliveries = (await app.incident(name))["deliveries"]
        return all(item["state"] in ("delivered", "not needed") for item in deliveries)

    await until(all_told)
    await app.settle()


async def test_nothing_is_left_of_a_closed_incident(
    plain: App, caplog: pytest.LogCaptureFixture
) -> None:
    name, other = await plain.fire(group="g1"), await plain.fire(group="g2")
    await plain.fire(alert(resolved=True), group="g1")
    await _settled(plain, name)
    assert await _traces(plain, name)
    with caplog.at_level(logging.INFO, logger="audit"):
        result = await _forget(plain, name, "--yes")
    assert (result.exit_code, result.output.partition(":")[0]) == (0, "forgotten")
    assert await _traces(plain, name) == []
    assert await _active(plain) == 1
    assert (await plain.get(f"/v1/incidents/{name}"))[0] == 404
    assert (await plain.incident(other))["state"] == "triggered"
    (line,) = [row for row in caplog.records if getattr(row, "action", "") == "forget"]
    assert (line.incident, line.actor, line.outcome) == (name, "ann", "forgotten")  # type: ignore[attr-defined]
    again = await _forget(plain, name, "--yes")
    assert again.exit_code == 1
    assert "no incident" in again.output
    # The group is new again.
    assert await plain.fire(group="g1") == name


async def test_what_is_needed_is_forgotten_by_force_alone(plain: App) -> None:
    name = await plain.fire()
    await _settled(plain, name)
    result = await _forget(plain, name, "--yes")
    assert "still open" in result.output
    await plain.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    result = await _forget(plain, name, "--yes")
    assert "keeps alerts quiet" in result.output
    assert (await plain.incident(name))["state"] == "resolved"
    await plain.post({"by": "ann"}, f"/v1/incidents/{name}/reopen")
    await _settled(plain, name)
    assert await _active(plain) == 1

    status, answer = await plain.post({"by": "ann", "force": True}, f"/v1/incidents/{name}/forget")
    assert (status, answer["result"]) == (200, "forgotten")
    assert await _traces(plain, name) == []
    assert await _active(plain) == 0


async def test_a_person_is_asked_first(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    await _settled(plain, name)
    refused = await _forget(plain, name, answer="n\n")
    assert refused.exit_code == 1
    assert "P1 resolved" in refused.stderr
    assert (await plain.incident(name))["state"] == "resolved"
    done = await _forget(plain, name, "-o", "json", answer="y\n")
    assert json.loads(done.stdout)["result"] == "forgotten"


async def test_an_incident_that_is_kept_for_ever_is_forgotten(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    """Where nothing is ever forgotten by itself no timer says that something changes."""
    plain = App(tmp_path, *fakes)
    await plain.start(**NO_ACCOUNTS, incidents__retention="0s")
    try:
        await _forget_a_closed_one(plain)
    finally:
        await plain.stop()


async def _forget_a_closed_one(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    await _settled(plain, name)
    assert (await _forget(plain, name, "--yes")).output.startswith("forgotten")
    assert await _traces(plain, name) == []


async def test_an_older_episode_is_not_forgotten(plain: App) -> None:
    name = await plain.fire()
    await plain.fire(alert(resolved=True))
    status, answer = await plain.post({"episode": 7}, f"/v1/incidents/{name}/forget")
    assert (status, answer["result"]) == (409, "stale")


async def test_what_stands_for_a_damaged_record_goes_with_what_was_kept_of_it(plain: App) -> None:
    name = await plain.fire()
    await _settled(plain, name)
    assert plain.service.embedded is not None
    redis: Any = connect(plain.service.embedded.url)
    await redis.setrange(f"im:{{0}}:i:{name}", 40, "\0\0\0")
    await redis.aclose(close_connection_pool=True)
    assert (await plain.incident(name))["state"] == "damaged"
    assert (await _forget(plain, name, "--yes")).output.startswith("forgotten")

    async def gone() -> bool:
        # Its timers, which nobody knows any more, end when they come due.
        left = {key for key in await _traces(plain, name) if ":due:" not in key}
        return not (await plain.get("/v1/damaged"))[1]["total"] and not left

    await until(gone)
    assert await _active(plain) == 0
