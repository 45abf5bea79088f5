"""Prometheus -> two Alertmanagers in HA -> the service -> Slack and PagerDuty, there and back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests.support.patience import PATIENCE_S
from tests.support.rig import CHANNEL, RULE, Rig, Target, until

NAME = "system"
MTTA = (
    'incident_acknowledge_duration_seconds_count{by="human",priority="P1",severity="critical",'
    'team="",type="alert"}'
)
MTTR = (
    'incident_resolution_duration_seconds_count{by="automatic",priority="P1",severity="critical",'
    'team="",type="alert"}'
)

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Report each station of one alert's way, with the time it took."""
    with TemporaryDirectory() as folder:
        rig, target = Rig(Path(folder)), Target()
        await rig.start()
        try:
            async with target.running():
                await _travel(rig, target, report)
        finally:
            await rig.stop()


async def _travel(rig: Rig, target: Target, report: Report) -> None:
    urls = await rig.start_alertmanagers(2)
    await rig.start_prometheus(target.address, urls, RULE)
    target.value, fired = 0.12, monotonic()
    await until(lambda: rig.pagerduty.incidents, PATIENCE_S, "it pages")
    await until(lambda: rig.slack.top_level(CHANNEL), PATIENCE_S, "it posts")
    took = monotonic() - fired
    report("paged after", f"{took:.1f} s", "< 40 s", took < 40, timed=True)
    # The second Alertmanager waits 15 s before it sends what the first one did not.
    await asyncio.sleep(35)
    incidents = await rig.incidents()
    pages = (len(rig.pagerduty.incidents), len(rig.slack.top_level(CHANNEL)))
    report("incidents of two Alertmanagers", str(len(incidents)), "= 1", len(incidents) == 1)
    report("PagerDuty, Slack pages", f"{pages[0]}, {pages[1]}", "= 1, 1", pages == (1, 1))
    page, message = rig.pagerduty.incidents[0], rig.slack.top_level(CHANNEL)[0]
    status = await rig.click("acknowledge", "U42")
    report("click answered", str(status), "200", status == 200)
    await until(lambda: page.status == "acknowledged", PATIENCE_S, "PagerDuty is acknowledged")
    await until(lambda: "ACKNOWLEDGED" in str(message.blocks), PATIENCE_S, "it says so")
    report("PagerDuty, Slack", f"{page.status}, updated", "acknowledged, updated", True)
    count = await rig.metric(MTTA)
    report("MTTA observations", f"{count:.0f}", "= 1", count == 1)
    target.value, calm = 0.0, monotonic()
    await until(lambda: page.status == "resolved", 2 * PATIENCE_S, "PagerDuty is resolved")
    await until(lambda: "RESOLVED" in str(message.blocks), PATIENCE_S, "it is over")
    state = (await rig.incidents())[0]["state"]
    took = monotonic() - calm
    report("state here", state, "resolved", state == "resolved")
    report("resolved everywhere after", f"{took:.1f} s", "< 90 s", took < 90, timed=True)
    count = await rig.metric(MTTR)
    report("MTTR observations", f"{count:.0f}", "= 1", count == 1)
