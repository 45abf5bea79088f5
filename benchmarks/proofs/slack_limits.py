"""Any alert renders to blocks inside every limit of Slack, and pings nobody."""

import os
from collections.abc import Callable

from benchmarks.proofs.pytest_run import run_tests

NAME = "slack-limits"
EXAMPLES = 5
"""Times the number of examples that a test run tries."""
FILES = ("tests/unit/slack/test_slack_limits.py", "tests/unit/slack/test_slack_blocks.py")

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report the property tests, with more examples than a test run has time for."""
    os.environ["SLACK_LIMITS_TIMES"] = str(EXAMPLES)
    for name in FILES:
        counts, last = await run_tests(name)
        good = set(counts) == {"passed"}
        report(name.rpartition("/")[2], f"{counts.get('passed', 0)} properties hold", "all", good)
        if not good:
            print(last)
