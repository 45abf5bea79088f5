"""kill -9 right after N acknowledged webhooks: nothing is missing, nobody is paged twice.

Once the service alone is killed (its Valkey lives on and is adopted), once both, each time in the
middle of a storm: only webhooks answered 2xx count as accepted, and all of those must be there.
What /metrics counts is what there is, too: it is counted where the incidents are.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import ClientError

from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import CHANNEL, Rig, until

NAME = "kill"
STORM = 300
DELIVERED_WITHIN_S = 120

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Run both rounds on fresh data."""
    for victims in ("service", "service and Valkey"):
        with TemporaryDirectory() as folder:
            rig = Rig(Path(folder))
            await rig.start()
            try:
                await _round(rig, victims, report)
            finally:
                await rig.stop()


async def _round(rig: Rig, victims: str, report: Report) -> None:
    valkey = rig.valkey_pid()
    accepted: list[str] = []
    storm = [asyncio.create_task(_send(rig, number, accepted)) for number in range(STORM)]
    await until(lambda: len(accepted) >= STORM // 2, PATIENCE_S, "half of the storm is accepted")
    await rig.service.end(signal.SIGKILL)
    if victims != "service":
        os.kill(valkey, signal.SIGKILL)
    await asyncio.gather(*storm)
    await rig.start_service()
    kept = rig.valkey_pid() == valkey
    report(f"{victims}: Valkey", "adopted" if kept else "new", *_expected(victims, kept=kept))
    found = {item["id"] for item in await rig.incidents()}
    missing = [name for name in accepted if name not in found]
    report(f"{victims}: accepted, missing", f"{len(accepted)}, {len(missing)}", "0", not missing)
    counted = await _counted(rig)
    report(
        f"{victims}: incidents_total, incidents",
        f"{counted:.0f}, {len(found)}",
        "the same",
        counted == len(found),
    )
    await until(lambda: _all_delivered(rig), DELIVERED_WITHIN_S, "everything is delivered")
    await asyncio.sleep(2)
    posts = _per_incident(rig.slack)
    keys = [item.dedup_key for item in rig.pagerduty.incidents]
    doubles = sum(number - 1 for number in posts.values()) + len(keys) - len(set(keys))
    silent = [name for name in found if name not in posts or f"{name}:0" not in keys]
    report(
        f"{victims}: never paged, twice",
        f"{len(silent)}, {doubles}",
        "0, 0",
        not silent and not doubles,
    )


async def _counted(rig: Rig) -> float:
    """Return the sum of ``incidents_total`` on the page of the process that came after the kill."""
    async with rig.session.get(f"http://127.0.0.1:{rig.metrics_port}/metrics") as answer:
        rows = (await answer.text()).splitlines()
    return sum(float(row.rpartition(" ")[2]) for row in rows if row.startswith("incidents_total{"))


def _expected(victims: str, *, kept: bool) -> tuple[str, bool]:
    return ("adopted", kept) if victims == "service" else ("new", not kept)


async def _send(rig: Rig, number: int, accepted: list[str]) -> None:
    body = notification(alert(f"Storm{number}"), group=f"storm-{number}")
    # Spread over some time, so that the kill falls into the middle of it.
    await asyncio.sleep(number / STORM)
    try:
        status, answer = await rig.post(body)
    except (ClientError, OSError, ValueError):
        return
    if status == 202:
        accepted.extend(answer["incidents"])


async def _all_delivered(rig: Rig) -> bool:
    waiting = await rig.metric('incident_manager_agenda_entries{lane="urgent"}')
    # Four timers an incident stay: two deadlines, the delivery check, and the look for news.
    return waiting <= 4 * len(await rig.incidents()) and _settled(rig)


def _settled(rig: Rig) -> bool:
    return len(rig.slack.top_level(CHANNEL)) >= len({i.dedup_key for i in rig.pagerduty.incidents})


def _per_incident(slack: FakeSlack) -> dict[str, int]:
    counts: dict[str, int] = {}
    for message in slack.top_level(CHANNEL):
        name = str((message.metadata or {})["event_payload"]["incident"])
        counts[name] = counts.get(name, 0) + 1
    return counts
