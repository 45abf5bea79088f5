"""16-fold concurrent duplicates of 10 groups make 10 incidents, and no answer is a 5xx."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.rig import Rig, until

NAME = "race"
GROUPS, COPIES = 10, 16

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report the number of incidents, the answers, and what reached Slack and PagerDuty."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        await rig.start()
        try:
            bodies = [
                notification(alert(f"Race{number}"), group=f"race-{number}")
                for number in range(GROUPS)
                for _ in range(COPIES)
            ]
            answers = await asyncio.gather(*[rig.post(body) for body in bodies])
            statuses = Counter(status for status, _ in answers)
            incidents = await rig.incidents()
            report("incidents", str(len(incidents)), f"= {GROUPS}", len(incidents) == GROUPS)
            report("answers", str(dict(statuses)), "202 alone", set(statuses) == {202})
            await until(lambda: len(rig.pagerduty.incidents) >= GROUPS, PATIENCE_S, "it pages")
            await until(lambda: len(rig.slack.top_level("C0ALERTS")) >= GROUPS, PATIENCE_S, "Slack")
            await asyncio.sleep(3)  # for what would be too many
            pages = (len(rig.pagerduty.incidents), len(rig.slack.top_level("C0ALERTS")))
            report(
                "PagerDuty incidents, Slack messages",
                f"{pages[0]}, {pages[1]}",
                f"= {GROUPS}, {GROUPS}",
                pages == (GROUPS, GROUPS),
            )
        finally:
            await rig.stop()
