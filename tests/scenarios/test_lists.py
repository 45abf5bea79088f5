"""What matters is first on every face, and a list says what it does not show."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from tests.support.app import NO_ACCOUNTS, App
from tests.support.commands import run_command
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.fakes.slack_blocks import check_blocks
from tests.support.many import arrival, open_many
from tests.support.notification import alert, notification
from tests.support.slack_transport import Transport
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
MANY, URGENT = 1_250, 51


def store(app: App) -> IncidentStore:
    return app.service.dispatcher.store


async def crowd(app: App) -> list[str]:
    """Open many of P3, and after them those of P1; return the ids of P1, longest waiting first."""
    began = app.clock.now() - 10 * 60_000
    await open_many(store(app), [arrival(n, "P3") for n in range(MANY)], at=began)
    labels = {"alertname": "ServiceDown", "service": "checkout", "severity": "critical"}
    urgent = [arrival(MANY + n, "P1", labels=labels | {"n": str(n)}) for n in range(URGENT)]
    return [one.id for one in await open_many(store(app), urgent, at=began + 60_000)]


@pytest.fixture
async def slack(tmp_path: Path, fakes: Fakes) -> AsyncIterator[tuple[App, Transport]]:
    running = App(tmp_path, *fakes)
    await running.start(**{"pagerduty.routing_key": None})
    yield running, Transport(running, "http")
    await running.stop()


async def test_the_api_gives_the_most_urgent_first_and_says_how_many_there_are(plain: App) -> None:
    urgent = await crowd(plain)
    _, page = await plain.get("/v1/incidents?limit=60")
    assert [one["id"] for one in page["incidents"]][:URGENT] == urgent
    assert page["total"] == MANY + URGENT
    assert page["next"]
    _, only = await plain.get("/v1/incidents?priority=p1")
    assert ([one["id"] for one in only["incidents"]], only["next"]) == (urgent, None)
    assert only["total"] == URGENT
    _, both = await plain.get("/v1/incidents?priority=P2,P1&priority=P4")
    assert both["total"] == URGENT


async def test_following_next_gives_each_once_while_some_open_and_close(plain: App) -> None:
    await crowd(plain)
    _, before = await plain.get("/v1/incidents?limit=1000")
    there = {one["id"] for one in before["incidents"]}
    _, rest = await plain.get("/v1/incidents", params={"limit": "1000", "cursor": before["next"]})
    there |= {one["id"] for one in rest["incidents"]}
    assert len(there) == MANY + URGENT
    found: list[str] = []
    ended: set[str] = set()
    cursor: str | None = ""
    turn = 0
    while cursor is not None:
        params = {"limit": "100", **({"cursor": cursor} if cursor else {})}
        status, page = await plain.get("/v1/incidents", params=params)
        assert status == 200, page
        found += [one["id"] for one in page["incidents"]]
        cursor = page["next"]
        last = found[-1]
        assert (await plain.post({}, f"/v1/incidents/{last}/resolve"))[0] == 200
        ended.add(last)
        await plain.fire(alert(f"New{turn}"), group=f"new{turn}")
        turn += 1
    counted = Counter(found)
    assert max(counted.values()) == 1
    assert there - ended <= counted.keys()


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("text=SERVICEDOWN", URGENT),
        ("label=n=7", 1),
        ("label=n%3D~%227%7C8%22", 2),
        ("label=service=checkout&label=n!=7", URGENT - 1),
        ("label=service=checkout,n=7", 1),
        ("team=nobody", 0),
        ("state=triggered&priority=P1", URGENT),
        ("state=snoozed", 0),
        ("text=&team=&priority=P1", URGENT),
        ("service=checkout&priority=P1", URGENT),
        ("service=nobody", 0),
        ("state=answered", 0),
        ("person=ann", 0),
        ("since=1000-01-01T00:00:00Z&priority=P1", URGENT),
        ("since=1m", 0),
        ("mine=0&priority=P1", URGENT),
    ],
)
async def test_filters(plain: App, query: str, number: int) -> None:
    await crowd(plain)
    status, page = await plain.get(f"/v1/incidents?limit=1000&{query}")
    assert status == 200, page
    assert (len(page["incidents"]), page["next"], page["total"]) == (number, None, number)


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("priorty=P1", "priorty", "no parameter is called 'priorty'; available: state"),
        ("priority=P9", "priority", "allowed: P1, P2, P3, P4"),
        ("state=opened", "state", "allowed: open, closed, all"),
        ("state=open&state=all", "state", "2 times"),
        ("sort=age", "sort", "allowed: urgent, newest, oldest"),
        ("limit=0", "limit", "allowed: 1 to 1000"),
        ("limit=", "limit", "allowed: 1 to 1000"),
        ("limit=1001", "limit", "allowed: 1 to 1000"),
        ("label=nonsense", "label", "expected =, !=, =~ or !~"),
        ("label=a=~%22(%22", "label", "bad regular expression"),
        ("text=" + "x" * 201, "text", "longer than 200"),
        ("since=yesterday", "since", "allowed: a duration as 2h"),
        ("since=2026-03-02T09:00:00", "since", "a time with its zone"),
        ("mine=yes", "mine", "allowed: "),
        ("mine=1", "mine", "log in, or send person=NAME"),
        ("mine=1&person=Ann", "mine", "exclude each other"),
        ("cursor=1772445600000", "cursor", "earlier release"),
        ("cursor=%ED%A0%80", "cursor", "is none"),
    ],
)
async def test_what_a_list_cannot_be_asked_is_said(
    plain: App, query: str, place: str, words: str
) -> None:
    status, answer = await plain.get(f"/v1/incidents?{query}")
    assert (status, answer["place"]) == (400, place)
    assert words in answer["detail"]


async def test_a_cursor_of_another_list_is_refused(plain: App) -> None:
    await crowd(plain)
    _, page = await plain.get("/v1/incidents?limit=5&text=%ED%A0%80%F0%9F%A6%8A")
    assert page["incidents"] == []
    _, page = await plain.get("/v1/incidents?limit=5")
    params = {"cursor": page["next"], "priority": "P1"}
    status, answer = await plain.get("/v1/incidents", params=params)
    assert (status, answer["place"]) == (400, "cursor")
    assert "another list" in answer["detail"]


async def test_lists_of_those_who_have_it_and_of_the_last_hours(plain: App) -> None:
    untouched = await plain.fire(alert("A"), group="a")
    taken = await plain.fire(alert("B"), group="b")
    given = await plain.fire(alert("C"), group="c")
    await plain.post({"by": "Ann"}, f"/v1/incidents/{taken}/acknowledge")
    await plain.post({"to": "ANN"}, f"/v1/incidents/{given}/assign")
    await plain.post({"by": "Bob", "for": "3h"}, f"/v1/incidents/{given}/snooze")
    plain.clock.move(3600)
    late = await plain.fire(alert("D"), group="d")

    async def listed(query: str) -> list[str]:
        status, page = await plain.get(f"/v1/incidents?{query}")
        assert status == 200, page
        return [one["id"] for one in page["incidents"]]

    assert await listed("state=triggered") == [untouched, late]
    assert await listed("state=answered") == [taken, given]
    assert (await plain.get("/v1/incidents?state=answered&limit=1"))[1]["total"] == 2
    assert await listed("person=ann") == [taken, given]
    assert await listed("person=ann&state=snoozed") == [given]
    assert await listed("since=30m") == [late]
    # The next page is of the same list although time has passed.
    _, page = await plain.get("/v1/incidents?since=2h&limit=1")
    plain.clock.move(1)
    params = {"since": "2h", "cursor": page["next"]}
    status, page = await plain.get("/v1/incidents", params=params)
    assert (status, len(page["incidents"])) == (200, 3)


async def test_no_endpoint_of_programs_ignores_a_parameter(plain: App) -> None:
    incident = await plain.fire()
    for path in (
        f"/v1/incidents/{incident}",
        f"/v1/incidents/{incident}/review",
        "/v1/dead-letters",
        "/v1/damaged",
        "/v1/hints",
        "/v1/figures",
        "/v1/changes",
        "/v1/on-call",
        "/v1/metrics/integrations",
        "/v1/metrics/integrations/slack",
        "/v1/metrics/caches",
        "/v1/health/circuit-breakers",
    ):
        status, answer = await plain.get(f"{path}?lmit=5")
        assert (status, answer["place"]) == (400, "lmit"), path
        assert "no parameter is called 'lmit'" in answer["detail"]
        assert (await plain.get(path))[0] == 200, path


async def test_no_sender_is_refused_for_a_parameter(plain: App) -> None:
    body = {"version": "4", "groupKey": "g", "receiver": "r", "alerts": [alert()]}
    status, answer = await plain.post(body, "/v1/alerts/webhook?cluster=eu&lmit=5&cluster=us")
    assert (status, len(answer["incidents"])) == (202, 1)
    for path in ("/health?x=1", "/-/ready?x=1", "/-/healthy?x=1", "/metrics?name[]=up"):
        assert (await plain.get(path))[0] == 200, path


async def test_the_console_shows_every_urgent_one_first(plain: App) -> None:
    urgent = await crowd(plain)
    async with plain.session.get(f"{plain.url}/") as answer:
        shown = await answer.text()
    assert re.findall(r'href="/incidents/([^"]+)"><bdi>', shown)[:URGENT] == urgent
    assert f"{MANY + URGENT}</span> open" in shown


async def test_the_slash_command_finds_the_urgent_among_many(
    slack: tuple[App, Transport],
) -> None:
    app, way = slack
    urgent = await crowd(app)

    async def command(text: str) -> Any:
        answer = await way.send(app.slack.client("U1").command(text))
        assert check_blocks(answer["blocks"]) == []
        return answer

    answer = await command("list P1")
    assert answer["text"] == "51 open incidents"
    shown = json.dumps(answer["blocks"])
    digests = [name.split("-")[1] for name in urgent]
    handles = re.findall(r"`([0-9a-f]+)` ", shown)
    assert len(handles) == 15
    assert all(digest.startswith(handle) for digest, handle in zip(digests, handles, strict=False))
    assert f"and 36 more: <{app.service.settings.web.base_url}/?priority=P1|all of them>" in shown
    # Each handle means one incident, whatever else is open.
    for handle, name in zip(handles[:3], urgent, strict=False):
        assert name in json.dumps((await command(f"show {handle}"))["blocks"])
    every = await command("list")
    assert every["text"] == "1,301 open incidents"
    assert json.dumps(every["blocks"]).count("*P1*") == 15
    found = await command("list p1 triggered n=7")
    assert "1 open incident" in found["text"]
    nothing = await command("list billing")
    assert "No open billing incidents" in nothing["text"]
    assert "Which one?" in (await command("ack"))["text"]


async def test_a_list_that_was_not_looked_through_says_so(
    slack: tuple[App, Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, way = slack
    await crowd(app)
    monkeypatch.setattr("receiver.store.lists.read.EXAMINED_MAX", 300)
    answer = await way.send(app.slack.client("U1").command("list alertname=nothing"))
    shown = json.dumps(answer["blocks"])
    assert "🎉" not in answer["text"]
    assert "There may be more" in shown
    assert "/?text=alertname%3Dnothing|go on in the console>" in shown


async def test_the_home_and_the_merge_window_begin_with_the_urgent(
    slack: tuple[App, Transport],
) -> None:
    app, way = slack
    urgent = await crowd(app)
    mine = urgent[-1]
    body = {"to": "Alice", "id": "U1"}
    assert (await app.post(body, f"/v1/incidents/{mine}/assign"))[0] == 200
    client = app.slack.client("U1")
    await way.send(client.open_home())
    await until(lambda: "U1" in app.slack.views.homes)
    shown = json.dumps(app.slack.views.homes["U1"]["blocks"], ensure_ascii=False)
    assert shown.count("*P1*") >= 15
    assert "*P3* " not in shown.split("This week")[0]
    assert "Looked for among the 1,000 most urgent of 1,301 open." in shown
    # What is on me waits for nobody else.
    assert "and 1,285 more: " in shown
    own = await app.fire(alert("Own", labels={"severity": "warning"}), group="own")
    await until(lambda: any(own in str(m.blocks) for m in app.slack.top_level("C0ALERTS")))
    message = next(m for m in app.slack.top_level("C0ALERTS") if own in str(m.blocks))
    await way.send(client.press(message, "menu", "more"))
    await way.send(client.press_in(client.window, "merge"))
    window = json.dumps(client.window["blocks"])
    values = re.findall(r'"value": "(0-[0-9a-f]{16}-1)"', window)
    assert values[:URGENT] == urgent
    assert len(values) == 100
    assert "These are the 100 most urgent of 1,301." in window


async def test_the_command_line_follows_pages_and_says_how_many(plain: App) -> None:
    urgent = await crowd(plain)
    listed = await run_command(plain, "incidents", "list", "-p", "p1", "--limit", "20")
    lines = listed.output.splitlines()
    assert [line.split()[0] for line in lines[1:21]] == urgent[:20]
    assert lines[-1] == "20 of 51: the rest with --limit or --all"
    every = await run_command(plain, "incidents", "list", "--all", "-o", "json")
    body = json.loads(every.output)
    assert len({one["id"] for one in body["incidents"]}) == MANY + URGENT == body["total"]
    assert body["next"] is None
    some = await run_command(
        plain, "incidents", "list", "-l", "n=~7|8", "--text", "servicedown", "--team", ""
    )
    assert some.output.splitlines()[-1] == "2 in all"
    none = await run_command(plain, "incidents", "list", "-p", "P2", "-l", "a=b")
    assert none.output == "no incidents (open, priority P2, label a=b)\n"


async def test_a_long_timeline_is_shown_in_parts_everywhere(plain: App) -> None:
    incident = await plain.fire()
    _, first = await plain.get(f"/v1/incidents/{incident}")
    for number in range(500):
        # Nobody may write more than 60 a minute.
        note = {"text": f"note {number}", "by": f"person {number % 20}"}
        await plain.post(note, f"/v1/incidents/{incident}/note")
    _, found = await plain.get(f"/v1/incidents/{incident}")
    total = found["timeline_total"]
    assert total >= first["timeline_total"] + 500
    assert len(found["timeline"]) == 500
    numbers = [entry["number"] for entry in found["timeline"]]
    assert numbers == list(range(total - 499, total + 1))
    before = numbers[0]
    _, rest = await plain.get(f"/v1/incidents/{incident}?timeline_before={before}")
    assert [entry["number"] for entry in rest["timeline"]] == list(range(1, before))
    assert (await plain.get(f"/v1/incidents/{incident}?timeline_before=1"))[0] == 400
    shown = await run_command(plain, "incidents", "show", incident)
    assert f"... {before - 1} earlier entries: --timeline-before {before}" in shown.output
    part = await run_command(plain, "incidents", "show", incident, "--timeline-before", str(before))
    assert "... 500 later entries" in part.output
    async with plain.session.get(f"{plain.url}/incidents/{incident}") as answer:
        console = await answer.text()
    assert f"{total - 99} to {total} of {total} entries" in console
    assert f"?timeline_before={total - 99}#timeline" in console
    _, review = await plain.get(f"/v1/incidents/{incident}/review")
    assert len(review["timeline"]) == total


async def test_the_list_is_in_order_after_an_earlier_release(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    urgent = await crowd(app)
    keys = store(app).keys[0]
    redis = store(app).redis
    # As it was written until now: by time alone.
    times = {
        name: score % 10**13
        for name, score in await redis.zrange(keys.open, 0, -1, withscores=True)
    }
    await redis.zadd(keys.open, times)
    await app.stop()
    await app.start(**NO_ACCOUNTS)

    async def sorted_in() -> bool:
        _, page = await app.get("/v1/incidents?limit=60")
        return [one["id"] for one in page["incidents"]][:URGENT] == urgent

    await until(sorted_in)
    _, only = await app.get("/v1/incidents?priority=P1")
    assert only["total"] == URGENT
    await app.stop()


async def test_an_open_incident_goes_by_the_beginning_of_its_digest(plain: App) -> None:
    name = await plain.fire()
    digest = name.split("-")[1]
    for short in (digest[:4], digest[:9].upper(), digest):
        status, found = await plain.get(f"/v1/incidents/{short}")
        assert (status, found["id"]) == (200, name)
    assert (await plain.get(f"/v1/incidents/{digest[:4]}/review"))[0] == 200
    status, done = await plain.post({"by": "ann"}, f"/v1/incidents/{digest[:5]}/acknowledge")
    assert (status, done["incident"]["id"]) == (200, name)
    async with plain.session.get(
        f"{plain.url}/incidents/{digest[:4]}", allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"/incidents/{name}")
    for none in (digest[:3], "ffff" if not digest.startswith("ffff") else "0000", f"{digest}0"):
        assert (await plain.get(f"/v1/incidents/{none}"))[0] == 404
    await plain.post({}, f"/v1/incidents/{name}/resolve")
    assert (await plain.get(f"/v1/incidents/{digest[:4]}"))[0] == 404


async def test_a_short_id_that_may_be_of_several_names_them(plain: App) -> None:
    found: dict[str, str] = {}
    twins: tuple[str, str] | None = None
    for number in range(2_000):
        body = notification(alert(f"A{number}"), group=f"g{number}")
        _, answer = await plain.post(body)
        name = answer["incidents"][0]
        start = name.split("-")[1][:4]
        if start in found:
            twins = (found[start], name)
            break
        found[start] = name
    assert twins is not None, "no two digests begin alike"
    status, answer = await plain.get(f"/v1/incidents/{twins[0].split('-')[1][:4]}")
    assert (status, answer["place"]) == (400, "id")
    assert all(one in answer["detail"] for one in twins)
    async with plain.session.get(
        f"{plain.url}/incidents/{twins[0].split('-')[1][:4]}", headers={"Accept": "text/html"}
    ) as page:
        text = await page.text()
        assert page.status == 404
        assert all(one in text for one in twins)
