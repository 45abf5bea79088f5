"""Reviews and action items over HTTP, from the command line and in the console."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result

from receiver.cli.root import main
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = "<script>alert(1)</script> | [x](https://evil.example) @team"


async def act(app: App, incident: str, action: str, **body: Any) -> Any:
    status, answer = await app.post({"by": "Ann"} | body, f"/v1/incidents/{incident}/{action}")
    assert status == 200, answer
    return answer["result"]


async def is_late(app: App, incident: str) -> bool:
    app.service.agenda.wake()
    return bool((await app.incident(incident))["deadlines"]["acknowledge"]["missed_at"])


async def lived(app: App) -> str:
    """Return an incident of two episodes that is over, with an action item."""
    incident = await app.fire()
    app.clock.move(420)
    await until(lambda: is_late(app, incident))
    await act(app, incident, "acknowledge")
    await act(app, incident, "note", text=HOSTILE, by="Bob")
    app.clock.move(600)
    await act(app, incident, "resolve", cause="full disk")
    app.clock.move(300)
    await app.fire(alert(starts="2026-03-02T12:00:00Z"))
    app.clock.move(60)
    await act(app, incident, "acknowledge", by="Bob")
    await act(app, incident, "resolve", by="Bob")
    await act(app, incident, "action-item", text="Rotate logs | daily", owner="Bob")
    return incident


async def test_json_markdown_and_page_say_the_same(plain: App) -> None:
    incident = await lived(plain)
    path = f"/v1/incidents/{incident}/review"
    status, found = await plain.get(path)
    assert (status, len(found["episodes"])) == (200, 2)
    one, two = found["episodes"]
    shown = await plain.incident(incident)
    assert two["acknowledged_at"] == shown["acknowledged_at"]
    assert two["ended_at"] == shown["resolved_at"]
    assert 420 <= one["to_acknowledge"] < 425
    assert 1020 <= one["to_resolve"] < 1025
    assert abs(found["mtta"] - (one["to_acknowledge"] + two["to_acknowledge"]) / 2) < 0.001
    assert (one["clocks"][0]["name"], one["clocks"][0]["outcome"]) == ("acknowledge", "missed")
    assert len(found["timeline"]) == len(shown["timeline"])
    assert found["timeline"][0]["at"] == shown["timeline"][0]["at"]
    async with plain.session.get(f"{plain.url}{path}?format=markdown") as answer:
        assert answer.content_type == "text/markdown"
        text = await answer.text()
    for words in ("| 1 | ", "**missed**", "full disk", "- [ ] 1: Rotate logs \\| daily (Bob)"):
        assert words in text
    assert "<script>" not in text
    assert one["acknowledged_at"][:19] in text
    accept = {"Accept": "text/markdown"}
    async with plain.session.get(plain.url + path, headers=accept) as answer:
        assert answer.content_type == "text/markdown"
    async with plain.session.get(f"{plain.url}{path}?format=html") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "style-src 'sha256-" in policy
        page = await answer.text()
    assert "<script>" not in page
    assert one["acknowledged_at"][:19] in page


async def test_what_is_not_there_or_not_allowed_is_said(plain: App) -> None:
    incident = await plain.fire()
    path = f"/v1/incidents/{incident}/review"
    status, answer = await plain.get(f"{path}?format=pdf")
    assert (status, answer["place"]) == (400, "format")
    assert "json, markdown, html" in answer["detail"]
    for missing in ("0-0123456789abcdef-1", "nonsense"):
        assert (await plain.get(f"/v1/incidents/{missing}/review"))[0] == 404
        assert (await plain.get(f"/incidents/{missing}/review"))[0] == 404
    items = f"/v1/incidents/{incident}/action-item"
    for place, body in (
        ("text", {}),
        ("text", {"text": "x" * 501}),
        ("text", {"text": "\u202e"}),
        ("owner", {"text": "x", "owner": "a\nb"}),
        ("owner", {"text": "x", "owner": "x" * 81}),
    ):
        status, answer = await plain.post(body, items)
        assert (status, answer["place"]) == (400, place), answer
    for number in (0, 51, -1):
        status, answer = await plain.post({"number": number}, f"{items}-done")
        assert (status, answer["place"]) == (400, "number")
    assert (await plain.post({"number": "x"}, f"{items}-done"))[0] == 400
    assert (await plain.post({"number": 1}, f"{items}-done"))[1]["result"] == "unknown_action_item"


async def test_action_items_survive_and_the_same_key_adds_one(plain: App) -> None:
    incident = await plain.fire()
    key = {"Idempotency-Key": "once"}
    path = f"/v1/incidents/{incident}/action-item"
    assert (await plain.post({"text": "a"}, path, headers=key))[1]["result"] == "action_item_added"
    assert (await plain.post({"text": "a"}, path, headers=key))[1]["result"] == "duplicate"
    assert await act(plain, incident, "action-item", text="a") == "same_action_item"
    await plain.stop()
    await plain.start(**NO_ACCOUNTS)
    assert await act(plain, incident, "action-item-done", number=1) == "action_item_done"
    (item,) = (await plain.incident(incident))["action_items"]
    assert (item["text"], item["owner"], item["done_by"]) == ("a", None, "Ann")
    assert await act(plain, incident, "action-item-done", number=1, done=False)
    assert (await plain.incident(incident))["action_items"][0]["done_at"] is None


async def page(app: App, path: str, **more: Any) -> str:
    async with app.session.get(app.url + path, **more) as answer:
        assert answer.status == 200, await answer.text()
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        return await answer.text()


async def test_the_console_shows_it_and_takes_action_items(plain: App) -> None:
    incident = await plain.fire()
    at = f"/incidents/{incident}"
    assert f'href="{at}/review"' in await page(plain, at)
    shown = await page(plain, f"{at}/review")
    assert "It is still open" in shown
    assert "<script" not in shown
    assert f'action="{at}/action-item"' in shown
    form = {"text": "Alert <b>earlier</b>", "owner": "Bob", "name": "Ann"}
    place = await press(plain, f"{at}/action-item", form)
    assert place.startswith(f"{at}/review?said=action_item_added")
    shown = await page(plain, place)
    assert "Kept as an action item." in shown
    assert "Alert &lt;b&gt;earlier&lt;/b&gt;" in shown
    # Whoever gave a name once is known by it.
    plain.session.headers["Cookie"] = "incident_manager_name=Ann"
    place = await press(plain, f"{at}/action-item-done", {"number": "1"})
    assert "☑" in await page(plain, place)
    (item,) = (await plain.incident(incident))["action_items"]
    assert (item["by"], item["done_by"]) == ("Ann", "Ann")
    for wrong in ({"text": ""}, {"text": "x" * 501}, {}):
        status, text = await plain.post(
            urlencode(wrong).encode(), f"{at}/action-item", headers=FORM
        )
        assert status == 400
        assert "Add an action item: text: is" in text
    async with plain.session.post(
        f"{plain.url}{at}/action-item", data=form, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403


async def press(app: App, path: str, form: dict[str, str]) -> str:
    async with app.session.post(app.url + path, data=form, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        return answer.headers["Location"]


async def run(app: App, *words: str) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, [*words, "--url", app.url])

    return await asyncio.to_thread(call)


async def test_the_command_prints_and_saves_it(plain: App, tmp_path: Path) -> None:
    incident = await lived(plain)
    added = await run(
        plain, "incidents", "action-item", incident, "Buy disks", "--owner", "Ann", "--by", "Bob"
    )
    assert added.output.startswith("action item added")
    done = await run(plain, "incidents", "action-item-done", incident, "2")
    assert done.output.startswith("action item done")
    again = await run(plain, "incidents", "action-item-done", incident, "2", "--undo")
    assert again.output.startswith("action item open")
    text = (await run(plain, "review", incident)).output
    assert text.startswith("# P1 HighErrorRate")
    assert "- [ ] 2: Buy disks (Ann)" in text
    found = json.loads((await run(plain, "review", incident, "-o", "json")).output)
    assert found["id"] == incident
    file = tmp_path / "review.html"
    saved = await run(plain, "review", incident, "-o", "html", "--output", str(file))
    assert saved.exit_code == 0
    assert "<style>" in file.read_text()
    missing = await run(plain, "review", "0-aaaaaaaaaaaaaaaa-1")
    assert (missing.exit_code, "no incident" in missing.output) == (1, True)
    nowhere = await run(plain, "review", incident, "--output", str(tmp_path / "no" / "where"))
    assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (1, True)


async def test_earlier_incidents_of_the_group_are_named(plain: App) -> None:
    first = await plain.fire()
    await plain.fire(alert(resolved=True))
    plain.clock.move(3600)
    second = await plain.fire(alert(starts="2026-03-02T13:00:00Z"))
    assert second != first
    _, found = await plain.get(f"/v1/incidents/{second}/review")
    assert [one["id"] for one in found["earlier"]] == [first]
    assert found["earlier"][0]["ended_at"]
    assert f"`{first}`" in (await plain.get(f"/v1/incidents/{second}/review?format=markdown"))[1]


async def test_credentials_and_prefix_hold_for_reviews(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    credential = {"name": "ops", "token": "secret"}
    await app.start(**NO_ACCOUNTS, **{"web.credentials": [credential], "web.route_prefix": "/im"})
    try:
        head = {"Authorization": "Bearer secret"}
        body = {"alerts": [alert()], "groupKey": "g", "receiver": "r", "version": "4"}
        _, answer = await app.post(body, "/im/v1/alerts/webhook", headers=head)
        (incident,) = answer["incidents"]
        for path in (f"/im/v1/incidents/{incident}/review", f"/im/incidents/{incident}/review"):
            assert (await app.get(path))[0] == 401
        shown = await page(app, f"/im/incidents/{incident}/review", headers=head)
        assert f'action="/im/incidents/{incident}/action-item"' in shown
        assert "Your name" not in shown
        _, text = await app.get(f"/im/v1/incidents/{incident}/review?format=markdown", headers=head)
        assert f"<http://localhost:8080/im/incidents/{incident}/review>" in text
    finally:
        await app.stop()


def test_templates_that_cannot_be_are_refused_with_their_line(tmp_path: Path) -> None:
    file, folder = tmp_path / "im.yml", tmp_path / "own"
    file.write_text(f"review:\n  templates: {folder}\n")
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert (result.exit_code, "holds neither" in result.output) == (1, True)
    assert f"{file}:2: review.templates" in result.output
    folder.mkdir()
    (folder / "review.md.j2").write_text("fine\n{{ broken\n")
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert "review.md.j2:2:" in result.output
    (folder / "review.md.j2").write_text("{{ review.title }}")
    assert CliRunner().invoke(main, ["check-config", str(file)]).exit_code == 0


@pytest.mark.parametrize("shape", ["markdown", "html"])
async def test_a_template_of_ones_own_is_served(tmp_path: Path, fakes: Fakes, shape: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("review.md.j2", "review.html.j2"):
        (folder / name).write_text("Ours of {{ review.title }}")
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, **{"review.templates": str(folder)})
    try:
        incident = await app.fire()
        _, text = await app.get(f"/v1/incidents/{incident}/review?format={shape}")
        assert text.strip() == "Ours of HighErrorRate: HighErrorRate on checkout"
    finally:
        await app.stop()
