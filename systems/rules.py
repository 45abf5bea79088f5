"""Alerting and recording rules, and promtool's unit tests of them, from a system's file."""

from typing import Any

import yaml

from routing.duration import format_duration, parse_duration
from systems.ladders import in_order, ladder_tests, series_of
from systems.model import DASHBOARDS_AT, Alert, System

HEAD = "# Made from systems/{name}.yml by `make systems-files`: change that, not this.\n"
SETTLE_MS = 12 * 60_000
"""How long after ``for`` an alert is judged in its test."""
LONG_MS = 6 * 3_600_000
WEEK_MS = 7 * 86_400_000


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def _dump(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def rules_file(system: System) -> str:
    """Return rules/<system>.yml."""
    recording = [
        {
            "record": rule.record,
            "expr": system.expand(rule.expr),
            "labels": {"system": system.system},
        }
        for rule in system.recording
    ]
    groups = [
        {"name": f"{system.system}-recording", "interval": "30s", "rules": recording},
        {"name": system.system, "rules": [_alert(system, alert) for alert in in_order(system)]},
    ]
    return HEAD.format(name=system.system) + _dump({"groups": groups})


def _alert(system: System, alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.alert, "expr": system.expand(alert.expr)}
    if parse_duration(alert.span):
        rule["for"] = alert.span
    rule["labels"] = {"severity": alert.severity, "system": system.system, "team": system.team}
    if signal := system.signal_of(alert):
        rule["labels"]["signal"] = signal
    rule["annotations"] = {
        "summary": alert.says[:1].upper() + alert.says[1:],
        "description": alert.means,
        "value": "{{ $value }}",
        "runbook_url": system.runbook_url(alert),
        "dashboard_url": f"{DASHBOARDS_AT}/{system.dashboard}",
    }
    return rule


def tests_files(system: System) -> dict[str, str]:
    """Return name -> content of the files in rules/tests: every alert fires and stays silent once.

    promtool evaluates every rule of a file at every step, so what happens within hours or days has
    a file of its own with longer steps.
    """
    short = [alert for alert in system.alerts if _judged_at(alert) < LONG_MS]
    long = [alert for alert in system.alerts if LONG_MS <= _judged_at(alert) < WEEK_MS]
    weeks = [alert for alert in system.alerts if _judged_at(alert) >= WEEK_MS]
    made = {f"{system.system}.yml": _tests_file(system, short, "1m")}
    if long:
        made[f"{system.system}-long.yml"] = _tests_file(system, long, "10m")
    if weeks:
        made[f"{system.system}-weeks.yml"] = _tests_file(system, weeks, "1h")
    if system.ladders:
        made[f"{system.system}-ladders.yml"] = _file(system, ladder_tests(system), "1m")
    return made


def _judged_at(alert: Alert) -> int:
    return parse_duration(alert.at) if alert.at else parse_duration(alert.span) + SETTLE_MS


def _tests_file(system: System, alerts: list[Alert], step: str) -> str:
    tests = []
    for alert in alerts:
        at = format_duration(_judged_at(alert))
        for word, series, fires in (("fires", alert.fires, 1), ("is silent", alert.quiet, 0)):
            tests.append(_test(system, alert, f"{alert.alert} {word}", series, at, fires))
    return _file(system, tests, step)


def _file(system: System, tests: list[dict[str, Any]], step: str) -> str:
    data = {
        "rule_files": [f"../{system.system}.yml"],
        "evaluation_interval": step,
        # Else in any order: between long steps what was recorded is gone before an alert reads it.
        "group_eval_order": [f"{system.system}-recording", system.system],
        "tests": tests,
    }
    return HEAD.format(name=system.system) + _dump(data)


def _test(
    system: System, alert: Alert, name: str, series: list[str], at: str, fires: int
) -> dict[str, Any]:
    which = (
        f'ALERTS{{alertname="{alert.alert}", alertstate="firing", '
        f'severity="{alert.severity}", system="{system.system}"}}'
    )
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            dict(zip(("series", "values"), full_series(system, alert, one), strict=True))
            for one in series
        ],
        "promql_expr_test": [
            {
                "expr": f"count({which})",
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }


def full_series(system: System, alert: Alert, line: str) -> tuple[str, str]:
    """Return (series, values) of a line, with the job and an instance."""
    return series_of(alert.job or system.job, line)
