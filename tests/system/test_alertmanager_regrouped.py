"""A real Alertmanager whose grouping is changed while something fires."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.real_alertmanager import Real
from tests.support.rig import Rig, until

CONFIG = """
route: {{receiver: im, group_by: [{by}], group_wait: 1s, group_interval: 1s, repeat_interval: 2s}}
receivers:
  - name: im
    webhook_configs: [{{url: '{url}/v1/alerts/webhook', send_resolved: true}}]
"""


@pytest.fixture(params=["asked", "not asked"])
async def rig(tmp_path: Path, real: Real, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    running = Rig(tmp_path)
    asked = {"LLM_IM__ALERTMANAGERS": f"[{{urls: ['{real.url}']}}]"}
    more = asked if request.param == "asked" else {}
    await running.start(LLM_IM__INCIDENTS__STALE_AFTER="8s", **more)
    yield running
    await running.stop()


async def regroup(real: Real, rig: Rig, by: str) -> None:
    real.config.write_text(CONFIG.format(by=by, url=rig.url))
    async with real.session.post(f"{real.url}/-/reload") as answer:
        assert answer.status == 200, await answer.text()


async def test_the_incidents_of_the_old_groups_end_when_the_new_one_has_their_alerts(
    real: Real, rig: Rig
) -> None:
    await regroup(real, rig, "alertname, instance")
    labels = [{"alertname": "Down", "severity": "critical", "instance": at} for at in ("a", "b")]
    await real.fire(*labels)

    async def opened(number: int) -> Any:
        found = await rig.incidents("open")
        return found if len(found) == number else None

    old = await until(lambda: opened(2), PATIENCE_S, "an incident for each instance")
    await regroup(real, rig, "alertname")
    await until(lambda: opened(3), PATIENCE_S, "one for both")

    # Nothing is ever said of the old groups again; what fires is reported in the new one.
    (left,) = await until(lambda: opened(1), 60, "the old ones end")
    assert left["id"] not in {one["id"] for one in old}
    for one in old:
        found = await rig.get(f"/v1/incidents/{one['id']}")
        (said,) = (row["text"] for row in found["timeline"] if row["kind"] == "continued")
        assert said.startswith(f"Reported in {left['id']} now: Down")
        assert found["resolved_by"]["via"] == "automatic"
    await real.fire(*labels, ends=0)

    async def over() -> bool:
        return not await rig.incidents("open")

    await until(over, PATIENCE_S, "it ends")
