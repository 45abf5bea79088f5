"""Who is on call: asked for in the background, and never the reason why a page does not go out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.errors import ConfigError
from receiver.pagerduty import on_call
from receiver.settings.load import load_settings
from tests.support.app import App
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY
from tests.support.fakes.pagerduty_rest import TOKEN, FakePagerDutyRest
from tests.support.notification import alert
from tests.support.waiting import until

POLICY = "PUS0KTE"
HANGS_S = 200
URGENT_S = 40.0
"""A page that waits for the answer would take as long as that hangs."""
"""A page that waits for nothing is out long before."""


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    """Two people on call, the second in case the first does not answer."""
    fake = FakePagerDutyRest()
    fake.add_user("PUSER1", "User 1", "user1@example.com")
    fake.add_user("PUSER2", "User 2", "user2@example.com")
    fake.add_policy(POLICY, (2, "PUSER2"), (1, "PUSER1"), name="Checkout")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def start(
    tmp_path: Path, fakes: Any, rest: FakePagerDutyRest
) -> AsyncIterator[Callable[..., Any]]:
    """Start a service that knows the policy behind its routing key."""
    started: list[App] = []

    async def _start(**more: Any) -> App:
        app = App(tmp_path, *fakes)
        settings = {
            "pagerduty.rest_token": TOKEN,
            "pagerduty.rest_url": rest.base_url,
            "pagerduty.escalation_policy": POLICY,
            **more,
        }
        await app.start(**settings)
        started.append(app)
        return app

    yield _start
    for app in started:
        await app.stop()


async def policy_of(app: App) -> Any:
    status, answer = await app.get("/v1/on-call")
    assert status == 200
    return answer["on_call"][0]


async def known(app: App) -> Any:
    """Wait for the first answer."""

    async def asked() -> Any:
        found = await policy_of(app)
        return found if found["known"] else None

    return await until(asked)


@pytest.mark.parametrize("included", [True, False])
async def test_who_is_on_call(start: Any, rest: FakePagerDutyRest, included: bool) -> None:
    rest.includes_users = included
    found = await known(await start())
    assert found["escalation_policy"] == POLICY
    assert found["name"] == "Checkout"
    assert found["notifiers"] == ["pagerduty"]
    assert found["as_of"].startswith("20")
    assert found["people"] == [
        {"id": "PUSER1", "name": "User 1", "email": "user1@example.com", "level": 1},
        {"id": "PUSER2", "name": "User 2", "email": "user2@example.com", "level": 2},
    ]


async def test_without_a_policy_nobody_is_asked_for(app: App) -> None:
    assert await app.get("/v1/on-call") == (200, {"on_call": []})


async def test_the_command(start: Any) -> None:
    app = await start()
    await known(app)

    def run(*words: str) -> str:
        result = CliRunner().invoke(main, ["oncall", "--url", app.url, *words])
        assert result.exit_code == 0, result.output
        return result.output

    shown = await asyncio.to_thread(run)
    assert "Checkout  (pagerduty)" in shown
    assert "level 1  User 1  user1@example.com" in shown
    assert POLICY in await asyncio.to_thread(run, "-o", "json")


async def test_who_is_on_call_is_mentioned_with_the_page(
    start: Any, rest: FakePagerDutyRest
) -> None:
    app = await start()
    app.slack.workspace.emails["user1@example.com"] = "U1"
    await known(app)
    await app.fire()
    (message,) = await until(lambda: app.slack.top_level("C0ALERTS"))
    assert message.mentions == ["<@U1>"]
    assert "U2" not in str(message.blocks)


async def test_whom_slack_does_not_know_is_named(start: Any, rest: FakePagerDutyRest) -> None:
    app = await start()
    await known(app)
    await app.fire()
    (message,) = await until(lambda: app.slack.top_level("C0ALERTS"))
    assert "on call: User 1" in str(message.blocks)


async def test_a_page_to_nobody_moves_on_at_once(start: Any, rest: FakePagerDutyRest) -> None:
    rest.add_policy(POLICY)
    app = await start()
    await known(app)
    name = await app.fire()

    async def failed() -> Any:
        found = {item["notifier"]: item for item in (await app.incident(name))["deliveries"]}
        return found["pagerduty"]["state"] == "failed" and found["pagerduty"]

    found = await until(failed)
    assert found["last_error"] == "nobody is on call in PagerDuty"
    assert app.pagerduty.events == []
    entries = (await app.incident(name))["timeline"]
    assert any("nobody is on call" in entry["text"] for entry in entries)
    assert any(entry["kind"] == "escalated" for entry in entries)
    await until(lambda: app.slack.top_level("C0ALERTS"))


async def test_a_policy_that_does_not_exist_stops_no_page(
    start: Any, rest: FakePagerDutyRest
) -> None:
    del rest.policies[POLICY]
    app = await start()
    await until(lambda: len(rest.calls) == 2)
    assert await pages(app) < URGENT_S
    found = await policy_of(app)
    assert (found["known"], found["error"]) == (False, "HTTP 404")


@pytest.mark.parametrize("fault", ["429", "500", "html", "reset_before", "hang"])
async def test_a_failing_answer_stops_no_page(
    start: Any, rest: FakePagerDutyRest, fault: str
) -> None:
    rest.add_policy(POLICY)
    rest.faults.add(fault, times=None, seconds=HANGS_S)
    app = await start()
    assert await pages(app) < URGENT_S
    await app.stop()


async def test_an_old_answer_stops_no_page(start: Any, rest: FakePagerDutyRest) -> None:
    rest.add_policy(POLICY)
    app = await start()
    await known(app)
    rest.faults.add("500", times=None)
    app.clock.move(on_call.SURE_MS / 1000 + 1)
    assert await pages(app) < URGENT_S
    app.clock.move(on_call.FRESH_MS / 1000 + 1)
    assert not (await policy_of(app))["known"]
    assert (await policy_of(app))["people"] == []


async def test_who_comes_on_duty_is_rung(start: Any, rest: FakePagerDutyRest) -> None:
    rest.add_policy(POLICY)
    app = await start()
    await known(app)
    rest.add_policy(POLICY, (1, "PUSER1"))
    app.clock.move(on_call.SURE_MS / 1000 + 1)
    assert await pages(app) < URGENT_S


async def test_a_hanging_answer_costs_three_seconds_at_most(
    start: Any, rest: FakePagerDutyRest
) -> None:
    rest.add_policy(POLICY)
    app = await start()
    await known(app)
    rest.faults.add("hang", times=None, seconds=HANGS_S)
    app.clock.move(on_call.SURE_MS / 1000 + 1)
    assert await pages(app) < URGENT_S


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"oncalls": {}}',
        '{"oncalls": "nobody"}',
        '{"oncalls": [{"user": null}]}',
        '{"oncalls": []}',
        '{"oncalls": [], "escalation_policy": {"id": "PANOTHER"}}',
        "<html>Please log in</html>",
    ],
)
async def test_an_answer_that_makes_no_sense_does_not_say_that_nobody_is_on_call(
    start: Any, rest: FakePagerDutyRest, body: str
) -> None:
    rest.faults.add("answer", times=None, body=body, content_type="application/json")
    app = await start()
    assert await pages(app) < 3.0 + URGENT_S
    assert (await policy_of(app))["people"] == []
    assert not (await policy_of(app))["known"]


async def test_the_end_of_a_shift_ends_what_is_known(start: Any, rest: FakePagerDutyRest) -> None:
    end = "2040-01-01T00:00:00Z"
    rest.policies[POLICY].on_call = [(1, "PUSER1", end)]
    app = await start()
    await known(app)
    app.clock.move(14 * 366 * 86_400)
    assert not (await policy_of(app))["known"]


async def test_after_a_429_nothing_is_asked_until_the_reset(
    start: Any, rest: FakePagerDutyRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_call, "RETRY_S", 0.05)
    rest.faults.add("429", times=1, retry_after="40")
    app = await start()
    await until(lambda: rest.calls)
    await asyncio.sleep(0.5)
    assert len(rest.calls) == 1
    app.clock.move(41)
    assert (await known(app))["people"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"pagerduty.escalation_policy": POLICY}, "pagerduty.rest_token: needed"),
        ({"pagerduty.escalation_policy": "Default"}, "not the id of an escalation policy"),
        (
            {"notifiers": {"other": {"type": "log", "escalation_policy": POLICY}}},
            "escalation_policy has no meaning for the type log",
        ),
    ],
)
def test_settings_that_cannot_work(given: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_settings(None, {}, given)


def test_the_policy_belongs_to_its_routing_key() -> None:
    settings = load_settings(
        None,
        {},
        {
            "pagerduty.routing_key": DEFAULT_ROUTING_KEY,
            "pagerduty.rest_token": TOKEN,
            "pagerduty.escalation_policy": POLICY,
            "notifiers": {
                "first": {"type": "pagerduty"},
                "second": {"type": "pagerduty", "routing_key": "S" * 32},
                "third": {
                    "type": "pagerduty",
                    "routing_key": "T" * 32,
                    "escalation_policy": "PTHIRD1",
                },
            },
        },
    )
    found = {name: config.escalation_policy for name, config in settings.notifiers.items()}
    assert found.pop("pagerduty") == POLICY
    assert found == {"first": POLICY, "second": None, "third": "PTHIRD1"}


# In Slack.


async def test_the_page_in_slack_mentions_who_is_rung_first(start: Any) -> None:
    app = await start()
    app.slack.workspace.emails |= {"user1@example.com": "U1", "user2@example.com": "U2"}
    await known(app)
    await app.fire()
    message = (await until(lambda: app.slack.top_level("C0ALERTS")))[0]
    assert message.pings == ["<@U1>"]
    app.clock.move(301)
    app.service.agenda.wake()
    replies = await until(lambda: [m for m in app.slack.replies(message.ts) if m.pings])
    # What is known of five minutes ago is not known any more.
    assert replies[0].pings == ["<!here>"]
    looked_up = [call for call in app.slack.calls if call.method == "users.lookupByEmail"]
    assert len(looked_up) == 1


async def test_without_the_scope_they_are_named(start: Any) -> None:
    app = await start()
    app.slack.faults.add("error:missing_scope", times=None, method="users.lookupByEmail")
    await known(app)
    await app.fire()
    message = (await until(lambda: app.slack.top_level("C0ALERTS")))[0]
    assert message.pings == []
    assert any("on call: User 1" in str(block) for block in message.blocks)
    assert "User 2" not in str(message.blocks)


async def test_who_is_not_paged_is_not_mentioned(start: Any) -> None:
    app = await start()
    app.slack.workspace.emails |= {"user1@example.com": "U1"}
    await known(app)
    await app.fire(alert(labels={"severity": "warning"}))
    message = (await until(lambda: app.slack.top_level("C0ALERTS")))[0]
    assert message.pings == []
    assert "on call" not in str(message.blocks)


async def pages(app: App) -> float:
    """Fire, and return how long (seconds) the page took to PagerDuty."""
    started = time.monotonic()
    await app.fire()
    await until(lambda: app.pagerduty.incidents)
    return time.monotonic() - started
