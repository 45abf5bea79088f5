"""Every panel about this service returns data from a running service under traffic."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.systems.fast import fast_rules
from dashboards.__main__ import BOARDS
from systems.model import load_all
from tests.rig import CHANNEL, Rig, free_port, start_prometheus, until
from tests.scenarios.conftest import alert, notification

NAME = "dashboards"
OWN = "incident-manager"
TRAFFIC_S = 20

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report, for each of our dashboards, how many of its panels have data."""
    with TemporaryDirectory() as name:
        rig = Rig(Path(name))
        # Series of a language model are there as soon as one is configured.
        await rig.start(
            LLM_IM__ENRICHMENT__SUMMARY__URL=f"http://127.0.0.1:{free_port()}/v1",
            LLM_IM__ENRICHMENT__SUMMARY__MODEL="small",
        )
        try:
            url = await _prometheus(rig)
            # What happened before the first scrape is no increase.
            await until(lambda: _has_data(rig, url, "up == 1"), 30, "Prometheus scrapes")
            # One failure of a notifier, so that its panel has something to show.
            rig.slack.faults.add("500", times=2, method="chat.postMessage")
            await _traffic(rig)
            for board in (board for board in BOARDS if board.system == OWN):
                # Of a page about all systems, what this one has to tell.
                own = [row for row in board.expressions() if f'job="{board.job}"' in row[1]]
                empty = [title for title, query in own if not await _has_data(rig, url, query)]
                total = len(own)
                found = f"{total - len(empty)} of {total}"
                report(board.title, found, "all", not empty)
                if empty:
                    print(f"  empty: {', '.join(empty)}")
        finally:
            await rig.stop()


async def _traffic(rig: Rig) -> None:
    """Open, acknowledge, escalate, resolve and reopen; send junk, too."""
    for second in range(TRAFFIC_S):
        name = f"Traffic{second % 6}"
        severity = ("critical", "warning")[second % 2]
        labels = {"severity": severity, "system": OWN}
        _, answer = await rig.post(notification(alert(name, labels=labels), group=name))
        for incident in answer["incidents"]:
            await rig.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
            await rig.post({"by": "Ann"}, f"/v1/incidents/{incident}/escalate")
            if second % 3 == 2:
                await rig.post({"by": "Ann"}, f"/v1/incidents/{incident}/resolve")
        await rig.post({"nothing": "of ours"})
        answer_of = {"helped": ("yes", "no")[second % 2]}
        book = f"{rig.url}/runbooks/incident-manager/SampleAlert"
        async with rig.session.post(book, data=answer_of) as answered:
            assert answered.status == 200
        shown = rig.slack.top_level(CHANNEL)
        if shown and "acknowledge" in shown[-1].buttons():
            await rig.click("acknowledge")
        await asyncio.sleep(1)


async def _prometheus(rig: Rig) -> str:
    (system,) = [system for system in load_all() if system.system == OWN]
    (rig.folder / "rules.yml").write_text(fast_rules(system))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": system.job,
                "static_configs": [{"targets": [f"127.0.0.1:{rig.metrics_port}"]}],
            }
        ],
    }
    program, url = await start_prometheus(rig.folder, config)
    rig.programs.append(program)
    return url


async def _has_data(rig: Rig, url: str, expression: str) -> bool:
    """Return whether a query has a value that is a number."""
    async with rig.session.get(f"{url}/api/v1/query", params={"query": expression}) as answer:
        body: Any = await answer.json()
    return any(one["value"][1] != "NaN" for one in body["data"]["result"])
