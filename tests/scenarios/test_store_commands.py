"""``incident-manager store``: what is stored is checked, mended, backed up and restored."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.store.embedded.append_only import FOLDER
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.waiting import until

COMMANDS = "appendonly.aof.1.incr.aof"


async def store(path: Path, *words: str) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, ["store", *words, "--storage.path", str(path)])

    return await asyncio.to_thread(call)


async def _repaired(app: App) -> list[str]:
    _, health = await app.get("/health")
    return [item["problem"] for item in health["problems"] if item["subject"] == "repaired"]


async def test_a_power_cut_is_mended_said_and_acknowledged(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], monkeypatch: Any
) -> None:
    monkeypatch.setattr("receiver.app.service.REPAIRS_EVERY_S", 0.05)
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    name = await app.fire()
    assert await _repaired(app) == []
    await app.stop()
    with (tmp_path / "valkey" / FOLDER / COMMANDS).open("ab") as file:
        file.write(bytes(4096))

    await app.start(**NO_ACCOUNTS)
    try:
        assert (await app.incident(name))["state"] == "triggered"
        (words,) = await until(lambda: _repaired(app))
        assert "4,096 zero bytes" in words
        assert await app.metric('incident_manager_condition{subject="repaired"}') == 1
        done = await store(tmp_path, "repair", "--acknowledge")
        assert (done.exit_code, done.output) == (0, "acknowledged\n")

        async def over() -> bool:
            return not await _repaired(app)

        await until(over)
        again = await store(tmp_path, "repair", "--acknowledge")
        assert "nothing was mended" in again.output
    finally:
        await app.stop()


async def test_damage_is_refused_and_repaired_on_request(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    first, second = await app.fire(group="g1"), await app.fire(group="g2")
    await app.stop()
    file = tmp_path / "valkey" / FOLDER / COMMANDS
    content = file.read_bytes()
    at = content.index(b"$3\r\nSET", content.index(first.encode()) - 100)
    damaged = content[:at] + b"\0\0\0\0" + content[at + 4 :]
    file.write_bytes(damaged)

    serve = [sys.executable, "-m", "receiver", "serve", "--storage.path", str(tmp_path)]
    refused = await asyncio.to_thread(
        subprocess.run, serve, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert f"incident-manager store repair --storage.path {tmp_path}" in refused.stderr
    assert "Traceback" not in refused.stderr

    shown = await store(tmp_path, "repair")
    assert shown.exit_code == 1
    assert "--skip loses" in shown.output
    assert second in shown.output.partition("--truncate loses")[2]
    assert file.read_bytes() == damaged
    not_so = await store(tmp_path, "repair", "--yes")
    assert not_so.exit_code == 2
    assert file.read_bytes() == damaged
    done = await store(tmp_path, "repair", "--skip", "--yes")
    assert done.exit_code == 0, done.output
    assert "left out what cannot be read" in done.output

    await app.start(**NO_ACCOUNTS)
    try:
        assert (await app.incident(second))["state"] == "triggered"
    finally:
        await app.stop()


async def test_files_that_are_in_use_are_left_alone(plain: App) -> None:
    """A service whose server is down holds its files: nobody repairs them under it."""
    embedded = plain.service.embedded
    assert embedded is not None
    original = embedded.socket_path
    try:
        Path(original).rename(f"{original}.away")
        result = await store(plain.path, "repair", "--yes")
        assert result.exit_code == 2
        assert "is in use by an incident-manager" in result.output
    finally:
        Path(f"{original}.away").rename(original)
