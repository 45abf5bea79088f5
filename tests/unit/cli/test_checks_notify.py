"""A message that says it is a test."""

import getpass
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from receiver.cli.checks import notify
from receiver.settings.load import load_settings
from tests.support.checks import run
from tests.support.fakes.slack import FakeSlack


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(channels={"C0ALERTS": "alerts"})
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


async def sent(config: Path, slack: FakeSlack, name: str = "slack", **more: Any) -> Result:
    of = {"token": "xoxb-test", "channel": "C0ALERTS", "base_url": slack.base_url}
    config.write_text(yaml.safe_dump({"slack": of, **more}))
    return await run("notify", "test", name, "--config.file", str(config))


async def test_it_says_who_tries_what_from_where(
    config: Path, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann\x1b[2J\u202e")
    web = {"external_url": "https://im.example/x"}
    result = await sent(config, slack, web=web)
    assert (result.exit_code, result.output) == (0, "slack: delivered\n")
    (message,) = slack.messages
    assert message.text.startswith("TEST, nothing to do: ann")
    assert message.text.endswith(
        "tries whether the incident manager at https://im.example/x can notify here"
    )
    text = notify._text(load_settings(None, {}, {}))
    assert not {"\x1b", "\u202e"} & set(message.text + text)


@pytest.mark.parametrize("error", [OSError("no user"), KeyError("uid 12345")])
async def test_without_a_user_it_is_somebody(
    config: Path, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert (await sent(config, slack)).exit_code == 0
    assert slack.messages[0].text.startswith("TEST, nothing to do: somebody tries")


@pytest.mark.parametrize("name", ["nobody", "SLACK", "", "\x1b[2J\u202e"])
async def test_a_notifier_that_there_is_not_is_a_wrong_word(
    config: Path, slack: FakeSlack, name: str
) -> None:
    result = await sent(config, slack, name)
    assert result.exit_code == 2
    assert "there is no notifier" in result.output
    assert "(allowed: " in result.output
    assert "slack" in result.output
    assert not {"\x1b", "\u202e"} & set(result.output)
    assert slack.messages == []


async def test_why_it_was_not_delivered_is_said_and_every_session_closed(
    config: Path, slack: FakeSlack
) -> None:
    slack.faults.add("error:channel_not_found", method="chat.postMessage")
    result = await sent(config, slack)
    assert result.exit_code == 1
    assert "Error: slack: not delivered: channel_not_found" in result.output
    assert "Unclosed" not in result.output
    assert "xoxb-test" not in result.output


async def test_a_wrong_configuration_is_said_before_anything_is_sent(
    config: Path, slack: FakeSlack
) -> None:
    result = await sent(config, slack, slak={})
    assert result.exit_code == 1
    assert "slak" in result.output
    assert slack.messages == []
    missing = await run("notify", "test", "slack", "--config.file", str(config.parent / "gone"))
    assert missing.exit_code == 1
    assert isinstance(missing.exception, SystemExit)


async def test_printing_is_delivering_where_nothing_is_configured(config: Path) -> None:
    config.write_text("{}")
    result = await run("notify", "test", "log", "--config.file", str(config))
    assert result.exit_code == 0
    assert result.output.endswith("log: delivered\n")
