"""Every panel has data: of this service from a running one, of the other systems from a generator.

The generator serves the series that their alerts and panels are about, as the documents name them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession

from benchmarks.systems.fast import fast_query, fast_rules
from benchmarks.systems.generator import Generator
from benchmarks.systems.history import write_past
from dashboards.__main__ import BOARDS
from systems.model import Alert, System, load_all
from tests.support.notification import alert, notification
from tests.support.rig import CHANNEL, Rig, free_port, start_prometheus, until

NAME = "dashboards"
OWN = "incident-manager"
OWN_JOB = 'job="llm-incident-manager"'
TRAFFIC_S = 20
WORLD_S = 60
"""An hour of theirs."""
PAST = {
    "orchestrator": (
        (
            'http_requests_total{status="200"} 0+6000x50000',
            'http_requests_total{status="500"} 0+3x50000',
        ),
        ("system:http_requests:rate5m", "system:http_error_ratio:rate5m"),
    )
}
"""What panels that look back a month read: series, and what is recorded of them."""
MONTH = "31d"

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report, for each dashboard, how many of its panels have data."""
    await _ours(report)
    for system in load_all():
        if system.system != OWN:
            await _theirs(system, report)


async def _theirs(system: System, report: Report) -> None:
    alerts = [alert for alert in system.alerts if not _is_down(alert)]
    generator = Generator([(system, _world(system.panels)), *((system, one) for one in alerts)])
    boards = [board for board in BOARDS if board.system == system.system]
    rows = {
        board.title: [row for row in board.expressions() if OWN_JOB not in row[1]]
        for board in boards
    }
    async with _watched(system, generator) as url:
        empty = {title: await _empty(url, found) for title, found in rows.items()}
    if any(empty.values()) and system.system in PAST:
        empty = await _empty_after_a_month(system, empty)
    for title, found in rows.items():
        _say(report, title, len(found), [panel for panel, _ in empty[title]])


async def _empty_after_a_month(
    system: System, young: dict[str, list[tuple[str, str]]]
) -> dict[str, list[tuple[str, str]]]:
    """Return what is empty in a Prometheus with a month behind it, on the fast clock."""
    series, recorded = PAST[system.system]
    before = _world([*series, *_lasting(system)], " + ".join(recorded), MONTH)
    generator = Generator([(system, before)])
    async with _watched(system, generator, before) as url:
        return {
            title: [row for row in found if await _empty(url, [(row[0], fast_query(row[1]))])]
            for title, found in young.items()
        }


def _lasting(system: System) -> list[str]:
    return [line.replace("x600", "x50000") for line in system.panels if "kube_" in line]


def _world(series: list[str], expr: str = "", history: str = "") -> Alert:
    """Return series in the form of an alert that is none."""
    return Alert("World", expr, "0s", "info", "", "", [], [], [], series, series, history=history)


def _is_down(alert: Alert) -> bool:
    return any(line.partition(" ")[0].partition("{")[0] == "up" for line in alert.fires)


@contextlib.asynccontextmanager
async def _watched(
    system: System, generator: Generator, before: Alert | None = None
) -> AsyncIterator[str]:
    """Run a Prometheus with a system's rules for a while; yield its address."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with generator.running():
            if before is not None:
                await write_past(folder, generator, [(system, before)])
            (folder / "rules.yml").write_text(fast_rules(system))
            jobs = [
                {
                    "job_name": job,
                    "metrics_path": f"/{job}",
                    "static_configs": [{"targets": [generator.address]}],
                }
                for job in generator.jobs
            ]
            config = {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "scrape_configs": jobs,
            }
            program, url = await start_prometheus(folder, config)
            try:
                await asyncio.sleep(WORLD_S)
                yield url
            finally:
                await program.end()


async def _empty(url: str, rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    async with ClientSession() as session:
        return [row for row in rows if not await _has_data(session, url, row[1])]


def _say(report: Report, title: str, total: int, empty: list[str]) -> None:
    report(title, f"{total - len(empty)} of {total}", "all", not empty)
    if empty:
        print(f"  empty: {', '.join(empty)}")


async def _ours(report: Report) -> None:
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
            await until(lambda: _has_data(rig.session, url, "up == 1"), 30, "Prometheus scrapes")
            # One failure of a notifier, so that its panel has something to show.
            rig.slack.faults.add("500", times=2, method="chat.postMessage")
            await _traffic(rig)
            for board in (board for board in BOARDS if board.system == OWN):
                # Of a page about all systems, what this one has to tell.
                own = [row for row in board.expressions() if f'job="{board.job}"' in row[1]]
                empty = [panel for panel, _ in await _empty(url, own)]
                _say(report, board.title, len(own), empty)
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


async def _has_data(session: ClientSession, url: str, expression: str) -> bool:
    """Return whether a query has a value that is a number."""
    async with session.get(f"{url}/api/v1/query", params={"query": expression}) as answer:
        body: Any = await answer.json()
    return any(one["value"][1] != "NaN" for one in body["data"]["result"])
