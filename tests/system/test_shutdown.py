"""SIGTERM: not ready first, then what comes is still served, then everything is closed."""

import asyncio
import signal
import time
from pathlib import Path

from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until


async def test_load_balancers_learn_of_the_end_before_it_comes(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.start(LLM_IM__WEB__SHUTDOWN_DELAY="15s")
    try:
        assert rig.service.process is not None
        began = time.monotonic()
        rig.service.process.send_signal(signal.SIGTERM)
        await until(lambda: _unready(rig), PATIENCE_S, "unready at once")
        answered = []
        while time.monotonic() - began < 10:
            name = f"A{len(answered)}"
            answered.append((await rig.post(notification(alert(name), group=name)))[0])
            await asyncio.sleep(0.05)
        assert len(answered) > 5
        assert set(answered) == {202}
        assert await asyncio.wait_for(rig.service.process.wait(), PATIENCE_S) == 0
        assert time.monotonic() - began >= 15
        # And what was served at the end was kept.
        await rig.start_service()
        assert len(await rig.incidents()) == len(answered)
        # A second signal does not wait.
        began = time.monotonic()
        rig.service.process.send_signal(signal.SIGTERM)
        await until(lambda: _unready(rig), PATIENCE_S, "unready at once")
        rig.service.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(rig.service.process.wait(), PATIENCE_S)
        assert time.monotonic() - began < 12
    finally:
        await rig.stop()


async def _unready(rig: Rig) -> bool:
    return not await rig.ready()


async def test_a_hangup_reads_the_configuration_anew_and_ends_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    file = tmp_path / "im.yml"
    file.write_text("route: {team: day}\n")
    await rig.start("receiver", f"--config.file={file}")
    try:
        assert rig.service.process is not None
        for words, team in (("route: {team: night}\n", "night"), ("rout: {}\n", "night")):
            file.write_text(words)
            rig.service.process.send_signal(signal.SIGHUP)
            taken = "read anew" if "route" in words else "configuration not taken"
            await until(lambda taken=taken: _says(rig, taken), PATIENCE_S, taken)
            _, answer = await rig.post(notification(alert(words), group=words))
            shown = await rig.get(f"/v1/incidents/{answer['incidents'][0]}")
            assert shown["team"] == team
        assert rig.service.process.returncode is None
    finally:
        await rig.stop()


async def _says(rig: Rig, words: str) -> bool:
    return words in rig.service.log.read_text()
