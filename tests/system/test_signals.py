"""Milder and more urgent alerts of one signal: real Alertmanager with the file we ship, and us."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.real_alertmanager import moment
from tests.support.rig import Program, Rig, free_port, until
from tests.support.tools import require_tool

LAG = {
    "system": "auto-optimizer",
    "signal": "kafka-lag",
    "job": "llm-optimizer",
    "topic": "feedback-events",
    "consumer_group": "llm-optimizer-consumer",
}
MILD = LAG | {"alertname": "KafkaConsumerLag", "severity": "warning"}
URGENT = LAG | {"alertname": "KafkaConsumerLagCritical", "severity": "critical"}


class World:
    """The service and one Alertmanager that sends to it a second after anything changes."""

    def __init__(self, rig: Rig, url: str) -> None:
        self.rig = rig
        self.url = url

    async def send(self, *alerts: dict[str, str], ends: float | None = None) -> None:
        """``ends``: in how many seconds they end; None: they fire on."""
        end = {} if ends is None else {"endsAt": moment(ends)}
        body = [{"labels": labels, **end} for labels in alerts]
        async with self.rig.session.post(f"{self.url}/api/v2/alerts", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def inhibited(self) -> set[tuple[str, str]]:
        """Return the alertname and topic of what is inhibited."""
        async with self.rig.session.get(f"{self.url}/api/v2/alerts") as answer:
            alerts = await answer.json()
        return {
            (one["labels"]["alertname"], one["labels"].get("topic", ""))
            for one in alerts
            if one["status"]["inhibitedBy"]
        }

    async def incident(self, state: str, priority: str) -> dict[str, Any]:
        """Return the one incident there is, once it has this state and priority."""

        async def there() -> dict[str, Any] | None:
            # One that ends while the pages are read is on two of them.
            found = list({one["id"]: one for one in await self.rig.incidents()}.values())
            assert len(found) <= 1, found
            fits = found and (found[0]["state"], found[0]["priority"]) == (state, priority)
            return found[0] if fits else None

        return dict(await until(there, PATIENCE_S, f"one incident, {state}, {priority}"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    rig = Rig(tmp_path)
    # Within seconds it changes as often as it would in hours.
    await rig.start(LLM_IM__INCIDENTS__FLAPPING__CHANGES="0")
    text = (ROOT / "alertmanager.yml").read_text().replace("127.0.0.1:8080", rig.url[7:])
    file = tmp_path / "alertmanager.yml"
    file.write_text(re.sub(r"group_(wait|interval): 10s", r"group_\1: 1s", text))
    url = f"http://127.0.0.1:{free_port()}"
    program = Program(
        "alertmanager",
        require_tool("prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address={url[7:]}",
        "--cluster.listen-address=",
        folder=tmp_path,
    )
    await program.start()
    rig.programs.append(program)
    try:
        await until(lambda: rig.answers(f"{url}/-/ready"), PATIENCE_S, "Alertmanager is ready")
        yield World(rig, url)
    finally:
        await rig.stop()


async def test_one_signal_is_one_incident_whose_priority_rises_and_falls(world: World) -> None:
    await world.send(MILD)
    first = await world.incident("triggered", "P3")
    await world.send(URGENT)
    raised = await world.incident("triggered", "P1")
    assert raised["id"] == first["id"]
    assert await world.inhibited() == {("KafkaConsumerLag", "feedback-events")}
    # It gets better: the milder one still fires, and is heard of again.
    await world.send(URGENT, ends=0)
    fallen = await world.incident("triggered", "P3")
    assert fallen["id"] == first["id"]
    assert await world.inhibited() == set()
    # Worse again, then all is well at once: nothing is left that nobody resolves.
    await world.send(URGENT)
    await world.incident("triggered", "P1")
    await world.send(URGENT, MILD, ends=0)
    over = await world.incident("resolved", "P1")
    assert over["id"] == first["id"]
    over = await world.rig.get(f"/v1/incidents/{over['id']}")
    assert {one["status"] for one in over["alerts"]} == {"resolved"}
    kinds = [one["kind"] for one in over["timeline"]]
    assert kinds.count("priority_raised") == 2
    # A page each time it rose, and none for the milder alert.
    triggers = [one for one in world.rig.pagerduty.events if one.method == "trigger"]
    assert len({one.args["dedup_key"] for one in triggers}) == 2


async def test_only_the_same_thing_is_quieted(world: World) -> None:
    elsewhere = MILD | {"topic": "results"}
    nowhere = {name: value for name, value in MILD.items() if name != "topic"}
    await world.send(MILD, elsewhere, nowhere, URGENT)
    await world.incident("triggered", "P1")
    assert await world.inhibited() == {("KafkaConsumerLag", "feedback-events")}
    # A source without the label quiets nothing, not even what has none either.
    bare = {name: value for name, value in URGENT.items() if name != "topic"}
    await world.send(URGENT, ends=0)
    await world.send(bare)
    await until(
        lambda: _nothing(world), PATIENCE_S, "nothing is inhibited by an alert without a topic"
    )


async def _nothing(world: World) -> bool:
    return not await world.inhibited()
