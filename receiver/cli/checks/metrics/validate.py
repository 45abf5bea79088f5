"""The daily look at the metrics: what is promised is there, can be true, and arrives."""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from receiver.cli.checks.finding import Finding, State
from receiver.cli.checks.metrics.names import complaints
from receiver.cli.checks.metrics.promised import NOT_OURS, Promise, labels_of
from receiver.cli.checks.metrics.queried import Queried
from receiver.cli.checks.metrics.values import sums_that_differ, too_many, wrong_values
from receiver.cli.checks.metrics_page import Page
from receiver.cli.checks.prometheus import Prometheus
from receiver.cli.checks.source import SourceError
from receiver.text.units import span
from routing.duration import parse_duration

OLD_SCRAPES = 4
"""A target that was not scraped for so many of its intervals is stale."""
_SHOWN = 3
_PARTS = ("_bucket", "_count", "_sum")


def _told(
    area: str, wrong: Mapping[str, list[str]], state: State, well: str, advice: str = ""
) -> list[Finding]:
    """Return a finding for each metric that something is wrong with, or one that all is well."""
    found = []
    for name, words in wrong.items():
        more = f" (and {len(words) - _SHOWN} more)" if len(words) > _SHOWN else ""
        found.append(Finding(area, name, state, "; ".join(words[:_SHOWN]) + more, advice=advice))
    return found or [Finding(area, area, "ok", well)]


def validate_page(page: Page, promised: Mapping[str, Promise]) -> list[Finding]:
    """Look at one page of metrics."""
    ours = [name for name in page.families if not name.startswith(NOT_OURS)]
    wrong = {name: list(wrong_values(page, name)) for name in page.families}
    for name, words in sums_that_differ(page):
        wrong.setdefault(name, []).append(words)
    named = {name: list(complaints(name, page.families[name])) for name in ours}
    many = {name: list(too_many(page, name)) for name in page.families}
    return [
        *_promises(page, promised),
        *_told("values", _some(wrong), "failed", f"all of {page.series} series can be true"),
        *_told("cardinality", _some(many), "warning", "no metric has too many series"),
        *_told("names", _some(named), "warning", "all are named and helped as Prometheus asks"),
    ]


def _some(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: words for name, words in found.items() if words}


def _promises(page: Page, promised: Mapping[str, Promise]) -> list[Finding]:
    missing = {name: list(_kept(page, promise)) for name, promise in promised.items()}
    unknown: dict[str, list[str]] = {}
    for name, family in page.families.items():
        known = promised.get(name)
        if known is None and not name.startswith(NOT_OURS):
            unknown[name] = ["is there and not in docs/api.md"]
        elif known is not None and labels_of(family.samples) - known.labels:
            more = ", ".join(sorted(labels_of(family.samples) - known.labels))
            unknown[name] = [f"has the label {more}, which is not in docs/api.md"]
    well = f"all {len(promised)} metrics of docs/api.md are there, with their types and labels"
    found = _told("promised", _some(missing), "failed", well)
    return found + (_told("more", unknown, "warning", "") if unknown else [])


def _kept(page: Page, promise: Promise) -> Iterator[str]:
    """Yield how a page breaks a promise."""
    family = page.families.get(promise.name)
    if family is None:
        yield "is missing"
        return
    if family.type != promise.kind:
        yield f"is a {family.type}, promised is a {promise.kind}"
    lost = promise.labels - labels_of(family.samples)
    if family.samples and lost:
        yield f"has not the label {', '.join(sorted(lost))}"


def validate_queries(
    page: Page, promised: Mapping[str, Promise], wanted: Iterable[Queried], recorded: set[str]
) -> list[Finding]:
    """Look whether what rules and dashboards ask for is exported, or recorded by a rule."""
    wrong: dict[str, list[str]] = {}
    names = set()
    for one in wanted:
        names.add(one.name)
        if ":" in one.name:
            if one.name not in recorded:
                wrong.setdefault(one.name, []).append(f"no rule records it ({one.place})")
            continue
        base = _base(one.name, page)
        if base not in page.families:
            wrong.setdefault(one.name, []).append(f"is not exported ({one.place})")
        elif base in promised and one.labels - promised[base].labels:
            lost = ", ".join(sorted(one.labels - promised[base].labels))
            wrong.setdefault(one.name, []).append(f"has no label {lost} ({one.place})")
    well = f"all {len(names)} metrics that rules and dashboards ask for exist"
    return _told("asked for", wrong, "warning", well, "it never fires, or shows nothing")


def _base(name: str, page: Page) -> str:
    """Return the family of a name; those of a histogram have three names of their own."""
    for part in _PARTS:
        family = page.families.get(name.removesuffix(part))
        if name.endswith(part) and family is not None and family.type == "histogram":
            return family.name
    return name


async def validate_prometheus(
    prometheus: Prometheus, promised: Mapping[str, Promise], page: Page, job: str
) -> list[Finding]:
    """Look whether all of it arrives in Prometheus: scraped now, by name and type."""
    area = "Prometheus"
    try:
        targets = [
            one for one in await prometheus.targets() if one.get("labels", {}).get("job") == job
        ]
        if not targets:
            words = f"it has no target of job {job}"
            advice = "see deploy/prometheus.yml"
            return [Finding(area, "target", "failed", words, advice=advice)]
        found = [_scraped(area, target) for target in targets]
        stored, metadata = await prometheus.names(job), await prometheus.metadata()
    except SourceError as error:
        return [Finding(area, "prometheus", "failed", str(error))]
    wrong: dict[str, list[str]] = {}
    for name, promise in promised.items():
        family = page.families.get(name)
        if family is None or not family.samples:
            continue
        if not stored & {sample.name for sample in family.samples}:
            wrong[name] = [f"Prometheus has no series of it for job {job}"]
            continue
        kinds = {row.get("type") for row in metadata.get(name, [])} - {"unknown"}
        if kinds and promise.kind not in kinds:
            wrong[name] = [f"Prometheus takes it for a {', '.join(sorted(map(str, kinds)))}"]
    well = f"it has all {len(promised)} of them, with their types"
    return found + _told("arrives", wrong, "failed", well, "is it dropped by relabelling?")


def _scraped(area: str, target: dict[str, object]) -> Finding:
    shown = str(target.get("scrapeUrl"))
    if target.get("health") != "up":
        words = f"{shown} is {target.get('health')}: {target.get('lastError') or 'not scraped yet'}"
        return Finding(area, "target", "failed", words, advice="runbook ServiceDown")
    try:
        age = time.time() - datetime.fromisoformat(str(target["lastScrape"])).timestamp()
        interval = parse_duration(str(target.get("scrapeInterval", "1m"))) / 1000
    except (KeyError, ValueError):
        return Finding(area, "target", "unknown", f"{shown}: the time of its last scrape is odd")
    state: State = "warning" if age > OLD_SCRAPES * interval else "ok"
    return Finding(area, "target", state, f"{shown} was scraped {span(max(0, age))} ago")
