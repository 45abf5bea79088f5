"""The notifier of those who configured none: it says what would be sent, and each thing once."""

import logging
from typing import Any

import msgspec
import pytest

from receiver.notify.log import LogNotifier
from receiver.notify.notifier import Delivered, Step, View
from routing.decide import decide
from routing.event import TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor, Entry
from routing.person_event import Acknowledged, Resolved
from routing.receipt import Receipt
from routing.rules import Step as PolicyStep
from tests.support.builders import MINUTE, NOW, alert, received, rules

RULES = rules(PolicyStep(("log",)), PolicyStep(("log",)))
ANN = Actor(name="ann", via="api")


class Workspace:
    """An incident that really happens, and the agenda's part of telling it."""

    def __init__(self) -> None:
        self.notifier = LogNotifier("log")
        self.receipt = Receipt()
        self.incident: Incident
        self.timeline: list[Entry] = []
        self.happens(received(alert(runbook_url="https://wiki.example/x")), first=True)

    def happens(self, event: Any, *, after: int = 0, first: bool = False) -> None:
        decision = decide(None if first else self.incident, event, NOW + after, RULES)
        assert decision.incident is not None
        self.incident = decision.incident
        self.timeline += decision.timeline

    @property
    def view(self) -> View:
        seen = tuple(self.timeline[self.receipt.cursor :])
        return View(self.incident, self.incident.pages["log"], seen, NOW, "http://x.example/1")

    async def settle(self) -> None:
        for _ in range(5):
            step = self.notifier.plan(self.view, self.receipt)
            if step is None:
                return
            assert isinstance(step, Step)
            outcome = await self.notifier.perform(self.view, self.receipt, step)
            assert isinstance(outcome, Delivered)
            self.receipt = outcome.receipt
        raise AssertionError("it never comes to rest")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "notify")
    return caplog


async def test_a_page_is_one_line_that_says_it_all(lines: pytest.LogCaptureFixture) -> None:
    workspace = Workspace()
    await workspace.settle()
    [line] = lines.messages
    assert line.startswith("[P1] would page: HighErrorRate")
    for part in (
        workspace.incident.id,
        "https://wiki.example/x",
        "acknowledge by 2026-03-02T10:05:00",
    ):
        assert part in line
    assert (workspace.receipt.paged_seq, workspace.receipt.version) == (
        1,
        workspace.incident.version,
    )
    await workspace.settle()
    assert len(lines.messages) == 1


async def test_a_page_and_what_is_told_beside_it_are_one_step(
    lines: pytest.LogCaptureFixture,
) -> None:
    workspace = Workspace()
    await workspace.settle()
    workspace.happens(TimerDue("acknowledge", {"log": 1}), after=5 * MINUTE)
    step = workspace.notifier.plan(workspace.view, workspace.receipt)
    assert step == Step("page", seq=2)
    outcome = await workspace.notifier.perform(workspace.view, workspace.receipt, step)
    assert isinstance(outcome, Delivered)
    workspace.receipt = outcome.receipt
    assert workspace.notifier.plan(workspace.view, workspace.receipt) is None
    assert "would page" in lines.messages[1]
    assert any("would tell: deadline" in line for line in lines.messages[2:])


async def test_each_change_is_told_once(lines: pytest.LogCaptureFixture) -> None:
    workspace = Workspace()
    await workspace.settle()
    workspace.happens(Acknowledged(ANN), after=1_000)
    await workspace.settle()
    workspace.happens(Resolved(ANN), after=2_000)
    await workspace.settle()
    assert len(lines.messages) == 3
    assert "acknowledged" in lines.messages[1]
    assert "resolved" in lines.messages[2]
    assert "ann" in lines.messages[2]


async def test_an_escalation_pages_again_and_says_what_was_missed(
    lines: pytest.LogCaptureFixture,
) -> None:
    workspace = Workspace()
    await workspace.settle()
    workspace.happens(TimerDue("acknowledge", {"log": 1}), after=5 * MINUTE)
    await workspace.settle()
    assert sum("would page" in line for line in lines.messages) == 2
    assert any("deadline_missed" in line for line in lines.messages)
    assert "acknowledge was due" in lines.messages[1]
    assert workspace.receipt.paged_seq == 2


async def test_an_acknowledge_before_the_page_is_told_and_pages_nobody(
    lines: pytest.LogCaptureFixture,
) -> None:
    workspace = Workspace()
    workspace.happens(Acknowledged(ANN), after=1_000)
    await workspace.settle()
    assert not any("would page" in line for line in lines.messages)
    assert "acknowledged" in lines.text


async def test_a_page_given_up_is_not_printed(lines: pytest.LogCaptureFixture) -> None:
    workspace = Workspace()
    workspace.receipt = msgspec.structs.replace(workspace.receipt, failed_seq=1)
    await workspace.settle()
    assert not any("would page" in line for line in lines.messages)
