"""A runbook for every alert: meaning, causes, what to look at, what to do, whom to call."""

import re

from systems.model import DASHBOARDS_AT, Alert, System

SECTIONS = (
    "What it means and user impact",
    "Why it fires",
    "How to investigate",
    "How to resolve",
    "When to escalate",
)


LAST = "- See it resolve, then write down what helped: `incident-manager incidents note ID TEXT`"
MARK = "<!-- Made from systems/"


def runbook_file(system: System, alert: Alert) -> str:
    """Return runbooks/<system>/<alertname>.md."""
    holds = f" for {alert.span}" if alert.span != "0s" else ""
    parts = [
        f"# {alert.alert}",
        "",
        f"{MARK}{system.system}.yml by `make systems-files` -->",
        "",
        f"{system.title}, severity {alert.severity}. It fires when this holds{holds}:",
        "",
        "```promql",
        system.expand(alert.expr),
        "```",
        "",
        f"## {SECTIONS[0]}",
        alert.means,
        "",
        f"## {SECTIONS[1]}",
        "Most often because of:",
        *_list(alert.why),
        "",
        f"## {SECTIONS[2]}",
        *_numbered(_looks(system, alert)),
        "",
        "```bash",
        system.check,
        system.pods,
        system.logs,
        system.deployments,
        "```",
        "",
        f"## {SECTIONS[3]}",
        *_list([system.expand(step) for step in alert.fix]),
        *_general(system, alert),
        LAST,
        "",
        f"## {SECTIONS[4]}",
        alert.escalate or system.escalate[alert.severity],
    ]
    return "\n".join(parts) + "\n"


def is_written_by_hand(text: str) -> bool:
    """Return whether a runbook is somebody's own words, which are kept."""
    return MARK not in text


def _looks(system: System, alert: Alert) -> list[str]:
    return [
        f"the dashboard `{system.dashboard}` in Grafana (`{DASHBOARDS_AT}/{system.dashboard}`)",
        *(system.expand(step) for step in alert.look),
        "health, what runs, the logs, and what was deployed last:",
    ]


def _general(system: System, alert: Alert) -> list[str]:
    """Return the commands for what the steps name in words."""
    steps = " ".join(alert.fix)
    found = []
    if re.search(r"\broll\w* (?:the |a )?.*back\b|\broll back\b", steps):
        found.append(f"- Roll back: `{system.rollback}`")
    if re.search(r"\bscale|replicas?\b|\binstances?\b", steps):
        found.append(f"- Scale: `{system.scale}`")
    return found


def _list(items: list[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _numbered(items: list[str]) -> list[str]:
    return [f"{number}. {_begin(item)}" for number, item in enumerate(items, 1)]


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
