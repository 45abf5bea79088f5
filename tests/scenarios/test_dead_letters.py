"""Dead letters: kept whole, shown, mended, and sent again without a second page."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.commands import run_command
from tests.support.notification import alert, notification

PATH = "/v1/dead-letters"


async def letters(app: App) -> list[Any]:
    status, found = await app.get(PATH)
    assert status == 200
    return list(found["dead_letters"])


async def resend(app: App, letter: str, mended: Any = None, **more: Any) -> tuple[int, Any]:
    body = {"by": "ann"} | ({} if mended is None else {"mended": mended})
    return await app.post(body, f"{PATH}/{letter}/resend", **more)


async def test_a_mended_alert_joins_its_group_and_its_sender_s_next_copy_changes_nothing(
    app: App,
) -> None:
    bad = alert("DiskFull") | {"labels": 7}
    status, _ = await app.post(notification(bad), path="/v1/alerts/webhook?cluster=eu")
    assert status == 202
    (letter,) = await letters(app)
    assert (letter["place"], letter["cluster"], letter["cut"]) == ("$.alerts[0]", "eu", False)
    assert letter["again"] == ""
    status, refused = await resend(app, letter["id"])
    assert (status, refused["place"]) == (400, "$")
    assert "expected an object, found a number" in refused["detail"]
    assert len(await letters(app)) == 1

    status, sent = await resend(app, letter["id"], alert("DiskFull"))
    assert (status, sent["result"]) == (200, "sent_again")
    ((incident, result),) = [(one["incident"], one["result"]) for one in sent["incidents"]]
    assert result == "opened"
    assert await letters(app) == []
    await app.settle()
    calls = len(app.pagerduty.events), len(app.slack.calls)
    # What its sender says once it is mended there, too.
    again = notification(alert("DiskFull"))
    _, answer = await app.post(again, path="/v1/alerts/webhook?cluster=eu")
    assert answer["incidents"] == [incident]
    await app.settle()
    assert (len(app.pagerduty.events), len(app.slack.calls)) == calls
    shown = await app.incident(incident)
    assert "sent again by ann" in shown["sent_by"]


async def test_a_letter_that_two_people_send_again_is_one_incident_and_one_page(app: App) -> None:
    await app.post(notification(alert() | {"labels": 7}))
    (letter,) = await letters(app)
    store = app.service.endpoints.one(_endpoint())._store
    kept = await store.find(letter["id"])
    first = await resend(app, letter["id"], alert())
    await app.settle()
    assert first[1]["incidents"][0]["result"] == "opened"
    # As if the answer had been lost before the letter was taken off the list.
    await store.push([kept.letter])
    pages = len(app.pagerduty.events)
    (letter,) = await letters(app)
    second = await resend(app, letter["id"], alert())
    assert second[1]["incidents"] == [
        {"incident": first[1]["incidents"][0]["incident"], "result": "repeat"}
    ]
    await app.settle()
    assert len(app.pagerduty.events) == pages
    assert (await resend(app, letter["id"], alert()))[0] == 404


def _endpoint() -> Any:
    from receiver.web.operations.dead_letters import DeadLetterEndpoint  # noqa: PLC0415

    return DeadLetterEndpoint


async def test_a_whole_notification_is_sent_again_mended(plain: App) -> None:
    junk = notification(alert()) | {"alerts": {"a": 1}}
    await plain.post(junk)
    (letter,) = await letters(plain)
    assert json.loads(letter["raw"]) == junk
    for mended, place in (({"alerts": {}}, "$.alerts"), ([], "$"), ("text", "$"), (3, "$")):
        status, answer = await resend(plain, letter["id"], mended)
        assert (status, answer["place"]) == (400, place)
    status, answer = await resend(plain, letter["id"], notification())
    assert (status, answer["place"]) == (400, "$")
    assert "no alert in it" in answer["detail"]
    partly = notification(alert(), alert("B") | {"labels": []})
    status, answer = await resend(plain, letter["id"], partly)
    assert (status, answer["place"]) == (400, "$.alerts[1]")
    _, listed = await plain.get("/v1/incidents")
    assert listed["incidents"] == []
    status, answer = await resend(plain, letter["id"], notification(alert()))
    assert status == 200
    name = answer["incidents"][0]["incident"]
    # The same identity as if it had come so at first.
    assert await plain.fire(alert()) == name


async def test_an_alert_that_was_taken_in_part_stays_one_alert(plain: App) -> None:
    item = alert() | {"labels": {"alertname": "A", "severity": "critical", "shard": {"x": 1}}}
    name = await plain.fire(item)
    (letter,) = await letters(plain)
    assert letter["taken"]
    status, answer = await resend(plain, letter["id"])
    assert (status, answer["place"]) == (400, "mended")
    assert "was taken" in answer["detail"]
    mended = alert() | {"labels": {"alertname": "A", "severity": "critical", "shard": "1"}}
    status, answer = await resend(plain, letter["id"], mended)
    assert (status, answer["incidents"][0]["incident"]) == (200, name)
    shown = await plain.incident(name)
    assert [one["labels"].get("shard") for one in shown["alerts"]] == ["1"]


async def test_what_is_cut_or_of_another_door_is_said(plain: App) -> None:
    long = notification(alert()) | {"alerts": "x" * 40_000}
    await plain.post(long)
    (letter,) = await letters(plain)
    assert letter["cut"]
    assert len(letter["raw"]) == 4_096
    _, whole = await plain.get(f"{PATH}/{letter['id']}")
    assert len(whole["raw"]) == 16_384
    status, answer = await resend(plain, letter["id"])
    assert (status, "only its beginning is kept" in answer["detail"]) == (400, True)
    assert (await resend(plain, letter["id"], notification(alert())))[0] == 200


async def test_an_end_that_was_put_aside_opens_nothing(plain: App) -> None:
    await plain.post(notification(alert(resolved=True) | {"labels": 1}))
    (letter,) = await letters(plain)
    status, answer = await resend(plain, letter["id"], alert(resolved=True))
    assert status == 200, answer
    _, listed = await plain.get("/v1/incidents")
    assert listed["incidents"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"mended":', 400), (b'{"x": 1}', 400), (b"[" * 5_000, 400)],
)
async def test_a_body_that_is_none_is_said(plain: App, body: bytes, status: int) -> None:
    await plain.post({"hello": 1})
    (letter,) = await letters(plain)
    assert (await plain.post(body, f"{PATH}/{letter['id']}/resend"))[0] == status
    assert (await plain.get(f"{PATH}/nonsense"))[0] == 404
    assert (await plain.post({}, f"{PATH}/nonsense/resend"))[0] == 404


async def test_who_sent_it_again_is_in_the_audit_trail(plain: App) -> None:
    await plain.post(notification(alert() | {"labels": 7}))
    (letter,) = await letters(plain)
    await resend(plain, letter["id"])
    await resend(plain, letter["id"], alert())

    async def told() -> Any:
        _, found = await plain.get("/v1/audit?action=resend")
        return found["entries"] if len(found["entries"]) == 2 else None

    second, first = await plain.pass_until(told, 1)
    assert (first["outcome"], first["principal"]) == ("refused", "ann")
    assert (second["outcome"], second["via"]) == ("mended", "api")
    assert letter["id"] in second["detail"]
    assert "opened" in second["detail"]


async def test_on_the_command_line(plain: App, tmp_path: Path) -> None:
    assert (await run_command(plain, "dead-letters", "list")).output == "no dead letters\n"
    await plain.post({"hello": "\u202eworld"})
    await plain.post(notification(alert() | {"labels": 7}))
    newest, oldest = await letters(plain)
    for form in ("simple", "wide"):
        table = (await run_command(plain, "dead-letters", "list", "-o", form)).output
        assert newest["id"] in table
        assert "\u202e" not in table
        assert "2 of 2" in table
    names = await run_command(plain, "dead-letters", "list", "-o", "name")
    assert names.output.split() == [newest["id"], oldest["id"]]
    shown = await run_command(plain, "dead-letters", "show", newest["id"])
    assert "expected an object, found a number" in shown.output
    assert '"alertname"' not in shown.output.split("group key")[0]
    failed = await run_command(plain, "dead-letters", "resend", newest["id"], oldest["id"])
    assert failed.exit_code == 1
    assert "2 of 2 failed" in failed.output
    file = tmp_path / "mended.json"
    file.write_text(json.dumps(alert()))
    two = await run_command(
        plain, "dead-letters", "resend", newest["id"], oldest["id"], "--body", str(file)
    )
    assert two.exit_code == 2
    sent = await run_command(
        plain, "dead-letters", "resend", newest["id"], "--body", "-", stdin=json.dumps(alert())
    )
    assert (sent.exit_code, "opened" in sent.output) == (0, True), sent.output
    file.write_text("no")
    wrong = await run_command(plain, "dead-letters", "resend", oldest["id"], "--body", str(file))
    assert wrong.exit_code == 2


async def test_what_is_over_meanwhile_is_not_opened_again(app: App) -> None:
    await app.post(notification(alert() | {"labels": 7}))
    (letter,) = await letters(app)
    await app.pass_time(60)
    name = await app.fire(alert())
    await app.pass_time(60)
    over = app.clock.now() / 1000
    ends = datetime.fromtimestamp(over, UTC).isoformat()
    await app.fire(alert(resolved=True, ends=ends))
    assert (await app.incident(name))["state"] == "resolved"
    await app.pass_time(7_200)
    pages = len(app.pagerduty.events)
    status, answer = await resend(app, letter["id"], alert())
    assert status == 200
    assert answer["incidents"] == [{"incident": name, "result": "already_resolved"}]
    await app.pass_time(3_600)
    assert (await app.incident(name))["state"] == "resolved"
    assert len(app.pagerduty.events) == pages
