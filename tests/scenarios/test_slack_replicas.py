"""Two replicas and concurrent clicks: whoever answers, each action counts as it should."""

from pathlib import Path

import pytest

from tests.support.replicas import CLICKS, click_through, two_replicas
from tests.support.slack_transport import TRANSPORTS


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_everybody_does_everything_at_once(tmp_path: Path, transport: str) -> None:
    async with two_replicas(tmp_path, transport) as apps:
        found = await click_through(apps, transport, incidents=3)
    assert [one.action for one in found] == list(CLICKS)
    assert [(one.action, one.wrong) for one in found if one.wrong] == []
    assert max(one.slowest for one in found) < 3
