"""PagerDuty, paged through the whole service: one page, acknowledged, resolved, whatever fails."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.notification import alert
from tests.support.waiting import until

SETTLE = 6
CONFIRM = 61


@pytest.fixture
async def paging(tmp_path: Path, fakes: Any) -> AsyncIterator[App]:
    """PagerDuty alone is configured."""
    app = App(tmp_path, *fakes)
    await app.start(**{"slack.token": None, "slack.channel": None})
    yield app
    await app.stop()


def _move(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


async def test_one_page_acknowledged_and_resolved(paging: App) -> None:
    name = await paging.fire(alert(annotations={"runbook_url": "https://wiki.example/x"}))
    incidents = paging.pagerduty.incidents
    await until(lambda: incidents)
    page = incidents[0]
    assert page.summary.startswith("[P1] HighErrorRate")
    assert page.severity == "critical"
    assert page.custom_details["priority"] == "P1"
    hrefs = [link["href"] for link in page.links]
    assert hrefs[0] == "https://wiki.example/x"
    assert any(name in href for href in hrefs)
    await paging.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    await paging.settle()
    assert page.status == "triggered", "an acknowledge must not overtake its trigger"
    _move(paging, SETTLE)
    await until(lambda: page.status == "acknowledged")
    await paging.fire(alert(resolved=True))
    _move(paging, SETTLE)
    await until(lambda: page.status == "resolved")
    _move(paging, CONFIRM)
    await until(lambda: len(paging.pagerduty.events) == 4)
    assert len(incidents) == 1
    found = await paging.incident(name)
    assert found["deliveries"][0]["state"] == "delivered"


@pytest.mark.parametrize("fault", ["429", "500", "503", "reset_before", "reset_after", "html"])
async def test_a_passing_fault_costs_no_page_and_doubles_none(paging: App, fault: str) -> None:
    paging.pagerduty.faults.add(fault, times=2)
    name = await paging.fire()

    async def delivered() -> bool:
        return bool((await paging.incident(name))["deliveries"][0]["state"] == "delivered")

    await paging.pass_until(delivered, 70)
    assert len(paging.pagerduty.incidents) == 1


async def test_a_wrong_key_moves_the_page_on_and_says_so(paging: App) -> None:
    paging.pagerduty.faults.add("error:Invalid routing key", times=None)
    name = await paging.fire()

    async def failed() -> bool:
        found = await paging.incident(name)
        return any(entry["kind"] == "undeliverable" for entry in found["timeline"])

    await until(failed)
    found = await paging.incident(name)
    assert found["deliveries"][0]["state"] == "failed"
    assert found["deliveries"][0]["last_error"]
    assert await paging.metric('incident_undeliverable_total{priority="P1"}') == 1


async def test_reopened_means_a_new_pagerduty_incident(paging: App) -> None:
    await paging.fire()
    incidents = paging.pagerduty.incidents
    await until(lambda: len(incidents) == 1)
    await paging.fire(alert(resolved=True))
    await paging.fire(alert(starts="2026-03-02T12:00:00Z"))
    _move(paging, SETTLE)
    await until(lambda: len(incidents) == 2)
    await until(lambda: incidents[0].status == "resolved")
    assert incidents[1].status == "triggered"
    assert incidents[0].dedup_key != incidents[1].dedup_key


async def test_a_resolve_before_the_page_went_out_pages_nobody(paging: App) -> None:
    paging.pagerduty.faults.add("503", times=1)
    name = await paging.fire()
    await until(lambda: paging.pagerduty.events)
    await paging.fire(alert(resolved=True))
    await paging.pass_time(120)
    _move(paging, 120)
    # The 503 may have been applied: it is triggered again under its key and then resolved.
    await until(lambda: all(item.status == "resolved" for item in paging.pagerduty.incidents))
    assert (await paging.incident(name))["state"] == "resolved"


async def test_a_hung_pagerduty_is_slow_and_slow_is_failed(paging: App) -> None:
    paging.pagerduty.faults.add("hang", times=None, seconds=30)
    name = await paging.fire()
    await until(lambda: paging.pagerduty.events)
    _move(paging, 61)

    async def moved_on() -> bool:
        kinds = [entry["kind"] for entry in (await paging.incident(name))["timeline"]]
        return "delivery_late" in kinds

    await until(moved_on)
    paging.pagerduty.faults.clear()
