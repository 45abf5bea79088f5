"""How the service does: heartbeats, silences, agenda, notifiers, store, and what it works by."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from receiver.settings.load import load_settings
from receiver.settings.shown import shown
from tests.support.app import NO_ACCOUNTS, App
from tests.support.commands import run_command
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

HEARTBEATS = {
    "backup": {"interval": "1h", "severity": "warning"},
    "watchdog": {"interval": "5m", "matchers": ['alertname="Watchdog"']},
}
HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "w" * 300
SECRETS = (
    "xoxb-very-secret",
    "signing-secret-1",
    "0123456789abcdef0123456789abcdef",
    "hunter2hunter2",
)


@pytest.fixture
async def shop(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], alertmanager: FakeAlertmanager
) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    managers = [{"urls": [alertmanager.url]}]
    await running.start(heartbeats=HEARTBEATS, alertmanagers=managers, **NO_ACCOUNTS)
    yield running
    await running.stop()


async def got(app: App, path: str) -> Any:
    status, found = await app.get(path)
    assert status == 200, found
    return found


async def test_heartbeats_say_when_they_beat_and_since_when_they_are_missing(shop: App) -> None:
    first = {one["name"]: one for one in (await got(shop, "/v1/heartbeats"))["heartbeats"]}
    assert {name: one["state"] for name, one in first.items()} == {
        "backup": "awaited",
        "watchdog": "awaited",
    }
    assert first["backup"]["last_beat_at"] is None
    await shop.post(b"", "/v1/heartbeats/backup")
    await shop.post(notification(alert("Watchdog"), group="w"))
    beating = {one["name"]: one for one in (await got(shop, "/v1/heartbeats"))["heartbeats"]}
    assert [one["state"] for one in beating.values()] == ["beating", "beating"]
    assert beating["watchdog"]["last_beat_at"] < beating["watchdog"]["due_at"]
    shown = await run_command(shop, "heartbeats", "-o", "wide")
    assert "watchdog" in shown.output
    assert 'alertname="Watchdog"' in shown.output
    assert (await run_command(shop, "heartbeats", "--late")).exit_code == 0
    await shop.pass_time(400)
    late = {one["name"]: one for one in (await got(shop, "/v1/heartbeats"))["heartbeats"]}
    assert (late["watchdog"]["state"], late["backup"]["state"]) == ("missing", "beating")
    assert late["watchdog"]["missing_since"] == beating["watchdog"]["due_at"]
    assert 90 < late["watchdog"]["late_seconds"] < 120
    failing = await run_command(shop, "heartbeats", "--late", "-o", "name")
    assert (failing.exit_code, failing.output) == (1, "watchdog\n")


async def test_silences_are_alertmanagers_and_ours_are_ended(
    shop: App, alertmanager: FakeAlertmanager
) -> None:
    name = await shop.fire()
    made = await shop.post({"by": "ann", "for": "1h"}, f"/v1/incidents/{name}/silence")
    assert made[0] == 200, made
    alertmanager.keep(
        {
            "matchers": [
                {"name": "a", "value": 'x"y', "isRegex": True, "isEqual": False},
                {"name": "odd name", "value": "=", "isRegex": False, "isEqual": True},
            ],
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": HOSTILE,
            "comment": f"not an (incident {name}) {HOSTILE}",
        }
    )
    found = await got(shop, "/v1/silences")
    ours, theirs = found["silences"]
    assert (ours["incident"], ours["created_by"], ours["state"]) == (name, "ann", "active")
    assert theirs["incident"] is None
    assert theirs["matchers"] == 'a!~"x\\"y", "odd name"="="'
    assert found["clusters"] == [{"cluster": "", "total": 2, "problem": None}]
    table = await run_command(shop, "silences", "list", "-o", "wide")
    assert table.exit_code == 0, table.output
    assert name in table.output
    mine = await run_command(shop, "silences", "list", "--ours", "-o", "name")
    assert mine.output.split() == [ours["id"]]
    refused = await run_command(shop, "silences", "expire", theirs["id"])
    assert (refused.exit_code, "end it there" in refused.output) == (1, True)
    ended = await run_command(shop, "silences", "expire", ours["id"], "--by", "bob")
    assert ended.exit_code == 0, ended.output
    assert (await shop.incident(name))["silences"][0]["expired_at"]
    assert (await run_command(shop, "silences", "expire", "no-such-id")).exit_code == 1


async def test_an_alertmanager_that_does_not_answer_is_said(
    shop: App, alertmanager: FakeAlertmanager
) -> None:
    async def no(_request: web.Request) -> web.Response:
        return web.Response(status=500, text="no")

    alertmanager.behave["GET"] = no
    found = await got(shop, "/v1/silences")
    assert found["silences"] == []
    assert "HTTP 500" in found["clusters"][0]["problem"]
    failed = await run_command(shop, "silences", "list")
    assert failed.exit_code == 1
    page = await got(shop, "/operations")
    assert "Which silences hold is not known" in page


async def test_the_agenda_shows_what_is_due_and_what_waits_for_whom(app: App) -> None:
    name = await app.fire()
    await app.settle()
    found = await got(app, "/v1/operations")
    tasks = {one["task"] for one in found["agenda"]["next"]}
    assert {one["incident"] for one in found["agenda"]["next"]} == {name}
    assert "acknowledge" in tasks or "escalate" in tasks
    urgent = next(one for one in found["agenda"]["lanes"] if one["lane"] == "urgent")
    assert urgent["entries"] >= 1
    slack = next(one for one in found["notifiers"] if one["name"] == "slack")
    assert (slack["state"], slack["type"], slack["waiting"]) == ("ok", "slack", 0)
    assert slack["delivered_at"]
    assert found["store"]["open_incidents"] == 1
    assert found["store"]["servers"][0]["used_bytes"] > 0
    await app.service.tasks.redis.hset(
        app.service.tasks.keys[0].task, f"{name}|notify:slack", "1||0|0"
    )
    waits = await got(app, "/v1/operations")
    assert next(one for one in waits["notifiers"] if one["name"] == "slack")["waiting"] == 1


async def test_a_key_of_another_type_makes_no_page_fail(shop: App) -> None:
    await shop.fire()
    await shop.settle()
    keys = shop.service.tasks.keys[0]
    for key in (keys.dead, keys.task):
        await shop.service.redis.delete(key)
        await shop.service.redis.set(key, "x")
    await got(shop, "/v1/operations")
    await got(shop, "/operations")


async def test_the_configuration_in_force_is_shown_without_any_secret(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    running = App(tmp_path, *fakes)
    credentials = [
        {"name": "ann", "username": "ann", "password": SECRETS[3], "role": "admin"},
        {"name": "ops", "token": "tttttttttttttttttttttt", "role": "viewer"},
    ]
    await running.start(
        **{
            "slack.token": SECRETS[0],
            "slack.signing_secret": SECRETS[1],
            "pagerduty.routing_key": SECRETS[2],
            "web.credentials": credentials,
        }
    )
    try:
        admin = {"Authorization": "Basic YW5uOmh1bnRlcjJodW50ZXIy"}
        viewer = {"Authorization": "Bearer tttttttttttttttttttttt"}
        status, found = await running.get("/v1/config", headers=admin)
        assert status == 200
        text = json.dumps(found)
        assert not any(secret in text for secret in (*SECRETS, "tttttttttttttttttttttt"))
        assert found["configuration"]["slack"]["token"] == "***"
        assert found["configuration"]["incidents"]["retention"] == "90d"
        assert (await running.get("/v1/config", headers=viewer))[0] == 403
        assert (await running.get("/operations/config", headers=viewer))[0] == 403
        status, page = await running.get("/operations/config", headers=admin)
        assert (status, any(secret in page for secret in SECRETS)) == (200, False)
        status, page = await running.get("/operations", headers=viewer)
        assert (status, "/operations/config" in page, found["hash"] in page) == (200, False, True)
        # A reload that is refused, and one that is taken, are both told.
        running.wanted = {**running.wanted, "incidents.reopen_within": "never"}
        assert (await running.post(b"", "/-/reload", headers=admin))[0] == 400
        running.wanted = {
            **running.wanted,
            "incidents.reopen_within": "10m",
            "route": {"team": "x"},
        }
        assert (await running.post(b"", "/-/reload", headers=admin))[0] == 200
        _, later = await running.get("/v1/config", headers=admin)
        last, first = later["reloads"]
        assert (first["taken"], last["taken"], last["by"]) == (False, True, "ann")
        assert "reopen_within" in first["problems"][0]
        assert last["needs_restart"] == ["incidents"]
        assert later["hash"] != found["hash"]
        words = ("config", "show", "--token", "x")
        refused = await run_command(running, *words)
        assert refused.exit_code == 1
    finally:
        await running.stop()


async def test_on_the_command_line_it_is_a_configuration(shop: App, tmp_path: Path) -> None:
    done = await run_command(shop, "config", "show")
    assert done.exit_code == 0, done.output
    file = tmp_path / "again.yml"
    file.write_text(done.output)
    again = load_settings(file, {}, {})
    assert shown(again) == shown(shop.service.settings)
    hashed = await run_command(shop, "config", "show", "-o", "name")
    assert f"# {hashed.output.strip()}, in a process" in done.output
    assert yaml.safe_load(done.output)["heartbeats"]["backup"]["interval"] == "1h"


async def test_the_page_shows_everything_and_hostile_texts_as_texts(shop: App) -> None:
    await shop.post({"hello": HOSTILE})
    await shop.fire(alert(annotations={"summary": HOSTILE}))
    page = await got(shop, "/operations")
    for words in ("Notifiers", "watchdog", "Dead letters", "None holds", "Agenda", "durability"):
        assert words in page
    assert "<img" not in page
    assert "\u202e" not in page


async def test_a_letter_is_mended_in_the_browser(shop: App) -> None:
    await shop.post(notification(alert("DiskFull") | {"labels": 7}))
    await shop.post({"hello": HOSTILE})
    _, listed = await shop.get("/v1/dead-letters")
    junk, letter = listed["dead_letters"]
    path = f"/operations/dead-letters/{letter['id']}"
    page = await got(shop, path)
    assert "The alert, as it should have been" in page
    assert "<img" not in await got(shop, f"/operations/dead-letters/{junk['id']}")
    for given, words in (
        ("", "expected an object, found a number"),
        ("{", "this is no JSON"),
        ("[" * 5_000, "this is no JSON"),
        (json.dumps(alert() | {"labels": 7}), "expected an object, found a number"),
    ):
        status, page = await form(shop, f"{path}/resend", mended=given)
        assert (status, words in page) == (400, True), page
        assert "Not sent" in page
    status, page = await form(
        shop, f"{path}/resend", mended=json.dumps(alert("DiskFull")), name="ann"
    )
    assert status == 200
    assert "it opened an incident" in page
    assert (await shop.get(path))[0] == 404
    _, incidents = await shop.get("/v1/incidents")
    assert [one["title"] for one in incidents["incidents"]] == ["DiskFull: DiskFull on checkout"]


async def form(app: App, path: str, **fields: str) -> tuple[int, str]:
    async with app.session.post(app.url + path, data=fields) as answer:
        return answer.status, await answer.text()
