"""The daily checks against a running service, a real Prometheus that scrapes it, and a real
Alertmanager with the file we ship."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.systems.fast import fast_rules
from systems.model import load_all
from tests.support.commands import command
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, start_prometheus, until

ENRICHMENT = "incident_manager_enrichment_cache_hit_rate"
OWN = "incident-manager"


async def checks(*words: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    """Run a command with JSON; return its exit code and the checks by area and name."""
    code, out, error = await command(*words, "-o", "json")
    assert out, error
    return code, {(one["area"], one["name"]): one for one in json.loads(out)["checks"]}


class World:
    """A running service, the Prometheus that scrapes it, the Alertmanager that sends to it."""

    def __init__(self, rig: Rig, prometheus: str, alertmanager: str) -> None:
        self.rig = rig
        self.prometheus = prometheus
        self.alertmanager = alertmanager

    @property
    def asked(self) -> tuple[str, ...]:
        return (
            *("--url", self.rig.url, "--prometheus-url", self.prometheus),
            *("--alertmanager-url", self.alertmanager),
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    rig = Rig(tmp_path)
    await rig.start()
    try:
        (alertmanager,) = await rig.start_alertmanagers(1)
        files = []
        for system in load_all():
            file = tmp_path / f"{system.system}.yml"
            file.write_text(fast_rules(system))
            files.append(file.name)
        job = next(system.job for system in load_all() if system.system == OWN)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": files,
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager[7:]]}]}]},
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [{"targets": [f"127.0.0.1:{rig.metrics_port}"]}],
                },
                {"job_name": "async-toolformer", "static_configs": [{"targets": ["127.0.0.1:9"]}]},
            ],
        }
        program, prometheus = await start_prometheus(tmp_path, config)
        rig.programs.append(program)
        yield World(rig, prometheus, alertmanager)
    finally:
        await rig.stop()


async def test_everything_is_looked_at_and_every_trouble_is_named(world: World) -> None:
    rig = world.rig
    for number in range(3):
        await rig.post(notification(alert(f"Traffic{number}"), group=f"{number}"))
        await asyncio.sleep(1)

    async def fires() -> bool:
        _, found = await checks("health-check", *world.asked)
        firing = found.get(("system orchestrator", "alerts"), {}).get("found", "")
        return "ServiceDown (critical)" in firing and (f"system {OWN}", "figures") in found

    await until(fires, PATIENCE_S, "ServiceDown of the orchestrator fires")
    code, found = await checks("health-check", *world.asked)
    assert code == 2
    own = f"system {OWN}"
    assert found["Prometheus", "prometheus"]["found"] == "2 targets"
    assert found["Prometheus", "sends to"]["state"] == "ok"
    assert found["Prometheus", "rules"]["state"] == "ok", found["Prometheus", "rules"]
    assert found[own, "targets"]["found"] == "1 of 1 up"
    assert "http requests" in found[own, "figures"]["found"]
    assert found["system orchestrator", "targets"]["state"] == "failed"
    assert found["system orchestrator", "figures"]["state"] == "unknown"
    assert found["system config-manager", "targets"]["state"] == "skipped"
    alertmanager = f"Alertmanager {world.alertmanager}"
    assert found[alertmanager, "routes"]["state"] == "ok"
    assert found[alertmanager, "webhook"]["state"] == "ok"
    code, out, error = await command("health-check", *world.asked)
    assert code == 2
    assert error == ""
    assert max(len(line) for line in out.splitlines()) <= 100


async def test_every_promised_metric_arrives_in_prometheus(world: World) -> None:
    await world.rig.post(notification(alert()))
    asked = world.asked[:4]

    async def arrived() -> bool:
        code, _ = await checks("validate-metrics", *asked)
        return code < 2

    await until(arrived, PATIENCE_S, "Prometheus has every metric")
    _, found = await checks("validate-metrics", *asked)
    assert found["arrives", "arrives"]["state"] == "ok"
    assert found["Prometheus", "target"]["state"] == "ok"
    assert {name for (_, name), one in found.items() if one["state"] != "ok"} <= {ENRICHMENT}
    await world.rig.service.end()
    code, found = await checks("validate-metrics", *asked)
    assert code == 2
    assert "is it running?" in found["promised", "metrics"]["found"]


async def test_a_prometheus_that_does_not_know_this_service_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.start()
    try:
        program, url = await start_prometheus(tmp_path, {"scrape_configs": []})
        rig.programs.append(program)
        asked = ("--url", rig.url, "--prometheus-url", url)
        code, found = await checks("health-check", *asked)
        assert code == 1
        assert found["Prometheus", "rules"]["found"].startswith("not loaded: incident-manager")
        assert found["Prometheus", "sends to"]["state"] == "warning"
        assert found[f"system {OWN}", "targets"]["state"] == "warning"
        code, found = await checks("validate-metrics", *asked)
        assert code == 2
        assert found["Prometheus", "target"]["found"].startswith("it has no target of job")
    finally:
        await rig.stop()


async def test_an_alertmanager_that_sends_elsewhere_is_a_failure(world: World) -> None:
    file = world.rig.folder / "alertmanager.yml"
    file.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    async with world.rig.session.post(f"{world.alertmanager}/-/reload") as answer:
        assert answer.status == 200
    code, found = await checks("health-check", *world.asked)
    assert code == 2
    routes = found[f"Alertmanager {world.alertmanager}", "routes"]
    assert routes["state"] == "failed"
    assert "no receiver has a webhook" in routes["found"]
