"""Where private answers go."""

from typing import Any

import pytest

from receiver.slack.interactions.payload import Interaction
from receiver.slack.interactions.workspace import Workspace
from tests.support.clocks import StillClock


@pytest.fixture
def workspace() -> Workspace:
    other: Any = type("Other", (), {"store": None})()
    return Workspace(other, other, None, "https://slack.com", StillClock(), other)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://hooks.slack.com/actions/T1/2/3", True),
        ("https://slack.com/x", True),
        ("http://hooks.slack.com/actions/T1/2/3", False),
        ("https://hooks.slack.com.evil.example/", False),
        ("https://hooks.slack.com@evil.example/", False),
        ("https://[", False),
        ("", False),
    ],
)
async def test_a_private_answer_goes_to_slack_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, url: str, asked: bool
) -> None:
    posted: list[str] = []

    async def post(where: str, _body: object) -> None:
        posted.append(where)

    monkeypatch.setattr(workspace, "_post", post)
    workspace.whisper(Interaction(user_id="U1", user_name="ann", response_url=url), "hello")
    await workspace.close()
    assert posted == ([url] if asked else [])
