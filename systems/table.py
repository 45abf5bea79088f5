"""docs/systems.md: every alert with the priority, the times and the runbook it gets here.

Made by the service's own rules, from the configuration that ships and the rules that ship.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import msgspec

from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from receiver.settings.rules import build_assignment
from routing.alert import Alert as Fired
from routing.assignment import Assignment, Sender
from routing.config.base import Priority
from systems.model import Alert, System

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "deploy" / "incident-manager.yml"
HEAD = """# The monitored systems

Made by `make systems-files` from `systems/*.yml` and `deploy/incident-manager.yml`.

Each system's alerts are in `rules/SYSTEM.yml`, tested in `rules/tests/`, and explained in
`runbooks/SYSTEM/ALERT.md`. Prometheus needs the rules, Alertmanager the `alertmanager.yml` of this
repository; nothing has to be configured for a single alert. Rules carry paths (`/runbooks/...`,
`/d/...`), which the service completes; `incident-manager rules --runbooks-at URL
--dashboards-at URL` writes them whole, for links in Prometheus, Alertmanager and Grafana too.

"P1 5m, 30m" means: priority P1, acknowledge within 5 minutes, resolve within 30. The escalation
policy `urgent` pages PagerDuty and Slack at once and mentions the channel when nobody answers;
`normal` notifies Slack; `severity-1` to `severity-3` are the orchestrator's own.

A signal is one thing with several limits, the mildest first. Its alerts carry the label `signal`
and are one incident, whose priority rises and falls; the more urgent one quiets the milder ones in
Alertmanager ([ADR 60](adr/0060-one-signal-is-one-incident.md)).
"""


class Row(msgspec.Struct, frozen=True):
    """Where an alert lands. Times as the configuration writes them."""

    system: str
    alert: str
    span: str
    severity: str
    priority: str
    acknowledge: str
    resolve: str
    policy: str
    team: str


def settings() -> Settings:
    """Return the configuration that ships, as it is with Slack and PagerDuty configured."""
    flags = {
        "slack.token": "xoxb-example",
        "slack.channel": "C0ALERTS",
        "pagerduty.routing_key": "0" * 32,
    }
    return load_settings(CONFIG, {}, flags)


def rows(systems: Iterable[System]) -> list[Row]:
    """Return a row for every alert, decided by the service's own rules."""
    found = settings()
    assignment = build_assignment(found, frozenset())
    return [_row(system, alert, assignment, found) for system in systems for alert in system.alerts]


def _row(system: System, alert: Alert, assignment: Assignment, found: Settings) -> Row:
    labels = {"alertname": alert.alert, "severity": alert.severity, "system": system.system}
    fired = Fired("f", labels, {"runbook_url": system.runbook_url(alert)})
    sender = Sender("", "incident-manager", alert.alert)
    (event,) = assignment.assign((fired,), sender, 1)
    priority = event.alerts[0].priority
    rules = assignment.rules(event.group.route)
    clock = rules.clocks[priority]
    return Row(
        system=system.system,
        alert=alert.alert,
        span=alert.span,
        severity=alert.severity,
        priority=priority,
        acknowledge=str(clock.acknowledge_within) if clock.acknowledge_within else "off",
        resolve=str(clock.resolve_within) if clock.resolve_within else "off",
        policy=str(found.priorities[cast("Priority", priority)].escalation),
        team=rules.team,
    )


def table_file(systems: list[System]) -> str:
    """Return docs/systems.md."""
    parts = [HEAD]
    all_rows = rows(systems)
    for system in systems:
        parts += [
            f"## {system.title}",
            "",
            f'Label `system="{system.system}"`, job `{system.job}`.',
            "",
        ]
        parts += [
            "| alert | for | severity | lands on | policy | runbook |",
            "|---|---|---|---|---|---|",
        ]
        for row in all_rows:
            if row.system == system.system:
                place = f"../runbooks/{row.system}/{row.alert}.md"
                parts.append(
                    f"| {row.alert} | {row.span} | {row.severity} | {row.priority}"
                    f" {row.acknowledge}, {row.resolve} | {row.policy} | [{row.alert}]({place}) |"
                )
        if system.ladders:
            parts += ["", "Signals:", ""]
            parts += [f"- `{one.signal}`: {' < '.join(one.alerts)}" for one in system.ladders]
        parts += [
            "",
            "How its document was read:",
            "",
            *(f"- {text}" for text in system.readings),
            "",
        ]
        parts += [
            "Recorded:",
            "",
            *(f"- `{one.record}`, {one.unit}" for one in system.recording),
            "",
        ]
    return "\n".join(parts).rstrip() + "\n"
