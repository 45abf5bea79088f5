"""Four systems, a hundred alerts: real Prometheus with our rules, real Alertmanager with our file.

Each alert rises, falls, and swings: it has to arrive once, with its priority, its deadline and its
runbook, to end when its cause is over, and to stay one incident however often it comes and goes.
Those about this service itself have to go past it.
"""

import asyncio
import functools
import re
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.systems.fast import fast_rules
from benchmarks.systems.generator import Generator, longest, rounds
from benchmarks.systems.history import write_past
from routing.duration import parse_duration
from systems.model import Alert, System, load_all
from systems.table import CONFIG, Row, rows
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, PdEvent
from tests.support.places import ROOT
from tests.support.rig import Program, Rig, free_port, start_prometheus, until
from tests.support.tools import require_tool

NAME = "systems"
OWN = "incident-manager"
SPARE_S = 40.0
SWINGS, SWING_S = 3, 8.0
BEGINS = ("opened", "reopened", "priority_raised")
"""Lines of a timeline from which a clock to acknowledge counts."""

Report = Callable[[str, str, str, bool], None]
Pair = tuple[System, Alert]
Key = tuple[str, str]
"""The names of a system and of an alert."""


class Verdict(msgspec.Struct):
    """What became of an alert; ``problem`` is "" when all is as the table says."""

    row: Row
    problem: str


async def run(report: Report) -> None:
    """Report a line for each alert of the table."""
    systems = load_all()
    table = {(row.system, row.alert): row for row in rows(systems)}
    with TemporaryDirectory() as name:
        folder = Path(name)
        rig = Rig(folder)
        await rig.start("receiver", f"--config.file={CONFIG}")
        try:
            for number, members in enumerate(rounds(systems)):
                for verdict in await _round(rig, systems, members, number, table):
                    row = verdict.row
                    report(
                        f"{row.system} {row.alert}",
                        verdict.problem or f"{row.priority} {row.acknowledge}, runbook",
                        f"{row.priority} {row.acknowledge}",
                        not verdict.problem,
                    )
            await _own_death(rig, systems, report)
        finally:
            await rig.stop()


async def _round(
    rig: Rig, systems: list[System], members: list[Pair], number: int, table: dict[Any, Row]
) -> list[Verdict]:
    folder = rig.folder / f"round-{number}"
    folder.mkdir()
    generator = Generator(members)
    patience = longest(members) + SPARE_S
    began = datetime.now(UTC)
    async with generator.running():
        if any(alert.history for _, alert in members):
            await write_past(folder, generator, members)
        alertmanager = await _alertmanager(rig, folder)
        prometheus = await _prometheus(folder, generator, systems, alertmanager.url)
        try:
            look = functools.partial(_judge, rig, members, alertmanager.url, table, began)
            rising = await _until_right(look, patience)
            generator.turn(calm=True)
            look = functools.partial(_ended, rig, members, alertmanager.url)
            falling = await _until_right(look, patience)
            before = await _pages(rig)
            for _ in range(SWINGS):
                for calm in (False, True):
                    generator.turn(calm=calm)
                    await asyncio.sleep(SWING_S)
            look = functools.partial(_swung, rig, members, alertmanager.url, before)
            swinging = await _until_right(look, patience)
        finally:
            await prometheus.end()
            await alertmanager.program.end()
    return [_verdict(table, pair, rising, falling, swinging) for pair in members]


def _verdict(table: dict[Any, Row], pair: Pair, *phases: dict[Key, str]) -> Verdict:
    key = (pair[0].system, pair[1].alert)
    words = zip(("rising", "falling", "swinging"), phases, strict=True)
    problems = [f"{word}: {found[key]}" for word, found in words if found[key]]
    return Verdict(table[key], "; ".join(problems))


async def _until_right(
    look: Callable[[], Awaitable[dict[Key, str]]], patience: float
) -> dict[Key, str]:
    """Return the problem of each alert, "" where it was right once: some are soon over again."""
    end = time.monotonic() + patience
    found = await look()
    while any(found.values()) and time.monotonic() < end:
        await asyncio.sleep(1)
        now = await look()
        found = {key: problem and now[key] for key, problem in found.items()}
    return found


class _Alertmanager(msgspec.Struct):
    program: Any
    url: str


