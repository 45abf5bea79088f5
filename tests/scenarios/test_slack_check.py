"""``incident-manager slack check`` and the manifest that creates the app."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.slack.client.probe import SCOPES
from receiver.slack.interactions.router import OPEN_FROM_MESSAGE, OPEN_INCIDENT
from tests.support.fakes.slack import METHOD_SCOPES, FakeSlack
from tests.support.places import ROOT

MANIFEST = yaml.safe_load((ROOT / "deploy/slack-manifest.yml").read_text())
TOKEN = "xoxb-test"


class Setup:
    """A fake Slack, and a configuration for it."""

    def __init__(self, folder: Path, slack: FakeSlack) -> None:
        self.file = folder / "config.yml"
        self.slack = slack
        self.config: dict[str, Any] = {
            "slack": {
                "token": TOKEN,
                "signing_secret": "hush-hush",
                "channel": "C0ALERTS",
                "base_url": slack.base_url,
            }
        }

    async def check(self) -> tuple[int, dict[str, tuple[str, str]], str]:
        """Return (exit code, what -> (state, words), the whole output)."""
        self.file.write_text(yaml.safe_dump(self.config))
        arguments = ["slack", "check", "--config.file", str(self.file), "-o", "json"]
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        found = json.loads(result.output)
        assert found["complete"] == (result.exit_code == 0)
        checks = {one["what"]: (one["state"], one["words"]) for one in found["checks"]}
        for secret in (TOKEN, "hush-hush", "xapp-test"):
            assert secret not in result.output
        return result.exit_code, checks, result.output


@pytest.fixture
def setup(tmp_path: Path, fakes: Any) -> Setup:
    return Setup(tmp_path, fakes[0])


async def test_all_is_well_and_nothing_is_posted(setup: Setup) -> None:
    code, checks, _ = await setup.check()
    assert code == 0
    assert {state for state, _ in checks.values()} == {"ok"}
    assert "#alerts" in checks["channel C0ALERTS of slack"][1]
    assert "/v1/slack/actions" in checks["requests"][1]
    methods = {call.method for call in setup.slack.calls}
    assert methods == {"auth.test", "conversations.info"}


async def test_a_missing_scope_is_named_with_what_does_not_work(setup: Setup) -> None:
    setup.slack.scopes -= {"channels:history", "users:read.email"}
    code, checks, _ = await setup.check()
    assert code == 1
    assert checks["scope channels:history"][0] == "missing"
    assert "may be doubled" in checks["scope channels:history"][1]
    assert checks["scope chat:write"] == ("ok", "")


@pytest.mark.parametrize(
    ("trouble", "state", "words"),
    [
        ("archived", "missing", "is archived: unarchive"),
        ("outside", "missing", "invite it"),
        ("unknown", "missing", "channel_not_found"),
    ],
)
async def test_what_is_wrong_with_a_channel(
    setup: Setup, trouble: str, state: str, words: str
) -> None:
    channel = {"unknown": "C0GONE", "name": "#alerts"}.get(trouble, "C0ALERTS")
    setup.config["slack"]["channel"] = channel
    if trouble == "archived":
        setup.slack.workspace.archived.add("C0ALERTS")
    if trouble == "outside":
        setup.slack.workspace.outside.add("C0ALERTS")
        _, checks, _ = await setup.check()
        assert checks[f"channel {channel} of slack"][0] == "ok"
        setup.slack.scopes.discard("chat:write.public")
    code, checks, _ = await setup.check()
    found = checks[f"channel {channel} of slack"]
    assert (found[0], words in found[1]) == (state, True)
    assert code == (1 if state == "missing" else 0)


async def test_a_wrong_token_and_no_token(setup: Setup) -> None:
    setup.config["slack"]["token"] = "xoxb-other"
    code, checks, _ = await setup.check()
    assert (code, checks["token"]) == (1, ("missing", "invalid_auth: set a valid slack.token"))
    del setup.config["slack"]["token"], setup.config["slack"]["channel"]
    code, checks, _ = await setup.check()
    assert "set slack.token" in checks["token"][1]


async def test_slack_that_cannot_be_reached(setup: Setup) -> None:
    await setup.slack.stop()
    code, checks, _ = await setup.check()
    assert code == 1
    assert "no answer" in checks["token"][1]


async def test_how_requests_come_in(setup: Setup) -> None:
    del setup.config["slack"]["signing_secret"]
    _, checks, _ = await setup.check()
    assert "or slack.app_token" in checks["requests"][1]
    setup.config["slack"]["app_token"] = "xapp-test"
    code, checks, _ = await setup.check()
    assert (code, checks["requests"][1]) == (0, "by Socket Mode")
    assert checks["app token"][0] == "ok"
    setup.config["slack"]["app_token"] = "xapp-other"
    code, checks, _ = await setup.check()
    assert (code, checks["app token"][0]) == (1, "missing")


async def test_whom_permissions_and_mentions_name(setup: Setup) -> None:
    setup.slack.workspace.groups["S0SRE"] = []
    setup.slack.workspace.emails["bob@example.com"] = "U2"
    setup.config["permissions"] = {
        "resolve": {"groups": ["S0SRE", "S0GONE"], "users": ["bob@example.com", "U0NOBODY"]}
    }
    code, checks, _ = await setup.check()
    assert code == 1
    assert checks["user group S0SRE"] == ("ok", "@s0sre")
    assert checks["user group S0GONE"][0] == "missing"
    assert checks["user bob@example.com"] == ("ok", "@bob")
    assert checks["user U0NOBODY"][0] == "missing"


async def test_the_lines_for_people_begin_with_what_to_look_at(setup: Setup) -> None:
    setup.slack.scopes.discard("commands")
    setup.file.write_text(yaml.safe_dump(setup.config))
    arguments = ["slack", "check", "--config.file", str(setup.file)]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert result.exit_code == 1
    assert "MISSING  scope commands: without it the slash command" in result.output
    assert "ok       token: bot incidents" in result.output


def test_the_manifest_asks_for_the_scopes_the_code_needs() -> None:
    scopes = MANIFEST["oauth_config"]["scopes"]["bot"]
    assert scopes == list(SCOPES)
    needed = {scope for words in METHOD_SCOPES.values() for scope in words.split(" or ")}
    assert needed <= set(scopes)


def test_the_manifest_names_what_the_service_answers() -> None:
    features = MANIFEST["features"]
    callbacks = {one["callback_id"] for one in features["shortcuts"]}
    assert callbacks == {OPEN_INCIDENT, OPEN_FROM_MESSAGE}
    assert [one["command"] for one in features["slash_commands"]] == ["/incident"]
    assert MANIFEST["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]
    text = (ROOT / "deploy/slack-manifest.yml").read_text()
    urls = set(re.findall(r"https://incidents\.example\.com(\S+)", text))
    assert urls == {"/v1/slack/actions", "/v1/slack/commands", "/v1/slack/events"}
    # docs.slack.dev/reference/app-manifest: the longest values Slack takes.
    assert len(MANIFEST["display_information"]["name"]) <= 35
