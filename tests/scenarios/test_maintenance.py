"""Planned maintenance: declared over the API and in the console, read by everybody."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from receiver.store.keys import Keys
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.status_pages import PAGE, page

Fakes = tuple[FakeSlack, FakePagerDuty]
ATOM = {"a": "http://www.w3.org/2005/Atom"}
HOUR_S = 3_600
HOSTILE = "<img src=x onerror=alert(1)> " + "x" * 90


def after(app: App, hours: float) -> str:
    at = datetime.fromtimestamp(app.clock.now() / 1000 + hours * HOUR_S, UTC)
    return at.isoformat()


def window(app: App, **more: Any) -> dict[str, Any]:
    return {
        "title": "Database upgrade",
        "start": after(app, 1),
        "end": after(app, 3),
        "components": ["Checkout"],
        "by": "Ann",
    } | more


async def declare(app: App, **more: Any) -> Any:
    status, answer = await app.post(window(app, **more), "/v1/maintenance")
    assert status == 201, answer
    return answer["maintenance"]


async def shown(app: App) -> tuple[Any, str, str]:
    """What is on the page of it, the state of the component, and the summary."""
    found = await page(app)
    return found["maintenance"], found["components"][0]["status"], found["summary"]


async def test_it_is_shown_before_while_and_after_and_is_no_outage(site: App) -> None:
    await declare(site, text="Payments may be slow.")
    (one,), state, summary = await shown(site)
    assert (one["status"], state, summary) == (
        "planned",
        "operational",
        "All systems operational",
    )
    assert "Ann" not in str(one)
    site.clock.move(1.5 * HOUR_S)
    (one,), state, summary = await shown(site)
    assert (one["status"], state) == ("in_progress", "maintenance")
    assert summary == "Planned maintenance is in progress"
    text = await page(site, "/status")
    assert "Payments may be slow." in text
    assert "Under maintenance" in text
    site.clock.move(2 * HOUR_S)
    (one,), state, summary = await shown(site)
    assert (one["status"], state, summary) == (
        "completed",
        "operational",
        "All systems operational",
    )
    found = await page(site)
    assert found["components"][0]["uptime"]["outages"] == []
    site.clock.move(8 * 24 * HOUR_S)
    assert (await shown(site))[0] == []
    _, kept = await site.get("/v1/maintenance")
    assert [one["status"] for one in kept["maintenance"]] == ["completed"]


async def test_alerts_page_as_always_and_what_is_wrong_is_shown(site: App) -> None:
    await declare(site)
    site.clock.move(2 * HOUR_S)
    incident = await site.fire()
    assert (await site.incident(incident))["state"] == "triggered"
    assert (await site.incident(incident))["silences"] == []
    assert (await site.incident(incident))["deliveries"]
    (one,), state, summary = await shown(site)
    assert (one["status"], state, summary) == ("in_progress", "major_outage", "Major outage")


async def test_it_is_cancelled_or_ended(site: App) -> None:
    one, two = await declare(site), await declare(site, title="Another")
    again = await site.post(window(site) | {k: one[k] for k in ("start", "end")}, "/v1/maintenance")
    assert (again[0], again[1]["result"]) == (200, "already_planned")
    async with site.session.delete(f"{site.url}/v1/maintenance/{two['id']}") as answer:
        assert (answer.status, (await answer.json())["result"]) == (200, "cancelled")
    async with site.session.delete(f"{site.url}/v1/maintenance/{two['id']}") as answer:
        assert answer.status == 404
    site.clock.move(2 * HOUR_S)
    async with site.session.delete(f"{site.url}/v1/maintenance/{one['id']}") as answer:
        assert (answer.status, (await answer.json())["result"]) == (200, "ended")
    (found,), state, _ = await shown(site)
    assert (found["status"], state) == ("completed", "operational")
    async with site.session.delete(f"{site.url}/v1/maintenance/{one['id']}") as answer:
        assert answer.status == 409
    _, told = await site.get("/v1/audit?action=maintenance")
    assert [entry["outcome"] for entry in reversed(told["entries"])] == [
        "planned",
        "planned",
        "already_planned",
        "cancelled",
        "ended",
        "over",
    ]


async def test_what_is_wrong_is_said_with_its_place(site: App) -> None:
    for place, words, more in (
        ("title", "missing", {"title": " "}),
        ("title", "longer than 120", {"title": "x" * 121}),
        ("title", "more than one line", {"title": "a\nb"}),
        ("text", "longer than 2000", {"text": "x" * 2_001}),
        ("text", "control or invisible", {"text": "\u202e"}),
        ("components", "names none; allowed: Checkout, Search", {"components": []}),
        ("components", "no component 'Mail'", {"components": ["Mail"]}),
        ("start", "a time with its zone", {"start": "2026-03-02T10:00:00"}),
        ("start", "a time with its zone", {"start": "soon"}),
        ("start", "366 days ahead", {"start": after(site, 24 * 400), "end": after(site, 9_601)}),
        ("end", "not after start", {"end": after(site, 0.5)}),
        ("end", "not in the future", {"start": after(site, -3), "end": after(site, -1)}),
        ("end", "30 days after start", {"end": after(site, 24 * 40)}),
        ("", "allowed: title", {"titel": "x"}),
    ):
        status, answer = await site.post(window(site, **more), "/v1/maintenance")
        assert status == 400, (more, answer)
        assert words in answer["detail"], (more, answer)
        if place:
            assert answer["place"] == place
    assert (await site.get("/v1/maintenance"))[1]["maintenance"] == []


async def test_there_are_only_so_many(site: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.store.status.maintenance.MOST", 2)
    await declare(site, title="a")
    await declare(site, title="b")
    status, answer = await site.post(window(site, title="c"), "/v1/maintenance")
    assert (status, "cancel one" in answer["detail"]) == (409, True)
    # What ended long ago makes room.
    site.clock.move(91 * 24 * HOUR_S)
    await declare(site, title="c")


async def press(app: App, path: str, **form: str) -> tuple[int, str, str]:
    async with app.session.post(app.url + path, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def test_people_plan_it_in_the_console_and_keep_what_they_typed(site: App) -> None:
    _, text = await site.get("/maintenance")
    assert "alerts page as always" in text
    form = {
        "title": HOSTILE,
        "start": after(site, 1)[:16],
        "end": after(site, 0.5)[:16],
        "component-1": "1",
        "text": "a\r\nb",
    }
    status, text, _ = await press(site, "/maintenance", **form)
    assert status == 400
    assert "is not after start" in text
    assert "<img" not in text
    assert f'value="{form["start"]}"' in text
    assert 'name="component-1" value="1" checked' in text
    assert ">\na\r\nb</textarea>" in text or ">\na\nb</textarea>" in text
    status, _, place = await press(site, "/maintenance", **(form | {"end": after(site, 2)[:16]}))
    assert (status, place) == (303, "/maintenance?said=planned")
    _, text = await site.get(place)
    assert "It is on the status page." in text
    (one,), _, _ = await shown(site)
    assert (one["title"], one["components"], one["text"]) == (HOSTILE, ["Search"], "a\nb")
    assert one["start"][:16] == form["start"]
    assert "<img" not in await page(site, "/status")
    button = re.findall(r'action="(/maintenance/[0-9a-f]+/cancel)"', text)[0]
    status, _, place = await press(site, button)
    assert (status, place) == (303, "/maintenance?said=cancelled")
    assert (await shown(site))[0] == []


async def test_it_is_in_the_feed_under_an_id_that_stays(site: App) -> None:
    one = await declare(site, title="<b>Upgrade</b>")

    async def entry() -> ET.Element:
        await site.service.status_page.refresh()
        async with site.session.get(f"{site.url}/status.atom") as answer:
            root = ET.fromstring(await answer.read())  # noqa: S314 - written here
        (found,) = root.findall("a:entry", ATOM)
        return found

    before = await entry()
    assert before.findtext("a:title", "", ATOM) == "Maintenance planned: <b>Upgrade</b>"
    link = before.find("a:link", ATOM)
    assert link is not None
    assert link.get("href") == f"status#m{one['id']}"
    site.clock.move(4 * HOUR_S)
    last = await entry()
    assert last.findtext("a:id", "", ATOM) == before.findtext("a:id", "", ATOM)
    assert last.findtext("a:title", "", ATOM) == "Maintenance completed: <b>Upgrade</b>"
    assert last.findtext("a:updated", "", ATOM) == one["end"]


async def test_it_outlives_a_restart_and_junk_is_put_aside(site: App) -> None:
    await declare(site)
    assert site.service.embedded is not None
    redis: Any = connect(site.service.embedded.url)
    try:
        await redis.hset(Keys(0).maintenance, "junk", "{")
        _, kept = await site.get("/v1/maintenance")
        assert [one["title"] for one in kept["maintenance"]] == ["Database upgrade"]
        assert await redis.hget(Keys(0).maintenance, "junk") is None
        await redis.delete(Keys(0).maintenance)
        await redis.set(Keys(0).maintenance, "no hash")
        assert (await site.get("/v1/maintenance"))[1]["maintenance"] == []
        await declare(site, title="Once more")
    finally:
        await redis.aclose(close_connection_pool=True)
    await site.stop()
    await site.start(**NO_ACCOUNTS, **PAGE)
    assert [one["title"] for one in (await shown(site))[0]] == ["Once more"]


async def test_without_a_status_page_there_is_nothing_to_plan(plain: App) -> None:
    assert (await plain.get("/maintenance"))[0] == 404
    status, answer = await plain.post(window(plain), "/v1/maintenance")
    assert (status, "status_page.components" in answer["detail"]) == (404, True)


async def test_only_publishers_may(tmp_path: Path, fakes: Fakes) -> None:
    roles = ("viewer", "responder", "publisher")
    tokens = [{"name": role, "token": role[0] * 32, "role": role} for role in roles]
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, **PAGE, **{"web.credentials": tokens})
    try:
        for role, wanted in zip(roles, (403, 403, 201), strict=True):
            headers = {"Authorization": f"Bearer {role[0] * 32}"}
            status, _ = await app.post(window(app), "/v1/maintenance", headers=headers)
            assert status == wanted, role
            assert (await app.get("/v1/maintenance", headers=headers))[0] == 200
        await asyncio.sleep(0)
    finally:
        await app.stop()
