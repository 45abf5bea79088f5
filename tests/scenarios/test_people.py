"""Who counts as a person, by each way in: MTTA is of people's answers alone."""

import asyncio
import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.settings.check import complete
from receiver.settings.model import Settings
from tests.support.app import App
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.pagerduty_rest import TOKEN, FakePagerDutyRest
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

PERSON, MACHINE = ({"Authorization": f"Bearer {name}-{'t' * 32}"} for name in ("ops", "bot"))
CREDENTIALS = [
    {"name": "ops", "token": f"ops-{'t' * 32}"},
    {"name": "auto-ack", "token": f"bot-{'t' * 32}", "human": False},
    {
        "name": "runner",
        "username": "runner",
        "password": "its-password-of-20-chars",
        "human": False,
    },
]
PEOPLE = {
    "duty": {
        "name": "Duty Engineer",
        "email": "duty@example.com",
        "slack": "U0DUTY",
        "pagerduty": "PDUTY1",
    }
}


@pytest.fixture
async def rest() -> AsyncIterator[FakePagerDutyRest]:
    running = FakePagerDutyRest()
    await running.start()
    running.add_user("PLEAD1", "Lead", "lead@example.com")
    yield running
    await running.stop()


@pytest.fixture
async def app(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], rest: FakePagerDutyRest
) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        people=PEOPLE,
        pagerduty__rest_token=TOKEN,
        pagerduty__rest_url=rest.base_url,
        **{"web.credentials": CREDENTIALS},
    )
    yield running
    await running.stop()


async def opened(app: App, group: str = "g1") -> str:
    status, answer = await app.post(notification(alert(), group=group), headers=PERSON)
    assert status == 202
    return str(answer["incidents"][0])


async def taken(app: App, headers: dict[str, str], **body: Any) -> tuple[Any, Any]:
    """Acknowledge a new incident; return the answer and the incident."""
    incident = await opened(app)
    status, answer = await app.post(body, f"/v1/incidents/{incident}/acknowledge", headers=headers)
    assert (status, answer["result"]) == (200, "acknowledged")
    _, shown = await app.get(f"/v1/incidents/{incident}", headers=PERSON)
    return answer, shown


