"""What was started is stopped, in the order that loses nothing, whatever fails on the way."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from receiver.app.service import Service
from receiver.settings.load import load_settings


def _service(path: Path) -> Service:
    found = {"web.listen_address": "127.0.0.1:0", "web.metrics_address": "127.0.0.1:0"}
    return Service(load_settings(None, {}, found | {"storage.path": str(path)}))


def _watch(service: Service, monkeypatch: pytest.MonkeyPatch, fails: str = "") -> list[str]:
    """Note which part is stopped when; ``fails``: the one that raises."""
    stopped: list[str] = []
    plain = service.life.on_stop

    def on_stop(name: str, stop: Any) -> None:
        async def noted() -> None:
            stopped.append(name)
            await stop()
            if name == fails:
                raise RuntimeError("it will not")

        plain(name, noted)

    monkeypatch.setattr(service.life, "on_stop", on_stop)
    return stopped


async def test_what_comes_in_stops_first_and_the_store_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = _service(tmp_path)
    stopped = _watch(service, monkeypatch)
    await service.start()
    await service.stop()
    assert [name for name in stopped if not name.startswith("notifier ")] == [
        "outgoing heartbeat",
        "open lists",
        "ports",
        "logins",
        "agenda",
        "status page",
        "pagerduty",
        "dispatcher",
        "slack",
        "alertmanagers",
        "the list of silences",
        "silences",
        "what was replaced",
        "enrichment",
        "work beside",
        "health",
        "the other processes",
        "the audit trail",
        "redis",
        "the embedded server's watch",
        "the embedded server",
    ]
    # A second stop has nothing left to do.
    await service.stop()
    assert stopped.count("redis") == 1


@pytest.mark.parametrize("fails", ["agenda", "dispatcher", "redis"])
async def test_a_part_that_does_not_stop_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    service = _service(tmp_path)
    stopped = _watch(service, monkeypatch, fails)
    await service.start()
    with caplog.at_level(logging.ERROR):
        await service.stop()
    assert stopped[-1] == "the embedded server"
    assert f"{fails} did not stop as it should" in caplog.text
    # Nothing holds the folder any more.
    again = _service(tmp_path)
    await again.start()
    await again.stop()


@pytest.mark.parametrize(
    ("step", "least"),
    [
        ("timekeeper.start", "redis"),
        ("heartbeats.expect", "dispatcher"),
        ("ports.open", "agenda"),
    ],
)
async def test_a_start_that_fails_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, least: str
) -> None:
    service = _service(tmp_path)
    stopped = _watch(service, monkeypatch)
    build = service._build

    async def fail() -> None:
        raise RuntimeError("not today")

    def built() -> None:
        build()
        part, _, method = step.rpartition(".")
        monkeypatch.setattr(getattr(service, part) if part else service, method, fail)

    monkeypatch.setattr(service, "_build", built)
    before = asyncio.all_tasks()
    with pytest.raises(RuntimeError, match="not today"):
        await service.start()
    assert least in stopped
    assert stopped[-1] == "the embedded server"
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before
