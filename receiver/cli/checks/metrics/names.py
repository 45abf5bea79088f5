"""Whether metrics are named and helped as Prometheus asks for.

The same that ``promtool check metrics`` looks at, without promtool (prometheus.io, "Metric and
label naming").
"""

import re
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

GIVEN = frozenset(
    f"llm_integration_latency_milliseconds{end}" for end in ("", "_average", "_p95", "_total")
)
"""Names that the documents give to the letter, although they break these rules."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
_UNITS = {
    "milliseconds": "seconds",
    "minutes": "seconds",
    "hours": "seconds",
    "days": "seconds",
    "kilobytes": "bytes",
    "megabytes": "bytes",
}
_RESERVED = ("_count", "_sum", "_bucket")


def complaints(name: str, family: Metric) -> Iterator[str]:
    """Yield what is wrong with a metric's name, help and labels."""
    if not family.documentation.strip():
        yield "has no help text"
    if name in GIVEN:
        return
    yield from _of_name(name, family.type)
    labels = {label for sample in family.samples for label in sample.labels}
    for label in sorted(labels):
        if not _LABEL.fullmatch(label):
            yield f"its label {label} is not in snake_case"
    if family.type != "histogram" and "le" in labels:
        yield "has the label le, which is a histogram's"


def _of_name(name: str, kind: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "is not in snake_case"
    for word, base in _UNITS.items():
        if word in name.split("_"):
            yield f"use the base unit {base} instead of {word}"
    if kind == "counter" and not name.endswith("_total"):
        yield "a counter ends with _total"
    if kind != "counter" and name.endswith("_total"):
        yield f"is a {kind}: only a counter ends with _total"
    if name.endswith(_RESERVED):
        yield "ends with a word that histograms use"