async def counted(app: App, by: str) -> float:
    line = f'by="{by}",priority="P1",severity="critical",team="",type="alert"'
    _, text = await app.get("/metrics", headers=PERSON)
    name = f"incident_acknowledge_duration_seconds_count{{{line}}} "
    found = [row for row in text.splitlines() if row.startswith(name)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


@pytest.mark.parametrize(
    ("headers", "body", "human", "name"),
    [
        (PERSON, {}, True, "ops"),
        (PERSON, {"by": "anybody"}, True, "anybody"),
        (PERSON, {"by": "nightly", "human": False}, False, "nightly"),
        (PERSON, {"by": "nightly", "human": True}, True, "nightly"),
        (MACHINE, {}, False, "auto-ack"),
        (MACHINE, {"by": "anybody"}, False, "anybody"),
        # A word makes no person of a machine.
        (MACHINE, {"by": "anybody", "human": True}, False, "anybody"),
        (MACHINE, {"by": "duty"}, True, "duty"),
        (MACHINE, {"by": "Duty engineer"}, True, "Duty engineer"),
        (MACHINE, {"by": "DUTY@example.com"}, True, "DUTY@example.com"),
        (MACHINE, {"by": "U0DUTY"}, True, "U0DUTY"),
        (MACHINE, {"by": "PDUTY1"}, True, "PDUTY1"),
        (PERSON, {"by": "duty", "human": False}, True, "duty"),
        # Nobody listed these: Slack and PagerDuty know who they are, and who is nobody.
        (MACHINE, {"by": "U1"}, True, "U1"),
        (MACHINE, {"by": "U0NOBODY"}, False, "U0NOBODY"),
        (MACHINE, {"by": "lead@example.com"}, True, "lead@example.com"),
        (MACHINE, {"by": "nobody@example.com"}, False, "nobody@example.com"),
    ],
)
async def test_an_answer_over_the_api(
    app: App, headers: dict[str, str], body: dict[str, Any], name: str, *, human: bool
) -> None:
    answer, shown = await taken(app, headers, **body)
    assert (answer["by"]["name"], answer["by"]["human"]) == (name, human)
    assert shown["acknowledged_by"]["human"] is human
    entry = next(line for line in shown["timeline"] if line["kind"] == "acknowledged")
    assert entry["automatic"] is not human
    credential = "ops" if headers is PERSON else "auto-ack"
    who = name if name == credential else f"{name} (with {credential})"
    assert entry["text"] == f"Acknowledged by {who}" + ("" if human else " (automatic)")
    assert entry["by"] == who
    assert await counted(app, "human") == human
    assert await counted(app, "automatic") == (not human)


async def test_whoever_acts_for_another_is_named_everywhere(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], alertmanager: FakeAlertmanager
) -> None:
    """In the timeline, the review, Slack, and what Alertmanager keeps of a silence."""
    app = App(tmp_path, *fakes)
    await app.start(
        alertmanagers=[{"urls": [alertmanager.url]}], **{"web.credentials": CREDENTIALS}
    )
    try:
        incident = await opened(app)
        # Taken before its page left, it would be told to nobody.
        await app.settle()
        who = "Ann (with ops)"
        path = f"/v1/incidents/{incident}"
        for action, body in (
            ("acknowledge", {}),
            ("silence", {"for": "1h"}),
            ("note", {"text": "a look"}),
            ("action-item", {"text": "more memory"}),
            ("resolve", {}),
        ):
            status, answer = await app.post(
                {"by": "Ann", **body}, f"{path}/{action}", headers=PERSON
            )
            assert status == 200, answer
        await app.settle()
        assert [silence["createdBy"] for silence in alertmanager.silences] == [who]
        _, shown = await app.get(path, headers=PERSON)
        kinds = {line["kind"]: line["by"] for line in shown["timeline"] if line["by"]}
        assert set(kinds.values()) == {who}
        assert {"acknowledged", "silenced", "note", "action_item", "resolved"} <= kinds.keys()
        _, review = await app.get(f"{path}/review?format=json", headers=PERSON)
        assert review["episodes"][0]["acknowledged_by"] == who
        assert review["action_items"][0]["by"] == who
        (message,) = app.slack.workspace.top_level(None)
        told = [message, *app.slack.workspace.replies(message.ts)]
        assert "Resolved by *Ann (with ops)*" in str([one.blocks for one in told])
    finally:
        await app.stop()


async def test_a_person_takes_over_from_a_machine_and_counts(app: App) -> None:
    _, shown = await taken(app, MACHINE)
    path = f"/v1/incidents/{shown['id']}/acknowledge"
    _, answer = await app.post({}, path, headers=PERSON)
    assert answer["result"] == "acknowledged"
    assert answer["incident"]["acknowledged_by"]["name"] == "ops"
    assert await counted(app, "human") == 1


async def test_every_action_and_an_opening_say_who_they_counted_as(app: App) -> None:
    body = {"title": "Checks fail", "priority": "P3"}
    status, answer = await app.post(body, "/v1/incidents", headers=MACHINE)
    assert (status, answer["by"]["human"]) == (201, False)
    assert answer["incident"]["opened_by"]["human"] is False
    for action, more in (
        ("note", {"text": "still"}),
        ("resolve", {}),
        ("reopen", {}),
        ("silence", {"for": "1h"}),
    ):
        path = f"/v1/incidents/{answer['incident']['id']}/{action}"
        status, done = await app.post(more, path, headers=MACHINE)
        assert action == "silence" or done["by"]["human"] is False, done
    _, shown = await app.get(f"/v1/incidents/{answer['incident']['id']}", headers=PERSON)
    assert {line["automatic"] for line in shown["timeline"] if line["by"]} == {True}


