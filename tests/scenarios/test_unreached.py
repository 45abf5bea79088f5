"""An incident that nobody could be told of says so everywhere, until somebody knows of it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.conditions import Subject
from receiver.slack.blocks.home import Work, home
from receiver.slack.client.directory import User
from receiver.store.lists.query import Query
from tests.support.app import App
from tests.support.notification import alert
from tests.support.replicas import two_replicas
from tests.support.waiting import until

CHANNEL = "C0ALERTS"


def _break(app: App) -> None:
    """Slack is refused for a cause that can be repaired, PagerDuty for one that cannot."""
    app.slack.faults.add("error:is_archived", times=None)
    app.pagerduty.faults.add("error:Invalid routing key", times=None)


def _repair(app: App) -> None:
    app.slack.faults.clear()
    app.pagerduty.faults.clear()


async def _unreached(app: App, incident: str) -> Any:
    return (await app.incident(incident))["unreached"]


async def _is_exhausted(app: App, incident: str) -> bool:
    found = await _unreached(app, incident)
    return bool(found and found["exhausted"])


async def _kinds(app: App, incident: str) -> list[str]:
    return [entry["kind"] for entry in (await app.incident(incident))["timeline"]]


async def _problem(app: App) -> Any:
    _, health = await app.get("/health")
    found = [one for one in health["problems"] if one["subject"] == Subject.UNREACHED]
    return found[0] if found else None


async def _console(app: App, path: str = "/") -> str:
    async with app.session.get(app.url + path) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_it_is_said_everywhere_until_slack_comes_back_and_rings(app: App) -> None:
    _break(app)
    incident = await app.fire()
    # Where the last refusal is of an earlier step, the time for delivery has to pass.
    await until(lambda: _unreached(app, incident))
    app.clock.move(61)
    app.service.agenda.wake()
    await until(lambda: _is_exhausted(app, incident))
    found = await app.incident(incident)
    assert "is_archived" in found["unreached"]["why"]
    assert "pagerduty: HTTP 400" in found["unreached"]["why"]
    assert found["unreached"]["since"] == found["opened_at"]
    _, listed = await app.get("/v1/incidents")
    assert listed["incidents"][0]["unreached"] == found["unreached"]
    problem = await _problem(app)
    assert (incident in problem["problem"], problem["since"]) == (True, found["opened_at"])
    assert await app.metric('incident_manager_condition{subject="unreached"}') == 1
    assert await app.metric('incident_undeliverable_total{priority="P1"}') == 1
    # Repaired: the first that works says so, and rings, for it is the first anybody hears of it.
    _repair(app)
    app.clock.move(660)
    app.service.agenda.wake()
    message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
    assert message.pings == ["<!here>"]

    async def cleared() -> bool:
        return await _unreached(app, incident) is None

    await until(cleared)
    assert await _problem(app) is None
    assert await app.metric('incident_manager_condition{subject="unreached"}') == 0
    await until(lambda: "Nobody could be reached for 12m" in str(message.blocks))
    (said,) = [
        one for one in (await app.incident(incident))["timeline"] if one["kind"] == "reached"
    ]
    assert re.match(r"Reached slack after 12m\d*s?; it had failed since 20", said["text"])


async def test_the_card_that_slack_gets_late_says_it(app: App) -> None:
    _break(app)
    incident = await app.fire()
    await until(lambda: _unreached(app, incident))
    _repair(app)
    # What is posted first is what was the case when it was posted.
    app.slack.faults.add("hang", times=None, seconds=60, method="chat.update")
    app.clock.move(601)
    app.service.agenda.wake()
    message = (await until(lambda: app.slack.top_level(CHANNEL)))[0]
    assert "*Nobody could be reached* since" in str(message.blocks)
    app.slack.faults.clear()


@pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
async def test_whoever_takes_it_knows_of_it(app: App, action: str) -> None:
    _break(app)
    incident = await app.fire()
    await until(lambda: _unreached(app, incident))
    body = {"by": "Ann"} | ({"for": "1h"} if action == "snooze" else {})
    status, answer = await app.post(body, f"/v1/incidents/{incident}/{action}")
    assert (status, answer["incident"]["unreached"]) == (200, None)
    assert await _problem(app) is None
    _repair(app)


async def test_what_ends_by_itself_is_no_open_problem(app: App) -> None:
    _break(app)
    incident = await app.fire()
    await until(lambda: _problem(app))
    await app.fire(alert(resolved=True))
    assert await _problem(app) is None
    assert await _unreached(app, incident) is None
    # Open again, it is another episode, of which nobody has been asked yet.
    _repair(app)
    await app.fire(alert(starts="2026-03-02T12:00:00Z"))
    await until(lambda: app.pagerduty.incidents)
    assert await _unreached(app, incident) is None


async def test_all_that_were_asked_being_silent_is_said_before_the_policy_ends(
    app: App,
) -> None:
    """They are not refused: the network fails, and each try may be the one that works."""
    app.slack.faults.add("500", times=None)
    app.pagerduty.faults.add("500", times=None)
    incident = await app.fire()

    async def retrying() -> bool:
        states = [one["state"] for one in (await app.incident(incident))["deliveries"]]
        return states == ["retrying", "retrying"]

    await until(retrying)
    assert await _unreached(app, incident) is None
    app.clock.move(61)
    app.service.agenda.wake()
    found = await until(lambda: _unreached(app, incident))
    assert "500" in found["why"]
    assert not found["exhausted"]
    app.pagerduty.faults.clear()
    app.clock.move(61)
    app.service.agenda.wake()
    await until(lambda: app.pagerduty.incidents)

    async def said() -> bool:
        return "reached" in await _kinds(app, incident)

    await until(said)
    assert await _unreached(app, incident) is None
    app.slack.faults.clear()


async def test_one_that_works_is_somebody_and_the_other_says_when_it_works_again(
    app: App,
) -> None:
    app.slack.faults.add("500", times=None)
    incident = await app.fire()
    await until(lambda: app.pagerduty.incidents)

    async def failing() -> bool:
        found = (await app.incident(incident))["deliveries"]
        return "retrying" in {one["state"] for one in found}

    await until(failing)
    await app.pass_time(61)
    assert await _unreached(app, incident) is None
    app.slack.faults.clear()
    app.clock.move(61)
    app.service.agenda.wake()
    await until(lambda: app.slack.top_level(CHANNEL))

    async def recovered() -> bool:
        return "delivery_recovered" in await _kinds(app, incident)

    await until(recovered)
    text = str((await app.incident(incident))["timeline"])
    assert re.search(r"slack delivers again after 2m\d*s?; it had failed since 20", text)
    await app.settle()
    assert (await _kinds(app, incident)).count("delivery_recovered") == 1


async def test_a_hiccup_is_not_worth_a_line(app: App) -> None:
    app.slack.faults.add("500", times=1)
    incident = await app.fire()
    app.clock.move(2)
    app.service.agenda.wake()
    await until(lambda: app.slack.top_level(CHANNEL))
    await app.settle()
    assert not {"reached", "delivery_recovered"} & set(await _kinds(app, incident))


async def test_the_log_counts_where_nobody_else_is_configured(plain: App) -> None:
    await plain.fire()
    await plain.settle()
    assert await _problem(plain) is None
    _, listed = await plain.get("/v1/incidents")
    assert listed["incidents"][0]["unreached"] is None


async def test_every_replica_says_the_same(tmp_path: Path) -> None:
    async with two_replicas(tmp_path, "http") as (one, other):
        _break(one)
        incident = await one.fire()
        problem = await until(lambda: _problem(one))
        assert incident in problem["problem"]
        assert await _problem(other) == problem
        assert await other.metric('incident_manager_condition{subject="unreached"}') == 1
        await other.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
        assert await _problem(one) is None
        _repair(one)


async def test_many_are_counted_and_the_oldest_is_named(app: App) -> None:
    _break(app)
    names = []
    for number in range(3):
        names.append(await app.fire(alert(f"A{number}"), group=f"g{number}"))
        await asyncio.sleep(0.01)

    async def all_of_them() -> Any:
        found = await _problem(app)
        return found if found and "3 open incidents" in found["problem"] else None

    assert names[0] in (await until(all_of_them))["problem"]
    _repair(app)


async def test_console_command_line_and_app_home_say_it(app: App) -> None:
    _break(app)
    incident = await app.fire()
    await until(lambda: _unreached(app, incident))
    app.clock.move(61)
    app.service.agenda.wake()
    await until(lambda: _is_exhausted(app, incident))
    for path in ("/", f"/incidents/{incident}", f"/incidents/{incident}/review"):
        shown = await _console(app, path)
        assert 'class="problem" role="alert"' in shown
        assert f'<a href="/incidents/{incident}">{incident}</a>' in shown
    for path in ("/", f"/incidents/{incident}"):
        shown = await _console(app, path)
        assert "<strong>Nobody could be reached</strong>" in shown
        assert "is_archived" in shown.split("No escalation step is left")[0]
    for words in (["list"], ["show", incident]):
        command = ["incidents", *words, "--url", app.url]
        result = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert "NOBODY COULD BE REACHED since 20" in result.output
        assert "pagerduty: HTTP 400" in result.output
    found = await app.service.dispatcher.store.lists.first(Query(), 10)
    work = Work(found, len(found), found, len(found), "")
    shown = str(home(User("U1"), work, [], app.clock.now()))
    assert "*Nobody could be reached* since" in shown
    _repair(app)
