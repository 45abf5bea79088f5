"""What a system's file says, read and checked."""

import re
from pathlib import Path

import msgspec

from routing.duration import parse_duration
from systems.baselines import Baseline, baseline_alert

FOLDER = Path(__file__).parent
SEVERITIES = ("critical", "high", "warning", "info")
RUNBOOKS_AT = "/runbooks"
DASHBOARDS_AT = "/d"
"""Paths alone: where the service and Grafana are, only the user knows."""
_CLOCK = re.compile(r"\((?:hour|day_of_week)\(\)[^)]*\)")


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    """A recording rule; ``unit`` is what its values are."""

    record: str
    unit: str
    expr: str


class Alert(msgspec.Struct, forbid_unknown_fields=True, rename={"span": "for"}):
    """An alert: its rule, its runbook, and series that make it fire and leave it silent.

    ``says`` is the summary, ``means`` what it is for the users. Series are written as promtool
    writes them, without their job; ``at`` is when they are judged (default: some time after
    ``for``). ``history``: the time they cover before the alert is shown live, for one that looks
    back at hours or weeks. ``ends``: series by which it ends at once when it is shown live, for one
    that adds up a day. In expressions ``$job`` stands for the job's matcher.
    """

    alert: str
    expr: str
    span: str
    severity: str
    says: str
    means: str
    why: list[str]
    look: list[str]
    fix: list[str]
    fires: list[str]
    quiet: list[str]
    escalate: str = ""
    at: str = ""
    job: str = ""
    history: str = ""
    ends: list[str] = []


class Ladder(msgspec.Struct, forbid_unknown_fields=True):
    """Alerts of one signal, the mildest first: whenever one fires, the milder ones hold as well.

    ``by``: the labels, beside system and job, that tell two things of one signal apart. ``series``
    are ``NAME gauge V ...`` or ``NAME rate V ...`` (growth a minute) with a value at which nothing
    fires and one for each alert; or values as promtool writes them. ``hold``: how long each value
    is held in tests (default: some time after the longest ``for``).
    """

    signal: str
    alerts: list[str]
    series: list[str]
    by: list[str] = []
    hold: str = ""


class System(msgspec.Struct, forbid_unknown_fields=True):
    """A monitored system: what its alerts share, and how its document was read.

    ``panels``: series that dashboards show and no alert reads, as promtool writes them.
    """

    system: str
    title: str
    job: str
    dashboard: str
    team: str
    logs: str
    pods: str
    deployments: str
    rollback: str
    scale: str
    check: str
    escalate: dict[str, str]
    readings: list[str]
    recording: list[Recording]
    alerts: list[Alert]
    ladders: list[Ladder] = []
    baselines: list[Baseline] = []
    panels: list[str] = []

    def expand(self, text: str) -> str:
        """Return a text with ``$job`` as the matcher of the system's job."""
        return text.replace("$job", f'job="{self.job}"')

    def signal_of(self, alert: Alert) -> str:
        """Return the signal an alert shares with milder or more urgent ones, "" for none."""
        found = (ladder.signal for ladder in self.ladders if alert.alert in ladder.alerts)
        return next(found, "")

    def runbook_url(self, alert: Alert) -> str:
        """Return the path an alert's runbook is served at."""
        return f"{RUNBOOKS_AT}/{self.system}/{alert.alert}"


def load(path: Path) -> System:
    """Return a system; ValueError with the place of what is wrong with its file."""
    try:
        found = msgspec.yaml.decode(path.read_bytes(), type=System)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path.name}: {error}") from None
    found.alerts += [baseline_alert(one, Alert) for one in found.baselines]
    for problem in _problems(found):
        raise ValueError(f"{path.name}: {problem}")
    return found


def _problems(system: System) -> list[str]:
    names = [alert.alert for alert in system.alerts]
    found = [f"{name} stands twice" for name in set(names) if names.count(name) > 1]
    for alert in system.alerts:
        if not re.fullmatch(r"[A-Z][A-Za-z0-9_]*", alert.alert):
            found.append(f"{alert.alert} is no name of an alert")
        if alert.severity not in SEVERITIES:
            found.append(f"{alert.alert}: severity {alert.severity} is none of {SEVERITIES}")
        if not (alert.escalate or system.escalate.get(alert.severity)):
            found.append(f"{alert.alert}: nothing says when to escalate")
        selects = re.search(r"\$job|job=|system=", alert.expr)
        if not selects:
            found.append(f"{alert.alert}: its expression selects no job")
        # A signal that gets worse must not resolve its milder alert, nor one that swings fire none.
        if re.search(r">=?[^<>()]*\d\s*<=?\s*\d", _CLOCK.sub("", alert.expr)):
            found.append(f"{alert.alert}: has an upper bound; put it into a ladder instead")
        parse_duration(alert.span)
    return found or _ladder_problems(system)


def _ladder_problems(system: System) -> list[str]:
    severities = {one.alert: SEVERITIES.index(one.severity) for one in system.alerts}
    names = [name for ladder in system.ladders for name in ladder.alerts]
    found = [f"{name} is in two ladders" for name in set(names) if names.count(name) > 1]
    found += [f"ladder of no alert {name}" for name in names if name not in severities]
    if found:
        return found
    for ladder in system.ladders:
        ranks = [severities[name] for name in ladder.alerts]
        if ranks != sorted(ranks, reverse=True):
            found.append(f"ladder {ladder.signal}: the mildest alert comes first")
    signals = [ladder.signal for ladder in system.ladders]
    return found + [f"two ladders {one}" for one in set(signals) if signals.count(one) > 1]


def load_all() -> list[System]:
    """Return every system, by name; ValueError when one recording name has two units."""
    found = [load(path) for path in sorted(FOLDER.glob("*.yml"))]
    units: dict[str, tuple[str, str]] = {}
    for system in found:
        for rule in system.recording:
            first = units.setdefault(rule.record, (rule.unit, system.system))
            if first[0] != rule.unit:
                raise ValueError(
                    f"{rule.record} is {first[0]} in {first[1]} and {rule.unit} in {system.system}"
                )
    return found
