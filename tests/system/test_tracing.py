"""The real program, killed between commit and delivery: the trace goes on in the next process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.fakes.otlp import FakeCollector
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.rig import Rig, until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def test_a_kill_between_commit_and_delivery(tmp_path: Path) -> None:
    collector = FakeCollector()
    await collector.start()
    rig = Rig(tmp_path)
    environ = {
        "LLM_IM__TRACING__ENDPOINT": collector.base_url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    # The same service, without the agenda: what it commits stays to be delivered.
    await rig.start("benchmarks.ingest_only", **environ)
    try:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        url = f"{rig.url}/v1/alerts/webhook"
        async with rig.session.post(url, json=notification(alert()), headers=headers) as answer:
            assert answer.status == 202
        await until(lambda: collector.named("commit", TRACE), PATIENCE_S, "the commit is exported")
        (commit,) = collector.named("commit", TRACE)
        os.kill(rig.service.pid, signal.SIGKILL)
        await rig.service.end()
        rig.service.command = (sys.executable, "-m", "receiver", "serve")
        await rig.start_service()
        for name in ("deliver slack", "deliver pagerduty"):
            await until(lambda name=name: collector.named(name), PATIENCE_S, name)
            (delivered,) = collector.named(name)
            assert (delivered.trace_id, delivered.parent) == (TRACE, commit.span_id)
        assert len(rig.slack.top_level("C0ALERTS")) == 1
    finally:
        await rig.stop()
        await collector.stop()
    assert collector.violations == []
    lines = [
        json.loads(line) for line in rig.service.log.read_text().splitlines() if line[:1] == "{"
    ]
    audit = [line["action"] for line in lines if line["class"] == "audit"]
    # What the configuration of the test says and hardly means is said at each start; where the
    # trail stands is said now and then.
    others = ("configure", "anchor")
    assert [action for action in audit if action not in others] == ["start", "start", "stop"]
    assert {line["trace_id"] for line in lines if line["logger"] == "notify"} == {TRACE}


def test_a_refused_configuration_is_a_line_of_the_audit(tmp_path: Path) -> None:
    environ = os.environ | {"LLM_IM__WEB__LISTEN_ADDRESS": "0.0.0.0:0"}
    done = subprocess.run(
        [sys.executable, "-m", "receiver", "serve", "--storage.path", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environ,
        check=False,
    )
    assert done.returncode == 1
    first = json.loads(done.stderr.splitlines()[0])
    assert (first["class"], first["action"], first["outcome"]) == ("audit", "configure", "refused")
    assert "web.listen_address" in first["message"]
