"""Wrong credentials are found before the first page, and trying rings nobody."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from tests.support.app import App
from tests.support.fakes.integration import FakeIntegration
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.pagerduty_rest import FakePagerDutyRest
from tests.support.fakes.slack import FakeSlack
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
ON = {"observability.check_notifiers_every": "1h"}
OTHER_KEY = "W" * 32


async def health(app: App) -> Any:
    return (await app.get("/health"))[1]


async def notifiers(app: App) -> Any:
    return (await health(app))["notifiers"]


@pytest.fixture
async def integration() -> AsyncIterator[FakeIntegration]:
    running = FakeIntegration(time.monotonic)
    await running.start()
    yield running
    await running.stop()


async def test_all_are_tried_at_the_start_and_nobody_is_rung(
    tmp_path: Path, fakes: Fakes, integration: FakeIntegration
) -> None:
    slack, pagerduty = fakes
    app = App(tmp_path, *fakes)
    await app.start(**ON, integrations={"sentinel": {"url": integration.url}})

    async def tried() -> Any:
        found = await notifiers(app)
        done = found["slack"]["state"] == "ok" and len(found["pagerduty"]) > 1
        return found if done and len(found["sentinel"]) > 1 else None

    try:
        found = await until(tried)
        assert found["slack"] == {"state": "ok"}
        assert found["pagerduty"]["state"] == "ok"
        assert "enabled" in found["pagerduty"]["untried"]
        assert found["sentinel"]["state"] == "untried"
        assert (await health(app))["status"] == "ok"
        assert {call.method for call in slack.calls} == {"auth.test", "conversations.info"}
        assert [event.effect for event in pagerduty.events] == ["dropped"]
        assert (slack.messages, pagerduty.incidents, integration.told) == ([], [], {})
        # A delivery says more than any try.
        await app.fire()
        await until(lambda: integration.told and pagerduty.incidents)
        await app.settle()
        assert await notifiers(app) == {name: {"state": "ok"} for name in found}
    finally:
        await app.stop()


async def test_what_is_wrong_is_said_before_anybody_needs_it_and_ends_when_repaired(
    tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.engine.notifier_checks.AGAIN_S", 0.2)
    slack, pagerduty = fakes
    slack.token = "xoxb-new"
    pagerduty.routing_keys = {OTHER_KEY}
    app = App(tmp_path, *fakes)
    await app.start(**ON)
    try:
        await until(lambda: len(app.service.notifier_health.present()) == 2)
        found = await health(app)
        assert found["status"] == "degraded"
        assert found["notifiers"]["slack"]["state"] == "failing"
        assert "invalid_auth: set a valid slack.token" in found["notifiers"]["slack"]["problem"]
        assert "Invalid routing key" in found["notifiers"]["pagerduty"]["problem"]
        (problem,) = found["problems"]
        assert problem["subject"] == "notifiers"
        assert problem["since"] == min(one["since"] for one in found["notifiers"].values())
        assert "slack does not deliver" in problem["problem"]
        assert await app.metric('incident_manager_notifier_up{channel="slack"}') == 0
        assert await app.metric('incident_manager_condition{subject="notifiers"}') == 1
        assert (await app.get("/-/ready"))[0] == 200
        slack.token, pagerduty.routing_keys = "xoxb-test", {OTHER_KEY, "R" * 32}
        await until(lambda: not app.service.notifier_health.present())
        assert (await health(app))["status"] == "ok"
        assert await app.metric('incident_manager_notifier_up{channel="slack"}') == 1
    finally:
        await app.stop()


async def test_a_try_that_works_hides_no_delivery_that_fails(app: App) -> None:
    assert {one["state"] for one in (await notifiers(app)).values()} == {"untried"}
    app.slack.faults.add("error:restricted_action", method="chat.postMessage", times=20)
    await app.fire()
    await until(lambda: "slack" in app.service.notifier_health.present())
    await app.service.notifier_checks.look(["slack"])
    assert (await notifiers(app))["slack"]["state"] == "failing"


@pytest.mark.parametrize(
    ("trouble", "state", "words"),
    [
        ("archived", "failing", "unarchive"),
        ("outside", "failing", "invite it"),
        ("scope to post", "failing", "chat:write"),
        ("scope to look", "ok", "missing_scope"),
        ("limited", "untried", "ratelimited"),
        ("login page", "failing", "HTTP 200"),
        ("silent", "failing", "no answer"),
    ],
)
async def test_what_a_try_makes_of_slack(
    app: App, trouble: str, state: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = app.slack
    if trouble == "archived":
        slack.workspace.archived.add("C0ALERTS")
    elif trouble == "outside":
        slack.workspace.outside.add("C0ALERTS")
        slack.scopes.discard("chat:write.public")
    elif trouble == "scope to post":
        slack.scopes.discard("chat:write")
    elif trouble == "scope to look":
        slack.scopes -= {"channels:read", "groups:read"}
    elif trouble == "limited":
        slack.faults.add("429", method="auth.test")
    elif trouble == "login page":
        slack.faults.add("answer", method="auth.test")
    else:
        monkeypatch.setattr("receiver.engine.notifier_checks.WITHIN_S", 0.3)
        slack.faults.add("hang", method="auth.test", seconds=5)
    await app.service.notifier_checks.look(["slack"])
    found = (await notifiers(app))["slack"]
    assert found["state"] == state
    assert words in json.dumps(found)
    assert slack.messages == []


@pytest.mark.parametrize(
    ("fault", "state"), [("429", "untried"), ("503", "failing"), ("reset_before", "failing")]
)
async def test_what_a_try_makes_of_pagerduty(app: App, fault: str, state: str) -> None:
    app.pagerduty.faults.add(fault)
    await app.service.notifier_checks.look(["pagerduty"])
    assert (await notifiers(app))["pagerduty"]["state"] == state
    assert app.pagerduty.incidents == []


async def test_an_integration_that_is_away_and_comes_back(
    tmp_path: Path, fakes: Fakes, integration: FakeIntegration
) -> None:
    app, port = App(tmp_path, *fakes), integration.port
    await app.start(integrations={"sentinel": {"url": integration.url}})
    try:
        await integration.stop()
        await app.service.notifier_checks.look(["sentinel"])
        assert "cannot connect" in (await notifiers(app))["sentinel"]["problem"]
        await integration.start(port)
        await app.service.notifier_checks.look(["sentinel"])
        assert (await notifiers(app))["sentinel"]["state"] == "untried"
    finally:
        await app.stop()


async def test_a_login_page_in_an_integrations_place_is_no_delivery(
    tmp_path: Path, fakes: Fakes, integration: FakeIntegration
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(integrations={"sentinel": {"url": integration.url}})
    try:
        integration.faults.add("answer", body="\n<!DOCTYPE html><title>Sign in</title>")
        await app.fire()
        await until(lambda: "sentinel" in app.service.notifier_health.present())
        assert "web page" in (await notifiers(app))["sentinel"]["problem"]
        await app.pass_until(lambda: integration.told, 5)
        # What frameworks answer by default is no page, whatever its type.
        integration.told.clear()
        integration.calls.clear()
        integration.faults.add("answer_after", body="ok", content_type="text/html")
        await app.fire(group="g2")
        await until(lambda: integration.told)
        await app.settle()
        assert len(integration.calls) == 1
    finally:
        await app.stop()


@pytest.mark.parametrize(("value", "every"), [("0s", 0), ("10m", 600_000)])
def test_how_often_they_are_tried(value: str, every: int) -> None:
    settings = load_settings(None, {}, {"observability.check_notifiers_every": value})
    assert settings.observability.check_notifiers_every == every


def test_they_are_not_tried_all_the_time() -> None:
    with pytest.raises(ConfigError, match=r"less than 1m \(0: never\)"):
        load_settings(None, {}, {"observability.check_notifiers_every": "5s"})


class Commands:
    """The commands that try, with a configuration for the fakes."""

    def __init__(self, folder: Path, fakes: Fakes) -> None:
        self.file = folder / "config.yml"
        self.slack, self.pagerduty = fakes
        self.config: dict[str, Any] = {
            "slack": {"token": "xoxb-test", "channel": "C0ALERTS", "base_url": fakes[0].base_url},
            "pagerduty": {"routing_key": "R" * 32, "base_url": fakes[1].base_url},
        }

    async def run(self, *arguments: str) -> Result:
        self.file.write_text(yaml.safe_dump(self.config))
        command = [*arguments, "--config.file", str(self.file)]
        result = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        for secret in ("xoxb-test", "R" * 32, "rest-token"):
            assert secret not in result.output
        return result


@pytest.fixture
def commands(tmp_path: Path, fakes: Fakes) -> Commands:
    return Commands(tmp_path, fakes)


async def test_pagerduty_check_opens_nothing(commands: Commands) -> None:
    result = await commands.run("pagerduty", "check")
    assert result.exit_code == 0
    assert "ok       routing key of pagerduty: taken" in result.output
    assert "warning  REST key: pagerduty.rest_token is not set" in result.output
    assert "warning  webhook" in result.output
    assert commands.pagerduty.incidents == []
    commands.pagerduty.routing_keys = {OTHER_KEY}
    result = await commands.run("pagerduty", "check", "-o", "json")
    assert result.exit_code == 1
    checks = json.loads(result.output)["checks"]
    assert checks[0]["state"] == "missing"
    assert "Invalid routing key" in checks[0]["words"]


async def test_pagerduty_check_asks_who_is_on_call(commands: Commands) -> None:
    rest = FakePagerDutyRest(token="rest-token")
    await rest.start()
    try:
        commands.config["pagerduty"] |= {
            "rest_token": "rest-token",
            "rest_url": rest.base_url,
            "escalation_policy": "PGONE",
            "webhook_secret": "x" * 32,
        }
        result = await commands.run("pagerduty", "check")
        assert result.exit_code == 1
        assert "MISSING  on call for pagerduty (PGONE): HTTP 404" in result.output
        assert "ok       webhook: signed" in result.output
        del commands.config["pagerduty"]["escalation_policy"]
        assert "ok       REST key: answers" in (await commands.run("pagerduty", "check")).output
        commands.config["pagerduty"]["rest_token"] = "rest-wrong"
        result = await commands.run("pagerduty", "check")
        assert (result.exit_code, "HTTP 401" in result.output) == (1, True)
    finally:
        await rest.stop()


async def test_a_test_message_says_what_it_is(
    commands: Commands, integration: FakeIntegration
) -> None:
    commands.config["integrations"] = {"sentinel": {"url": integration.url}}
    for name in ("slack", "pagerduty", "sentinel"):
        result = await commands.run("notify", "test", name)
        assert (result.exit_code, result.output) == (0, f"{name}: delivered\n")
    (message,) = commands.slack.messages
    assert message.text.startswith("TEST, nothing to do: ")
    assert message.mentions == []
    (opened,) = commands.pagerduty.incidents
    assert (opened.status, opened.severity) == ("resolved", "info")
    assert opened.actions == ["trigger", "resolve"]
    assert opened.summary.startswith("TEST, nothing to do: ")
    (told,) = integration.tests
    assert told["text"].startswith("TEST, nothing to do: ")


async def test_a_test_message_that_does_not_arrive(commands: Commands) -> None:
    result = await commands.run("notify", "test", "nobody")
    assert (result.exit_code, "allowed: pagerduty, slack" in result.output) == (2, True)
    commands.slack.workspace.archived.add("C0ALERTS")
    result = await commands.run("notify", "test", "slack")
    assert result.exit_code == 1
    assert "slack: not delivered: is_archived: unarchive the channel" in result.output
    commands.pagerduty.routing_keys = {OTHER_KEY}
    result = await commands.run("notify", "test", "pagerduty")
    assert (result.exit_code, "Invalid routing key" in result.output) == (1, True)
    assert len(commands.pagerduty.events) == 1
