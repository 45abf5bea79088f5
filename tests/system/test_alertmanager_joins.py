"""What the real Alertmanager makes of a pair of Prometheis, and what we make of that."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.real_alertmanager import Real, moment
from tests.support.rig import Rig, until

LABELS = {"alertname": "Joined", "severity": "critical"}


@pytest.fixture
async def pair(rig: Rig, tmp_path: Path) -> AsyncIterator[Real]:
    """An Alertmanager that tells the service of a change after a second or two."""
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    running = Real(folder)
    (folder / "config.yml").write_text(
        "route: {receiver: ours, group_by: [alertname], group_wait: 1s, group_interval: 1s}\n"
        "receivers: [{name: ours, webhook_configs: [{send_resolved: true,"
        f" url: '{rig.url}/v1/alerts/webhook'}}]}}]\n"
    )
    await running.start()
    yield running
    await running.stop()


async def test_the_half_that_saw_it_first_reports_it_last_and_it_ends(rig: Rig, pair: Real) -> None:
    first, second, later = moment(-45), moment(-15), moment(240)

    async def report(starts: str, ends: str) -> None:
        body = {"labels": LABELS, "annotations": {"summary": "x"}, "startsAt": starts}
        await pair.post("alerts", [body | {"endsAt": ends}])

    async def is_in(state: str) -> Any:
        found = await rig.incidents()
        return found and found[0]["state"] == state and found[0]

    await report(second, later)
    await until(lambda: is_in("triggered"), PATIENCE_S, "it is told")
    await report(first, later)
    end = moment(0)
    await report(second, end)
    await report(first, end)
    incident = await until(lambda: is_in("resolved"), PATIENCE_S, "it is over")
    (alert,) = (await rig.get(f"/v1/incidents/{incident['id']}"))["alerts"]
    assert alert["status"] == "resolved"
    assert len(await rig.incidents()) == 1
