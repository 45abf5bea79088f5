"""Whether the values of a page of metrics can be true: what is wrong is named, series by series."""

import math
import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from receiver.cli.checks.metrics_page import Page

SERIES_MAX = 1_000
"""Combinations of labels of one metric; the metrics guide asks for fewer than 1,000."""
LABEL_MAX = 200
SKEW_S = 60
_SIGNED = ("_offset_seconds", "_behind_seconds")
"""How far one thing is ahead of another, or behind it."""
_SHARES = ("_hit_rate", "_ratio")
_FLAGS = ("_up", "_reload_successful")


def wrong_values(page: Page, name: str) -> Iterator[str]:
    """Yield what is wrong with the values of one family."""
    family = page.families[name]
    for sample in family.samples:
        for what in _sample(family, sample):
            yield f"{series(sample)} is {sample.value:g}: {what}"
    if family.type == "histogram":
        yield from _histogram(family)
    twice = Counter(
        (sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples
    )
    for (metric, labels), times in twice.items():
        if times > 1:
            yield f"{metric}{dict(labels)} stands {times} times"


def _sample(family: Metric, sample: Sample) -> Iterator[str]:
    value, name = sample.value, sample.name
    if not math.isfinite(value):
        yield "not a number that can be" if math.isnan(value) else "not finite"
    elif value < 0 and not name.endswith(_SIGNED):
        yield "a counter cannot be negative" if family.type == "counter" else "cannot be negative"
    elif name.endswith(_SHARES) and value > 1:
        yield "a share is at most 1"
    elif name.endswith("_percent") and value > 100:  # noqa: PLR2004 - a percentage
        yield "more than 100 %"
    elif name.endswith(_FLAGS) and value not in (0, 1):
        yield "must be 0 or 1"
    elif "timestamp" in name and value > time.time() + SKEW_S:
        yield "lies in the future: does the clock differ?"


def _histogram(family: Metric) -> Iterator[str]:
    """Buckets never fall, and the last one is all there are."""
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    counts: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in family.samples:
        key = tuple(sorted(pair for pair in sample.labels.items() if pair[0] != "le"))
        if sample.name.endswith("_bucket"):
            bound = float(sample.labels.get("le", "nan"))
            buckets.setdefault(key, []).append((bound, sample.value))
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
    for key, found in buckets.items():
        shown = f"{family.name}{_braces(dict(key))}"
        numbers = [number for _, number in sorted(found)]
        if numbers != sorted(numbers):
            yield f"{shown}: its buckets fall"
        if max(found)[0] != math.inf:
            yield f"{shown}: it has no bucket +Inf"
        elif key not in counts:
            yield f"{shown}: it has no _count"
        elif numbers[-1] != counts[key]:
            yield f"{shown}: its bucket +Inf is {numbers[-1]:g}, its count {counts[key]:g}"


def sums_that_differ(page: Page) -> Iterator[tuple[str, str]]:
    """Yield (metric, what) where parts do not make the whole."""
    prefix = "llm_integration_requests"
    for sample in page.samples(f"{prefix}_total"):
        parts = [
            page.value(f"{prefix}_{part}", **sample.labels) for part in ("successful", "failed")
        ]
        if None in parts or sum(part or 0 for part in parts) != sample.value:
            shown = " + ".join("nothing" if part is None else f"{part:g}" for part in parts)
            words = f"successful + failed is {shown}, total {sample.value:g}"
            yield f"{prefix}_total", f"{_braces(sample.labels)}: {words}"


def too_many(page: Page, name: str) -> Iterator[str]:
    """Yield what would make Prometheus keep too much of one family."""
    family = page.families[name]
    combinations = {
        tuple(sorted(pair for pair in sample.labels.items() if pair[0] != "le"))
        for sample in family.samples
    }
    if len(combinations) > SERIES_MAX:
        yield f"{len(combinations)} combinations of labels (limit {SERIES_MAX})"
    for sample in family.samples:
        long = [label for label, value in sample.labels.items() if len(value) > LABEL_MAX]
        if long:
            yield f"the label {long[0]} has a value of more than {LABEL_MAX} characters"
            return


def series(sample: Sample) -> str:
    """Return a series as it is printed."""
    return f"{sample.name}{_braces(sample.labels)}"


def _braces(labels: dict[str, str]) -> str:
    inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""
