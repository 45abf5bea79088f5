"""The same e-mail address is the same person in Slack and in PagerDuty."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from routing.incident_parts import Actor
from routing.person_event import Acknowledged
from tests.support.app import App
from tests.support.fakes.pagerduty_rest import TOKEN, FakePagerDutyRest
from tests.support.slack_work import Work
from tests.support.waiting import until

POLICY = "PUS0KTE"


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    fake = FakePagerDutyRest()
    fake.add_user("PBOB", "Bob", "Bob@Example.com")
    fake.add_user("PEVE", "Eve", "bob@example.com.evil.example")
    fake.add_policy(POLICY, (1, "PBOB"), (2, "PEVE"), name="Checkout")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def work(tmp_path: Path, fakes: Any, rest: FakePagerDutyRest) -> AsyncIterator[Work]:
    fakes[0].workspace.emails |= {"bob@example.com": "U2", "carol@example.com": "U3"}
    app = App(tmp_path, *fakes)
    await app.start(
        **{
            "pagerduty.rest_token": TOKEN,
            "pagerduty.rest_url": rest.base_url,
            "pagerduty.escalation_policy": POLICY,
        }
    )
    found = Work(app, "http")
    await found.fire()
    yield found
    await app.stop()


async def _home(work: Work, user: str) -> str:
    slack = work.app.slack
    slack.views.homes.pop(user, None)
    await work.way.send(slack.client(user).open_home())
    await until(lambda: user in slack.views.homes)
    return str(slack.views.homes[user]["blocks"])


async def test_what_i_took_in_pagerduty_is_on_me_in_slack(
    work: Work, rest: FakePagerDutyRest
) -> None:
    taken = Acknowledged(Actor("Bob", "pagerduty", "PBOB"))
    await work.app.service.dispatcher.submit(taken, work.incident)
    assert "Nothing is on you" not in await _home(work, "U2")
    assert "Nothing is on you" in await _home(work, "U3")
    assert "Nothing is on you" in await _home(work, "U1")
    asked = [path for path in rest.paths() if path == "/users"]
    assert len(asked) == 2
    await _home(work, "U2")
    assert [path for path in rest.paths() if path == "/users"] == asked


async def test_a_pagerduty_that_is_away_costs_the_home_nothing_but_that(
    work: Work, rest: FakePagerDutyRest
) -> None:
    await work.press("acknowledge", user="U2")
    await rest.stop()
    assert "Nothing is on you" not in await _home(work, "U2")


async def test_who_names_people_as_slack_knows_them(work: Work) -> None:
    await until(lambda: work.app.service.pagerduty.shown()[0]["known"])
    said = await work.command("who")
    assert "*Checkout*" in said
    assert "<@U2>" in said
    assert "Eve" in said
