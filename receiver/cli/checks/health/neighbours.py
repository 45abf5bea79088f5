"""The daily look at what stands around this service: Prometheus, the systems, Alertmanager."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from receiver.alertmanager.check_config import why_nothing_comes
from receiver.cli.checks.finding import Finding, State
from receiver.cli.checks.metrics_page import read_page
from receiver.cli.checks.prometheus import Prometheus, Sample
from receiver.cli.checks.rule_files import OWN, SystemRules
from receiver.cli.checks.source import OTHER_FORM, Source, SourceError
from receiver.errors import ConfigError
from receiver.text.units import counted, span

SLOW_EVALUATIONS = 4
"""A group that was not evaluated for so many of its intervals is late."""
_URGENT = ("critical", "high")
_SHOWN = 5


async def check_prometheus(
    prometheus: Prometheus, systems: Sequence[SystemRules], *, alertmanager_asked: bool
) -> list[Finding]:
    """Look at Prometheus, and at every system it scrapes; one line when it gives nothing."""
    area = "Prometheus"
    try:
        targets = await prometheus.targets()
    except SourceError as error:
        return [Finding(area, "prometheus", "failed", str(error))]
    found = [Finding(area, "prometheus", "ok", counted(len(targets), "target"))]
    found += await asyncio.gather(
        _guarded(area, "rules", _rules(prometheus, systems)),
        _guarded(area, "sends to", _sends(prometheus, alertmanager_asked)),
    )
    for system in systems:
        found += await _system(prometheus, system, targets)
    return found


async def _guarded(area: str, name: str, question: Any) -> Finding:
    try:
        finding: Finding = await question
    except SourceError as error:
        return Finding(area, name, "unknown", str(error))
    except OTHER_FORM:
        words = "the answer is JSON of another form: is this the right address?"
        return Finding(area, name, "unknown", words)
    return finding


async def _rules(prometheus: Prometheus, systems: Sequence[SystemRules]) -> Finding:
    """Compare the groups that are loaded with those that ship, and look at their evaluation."""
    area, name = "Prometheus", "rules"
    groups = await prometheus.rules()
    loaded = {str(group.get("name")) for group in groups}
    for group in groups:
        for rule in group.get("rules", []):
            if rule.get("health") == "err":
                words = f"{rule.get('name')} fails: {rule.get('lastError')}"
                return Finding(area, name, "failed", words, advice="promtool check rules")
    late = [str(group.get("name")) for group in groups if _is_late(group)]
    missing = [one for system in systems for one in system.groups if one not in loaded]
    own = [one for system in systems for one in system.groups if system.system == OWN]
    words = f"{len(groups)} groups are loaded and evaluated"
    if late:
        return Finding(area, name, "warning", f"not evaluated in time: {_few(late)}")
    if set(own) & set(missing):
        words = f"not loaded: {_few(missing)}"
        return Finding(area, name, "warning", words, advice="add rules/*.yml to rule_files")
    if missing:
        words += f"; not loaded: {_few(missing)}"
    return Finding(area, name, "ok", words)


def _is_late(group: dict[str, Any]) -> bool:
    try:
        last = datetime.fromisoformat(group["lastEvaluation"])
        interval = float(group["interval"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    # Before the first evaluation it is the year 1.
    return last.year > 1 and time.time() - last.timestamp() > SLOW_EVALUATIONS * interval


async def _sends(prometheus: Prometheus, alertmanager_asked: bool) -> Finding:  # noqa: FBT001
    number = len(await prometheus.alertmanagers())
    if number:
        return Finding("Prometheus", "sends to", "ok", counted(number, "Alertmanager"))
    state: State = "failed" if alertmanager_asked else "warning"
    advice = "alerting: alertmanagers: in prometheus.yml"
    return Finding("Prometheus", "sends to", state, "no Alertmanager: no alert arrives", "", advice)


async def _system(
    prometheus: Prometheus, system: SystemRules, targets: list[dict[str, Any]]
) -> list[Finding]:
    area = f"system {system.system}"
    mine = [one for one in targets if _job_of(one) == system.job]
    if not mine:
        words = f"Prometheus has no target of job {system.job}"
        if system.system == OWN:
            return [Finding(area, "targets", "warning", words, "", "see deploy/prometheus.yml")]
        return [Finding(area, "targets", "skipped", words)]
    found = [_targets(area, mine)]
    found.append(await _guarded(area, "alerts", _alerts(prometheus, system, area)))
    found.append(await _guarded(area, "figures", _figures(prometheus, system, area)))
    return found


def _job_of(target: dict[str, Any]) -> Any:
    labels = target.get("labels")
    return labels.get("job") if isinstance(labels, dict) else None


def _targets(area: str, mine: list[dict[str, Any]]) -> Finding:
    down = [one for one in mine if one.get("health") == "down"]
    number = sum(one.get("health") == "up" for one in mine)
    words = f"{number} of {len(mine)} up"
    if not down:
        # Right after its start Prometheus has scraped nothing.
        state: State = "ok" if number == len(mine) else "unknown"
        return Finding(area, "targets", state, words)
    state = "failed" if len(down) == len(mine) else "warning"
    words += f"; {down[0].get('scrapeUrl')}: {down[0].get('lastError')}"
    return Finding(area, "targets", state, words, "all up", "runbook ServiceDown")


async def _alerts(prometheus: Prometheus, system: SystemRules, area: str) -> Finding:
    query = f'ALERTS{{alertstate="firing", system="{system.system}"}}'
    firing = await prometheus.query(query)
    if not firing:
        return Finding(area, "alerts", "ok", "none fires")
    urgent = any(sample.labels.get("severity") in _URGENT for sample in firing)
    firing.sort(key=lambda sample: sample.labels.get("severity") not in _URGENT)
    names = [f"{one.labels.get('alertname')} ({one.labels.get('severity')})" for one in firing]
    words = f"{len(firing)} firing: {_few(list(dict.fromkeys(names)))}"
    state: State = "failed" if urgent else "warning"
    return Finding(area, "alerts", state, words, "0", "the runbook of each is in its annotations")


async def _figures(prometheus: Prometheus, system: SystemRules, area: str) -> Finding:
    """Say what is recorded; whether it is too much or too little is for the alerts to say."""
    series = f'{{__name__=~".+:.+", system="{system.system}"}}'
    samples = await prometheus.query(series)
    shown = []
    for name in system.watched:
        mine = [one for one in samples if one.labels.get("__name__") == name]
        if mine:
            shown.append(_recorded(name, max(mine, key=lambda one: one.value)))
    if not shown and await prometheus.value(f"count({series})"):
        # Ratios of nothing: they are recorded, and no number.
        return Finding(area, "figures", "ok", "no traffic now")
    missing = len(system.watched) - len(shown)
    words = ", ".join(shown) or "nothing is recorded"
    if missing and shown:
        words += f"; no data: {missing} of {len(system.watched)}"
    state: State = "ok" if shown else "unknown"
    advice = "" if shown else "are rules/ loaded, and does the job expose these metrics?"
    return Finding(area, "figures", state, words, advice=advice)


def _recorded(name: str, sample: Sample) -> str:
    """Return a recorded figure with the unit that its name has."""
    _, _, rest = name.partition(":")
    what, _, quantile = rest.partition(":")
    label = what.replace("_seconds", "").replace("_ratio", "").replace("_", " ")
    if "_ratio" in what:
        return f"{label} {sample.value:.2%}"
    if "_seconds" in what:
        return f"{label} {quantile} {span(sample.value)}"
    return f"{label} {sample.value:.3g}"


async def check_alertmanager(source: Source) -> list[Finding]:
    """Look at one Alertmanager: that it is ready, sends to us, and is not refused."""
    area = f"Alertmanager {source.shown}"
    try:
        status = await source.json("/api/v2/status")
        found = [_member(area, status)]
        original = status["config"]["original"]
        if not isinstance(original, str):
            raise TypeError
    except SourceError as error:
        return [Finding(area, "alertmanager", "failed", str(error))]
    except OTHER_FORM:
        words = "/api/v2/status is not Alertmanager's: is this the right address?"
        return [Finding(area, "alertmanager", "failed", words)]
    found.append(_routes(area, original))
    found.append(await _guarded(area, "webhook", _webhook(source, area)))
    return found


def _member(area: str, status: Any) -> Finding:
    """Return what one says of its version and its cluster."""
    cluster = status["cluster"]
    peers = len(cluster.get("peers") or [])
    version = status["versionInfo"]["version"]
    words = f"version {version}, {cluster.get('status')}, {counted(peers, 'peer')}"
    settled = cluster.get("status") in ("ready", "disabled")
    return Finding(area, "alertmanager", "ok" if settled else "warning", words)


def _routes(area: str, original: str) -> Finding:
    try:
        problem = why_nothing_comes(original)
    except ConfigError as error:
        return Finding(area, "routes", "unknown", str(error))
    if problem:
        advice = "see alertmanager.yml of this repository; check-config --alertmanager FILE"
        return Finding(area, "routes", "failed", problem, advice=advice)
    return Finding(area, "routes", "ok", "a route leads to a webhook of this service")


async def _webhook(source: Source, area: str) -> Finding:
    page = await read_page(source, "/metrics")
    sent = page.value("alertmanager_notifications_total", integration="webhook") or 0
    failed = page.value("alertmanager_notifications_failed_total", integration="webhook") or 0
    words = f"{counted(sent, 'notification')} since its start, {failed:.0f} failed"
    state: State = "warning" if failed > 0.01 * sent else "ok"
    advice = "runbook WebhookFailing" if state == "warning" else ""
    return Finding(area, "webhook", state, words, "1 % failed", advice)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
