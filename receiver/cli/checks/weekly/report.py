"""Puts a week together from whoever can be asked, and says what nobody has."""

import re
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.rule_files import SystemRules
from receiver.cli.checks.source import OTHER_FORM, Source, SourceError
from receiver.cli.checks.weekly import alerts as week_alerts
from receiver.cli.checks.weekly.alerts import Rule, read_fired, read_opened
from receiver.cli.checks.weekly.capacity import Trend, read_trends
from receiver.cli.checks.weekly.period import Week
from receiver.cli.checks.weekly.prometheus import Reader, SystemWeek, partly, read_systems
from receiver.cli.checks.weekly.response import Response, read_response
from receiver.text.units import counted

AVAILABLE = 0.999
"""What the documents of all four systems find acceptable."""
SOON_DAYS = 30
_NAMED = 3
_QUANTILE = re.compile(r" p\d\d$")


class Report(msgspec.Struct, frozen=True):
    """One week. ``response`` None and ``rules`` None: nobody could be asked.

    ``failed``: sources that were asked for and gave nothing, in words; ``no_data``: everything
    that would belong here and is not known.
    """

    week: Week
    response: Response | None
    rules: list[Rule] | None
    systems: list[SystemWeek]
    trends: list[Trend]
    failed: list[str]
    no_data: list[str]

    @property
    def exit_code(self) -> int:
        """0 complete, 1 without a source that was asked for, 2 when nobody said anything."""
        if not self.failed:
            return 0
        return 1 if self.response or self.rules is not None or self.systems else 2


async def make_report(
    service: Source, prometheus: Prometheus | None, systems: Sequence[SystemRules], week: Week
) -> Report:
    """Ask everybody and return what they said."""
    failed: list[str] = []
    response = await _asked(read_response(service, week), "figures", failed)
    opened = await _asked(read_opened(service, week), "incidents", failed)
    no_data = []
    if opened is not None and not opened.complete:
        no_data.append("incidents by alert: there were too many to count all of them")
    weeks: list[SystemWeek] = []
    trends: list[Trend] = []
    fired = None
    if prometheus is None:
        no_data.append("systems, what fired, capacity: Prometheus was not asked (--prometheus-url)")
    elif (problem := await _problem(prometheus)) != "":
        failed.append(problem)
    else:
        reader = Reader(prometheus)
        weeks = await read_systems(reader, systems, week)
        known = [one for one in systems if _has_data(one.system, weeks)]
        trends = await read_trends(reader, known, week)
        fired = await read_fired(reader, week)
        failed += reader.problems
        no_data += [*_missing(weeks), *partly(weeks)]
    found = None if fired is None and opened is None else week_alerts.rules(fired, opened)
    return Report(week, response, found, weeks, trends, list(dict.fromkeys(failed)), no_data)


async def _asked(question: Awaitable[Any], what: str, failed: list[str]) -> Any:
    """Return an answer, None when there is none; why goes to ``failed``."""
    try:
        return await question
    except SourceError as error:
        words = f"{error}: give --token (web.credentials)" if " 401 " in str(error) else str(error)
        failed.append(words)
    except OTHER_FORM:
        failed.append(f"{what}: the service answers JSON of another form; is it another version?")
    return None


async def _problem(prometheus: Prometheus) -> str:
    """Return why Prometheus cannot be asked, "" when it can."""
    try:
        await prometheus.query("vector(1)")
    except SourceError as error:
        return str(error)
    return ""


def _has_data(system: str, weeks: Sequence[SystemWeek]) -> bool:
    return any(one.system == system and one.availability.this is not None for one in weeks)


def _missing(weeks: Sequence[SystemWeek]) -> list[str]:
    return [
        f"{one.system}: {', '.join(dict.fromkeys(_QUANTILE.sub('', name) for name in one.no_data))}"
        for one in weeks
        if one.no_data
    ]


def highlights(report: Report) -> list[str]:
    """Return what a reader in a hurry has to know, the worst of each kind."""
    found = []
    if report.response is not None:
        found += _of_response(report.response)
    low = [
        one
        for one in report.systems
        if one.availability.this is not None and one.availability.this < AVAILABLE
    ]
    found += [f"{one.system} was up {one.availability.this:.2%} of the time" for one in low]
    if report.rules:
        noisy = week_alerts.noise(report.rules)[:_NAMED]
        found += [
            f"{one.alertname} ({one.system or 'no system'}) opened"
            f" {counted(one.incidents or 0, 'incident')}, none of which anybody took: change it"
            for one in noisy
        ]
    found += [
        f"{one.system}: {one.name} is full in {int(one.full_in_days)} days if it goes on like this"
        for one in report.trends
        if one.full_in_days is not None and one.full_in_days <= SOON_DAYS
    ]
    return found


def _of_response(response: Response) -> list[str]:
    opened, missed = response.total("opened"), response.total("missed")
    lost, met = response.total("undeliverable"), response.total("met")
    text = "how many incidents were opened is not known"
    if opened.this is not None:
        text = counted(opened.this, "incident")
    if opened.this is not None and opened.before is not None:
        text += f" ({opened.before} the week before)"
    if met.this is not None and missed.this is not None and met.this + missed.this:
        text += f"; {missed.this} of {met.this + missed.this} deadlines missed"
    found = [text]
    if lost.this:
        found.append(f"{counted(lost.this, 'incident')} reached nobody: runbook DeliveryFailing")
    return found


def to_json(report: Report, **more: Any) -> dict[str, Any]:
    """Return the report for programs."""
    week = report.week
    return {
        "exit_code": report.exit_code,
        "from": week.first.isoformat(),
        "to": week.last.isoformat(),
        "days": week.days,
        **more,
        "highlights": highlights(report),
        "priorities": msgspec.to_builtins(report.response.priorities) if report.response else None,
        "escalations": report.response.escalations if report.response else None,
        "alerts": msgspec.to_builtins(report.rules) if report.rules is not None else None,
        "systems": msgspec.to_builtins(report.systems),
        "capacity": msgspec.to_builtins(report.trends),
        "failed": report.failed,
        "no_data": report.no_data,
    }
