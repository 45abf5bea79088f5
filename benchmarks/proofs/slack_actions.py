"""Everything people do in Slack: every action over both transports, and all of it at once."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.proofs.pytest_run import run_tests
from tests.support.replicas import USERS, click_through, two_replicas
from tests.support.slack_transport import TRANSPORTS

NAME = "slack-actions"
INCIDENTS = 15
FILES = ("test_slack_actions", "test_slack_permissions", "test_slack_faults", "test_slack")

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report the scenario tests, then two replicas with concurrent clicks for each transport."""
    for name in FILES:
        counts, last = await run_tests(f"tests/scenarios/{name}.py")
        good = set(counts) == {"passed"}
        report(f"scenarios of {name}", f"{counts.get('passed', 0)} passed", "all", good)
        if not good:
            print(last)
    for transport in TRANSPORTS:
        with TemporaryDirectory() as folder:
            async with two_replicas(Path(folder), transport) as apps:
                found = await click_through(apps, transport, INCIDENTS)
        for one in found:
            report(
                f"{transport}, 2 replicas: {one.action}",
                f"{one.answers} at once, {one.wrong} wrong",
                f"{INCIDENTS * len(USERS)}, 0",
                one.answers == INCIDENTS * len(USERS) and not one.wrong,
            )
        slowest = max(one.slowest for one in found)
        report(f"{transport}: slowest answer", f"{slowest:.2f} s", "3 s", slowest < 3)