async def _alertmanager(rig: Rig, folder: Path) -> _Alertmanager:
    """Start Alertmanager with the file we ship; its address of us and its pauses alone differ."""
    text = (ROOT / "alertmanager.yml").read_text().replace("127.0.0.1:8080", rig.url[7:])
    text = re.sub(r"group_(wait|interval): 10s", r"group_\1: 1s", text)
    # Its own integration with PagerDuty meets the strict fake.
    key = folder / "routing_key"
    key.write_text(DEFAULT_ROUTING_KEY)
    text = text.replace("/etc/alertmanager/secrets/pagerduty_routing_key", str(key))
    text = f"global: {{pagerduty_url: '{rig.pagerduty.base_url}/v2/enqueue'}}\n{text}"
    file = folder / "alertmanager.yml"
    file.write_text(text)
    address = f"127.0.0.1:{free_port()}"
    program = Program(
        f"alertmanager-{folder.name}",
        require_tool("prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        folder=folder,
    )
    await program.start()
    url = f"http://{address}"
    await until(lambda: rig.answers(f"{url}/-/ready"), 30, "Alertmanager is ready")
    return _Alertmanager(program, url)


async def _prometheus(
    folder: Path,
    generator: Generator,
    systems: list[System],
    alertmanager: str,
    own: str = "",
) -> Program:
    """Start Prometheus; ``own`` is where the service's own metrics are scraped."""
    for system in systems:
        (folder / f"{system.system}.yml").write_text(fast_rules(system))
    config = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [f"{system.system}.yml" for system in systems],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager[7:]]}]}]},
        "scrape_configs": [
            {
                "job_name": job,
                "metrics_path": f"/{job}",
                "scrape_timeout": "500ms",
                "static_configs": [{"targets": [generator.address]}],
            }
            for job in generator.jobs
        ]
        + [{"job_name": "llm-incident-manager", "static_configs": [{"targets": [own]}]}]
        * bool(own),
    }
    program, _ = await start_prometheus(folder, config, "--rules.alert.resend-delay=1s")
    return program


async def _own_death(rig: Rig, systems: list[System], report: Report) -> None:
    """Kill the service: Alertmanager itself has to page, with nobody in between."""
    folder = rig.folder / "death"
    folder.mkdir()
    alertmanager = await _alertmanager(rig, folder)
    generator = Generator([])
    prometheus = await _prometheus(
        folder,
        generator,
        [system for system in systems if system.system == OWN],
        alertmanager.url,
        own=f"127.0.0.1:{rig.metrics_port}",
    )
    try:
        await asyncio.sleep(3)
        # The same trouble was paged in a round before, and PagerDuty has it under the same key.
        known = len(rig.pagerduty.events)
        await rig.service.end(signal.SIGKILL)
        killed = time.monotonic()
        await until(lambda: _triggered(rig, known), 60, "Alertmanager pages")
        page = _triggered(rig, known)[-1].args
        took = time.monotonic() - killed
        client, summary = str(page.get("client")), str(page["payload"]["summary"])
        good = client == "Alertmanager" and "ServiceDown" in summary
        report("our own death, by kill -9", f"{client} paged after {took:.0f} s", "", good)
    finally:
        await prometheus.end()
        await alertmanager.program.end()


def _triggered(rig: Rig, known: int) -> list[PdEvent]:
    return [event for event in rig.pagerduty.events[known:] if event.method == "trigger"]


async def _incidents(rig: Rig) -> dict[tuple[str | None, str], list[tuple[Any, Any]]]:
    """Return (incident, alert) of each alert by system and name; of one signal they are one."""
    found: dict[tuple[str | None, str], list[tuple[Any, Any]]] = {}
    for shown in await rig.incidents():
        details = await rig.get(f"/v1/incidents/{shown['id']}")
        names = {
            (one["labels"].get("system"), one["labels"]["alertname"]): one
            for one in details["alerts"]
        }
        for key, one in names.items():
            found.setdefault(key, []).append((details, one))
    return found


async def _receivers(rig: Rig, alertmanager: str) -> dict[tuple[str | None, str], Any]:
    """Return where Alertmanager sends what fires, by system and name."""
    async with rig.session.get(f"{alertmanager}/api/v2/alerts") as answer:
        return {
            (one["labels"].get("system"), one["labels"]["alertname"]): one["receivers"]
            for one in await answer.json()
        }


