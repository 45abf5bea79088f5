"""Which key or setting of PagerDuty is wrong, against strict fakes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from receiver.cli.checks.pagerduty import check_pagerduty
from receiver.notify.notifier import Check
from receiver.settings.load import load_settings
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.pagerduty_rest import FakePagerDutyRest, PdPolicy, PdUser

KEY = "R" * 32
OTHER_KEY = "W" * 32


@pytest.fixture
async def events() -> AsyncIterator[FakePagerDuty]:
    fake = FakePagerDuty()
    await fake.start()
    fake.routing_keys = {KEY}
    yield fake
    await fake.stop()


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    fake = FakePagerDutyRest(token="rest-token")
    await fake.start()
    fake.users["PUSER1"] = PdUser("PUSER1", "Ann", "ann@example.com")
    yield fake
    await fake.stop()


async def looked(events: FakePagerDuty, **flags: Any) -> dict[str, Check]:
    usual = {"pagerduty.routing_key": KEY, "pagerduty.base_url": events.base_url}
    given = usual | {name.replace("__", "."): value for name, value in flags.items()}
    wanted = {name: value for name, value in given.items() if value is not None}
    found: list[Check] = []
    await check_pagerduty(load_settings(None, {}, wanted), found.append)
    assert events.incidents == []
    return {one.what: one for one in found}


def state(found: dict[str, Check], what: str) -> tuple[str, str]:
    return found[what].state, found[what].words


async def test_a_key_that_is_taken(events: FakePagerDuty) -> None:
    found = await looked(events)
    assert list(found) == ["routing key of pagerduty", "REST key", "webhook"]
    how, words = state(found, "routing key of pagerduty")
    assert (how, words.startswith("taken; no event tells ")) == ("ok", True)


async def test_each_notifier_is_tried_with_its_own_key(events: FakePagerDuty) -> None:
    dba = {"dba": {"type": "pagerduty", "routing_key": OTHER_KEY}}
    found = await looked(events, notifiers=dba)
    assert found["routing key of pagerduty"].state == "ok"
    how, words = state(found, "routing key of dba")
    assert (how, "Invalid routing key" in words) == ("missing", True)


async def test_without_a_notifier_of_pagerduty_a_key_is_missing(events: FakePagerDuty) -> None:
    found = await looked(events, pagerduty__routing_key=None)
    assert state(found, "routing key") == (
        "missing",
        "set pagerduty.routing_key (or routing_key_file)",
    )


@pytest.mark.parametrize(("fault", "how"), [("429", "warning"), ("503", "missing")])
async def test_a_key_that_cannot_be_tried_now(events: FakePagerDuty, fault: str, how: str) -> None:
    events.faults.add(fault)
    assert (await looked(events))["routing key of pagerduty"].state == how


@pytest.mark.parametrize(
    ("more", "how", "words"),
    [
        ({}, "warning", "pagerduty.webhook_secret is not set"),
        (
            {"pagerduty__webhook_secret": "x" * 32, "web__external_url": "https://im.example/x"},
            "ok",
            "signed; the URL of the subscription is https://im.example/x/v1/pagerduty/webhook",
        ),
    ],
)
async def test_the_webhook(events: FakePagerDuty, more: Any, how: str, words: str) -> None:
    found = (await looked(events, **more))["webhook"]
    assert (found.state, found.words.startswith(words)) == (how, True)
    assert "x" * 32 not in found.words


@pytest.mark.parametrize(
    ("on_call", "how", "words"),
    [
        ([(1, "PUSER1", None)], "ok", "Ann"),
        ([], "missing", "nobody: a page would ring no one"),
    ],
)
async def test_who_is_on_call_for_a_policy(
    events: FakePagerDuty, rest: FakePagerDutyRest, on_call: Any, how: str, words: str
) -> None:
    rest.policies["PPOLICY"] = PdPolicy("PPOLICY", "SRE", on_call)
    found = await looked(
        events,
        pagerduty__rest_token="rest-token",
        pagerduty__rest_url=rest.base_url,
        pagerduty__escalation_policy="PPOLICY",
    )
    assert state(found, "on call for pagerduty (PPOLICY)") == (how, words)
    assert "REST key" not in found


@pytest.mark.parametrize(
    ("token", "how", "words"), [("rest-token", "ok", "answers"), ("wrong", "missing", "HTTP 401")]
)
async def test_a_rest_key_without_a_policy_is_tried_too(
    events: FakePagerDuty, rest: FakePagerDutyRest, token: str, how: str, words: str
) -> None:
    found = await looked(events, pagerduty__rest_token=token, pagerduty__rest_url=rest.base_url)
    assert found["REST key"].state == how
    assert found["REST key"].words.startswith(words)


async def test_a_rest_api_that_is_away_is_said(events: FakePagerDuty) -> None:
    found = await looked(
        events,
        pagerduty__rest_token="rest-token",
        pagerduty__rest_url="http://127.0.0.1:9",
        pagerduty__escalation_policy="PPOLICY",
    )
    assert found["on call for pagerduty (PPOLICY)"].state == "missing"
    assert found["routing key of pagerduty"].state == "ok"
