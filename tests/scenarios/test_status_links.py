"""What outsiders keep of the status page: links to incidents, the feed, and the days before."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from receiver.store.keys import Keys
from receiver.store.redis import connect
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.replicas import two_replicas
from tests.support.status_pages import PAGE, page, say

Fakes = tuple[FakeSlack, FakePagerDuty]
ATOM = {"a": "http://www.w3.org/2005/Atom"}
DAY_S = 86_400
HOSTILE = '<img src=x onerror=alert(1)> & ]]> "quoted" \ufffe'


async def fresh(app: App) -> None:
    """Forget what was answered a moment ago."""
    await app.service.status_page.refresh()
    incidents = app.service.endpoints.one(_endpoint())
    incidents._kept.clear()


def _endpoint() -> Any:
    from receiver.web.status_page.incident import StatusIncidentEndpoint  # noqa: PLC0415

    return StatusIncidentEndpoint


async def first(app: App) -> Any:
    found = await page(app)
    return [*found["incidents"], *found["history"]][0]


async def test_a_link_stays_when_it_is_over_and_says_when_it_is_forgotten(site: App) -> None:
    incident = await site.fire()
    shown = await first(site)
    link = f"/{shown['url']}"
    assert link == f"/status/incidents/{shown['id']}"
    assert incident[2:18] not in shown["id"]
    status, text = await site.get(link)
    assert status == 200
    assert "Problem with Checkout" in text
    assert 'href="../../status"' in text
    status, data = await site.get(f"{link}.json")
    assert (data["incident"]["status"], data["title"]) == ("investigating", "Example status")
    await say(site, incident, "identified", text="A <b>disk</b> is full.\nWe replace it.")
    await site.fire(alert(resolved=True))
    # The page forgets it long before the service does.
    site.service.status_page.config = site.service.status_page.config.model_copy(
        update={"history": 0}
    )
    await fresh(site)
    assert (await page(site))["history"] == []
    status, data = await site.get(f"{link}.json")
    assert (status, data["incident"]["status"]) == (200, "resolved")
    assert data["incident"]["id"] == shown["id"]
    _, text = await site.get(link)
    assert "A &lt;b&gt;disk&lt;/b&gt; is full." in text
    await site.post({"force": True}, f"/v1/incidents/{incident}/forget")
    await fresh(site)
    status, answer = await site.get(f"{link}.json")
    assert (status, answer["detail"]) == (410, "This incident is not kept any more.")
    async with site.session.get(site.url + link, headers={"Accept": "text/html"}) as answer:
        assert answer.status == 410
        assert "not kept any more" in await answer.text()


async def test_a_name_is_the_same_after_a_restart_and_on_every_replica(
    tmp_path: Path, site: App
) -> None:
    await site.fire()
    known = (await first(site))["id"]
    await site.stop()
    await site.start(**NO_ACCOUNTS, **PAGE)
    assert (await first(site))["id"] == known
    async with two_replicas(tmp_path / "two", "http") as (one, two):
        for app in (one, two):
            await app.stop()
        embedded = None
        await one.start(**NO_ACCOUNTS, **PAGE)
        embedded = one.service.embedded
        assert embedded is not None
        await two.start(**NO_ACCOUNTS, **PAGE, **{"redis.url": embedded.url})
        await one.fire()
        assert (await first(one))["id"] == (await first(two))["id"]


async def test_what_is_no_name_of_ours_is_not_looked_up(site: App) -> None:
    incident = await site.fire()
    name = (await first(site))["id"]
    asked: list[str] = []

    class Counting:
        async def find(self, name: str) -> None:
            asked.append(name)

    site.service.endpoints.one(_endpoint())._store = Counting()
    flipped = ("B" if name[0] == "A" else "A") + name[1:]
    for wrong in ("x", incident, "%00", "a" * 40, flipped, name + "A", "é", "../../etc"):
        status, _ = await site.get(f"/status/incidents/{wrong}.json")
        assert status == 404, wrong
    assert asked == []


async def test_what_is_withdrawn_or_was_never_public_is_not_shown(site: App) -> None:
    incident = await site.fire()
    link = f"/{(await first(site))['url']}.json"
    await site.post({}, f"/v1/incidents/{incident}/status-hide")
    await fresh(site)
    status, answer = await site.get(link)
    assert (status, answer["detail"]) == (404, "This incident is not on the status page any more.")
    inside = await site.fire(alert(labels={"service": "billing"}), group="g2")
    assert site.service.status_page.ids is not None
    name = site.service.status_page.ids.name(inside)
    assert (await site.get(f"/status/incidents/{name}.json"))[0] == 404
    await site.post({}, f"/v1/incidents/{incident}/status-show")
    await fresh(site)
    assert (await site.get(link))[0] == 200


async def test_one_that_was_merged_leads_to_the_one_that_goes_on(site: App) -> None:
    one = await site.fire(group="g1")
    await say(site, one, "identified", text="Ann said so.")
    two = await site.fire(alert(labels={"service": "search"}), group="g2")
    found = await page(site)
    links = {each["title"]: each["id"] for each in found["incidents"]}
    await site.post({"into": two}, f"/v1/incidents/{one}/merge")
    await site.settle()
    await fresh(site)
    old = links["Problem with Checkout"]
    async with site.session.get(
        f"{site.url}/status/incidents/{old}", allow_redirects=False
    ) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == links["Problem with Search"]
    status, data = await site.get(f"/status/incidents/{old}.json")
    assert status == 200
    assert data["incident"]["id"] == links["Problem with Search"]
    assert "Ann said so." in json.dumps(data)


def parsed(raw: bytes) -> ET.Element:
    return ET.fromstring(raw)  # noqa: S314 - written here


async def feed(app: App, **more: Any) -> tuple[int, bytes, Any]:
    await app.service.status_page.refresh()
    async with app.session.get(f"{app.url}/status.atom", **more) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_the_feed_is_valid_and_its_ids_stay(site: App) -> None:
    status, raw, headers = await feed(site)
    assert (status, headers["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    empty = parsed(raw)
    incident = await site.fire()
    await say(site, incident, "identified", text=HOSTILE.rstrip("\ufffe"), title="<b>Disk</b>")
    _, raw, _ = await feed(site)
    root = parsed(raw)
    assert root.findtext("a:id", "", ATOM) == empty.findtext("a:id", "", ATOM)
    assert root.findtext("a:id", "", ATOM).startswith("urn:uuid:")
    assert root.findtext("a:author/a:name", "", ATOM) == "Example status"
    (entry,) = root.findall("a:entry", ATOM)
    assert entry.findtext("a:title", "", ATOM) == "Identified: <b>Disk</b>"
    content = entry.findtext("a:content", "", ATOM)
    assert "&lt;img src=x onerror=alert(1)&gt;" in content
    assert "<img" not in content
    name, updated = entry.findtext("a:id", "", ATOM), entry.findtext("a:updated", "", ATOM)
    link = entry.find("a:link", ATOM)
    assert link is not None
    assert link.get("href", "").endswith((await first(site))["url"])
    site.clock.move(90)
    await site.fire(alert(resolved=True))
    _, raw, _ = await feed(site)
    (entry,) = parsed(raw).findall("a:entry", ATOM)
    assert entry.findtext("a:id", "", ATOM) == name
    assert entry.findtext("a:updated", "", ATOM) > updated
    assert entry.findtext("a:title", "", ATOM) == "Resolved: <b>Disk</b>"
    for each in [parsed(raw), entry]:
        for needed in ("id", "title", "updated"):
            assert each.findtext(f"a:{needed}", "", ATOM)


async def test_the_feed_is_sent_again_only_when_it_changed(site: App) -> None:
    incident = await site.fire()
    _, _, headers = await feed(site)
    known = {"If-None-Match": headers["ETag"]}
    dated = {"If-Modified-Since": headers["Last-Modified"]}
    site.clock.move(300)
    assert (await feed(site, headers=known))[0] == 304
    assert (await feed(site, headers=dated))[0] == 304
    await say(site, incident, "monitoring")
    site.clock.move(2)
    assert (await feed(site, headers=known))[0] == 200
    assert (await feed(site, headers=dated))[0] == 200
    async with site.session.head(f"{site.url}/status.atom") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_links_are_whole_where_the_address_is_known(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, **PAGE, **{"status_page.url": "https://status.example.com/"})
    try:
        await app.fire()
        shown = await first(app)
        assert shown["url"] == f"https://status.example.com/status/incidents/{shown['id']}"
        _, raw, _ = await feed(app)
        links = {one.get("rel"): one.get("href") for one in parsed(raw).findall("a:link", ATOM)}
        assert links["self"] == "https://status.example.com/status.atom"
    finally:
        await app.stop()


async def bars(app: App, name: str = "Checkout") -> Any:
    (found,) = [one for one in (await page(app))["components"] if one["name"] == name]
    assert len(found["uptime"]["days"]) == 90
    return found["uptime"]


async def test_days_before_the_service_ran_are_not_green(site: App) -> None:
    found = await bars(site)
    assert found["days"] == ["no_data"] * 89 + ["operational"]
    assert (found["percent"], found["outages"]) == (100.0, [])
    _, text = await site.get("/status")
    assert 'aria-label="90 days, 100 % without an outage, 89 days without data"' in text


async def test_an_outage_is_counted_on_its_days_and_slowness_is_not_down(site: App) -> None:
    now = datetime.fromtimestamp(site.clock.now() / 1000, UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    site.clock.move((midnight - now).total_seconds() - 1_800)
    await bars(site)
    await site.fire()  # P1: a major outage, from half past eleven to one in the morning
    site.clock.move(5_400)
    await site.fire(alert(resolved=True))
    found = await bars(site)
    assert found["days"][-2:] == ["major_outage", "major_outage"]
    lasted = [one["seconds"] for one in found["outages"]]
    assert 1_790 <= lasted[0] <= 1_800
    assert 3_590 <= lasted[1] <= 3_660
    assert found["percent"] < 100
    assert (await bars(site, "Search"))["days"][-2:] == ["operational", "operational"]
    site.clock.move(DAY_S)
    slow = await site.fire(alert(labels={"service": "search"}), group="g2")
    await say(site, slow, "identified", components=["Search"], impact="degraded")
    site.clock.move(600)
    found = await bars(site, "Search")
    assert found["days"][-1] == "degraded"
    assert (found["outages"][-1]["seconds"], found["percent"]) == (0, 100.0)
    # What was withdrawn was never an outage.
    await site.post({}, f"/v1/incidents/{slow}/status-hide")
    assert (await bars(site, "Search"))["days"][-1] == "operational"


async def test_a_day_without_the_service_and_a_new_component_have_no_data(site: App) -> None:
    await bars(site)
    await site.stop()
    site.clock.move(2 * DAY_S)
    more = {"name": "Mail", "matchers": ['service="mail"']}
    wanted = PAGE | {"status_page.components": [*PAGE["status_page.components"], more]}
    await site.start(**NO_ACCOUNTS, **wanted)
    assert (await bars(site))["days"][-3:] == ["operational", "no_data", "operational"]
    assert (await bars(site, "Mail"))["days"][-3:] == ["no_data", "no_data", "operational"]


async def put(app: App, junk: str) -> None:
    assert app.service.embedded is not None
    redis: Any = connect(app.service.embedded.url)
    try:
        if junk == "no hash":
            await redis.delete(Keys(0).status)
            await redis.set(Keys(0).status, junk)
        else:
            await redis.hset(Keys(0).status, "key", junk)
    finally:
        await redis.aclose(close_connection_pool=True)


@pytest.mark.parametrize("junk", ["zz", "", "no hash"])
async def test_a_key_that_is_junk_is_made_anew(site: App, junk: str) -> None:
    await site.fire()
    known = (await first(site))["id"]
    await put(site, junk)
    await site.stop()
    await site.start(**NO_ACCOUNTS, **PAGE)
    other = (await first(site))["id"]
    assert other != known
    await site.stop()
    await site.start(**NO_ACCOUNTS, **PAGE)
    assert (await first(site))["id"] == other
    assert (await site.get(f"/status/incidents/{known}"))[0] == 404
