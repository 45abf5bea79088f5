"""The audit: who did what, and who was refused, as lines of JSON."""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from receiver.audit import notes as audit
from receiver.cli.root import main
from receiver.observability.logs import setup_logging
from routing.person_event import PersonEvent
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Return the audit lines so far, of a service that logs nothing else."""
    monkeypatch.setattr(audit, "_sparing", audit.Sparing())
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    stream = io.StringIO()
    setup_logging("error", "json", stream)

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in found if line["class"] == "audit"]

    yield read
    root.handlers[:] = kept
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def told(lines: list[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in fields) for line in lines]


async def test_what_people_do_over_the_api_with_its_outcome(plain: App, lines: Lines) -> None:
    incident = await plain.fire()
    for action, body in (
        ("acknowledge", {"by": "Ann"}),
        ("acknowledge", {"by": "Bob"}),
        ("note", {"by": "Ann", "text": "the password is hunter2"}),
        ("assign", {"by": "Ann", "to": "Bob"}),
        ("resolve", {"by": "Bob", "cause": "a secret cause"}),
    ):
        status, _ = await plain.post(body, f"/v1/incidents/{incident}/{action}")
        assert status == 200
    assert told(lines(), "actor", "via", "action", "outcome", "incident") == [
        ("Ann", "api", "acknowledge", "acknowledged", incident),
        ("Bob", "api", "acknowledge", "already_acknowledged", incident),
        ("Ann", "api", "note", "noted", incident),
        ("Ann", "api", "assign", "assigned", incident),
        ("Bob", "api", "resolve", "resolved", incident),
    ]
    assert {line["level"] for line in lines()} == {"INFO"}
    assert all(line["correlation_id"] for line in lines())
    assert "hunter2" not in str(lines())
    assert "secret cause" not in str(lines())


async def test_an_incident_opened_by_hand(plain: App, lines: Lines) -> None:
    await plain.fire()
    assert lines() == [], "alerts are nobody's doing"
    status, answer = await plain.post({"title": "Shop is slow", "by": "Ann"}, "/v1/incidents")
    assert status == 201
    assert told(lines(), "actor", "action", "outcome", "incident") == [
        ("Ann", "open", "opened", answer["incident"]["id"])
    ]


async def test_a_click_in_slack_with_the_users_id(app: App, lines: Lines) -> None:
    incident = await app.fire()
    await until(lambda: app.slack.top_level("C0ALERTS"))
    assert await app.click("acknowledge") == 200
    assert told(lines(), "actor_id", "via", "action", "outcome", "incident") == [
        ("U1", "slack", "acknowledge", "acknowledged", incident)
    ]


@pytest.fixture
async def strict(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        permissions={"resolve": {"users": ["U2"]}},
        web__metrics_token="scrape-me",
        pagerduty__webhook_secret="shh",
        web__credentials=[{"name": "am", "token": "the-token"}],
    )
    yield running
    await running.stop()


async def test_what_somebody_may_not_do(strict: App, lines: Lines) -> None:
    headers = {"Authorization": "Bearer the-token"}
    status, answer = await strict.post(notification(alert()), headers=headers)
    assert status == 202
    await until(lambda: strict.slack.top_level("C0ALERTS"))
    assert await strict.click("resolve") == 200
    (found,) = lines()
    assert (found["action"], found["outcome"], found["actor_id"]) == ("resolve", "denied", "U1")
    assert found["incident"] == answer["incidents"][0]
    assert found["level"] == "WARNING"


@pytest.mark.parametrize(
    ("path", "headers", "words"),
    [
        ("/v1/alerts/webhook", {}, "credentials are missing or wrong"),
        ("/v1/alerts/webhook", {"Authorization": "Bearer stolen"}, "credentials are missing"),
        ("/v1/slack/actions", {"X-Slack-Signature": "v0=00"}, "Slack signature is wrong"),
        ("/v1/pagerduty/webhook", {"X-PagerDuty-Signature": "v1=00"}, "PagerDuty signature"),
    ],
)
async def test_a_request_nobody_vouches_for(
    strict: App, lines: Lines, path: str, headers: dict[str, str], words: str
) -> None:
    status, _ = await strict.post({"a": 1}, path, headers=headers)
    assert status == 401
    (found,) = lines()
    assert words in found["message"]
    assert "{" not in found["message"]
    assert told([found], "action", "outcome", "status", "method", "path", "remote") == [
        ("request", "refused", 401, "POST", path, "127.0.0.1")
    ]
    assert "stolen" not in str(found)


async def test_the_metrics_port_has_its_own_door(strict: App, lines: Lines) -> None:
    url = f"http://127.0.0.1:{strict.service.metrics_port}/metrics"
    async with strict.session.get(url) as answer:
        assert answer.status == 401
    assert told(lines(), "path", "status") == [("/metrics", 401)]


async def test_a_flood_of_refusals_is_counted_not_logged(strict: App, lines: Lines) -> None:
    for _ in range(audit.REFUSALS_MAX + 15):
        assert (await strict.post({}))[0] == 401
    assert len(lines()) == audit.REFUSALS_MAX
    audit._sparing._since -= audit.WINDOW_S
    await strict.post({})
    assert lines()[-1]["unlogged"] == 15
    assert len(lines()) == audit.REFUSALS_MAX + 1


async def test_an_answer_that_is_no_refusal_is_no_audit(plain: App, lines: Lines) -> None:
    assert (await plain.get("/nowhere"))[0] == 404
    assert (await plain.post(b"{"))[0] == 400
    assert lines() == []


def test_a_refused_configuration_is_in_the_audit(tmp_path: Path, lines: Lines) -> None:
    file = tmp_path / "im.yml"
    file.write_text("web: {listen_address: nonsense}\nslack: {token: xoxb-hidden, chanel: C1}\n")
    result = CliRunner().invoke(main, ["serve", "--config.file", str(file)])
    assert result.exit_code == 1
    written = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert (
        told(written, "class", "level", "action", "outcome")
        == [("audit", "ERROR", "configure", "refused")] * 2
    )
    assert f"{file}:1" in written[0]["message"]
    assert "xoxb-hidden" not in result.stderr


def test_everything_a_person_can_do_has_its_name() -> None:
    """A refusal names what was asked for; ``note_denial`` says it."""
    assert all(hasattr(event, "action") for event in get_args(PersonEvent))


async def test_what_the_public_reads_and_what_is_to_be_done_is_audited(
    tmp_path: Path, fakes: Fakes, lines: Lines
) -> None:
    running = App(tmp_path, *fakes)
    await running.start(
        **NO_ACCOUNTS,
        **{"status_page.components": [{"name": "Shop", "matchers": ['service="checkout"']}]},
    )
    try:
        incident = await running.fire()
        for action, body in (
            ("status-update", {"status": "identified", "text": "to be kept out of here"}),
            ("status-hide", {}),
            ("status-show", {}),
            ("action-item", {"text": "to be kept out of here"}),
            ("action-item-done", {"number": 1}),
        ):
            path = f"/v1/incidents/{incident}/{action}"
            assert (await running.post({"by": "Ann"} | body, path))[0] == 200
        assert told(lines(), "actor", "action", "outcome") == [
            ("Ann", "status-update", "status_updated"),
            ("Ann", "status-hide", "status_hidden"),
            ("Ann", "status-show", "status_shown"),
            ("Ann", "action-item", "action_item_added"),
            ("Ann", "action-item-done", "action_item_done"),
        ]
        assert "kept out" not in str(lines())
    finally:
        await running.stop()


async def test_whoever_says_who_they_are_is_still_known_by_their_credential(
    strict: App, lines: Lines
) -> None:
    headers = {"Authorization": "Bearer the-token"}
    _, answer = await strict.post(notification(alert()), headers=headers)
    (incident,) = answer["incidents"]
    path = f"/v1/incidents/{incident}/resolve"
    assert (await strict.post({"by": "Bob"}, path, headers=headers))[0] == 200
    assert told(lines(), "actor", "actor_id", "via") == [("Bob", "am", "api")]
