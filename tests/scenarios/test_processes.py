"""Several processes on one port: killed, replaced, reloaded and stopped as one service."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.processes import Senders, children, is_alive, kill
from tests.support.rig import Rig, until

WANTED = 2


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    file = tmp_path / "im.yml"
    file.write_text("route: {team: day}\n")
    await rig.start("receiver", f"--config.file={file}", f"--processes={WANTED}")
    try:
        await until(lambda: _all_answer(rig), PATIENCE_S, "all processes answer")
        yield rig
    finally:
        await rig.stop()


async def _all_answer(rig: Rig) -> bool:
    return await rig.metric('incident_manager_processes{state="running"}') == WANTED


async def _counted(rig: Rig) -> float:
    return await rig.metric(
        'alerts_received_total{severity="critical",source="alertmanager",type="alert"}'
    )


async def test_what_is_killed_or_replaced_is_no_loss(rig: Rig) -> None:
    before = children(rig)
    assert len(before) == WANTED
    senders = Senders(rig.url)
    senders.start()
    await until(lambda: len(senders.accepted) > 20, PATIENCE_S, "webhooks are accepted")
    # One is killed: only what it had accepted itself is sent again.
    shown = await _counted(rig)
    kill(before[0])
    await until(lambda: _is_said(rig), PATIENCE_S, "it is said")
    assert await _counted(rig) >= shown
    await until(lambda: _all_answer(rig), PATIENCE_S, "another one is in its place")
    lost = senders.tries["lost"]
    # All are replaced: nothing at all is lost.
    known = children(rig)
    rig.service.process.send_signal(signal.SIGUSR2)
    await until(lambda: _says(rig, "processes were replaced"), PATIENCE_S, "all are others")
    assert not set(known) & set(children(rig))
    await senders.stop()
    assert senders.tries["refused"] == 0
    assert senders.tries["lost"] == lost <= 8
    assert set(senders.tries) <= {"202", "lost"}
    incidents = {item["id"] for item in await rig.incidents()}
    assert incidents == set(senders.accepted.values())
    # What all of them counted, whoever is asked; of the killed one what it had told.
    counted = [await _counted(rig) for _ in range(6)]
    assert len(set(counted)) == 1
    assert shown <= counted[0] <= senders.tries["202"] + lost


async def test_all_are_one_service_to_its_end(rig: Rig) -> None:
    # A reload holds in all, or is refused by all.
    file = rig.folder / "im.yml"
    for words, status in (("route: {team: night}\n", 200), ("rout: {}\n", 400)):
        file.write_text(words)
        async with rig.session.post(f"{rig.url}/-/reload") as answer:
            assert answer.status == status
            assert "try again" not in await answer.text()
        assert {await _team(rig) for _ in range(4 * WANTED)} == {"night"}
    assert rig.service.log.read_text().count("configuration not taken") == WANTED
    file.write_text("route: {team: night}\n")
    # One that hangs holds up nobody.
    hung = children(rig)[0]
    os.kill(hung, signal.SIGSTOP)
    senders = Senders(rig.url)
    senders.start()
    await until(lambda: len(senders.accepted) > 50, PATIENCE_S, "the others go on")
    await senders.stop()
    os.kill(hung, signal.SIGCONT)
    assert set(senders.tries) == {"202"}
    # All end with a parent that is killed, and leave the ports to the next one.
    processes = children(rig)
    kill(rig.service.pid)
    await until(lambda: not any(map(is_alive, processes)), 10, "all children are gone")
    await rig.start_service()
    processes = children(rig)
    rig.service.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(rig.service.process.wait(), PATIENCE_S) == 0
    assert not any(map(is_alive, processes))
    # What keeps a child from starting is said once.
    rig.service.log.write_text("")
    rig.service.env["LLM_IM__REDIS__SHARDS"] = "2"
    with pytest.raises(AssertionError, match="it ended"):
        await rig.start_service()
    assert rig.service.log.read_text().count("Error:") == 1
    assert rig.service.log.read_text().count("shards") >= 1


def _is_said(rig: Rig) -> Any:
    return _says(rig, "ended by SIGKILL") and _is_degraded(rig)


async def _is_degraded(rig: Rig) -> bool:
    health = await rig.get("/health")
    problems = {row["subject"]: row["problem"] for row in health["problems"]}
    return health["status"] == "degraded" and "SIGKILL" in problems.get("processes", "")


def _says(rig: Rig, words: str) -> bool:
    return words in rig.service.log.read_text()


async def _team(rig: Rig) -> str:
    """Return the team of a new incident, from a connection of its own."""
    sender = Senders(rig.url, 1)
    sender.start()
    await until(lambda: sender.accepted, PATIENCE_S, "it is accepted")
    await sender.stop()
    incident = await rig.get(f"/v1/incidents/{next(iter(sender.accepted.values()))}")
    return str(incident["team"])
