"""Everything that is kept is found again, by how it went too, in pages that lose nothing."""

import pytest

from receiver.store.incidents import IncidentStore
from tests.support.app import App
from tests.support.builders import alert as builder_alert
from tests.support.builders import received
from tests.support.many import arrival, happen, open_many
from tests.support.notification import alert

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe " + "x" * 1_000
BOOK = "https://wiki.example/Disk-Full"


async def listed(app: App, query: str) -> list[str]:
    status, page = await app.get(f"/v1/incidents?limit=1000&{query}")
    assert status == 200, page
    return [one["id"] for one in page["incidents"]]


async def three(app: App) -> dict[str, str]:
    """One that a person took and ended, one that ended by itself, and one that is open."""
    notes = {"runbook_url": BOOK}
    taken = await app.fire(alert("DiskFull", annotations=notes), group="taken")
    alone = await app.fire(alert("Flicker", labels={"severity": "warning"}), group="alone")
    app.clock.move(600)
    await app.post({"by": "Ann"}, f"/v1/incidents/{taken}/acknowledge")
    await app.fire(alert("Flicker", labels={"severity": "warning"}, resolved=True), group="alone")
    app.clock.move(3600)
    await app.post({"by": "Bob"}, f"/v1/incidents/{taken}/resolve")
    still = await app.fire(alert("Queue"), group="still")
    return {"taken": taken, "alone": alone, "still": still}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=closed", ["taken", "alone"]),
        ("state=all&sort=newest", ["still", "taken", "alone"]),
        ("state=closed&text=DISKFULL", ["taken"]),
        ("state=closed&text=alertname=flick", ["alone"]),
        ("state=closed&label=alertname=~%22Fl.*%22", ["alone"]),
        ("state=closed&label=severity!=warning", ["taken"]),
        ("state=all&person=ann", ["taken"]),
        ("state=all&person=BOB", ["taken"]),
        ("state=all&runbook=disk-full", ["taken"]),
        ("state=all&runbook=none-such", []),
        ("state=all&outcome=answered", ["taken"]),
        ("state=all&outcome=unanswered&sort=newest", ["still", "alone"]),
        ("state=all&outcome=by_people", ["taken"]),
        ("state=all&outcome=by_itself", ["alone"]),
        ("state=all&outcome=alone", ["alone"]),
        ("state=all&outcome=missed", ["taken"]),
        ("state=all&outcome=met", []),
        ("state=all&outcome=reopened", []),
        ("state=all&since=30m&sort=newest", ["still"]),
        ("state=all&until=30m&sort=newest", ["taken", "alone"]),
        ("state=all&time=ended&since=30m", ["taken"]),
        ("state=all&time=ended&until=30m", ["alone"]),
        ("state=all&time=acknowledged&since=2h", ["taken"]),
        ("state=all&time=acknowledged&since=30m", []),
        ("state=closed&priority=P3", ["alone"]),
    ],
)
async def test_what_is_over_is_found(plain: App, query: str, names: list[str]) -> None:
    made = await three(plain)
    assert await listed(plain, query) == [made[name] for name in names]


async def test_a_deadline_that_was_met_is_found(plain: App) -> None:
    quick = await plain.fire()
    plain.clock.move(60)
    await plain.post({"by": "Ann"}, f"/v1/incidents/{quick}/acknowledge")
    await plain.fire(alert("Late"), group="late")
    assert await listed(plain, "state=all&outcome=met") == [quick]


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("outcome=lucky", "outcome", "allowed: answered, unanswered, by_people"),
        ("time=later", "time", "allowed: opened, acknowledged, ended"),
        ("until=soon", "until", "a day as 2026-03-02"),
        ("since=1h&until=2h", "until", "until is not after since"),
        ("since=2026-02-30", "since", "a day as 2026-03-02"),
        ("runbook=" + "x" * 201, "runbook", "longer than 200 characters"),
        ("colour=red", "colour", "no parameter is called 'colour'"),
        ("cursor=junk", "cursor", "send what `next` said"),
    ],
)
async def test_a_slip_is_said_in_both(plain: App, query: str, place: str, words: str) -> None:
    status, answer = await plain.get(f"/v1/incidents?{query}")
    assert (status, answer["place"]) == (400, place)
    assert words in answer["detail"]
    status, page = await plain.get(f"/history?{query}")
    assert status == 400
    assert words.replace("'", "&#39;") in page


