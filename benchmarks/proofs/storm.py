"""10,000 alerts in 500 groups within a minute, with Slack and PagerDuty as slow as they are.

Slack takes one message a second and channel and 50 updates a minute, PagerDuty 120 events a minute
and key; beyond that they answer 429. Nothing may be lost, nobody paged twice, P1 goes first, and
the calls stay under the caps.
"""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from receiver.notify.config import BudgetsConfig
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.rig import CHANNEL, Rig

NAME = "storm"
GROUPS = 500
ALERTS = 20
STORM_S = 60
PARTS = (5, 10, 15, 20)
"""Alerts of a group in its first notification, its second and so on: each is a snapshot."""
MIX = {"critical": 25, "error": 50, "warning": 225, "info": 200}
DRAINED_WITHIN_S = 240
USUAL_BUDGETS = {
    f"LLM_IM__BUDGETS__{name.upper()}": str(field.default)
    for name, field in BudgetsConfig.model_fields.items()
}

Report = Callable[[str, str, str, bool], None]


class Group(NamedTuple):
    """One group of the storm: its name, severity, and when each notification is sent (s)."""

    name: str
    severity: str
    times: tuple[float, ...]


# It may be night where this runs: P4 would rightly wait for the morning.
SETTINGS = {"LLM_IM__PRIORITIES__P4__QUIET_HOURS": "false"} | USUAL_BUDGETS


def rig_in(folder: Path) -> Rig:
    """Return a rig whose Slack and PagerDuty are as slow as they are."""
    rig = Rig(folder)
    rig.slack = FakeSlack(channels={CHANNEL: "alerts"}, rate_per_channel=1.0, updates_per_minute=50)
    rig.pagerduty = FakePagerDuty(rate_per_minute=120)
    return rig


async def run(report: Report) -> None:
    """Send the storm, wait until everything is told, and count."""
    with TemporaryDirectory() as folder:
        rig = rig_in(Path(folder))
        await rig.start(**SETTINGS)
        try:
            await storm(rig, report)
        finally:
            await rig.stop()


async def storm(rig: Rig, report: Report) -> None:
    """Send the storm to a service that runs, wait until everything is told, and count."""
    groups = _groups()
    started = time.monotonic()
    sent: dict[str, tuple[str, float]] = {}
    statuses: Counter[int] = Counter()
    await asyncio.gather(*(_send(rig, group, started, sent, statuses) for group in groups))
    took = time.monotonic() - started
    total = sum(statuses.values())
    accepted = f"{statuses[202]} of {total} in {took:.0f} s"
    report("webhooks accepted", accepted, f"all in {STORM_S + 5} s", statuses[202] == total)
    drained = await _drain(rig, sent, started)
    report("everything told after", f"{drained:.0f} s", f"{DRAINED_WITHIN_S} s", drained > 0)
    await _check_losses(rig, groups, sent, report)
    _check_waits(rig, sent, report)
    _check_caps(rig, report)


def _groups() -> list[Group]:
    chance = random.Random(1)
    names = [severity for severity, number in MIX.items() for _ in range(number)]
    chance.shuffle(names)
    assert len(names) == GROUPS
    found = []
    for number, severity in enumerate(names):
        first = chance.uniform(0, STORM_S * 0.75)
        later = sorted(chance.uniform(first, STORM_S) for _ in PARTS[1:])
        found.append(Group(f"storm-{number}", severity, (first, *later)))
    return found


async def _send(
    rig: Rig,
    group: Group,
    started: float,
    sent: dict[str, tuple[str, float]],
    statuses: Counter[int],
) -> None:
    labels = {"severity": group.severity, "group": group.name}
    alerts = [
        alert("Storm", labels=labels | {"instance": f"host-{number}"}) for number in range(ALERTS)
    ]
    for size, at in zip(PARTS, group.times, strict=True):
        await asyncio.sleep(max(0, started + at - time.monotonic()))
        before = time.monotonic()
        status, answer = await rig.post(notification(*alerts[:size], group=group.name))
        statuses[status] += 1
        if status == 202 and group.name not in sent:
            sent[group.name] = (answer["incidents"][0], before)


