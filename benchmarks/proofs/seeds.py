"""Every statement of the systems' documents has a row in docs/systems.md, and each row holds."""

import time
from typing import Any

from receiver.observability.metrics.registry import Metrics
from systems.accounted import accounts, documents

NAME = "seeds"
OPERATIONS = 200_000


async def run(report: Any) -> None:
    """Report a line a document, and what a metric operation costs."""
    total = 0
    for document in documents():
        found = list(accounts(document))
        total += len(found)
        left = [row for row in found if row.problem]
        for row in left:
            report(row.says[:46], row.problem[:60], "", False)
        words = f"{len(found)} rows, {len(left)} unaccounted"
        report(document.document[:46], words, "0 unaccounted", not left)
    report("all documents", f"{total} rows", "", total > 0)
    report("a metric operation", f"{_cost():.2f} µs", "1 µs", _cost() < 1, timed=True)


def _cost() -> float:
    """Return the µs of one count in a series that is there, the best of five rounds."""
    metrics = Metrics(
        version="-", channels=("slack",), integrations=("any",), runbooks={}, routes=[("GET", "/")]
    )
    count = metrics.bound("notifications_sent_total", channel="slack", status="sent")
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(OPERATIONS):
            count(1)
        rounds.append((time.perf_counter() - began) / OPERATIONS * 1e6)
    return min(rounds)
