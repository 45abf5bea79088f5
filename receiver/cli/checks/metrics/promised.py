"""The metrics that are promised: those of docs/api.md, as this version of the program makes them.

``tests/scenarios/test_docs.py`` keeps the document and the program together, so this is both.
"""

import msgspec
from prometheus_client.samples import Sample

from receiver.cli.checks.metrics_page import Page
from receiver.observability.metrics.registry import Metrics
from receiver.observability.metrics.response import Configured
from receiver.observability.metrics.service import families

NOT_OURS = ("process_", "python_")
"""What the client library tells of any process; not everywhere, so not promised."""


class Promise(msgspec.Struct, frozen=True):
    """One metric: its type, and the labels that each of its series has."""

    name: str
    kind: str
    labels: frozenset[str]


def promises() -> dict[str, Promise]:
    """Return every promised metric by name."""
    one = ("any",)
    made = Metrics(
        version="-", channels=one, integrations=one, runbooks={"any": 1}, routes=[("GET", "/")]
    )
    page = Page(made.render()[0].decode())
    config = Configured((), one, (), {}, one)
    declared = {family.name: frozenset(family.labels) for family in families(config)}
    return {
        name: Promise(name, family.type, declared.get(name, labels_of(family.samples)))
        for name, family in page.families.items()
        if not name.startswith(NOT_OURS)
    }


def labels_of(samples: list[Sample]) -> frozenset[str]:
    """Return the names of the labels of a family's series, without a histogram's own."""
    return frozenset(label for sample in samples for label in sample.labels if label != "le")
