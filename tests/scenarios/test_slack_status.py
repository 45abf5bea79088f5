"""The status page from Slack: the window that words it, what it warns of, and who may."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.slack_transport import TRANSPORTS, settings_for
from tests.support.slack_work import Work
from tests.support.status_pages import PAGE, page
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]


@pytest.fixture(params=TRANSPORTS)
async def work(request: Any, tmp_path: Path, fakes: Fakes) -> AsyncIterator[Work]:
    app = App(tmp_path, *fakes)
    await app.start(**settings_for(request.param), **PAGE)
    found = Work(app, request.param)
    await found.fire()
    yield found
    await app.stop()


def fields(window: Any) -> dict[str, Any]:
    return {one["block_id"]: one["element"] for one in window["blocks"] if one["type"] == "input"}


async def test_a_person_words_it_and_is_told_that_it_is_public(work: Work) -> None:
    await work.more("status_update")
    shown = str(work.window()["blocks"])
    assert "Public, word for word" in shown
    assert "On the status page: *Problem with Checkout*, investigating" in shown
    assert fields(work.window())["components"]["initial_options"][0]["value"] == "Checkout"
    await work.submit(status="identified", text="A bad release.\nWe roll it back.")
    found = await page(work.app)
    (notice,) = found["incidents"]
    assert notice["status"] == "identified"
    assert notice["updates"][0]["text"] == "A bad release.\nWe roll it back."
    assert found["components"][0]["status"] == "major_outage"
    inside = await work.now()
    assert inside["published"]["updates"][1]["by"] == "alice"
    assert inside["deadlines"]["update"]["met_at"] is None
    replies = await until(lambda: work.app.slack.replies(work.message.ts))
    assert "Status page, identified: A bad release." in str([one.text for one in replies])


async def test_title_components_and_impact_are_chosen(work: Work) -> None:
    await work.more("status_update")
    await work.submit(
        status="monitoring",
        title="Payments fail",
        components="Checkout\nSearch",
        impact="degraded",
    )
    found = await page(work.app)
    assert found["incidents"][0]["title"] == "Payments fail"
    assert [one["status"] for one in found["components"]] == ["degraded", "degraded"]
    # What was left as it is stays the rule's.
    await work.fire(alert("Other", labels={"service": "search"}), group="other")
    await work.more("status_update")
    await work.submit(status="identified")
    await work.app.fire(
        alert("Other", labels={"service": "search"}),
        alert("More"),
        group="other",
    )
    components = (await work.now())["published"]["components"]
    assert components == {"Search": "major_outage", "Checkout": "major_outage"}


async def test_it_is_taken_back_and_shown_again(work: Work) -> None:
    await work.more("status_update")
    client = work.app.slack.client("U1")
    await work.way.send(client.press_in(client.window, "status_hide"))
    assert "Removed from the status page." in str(work.window()["blocks"])
    assert (await page(work.app))["incidents"] == []
    await work.more("status_update")
    assert "withdrawn" in str(work.window()["blocks"])
    assert fields(work.window()) == {}
    await work.way.send(client.press_in(client.window, "status_show"))
    assert len((await page(work.app))["incidents"]) == 1


async def test_an_incident_of_no_component_asks_for_one(work: Work) -> None:
    await work.fire(alert("Other", labels={"service": "billing"}), group="other")
    await work.more("status_update")
    assert "This incident is not on the status page." in str(work.window()["blocks"])
    answer = await work.submit(status="investigating")
    assert "no alert of this incident is about a component" in answer["errors"]["components"]
    await work.submit(status="investigating", components="Search")
    assert (await page(work.app))["components"][1]["status"] == "major_outage"


async def test_the_end_is_worded_from_the_closed_message(work: Work) -> None:
    await work.press("resolve")
    await until(lambda: "resolve" not in work.message.buttons())
    await work.press("menu", "status_update")
    options = [one["value"] for one in fields(work.window())["status"]["options"]]
    assert options == ["resolved"]
    await work.submit(text="It was a bad release.")
    (past,) = (await page(work.app))["history"]
    assert past["updates"][0]["text"] == "It was a bad release."


async def test_who_may_write_on_it_is_configured(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**PAGE, permissions={"status-update": {"users": ["U1"]}})
    work = Work(app, "http")
    await work.fire()
    try:
        await work.more("status_update", "U2")
        assert "you may not write on the status page here" in str(work.window("U2")["blocks"])
        await work.more("status_update", "U1")
        await work.submit("U1", status="identified")
        assert (await page(app))["incidents"][0]["status"] == "identified"
    finally:
        await app.stop()


async def test_without_a_page_nobody_is_offered_one(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start()
    work = Work(app, "http")
    await work.fire()
    try:
        await work.press("menu", "more")
        assert "Status page" not in str(work.window()["blocks"])
    finally:
        await app.stop()