async def test_a_day_is_from_its_beginning_to_its_end(plain: App) -> None:
    found = await plain.fire()
    _, one = await plain.get(f"/v1/incidents/{found}")
    day = one["opened_at"][:10]
    assert await listed(plain, f"since={day}&until={day}") == [found]
    assert await listed(plain, "until=2026-01-01&since=2025-01-01") == []


async def _many_closed(store: IncidentStore, number: int, at: int) -> list[str]:
    """Close so many, the last one last; every hundredth is of the rule Rare."""
    names = []
    labels = [
        {"alertname": "Rare" if n % 100 == 0 else "Often", "n": str(n)} for n in range(number)
    ]
    arrivals = [arrival(n, labels=labels[n]) for n in range(number)]
    for n, incident in enumerate(await open_many(store, arrivals, at=at)):
        end = at + number + n
        gone = received(builder_alert(f"f{n}", resolved=True, ends_at=end, labels=labels[n]))
        closed = await happen(store, incident, gone, at=at + number + n)
        assert closed.state == "resolved"
        names.append(closed.id)
    return names[::-1]


async def test_pages_of_a_search_that_stops_early_say_so_and_lose_nothing(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = plain.service.dispatcher.store
    names = await _many_closed(store, 1_200, plain.clock.now() - 7_200_000)
    rare = [name for n, name in enumerate(names) if (1_199 - n) % 100 == 0]
    whole = await plain.get("/v1/incidents?state=closed&label=alertname=Rare")
    assert [one["id"] for one in whole[1]["incidents"]] == rare
    assert (whole[1]["next"], whole[1]["looked_through"]) == (None, 1_200)

    monkeypatch.setattr("receiver.web.incidents_api.SEARCH_S", 1e-9)
    monkeypatch.setattr("receiver.web.history.page.SEARCH_S", 1e-9)
    found: list[str] = []
    looked, cursor, pages = 0, "", 0
    while True:
        params = {"state": "closed", "label": "alertname=Rare"}
        params |= {"cursor": cursor} if cursor else {}
        status, page = await plain.get("/v1/incidents", params=params)
        assert status == 200, page
        found += [one["id"] for one in page["incidents"]]
        looked, pages, cursor = looked + page["looked_through"], pages + 1, page["next"]
        if not cursor:
            break
    assert (found, looked) == (rare, 1_200)
    assert pages > 2
    _, text = await plain.get("/history?state=closed&text=nothing-fits")
    assert "Looked at " in text
    assert " of 1200 kept" in text
    assert 'rel="next"' in text


async def test_the_page_leads_on_and_shows_hostile_texts_as_texts(plain: App) -> None:
    labels = {"alertname": HOSTILE, "team": "<b>"}
    gone = alert("Hostile", labels=labels, annotations={"summary": HOSTILE})
    one = await plain.fire(gone, group="hostile")
    await plain.post({"by": "<i>Eve\u202e"}, f"/v1/incidents/{one}/resolve")
    status, page = await plain.get("/history")
    assert status == 200
    assert one in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "<i>" not in page
    store = plain.service.dispatcher.store
    await _many_closed(store, 150, plain.clock.now() - 7_200_000)
    status, page = await plain.get("/history?state=closed&label=alertname=~%22Rare%7COften%22")
    assert status == 200
    assert page.count('<tr><th scope="row"') == 100
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    status, rest = await plain.get(following)
    assert status == 200
    assert rest.count('<tr><th scope="row"') == 50
    assert "from the first" in rest
    assert 'rel="next"' not in rest


async def test_what_is_asked_for_stays_in_the_form(plain: App) -> None:
    await three(plain)
    asked = "text=%22x&outcome=missed&time=ended&since=2h&state=closed&priority=P1,P2"
    status, page = await plain.get(f"/history?{asked}")
    assert status == 200
    assert 'value="&#34;x"' in page
    for chosen in ("missed", "ended", "closed", "P1,P2"):
        assert f'<option value="{chosen}" selected>' in page
    assert "Nothing that is kept fits." in page


async def test_nothing_is_kept_yet(plain: App) -> None:
    status, page = await plain.get("/history")
    assert status == 200
    assert "Nothing is kept yet." in page


async def test_mine_are_those_of_whoever_asks(plain: App) -> None:
    made = await three(plain)
    cookies = {"Cookie": "incident_manager_name=Ann"}
    _, page = await plain.get("/history?mine=1", headers=cookies)
    assert made["taken"] in page
    assert made["alone"] not in page
