"""A running service for every scenario."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver.slack.interactions import workspace
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes import slack_views
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.patience import PATIENCE_S
from tests.support.status_pages import PAGE


@pytest.fixture(autouse=True)
def patient_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give answers longer: a machine under test may stand still for the 2 s they have."""
    monkeypatch.setattr(workspace, "OPEN_WITHIN_S", PATIENCE_S)
    monkeypatch.setattr(workspace, "ANSWER_WITHIN_S", PATIENCE_S)
    monkeypatch.setattr(slack_views, "TRIGGER_S", PATIENCE_S)


@pytest.fixture
async def fakes() -> AsyncIterator[tuple[FakeSlack, FakePagerDuty]]:
    slack = FakeSlack(channels={"C0ALERTS": "alerts"})
    pagerduty = FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    yield slack, pagerduty
    await slack.stop()
    await pagerduty.stop()


@pytest.fixture
async def app(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """A service with Slack and PagerDuty configured."""
    running = App(tmp_path, *fakes)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def plain(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """A service with no account configured: pages are printed."""
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS)
    yield running
    await running.stop()


@pytest.fixture
async def site(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    """A service without accounts that has a status page."""
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **PAGE)
    yield running
    await running.stop()
