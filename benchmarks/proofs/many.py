"""An incident of 60,000 alerts through every face, and a flood of 1,000 groups: bytes and times."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

MANY, AT_ONCE = 60_000, 10_000
GROUPS, QUOTA = 1_000, 20
TOKEN = "many" * 5
KB = 1024
FACES = (
    ("API", "/v1/incidents/{}", 1_000),
    ("console", "/incidents/{}", 200),
    ("review, page", "/incidents/{}/review", 200),
    ("review, HTML", "/v1/incidents/{}/review?format=html", 200),
    ("review, Markdown", "/v1/incidents/{}/review?format=markdown", 64),
    ("review, JSON", "/v1/incidents/{}/review?format=json", 600),
    ("list", "/v1/incidents", 8),
)


async def run(report: Any) -> None:
    """Send both to one service, and look at everything."""
    slack, pagerduty = FakeSlack(channels={"C0ALERTS": "alerts"}), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    with tempfile.TemporaryDirectory() as folder:
        app = App(Path(folder), slack, pagerduty)
        sender = {"name": "noisy", "token": TOKEN, "incidents_per_minute": QUOTA}
        await app.start(**{"web.credentials": [sender]})
        try:
            await _large(app, report)
            await _flood(app, report)
        finally:
            await app.stop()
    await slack.stop()
    await pagerduty.stop()


async def _send(app: App, what: Any) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    status, answer = await app.post(what, headers=headers)
    assert status == 202, answer
    return str(answer["incidents"][-1])


async def _large(app: App, report: Any) -> None:
    note = {"description": "the error rate of this host has been above 5 % for minutes " * 4}
    name = ""
    for first in range(0, MANY, AT_ONCE):
        hosts = [f"host-{number:05d}:9100" for number in range(first, first + AT_ONCE)]
        items = [alert(labels={"instance": host}, annotations=note) for host in hosts]
        name = await _send(app, notification(*items))
    await app.settle()
    # Of CPU, as others may use the machine; it is the service's, its fakes' and the sender's.
    began = time.process_time()
    await _send(app, notification(alert(labels={"instance": "one more"}, annotations=note)))
    took = time.process_time() - began
    report("a webhook of one more alert", f"{took:.2f} s of CPU", "1.5 s", took < 1.5, timed=True)
    for face, path, most in FACES:
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with app.session.get(app.url + path.format(name), headers=headers) as answer:
            size = len(await answer.read()) // KB
        took = time.perf_counter() - began
        report(face, f"{size} KB, {took:.2f} s", f"{most} KB", answer.status == 200 and size < most)
    (message,) = app.slack.top_level("C0ALERTS")
    sizes = [len(json.dumps(message.blocks)) // KB]
    sizes += [len(json.dumps(event.args, default=str)) // KB for event in app.pagerduty.events]
    report("Slack, PagerDuty", f"{max(sizes)} KB", "32 KB", max(sizes) < 32)


async def _flood(app: App, report: Any) -> None:
    began = time.perf_counter()
    for resolved in (False, True):
        for number in range(GROUPS):
            labels = {"severity": "warning", "request": str(number)}
            item = alert("Slow", labels=labels, resolved=resolved)
            await _send(app, notification(item, group=f"request-{number}"))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        _, listed = await app.get("/v1/incidents?state=open&limit=1000", headers=headers)
        found = sum(one["title"].startswith(("Slow", "Flood")) for one in listed["incidents"])
        minutes = 1 + (time.perf_counter() - began) / 60
        most = 0 if resolved else 1 + QUOTA * minutes
        what = f"open after {GROUPS} groups {'ended' if resolved else 'fired'}"
        report(what, str(found), f"{most:.0f}", found <= most and bool(found) is not resolved)
    rate = 2 * GROUPS / (time.perf_counter() - began)
    report("webhooks a second meanwhile", f"{rate:.0f}", "10", rate > 10, timed=True)
