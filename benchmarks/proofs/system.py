"""Prometheus -> two Alertmanagers in HA -> the service -> Slack and PagerDuty, there and back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests.rig import CHANNEL, RULE, Rig, Target, until

NAME = "system"
MTTA = (
    'incident_acknowledge_duration_seconds_count{by="human",priority="P1",severity="critical",'
    'team="",type="alert"}'
)
MTTR = (
    'incident_resolution_duration_seconds_count{by="automatic",priority="P1",severity="critical",'
    'team="",type="alert"}'
)

Report = Callable[[str, str, str, bool], None]


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
    await until(lambda: rig.pagerduty.incidents and rig.slack.top_level(CHANNEL), 90, "it pages")
    report("paged after", f"{monotonic() - fired:.1f} s", "< 40 s", monotonic() - fired < 40)
    # The second Alertmanager waits 15 s before it sends what the first one did not.
    await asyncio.sleep(35)
    incidents = await rig.incidents()
    pages = (len(rig.pagerduty.incidents), len(rig.slack.top_level(CHANNEL)))
    report("incidents of two Alertmanagers", str(len(incidents)), "= 1", len(incidents) == 1)
    report("PagerDuty, Slack pages", f"{pages[0]}, {pages[1]}", "= 1, 1", pages == (1, 1))
    page, message = rig.pagerduty.incidents[0], rig.slack.top_level(CHANNEL)[0]
    status = await rig.click("acknowledge", "U42")
    report("click answered", str(status), "200", status == 200)
    await until(lambda: page.status == "acknowledged", 30, "PagerDuty is acknowledged")
    await until(lambda: "ACKNOWLEDGED" in str(message.blocks), 10, "Slack's message says so")
    report("PagerDuty, Slack", f"{page.status}, updated", "acknowledged, updated", True)
    count = await rig.metric(MTTA)
    report("MTTA observations", f"{count:.0f}", "= 1", count == 1)
    target.value, calm = 0.0, monotonic()
    await until(lambda: page.status == "resolved", 120, "PagerDuty is resolved")
    await until(lambda: "RESOLVED" in str(message.blocks), 10, "Slack's message is resolved")
    state = (await rig.incidents())[0]["state"]
    report(
        "resolved everywhere after", f"{monotonic() - calm:.1f} s", "< 90 s", state == "resolved"
    )
    count = await rig.metric(MTTR)
    report("MTTR observations", f"{count:.0f}", "= 1", count == 1)
