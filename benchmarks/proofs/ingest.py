"""The cost of a webhook against a bare handler, and 2,000 a second for a minute."""

from collections.abc import Callable

from benchmarks.ingest import run_all

NAME = "ingest"
AIM, LIMIT = 4.0, 6.0

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report the ratio of each case, and errors and latency of the steady load."""
    found = await run_all(quick=True, seconds=60)
    for tag in ("ingest", "ingest+delivery"):
        for item in found[tag]:
            figure = f"{item.ratio:.2f} x ({item.python_cpu:.0f}+{item.valkey_cpu:.0f} us CPU)"
            report(
                f"{tag}: {item.case}", figure, f"aim {AIM} x, limit {LIMIT} x", item.ratio <= LIMIT
            )
    steady = found["steady"]
    report("2,000/s: errors", str(steady.errors), "0", steady.errors == 0)
    report("2,000/s: reached", f"{steady.rate:.0f}/s", ">= 1,980/s", steady.rate >= 1_980)
    p99 = steady.percentile(0.99)
    report("2,000/s: p99", f"{p99:.1f} ms", "< 50 ms", p99 < 50)