async def _judge(
    rig: Rig, members: list[Pair], alertmanager: str, table: dict[Any, Row], began: datetime
) -> dict[Key, str]:
    """Return what is wrong with each alert; what fired before ``began`` has not come yet.

    The low values of one round may have another alert fire, whose end nobody tells.
    """
    incidents = await _incidents(rig)
    known = await _receivers(rig, alertmanager)
    found: dict[Key, str] = {}
    for system, alert in members:
        key = (system.system, alert.alert)
        if system.system == OWN:
            problem = _past_us(known.get(key), incidents.get(key), alert)
        else:
            fresh = [
                (shown, one)
                for shown, one in incidents.get(key, [])
                if one["starts_at"] and datetime.fromisoformat(one["starts_at"]) >= began
            ]
            problem = _problem(rig.url, fresh, table[key], system, alert)
        found[key] = problem
    return found


async def _ended(rig: Rig, members: list[Pair], alertmanager: str) -> dict[Key, str]:
    """Return for each alert why it is not over, "" when it is."""
    incidents, known = await _incidents(rig), await _receivers(rig, alertmanager)
    found: dict[Key, str] = {}
    for system, alert in members:
        key = (system.system, alert.alert)
        shown = incidents.get(key, [])
        fires = key in known if system.system == OWN else False
        fires = fires or any(one["status"] == "firing" for _, one in shown)
        # Of the same signal another alert may still fire.
        left = any(
            details["state"] != "resolved"
            and all(one["status"] != "firing" for one in details["alerts"])
            and not details["flapping"]
            for details, _ in shown
        )
        found[key] = "still fires" if fires else "its incident stays open" if left else ""
    return found


async def _pages(rig: Rig) -> dict[str, int]:
    """Return how often each incident was paged so far."""
    found = {}
    for shown in await rig.incidents():
        details = await rig.get(f"/v1/incidents/{shown['id']}")
        kinds = [one["kind"] for one in details["timeline"]]
        found[shown["id"]] = kinds.count("paged") + kinds.count("escalated")
    return found


async def _swung(
    rig: Rig, members: list[Pair], alertmanager: str, before: dict[str, int]
) -> dict[Key, str]:
    """Return for each alert what is wrong after it came and went: it is one incident, and over.

    It may be paged whenever it comes, and for each of the more urgent ones of its signal.
    """
    incidents = await _incidents(rig)
    found, now = await _ended(rig, members, alertmanager), await _pages(rig)
    for system, alert in members:
        key = (system.system, alert.alert)
        shown = incidents.get(key, [])
        names = [details["id"] for details, _ in shown]
        most = max((now.get(name, 0) - before.get(name, 0) for name in names), default=0)
        if len(shown) > 1:
            found[key] = f"{len(shown)} incidents"
        elif most > 2 * SWINGS:
            found[key] = f"paged {most} times"
    return found


def _past_us(receivers: Any, incidents: Any, alert: Alert) -> str:
    if incidents:
        return "went through the incident manager"
    if not receivers:
        return "never fired"
    names = [one["name"] for one in receivers]
    wanted = {"warning": "slack-warnings", "info": "slack-info"}
    return "" if names == [wanted.get(alert.severity, "pagerduty-critical")] else f"went to {names}"


def _problem(url: str, incidents: Any, row: Row, system: System, alert: Alert) -> str:
    if not incidents or len(incidents) > 1:
        return f"{len(incidents)} incidents" if incidents else "never arrived"
    ((shown, known),) = incidents
    wanted = {"priority": row.priority, "runbook_url": f"{url}{system.runbook_url(alert)}"}
    other = [f"{name} {known[name]}" for name, value in wanted.items() if known[name] != value]
    if shown["team"] != row.team:
        other.append(f"team {shown['team']}")
    if "value" not in known["annotations"]:
        other.append("no value")
    # What fired in a round before, of the same signal, may be more urgent.
    if shown["priority"] != min(one["priority"] for one in shown["alerts"]):
        other.append(f"incident of {shown['priority']}")
    deadline = shown["deadlines"].get("acknowledge")
    if (row.acknowledge == "off") != (deadline is None):
        other.append("no due" if deadline is None else "due, with no deadline")
    if other or deadline is None or "business" in row.acknowledge:
        return ", ".join(other)
    # In quiet hours a held page's clocks stand still.
    if shown["priority"] != row.priority or deadline["paused_at"]:
        return ""
    began = [one["at"] for one in shown["timeline"] if one["kind"] in BEGINS]
    due = datetime.fromisoformat(deadline["due"])
    took = (due - datetime.fromisoformat(began[-1])).total_seconds() * 1000
    return "" if took == parse_duration(row.acknowledge) else f"acknowledge within {took / 1000} s"
