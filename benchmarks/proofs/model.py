"""1,000 histories of Prometheis and Alertmanagers, in several orders, end as those say.

The model is ``tests/support/upstream.py``; what it is judged by is in ``upstream_judge.py``.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.support.upstream_history import history, in_order
from tests.support.upstream_judge import judge, tell

NAME = "model"
HISTORIES, ORDERS = 1_000, 3
Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report how many histories ended otherwise, were paged to nobody, or paged too often."""
    with ProcessPoolExecutor(2) as pool:
        counts = sum(pool.map(_count, range(HISTORIES), chunksize=20), Counter[str]())
    told = counts["tellings"]
    report("histories, each told in some orders", f"{HISTORIES} x {told // HISTORIES}", "", True)
    report("notifications taken in", f"{counts['deliveries']}", "", counts["deliveries"] > told)
    for asks in ("alone", "asking"):
        wrong, unpaged = counts[f"wrong {asks}"], counts[f"unpaged {asks}"]
        report(f"{asks}: end otherwise than upstream", f"{wrong}", "= 0", wrong == 0)
        report(f"{asks}: fired, and nobody was paged", f"{unpaged}", "= 0", unpaged == 0)
    over = counts["over"]
    report("paged more often than told anew", f"{over}", "= 0", over == 0)
    unneeded = f"{counts['unneeded']} of {counts['pages']}"
    report("pages for what had just ended upstream", unneeded, "", True)
    report("ends that nobody told (kept open, alone)", f"{counts['untold']}", "", True)


def _count(seed: int) -> Counter[str]:
    counts = Counter[str]()
    told = history(seed)
    for asks in (False, True):
        how = "asking" if asks else "alone"
        for order in range(ORDERS):
            deliveries = in_order(told, order)
            verdict = judge(told, deliveries, tell(told, deliveries, asks=asks), asks=asks)
            counts["tellings"] += 1
            counts["deliveries"] += len(deliveries)
            counts[f"wrong {how}"] += bool(verdict.wrong)
            counts[f"unpaged {how}"] += bool(verdict.unpaged)
            counts["over"] += verdict.pages > verdict.bound
            counts["pages"] += verdict.pages
            counts["unneeded"] += verdict.unneeded
            counts["untold"] += verdict.untold
    return counts
