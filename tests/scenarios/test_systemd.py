"""systemd holds the port and is told how the service is, of one process and of several."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.processes import Senders, children, kill
from tests.support.rig import Rig, until
from tests.support.systemd import Notified, handing_over, listening

MANY = pytest.mark.parametrize("processes", [1, 2])


async def started(rig: Rig, processes: int, **env: str) -> None:
    file = rig.folder / "im.yml"
    file.write_text("route: {team: day}\n")
    flags = (f"--config.file={file}", f"--processes={processes}")
    await rig.start("receiver", *flags, **env)


async def _serve(rig: Rig, processes: int) -> bool:
    return await rig.metric('incident_manager_processes{state="running"}') == processes


def _said(rig: Rig, words: str) -> bool:
    return words in rig.service.log.read_text()


@MANY
async def test_it_is_told_of_start_reload_end_and_of_a_loop_that_goes_on(
    tmp_path: Path, processes: int
) -> None:
    rig = Rig(tmp_path)
    with Notified(tmp_path, abstract=processes == 2) as told:
        try:
            env = {"NOTIFY_SOCKET": told.address, "WATCHDOG_USEC": "400000"}
            await started(rig, processes, **env)
            await until(lambda: "READY=1" in told.heard, PATIENCE_S, "it is ready")
            assert told.heard.index("READY=1") == 0, "before that nothing is said"
            assert told.heard.count("READY=1") == 1, "by one process, for all"
            began = told.heard.count("WATCHDOG=1")
            await until(lambda: told.heard.count("WATCHDOG=1") > began + 4, 10, "it is well")
            number, at = len(told.heard), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
            rig.service.process.send_signal(signal.SIGHUP)
            await until(lambda: "READY=1" in told.since(number), PATIENCE_S, "it was reloaded")
            lines = [one for one in told.since(number) if one != "WATCHDOG=1"]
            assert lines[0] == "RELOADING=1"
            assert lines[1].startswith("MONOTONIC_USEC=")
            assert at <= int(lines[1].partition("=")[2]) <= at + 60_000_000
            assert lines[-2:] == ["READY=1", "STATUS="]
            (tmp_path / "im.yml").write_text("route: {team: [}\n")
            number = len(told.heard)
            rig.service.process.send_signal(signal.SIGHUP)
            await until(lambda: "READY=1" in told.since(number), PATIENCE_S, "it goes on")
            assert any("was not taken" in one for one in told.since(number))
            number = len(told.heard)
            await rig.service.end()
            assert "STOPPING=1" in told.since(number)
            assert "READY=1" not in told.since(number)
        finally:
            await rig.stop()


@MANY
async def test_a_restart_refuses_no_connection(tmp_path: Path, processes: int) -> None:
    rig = Rig(tmp_path)
    with listening(rig.port) as api, listening(rig.metrics_port) as metrics:
        rig.within = handing_over("metrics:api", metrics, api)
        rig.given = (metrics.fileno(), api.fileno())
        senders = Senders(rig.url)
        try:
            await started(rig, processes)
            senders.start()
            await until(lambda: len(senders.accepted) > 20, PATIENCE_S, "webhooks are accepted")
            for _ in range(2):
                number = len(senders.accepted)
                await rig.service.end()
                await asyncio.sleep(0.3)
                await rig.start_service()
                await until(lambda: len(senders.accepted) > number + 20, 30, "they go on")  # noqa: B023 - awaited here
            stopped = dict(senders.tries)
            for pid in children(rig):
                kill(pid)
            await rig.service.end(signal.SIGKILL)
            await rig.start_service()
            number = len(senders.accepted)
            await until(lambda: len(senders.accepted) > number + 20, PATIENCE_S, "they go on")
            await until(lambda: _serve(rig, processes), PATIENCE_S, "all processes answer")
        finally:
            await senders.stop()
            await rig.stop()
        assert senders.tries["refused"] == 0
        assert set(senders.tries) <= {"202", "lost", "refused"}
        assert stopped.get("lost", 0) <= 4, "what idle connections had under way when they ended"


async def test_a_restart_without_it_does(tmp_path: Path) -> None:
    """What the test before is about: without the socket connections are refused."""
    rig = Rig(tmp_path)
    senders = Senders(rig.url)
    try:
        await started(rig, 1)
        senders.start()
        await until(lambda: len(senders.accepted) > 20, PATIENCE_S, "webhooks are accepted")
        await rig.service.end()
        await rig.start_service()
    finally:
        await senders.stop()
        await rig.stop()
    assert senders.tries["refused"] > 0


@MANY
async def test_a_socket_that_listens_elsewhere_is_refused(tmp_path: Path, processes: int) -> None:
    rig = Rig(tmp_path)
    with listening(0) as other:
        rig.within, rig.given = handing_over("api", other), (other.fileno(),)
        try:
            with pytest.raises(AssertionError, match="it ended"):
                await started(rig, processes)
            where = f"listens on 127.0.0.1:{other.getsockname()[1]}, and web.listen_address says"
            assert _said(rig, where)
            assert _said(rig, "write the same into both")
        finally:
            await rig.stop()