def _shown(rig: Rig) -> Counter[str]:
    """Return how many top-level messages show each incident."""
    found: Counter[str] = Counter()
    for message in rig.slack.top_level(CHANNEL):
        text = str(message.blocks) + message.text
        found.update(set(_names(text)))
    return found


def _names(text: str) -> list[str]:
    """Return the incident ids in a text."""
    parts = text.replace("`", " ").replace("|", " ").replace('"', " ").replace("'", " ").split()
    ids = [part.rpartition("/")[2] for part in parts]
    return [part for part in ids if part.count("-") == 2 and len(part) >= 20 and part[0] == "0"]


async def _drain(rig: Rig, sent: dict[str, tuple[str, float]], started: float) -> float:
    wanted = {name for name, _ in sent.values()}
    while time.monotonic() < started + DRAINED_WITHIN_S:
        if wanted <= set(_shown(rig)) and len(rig.pagerduty.incidents) >= _urgent():
            return time.monotonic() - started
        await asyncio.sleep(1)
    return 0.0


def _urgent() -> int:
    return MIX["critical"] + MIX["error"]


async def _check_losses(
    rig: Rig, groups: list[Group], sent: dict[str, tuple[str, float]], report: Report
) -> None:
    incidents = {item["id"]: item for item in await rig.incidents()}
    alerts = sum(item["firing"] for item in incidents.values())
    report("incidents", str(len(incidents)), str(GROUPS), len(incidents) == GROUPS)
    report("alerts in them", str(alerts), str(GROUPS * ALERTS), alerts == GROUPS * ALERTS)
    urgent = {sent[group.name][0] for group in groups if group.severity in ("critical", "error")}
    keys = Counter(item.dedup_key for item in rig.pagerduty.incidents)
    paged = {f"{name}:0" for name in urgent} == set(keys) and set(keys.values()) == {1}
    report("P1 and P2 paged by PagerDuty", f"{len(keys)} once each", f"{_urgent()} once", paged)
    shown = _shown(rig)
    once = {name for name, number in shown.items() if number == 1} >= set(incidents)
    digests = sum("new P" in message.text for message in rig.slack.top_level(CHANNEL))
    own = len(rig.slack.top_level(CHANNEL)) - digests
    figure = f"{len(shown)} in {own} + {digests} digests"
    report("shown in Slack, each once", figure, str(GROUPS), once)


def _check_waits(rig: Rig, sent: dict[str, tuple[str, float]], report: Report) -> None:
    priorities = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info"}
    slack: dict[str, float] = {}
    for call in rig.slack.calls:
        if call.method == "chat.postMessage" and call.outcome == "ok":
            for name in _names(str(call.args)):
                slack.setdefault(name, call.at)
    triggers: dict[str, float] = {}
    for event in rig.pagerduty.events:
        if event.outcome == "ok" and event.method == "trigger":
            triggers.setdefault(str(event.dedup_key).partition(":")[0], event.at)
    for priority, severity in priorities.items():
        waits = _waits(sent, severity, slack, triggers)
        median, worst = statistics.median(waits), max(waits)
        figure = f"median {median:.1f} s, worst {worst:.1f} s"
        first = priority == "P1"
        bound = "5 s, 15 s" if first else "later than P1"
        report(f"{priority} told after", figure, bound, not first or (median <= 5 and worst <= 15))


def _waits(
    sent: dict[str, tuple[str, float]],
    severity: str,
    slack: dict[str, float],
    triggers: dict[str, float],
) -> list[float]:
    """Return the seconds from a group's first webhook until all its notifiers had the page."""
    names = {group.name for group in _groups() if group.severity == severity}
    found = []
    for name in names:
        incident, at = sent[name]
        told = [slack[incident]]
        if severity in ("critical", "error"):
            told.append(triggers[incident])
        found.append(max(told) - at)
    return found


def _check_caps(rig: Rig, report: Report) -> None:
    limited: dict[str, int] = {
        "Slack": sum(call.outcome == "limited" for call in rig.slack.calls),
        "PagerDuty": sum(event.outcome == "limited" for event in rig.pagerduty.events),
    }
    calls: dict[str, Any] = {"Slack": len(rig.slack.calls), "PagerDuty": len(rig.pagerduty.events)}
    for name, number in limited.items():
        figure = f"{number} of {calls[name]} calls"
        report(f"{name}: over the cap (429)", figure, "0", number == 0)
