"""What is damaged is said, and costs nothing that was acknowledged."""

from collections.abc import Callable

from benchmarks.proofs import damage_signals

NAME = "damage"

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Run the parts one after the other."""
    await damage_signals.run(report)