async def test_the_console_is_a_persons_unless_its_credential_is_a_machines(app: App) -> None:
    basic = base64.b64encode(b"runner:its-password-of-20-chars").decode()
    for headers, human in ((PERSON, True), ({"Authorization": f"Basic {basic}"}, False)):
        incident = await opened(app, f"human {human}")
        url = f"{app.url}/incidents/{incident}/acknowledge"
        sent = {"Origin": app.url, **headers}
        async with app.session.post(url, headers=sent, allow_redirects=False) as answer:
            assert answer.status == 303
        _, shown = await app.get(f"/v1/incidents/{incident}", headers=PERSON)
        assert shown["acknowledged_by"]["human"] is human


async def test_a_field_that_is_no_boolean_is_refused_with_its_place(app: App) -> None:
    incident = await opened(app)
    path = f"/v1/incidents/{incident}/acknowledge"
    status, answer = await app.post({"human": "no"}, path, headers=PERSON)
    assert (status, answer["place"]) == (400, "human")


def _command(app: App, incident: str, *words: str) -> list[str]:
    token = PERSON["Authorization"].removeprefix("Bearer ")
    command = ["incidents", "ack", incident, "--url", app.url, "--token", token, *words]
    return [*command, "-o", "json"]


@pytest.mark.parametrize(
    ("words", "env", "human", "name"),
    [
        ((), {"USER": "duty"}, False, "duty (script)"),
        (("--by", "nightly"), {}, False, "nightly"),
        (("--by", "duty"), {}, True, "duty"),
        (("--by", "ann", "--human"), {}, True, "ann"),
        (("--by", "ann"), {"INCIDENT_MANAGER_HUMAN": "true"}, True, "ann"),
        (("--by", "ann", "--automatic"), {"INCIDENT_MANAGER_HUMAN": "true"}, False, "ann"),
    ],
)
async def test_the_command_line_without_a_terminal(
    app: App, words: tuple[str, ...], env: dict[str, str], name: str, *, human: bool
) -> None:
    incident = await opened(app)
    run = CliRunner(env=env).invoke
    result = await asyncio.to_thread(run, main, _command(app, incident, *words))
    assert result.exit_code == 0, result.output
    who = json.loads(result.output)["by"]
    assert (who["name"], who["human"], who["via"]) == (name, human, "cli")


async def test_the_command_line_at_a_terminal_is_a_persons(app: App) -> None:
    incident = await opened(app)
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "receiver", *_command(app, incident)]

    def call() -> bytes:
        # As somebody does who reads the answer with another program.
        return subprocess.run(
            command,
            stdin=terminal,
            capture_output=True,
            check=True,
            env={**os.environ, "USER": "ann"},
        ).stdout

    try:
        who = json.loads(await asyncio.to_thread(call))["by"]
    finally:
        os.close(master)
        os.close(terminal)
    assert (who["name"], who["human"]) == ("ann", True)


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ({"a": {"slack": "U1A"}, "b": {"slack": "U1A"}}, "'U1A' is a already"),
        ({"a": {"email": "x@example.com"}, "b": {"name": "X@Example.com"}}, "is a already"),
        ({"a": {"name": "B"}, "b": {}}, "'b' is a already"),
    ],
)
def test_what_two_people_are_called_alike_is_refused(people: Any, words: str) -> None:
    _, problems = complete(Settings.model_validate({"people": people}))
    assert [problem.path[0] for problem in problems] == ["people"]
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ({"email": "nobody"}, "not an e-mail address"),
        ({"slack": "somebody"}, "not the id of a Slack user"),
        ({"pagerduty": "somebody"}, "not the id of a PagerDuty user"),
    ],
)
def test_an_id_that_is_none_is_refused(person: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings.model_validate({"people": {"duty": person}})
