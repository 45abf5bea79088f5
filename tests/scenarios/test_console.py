"""The console over HTTP: what it shows, what its buttons do, and whom it refuses."""

import base64
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert

Fakes = tuple[FakeSlack, FakePagerDuty]
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> & \u202eevil"


async def page(app: App, path: str = "/", **more: Any) -> str:
    async with app.session.get(app.url + path, **more) as answer:
        assert answer.status == 200, await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        return await answer.text()


async def press(app: App, incident: str, action: str, **more: Any) -> Any:
    """Press a button; return (status, where to go on)."""
    form = {"episode": "0", "name": "Ann", "back": "index"} | more.pop("form", {})
    url = f"{app.url}/incidents/{incident}/{action}"
    async with app.session.post(url, data=form, allow_redirects=False, **more) as answer:
        return answer.status, answer.headers.get("Location", await answer.text())


async def test_nothing_open_says_how_to_begin(plain: App) -> None:
    shown = await page(plain)
    assert "Nothing is open" in shown
    assert "alert send" in shown


async def test_open_incidents_most_urgent_first_with_clock_runbook_and_buttons(
    plain: App,
) -> None:
    await plain.fire(alert("DiskFull", labels={"severity": "warning"}), group="a")
    book = {"runbook_url": "https://wiki.example/runbook"}
    incident = await plain.fire(alert("ServiceDown", annotations=book), group="b")
    shown = await page(plain)
    assert shown.index("ServiceDown") < shown.index("DiskFull")
    first = shown.split("<article")[1]
    assert 'class="priority">P1<' in first
    assert 'class="state">triggered' in first
    assert re.search(r'acknowledge\s+<time datetime="20', first)
    assert 'href="https://wiki.example/runbook"' in first
    assert f'action="/incidents/{incident}/acknowledge"' in first
    assert f'formaction="/incidents/{incident}/resolve"' in first


async def test_a_button_does_what_the_api_does_and_the_figures_move(plain: App) -> None:
    incident = await plain.fire()
    plain.clock.move(90)
    status, place = await press(plain, incident, "acknowledge")
    assert (status, place.startswith("/?said=acknowledged")) == (303, True)
    found = await plain.incident(incident)
    assert (found["state"], found["acknowledged_by"]["via"]) == ("acknowledged", "console")
    assert found["acknowledged_by"]["name"] == "Ann"
    shown = await page(plain, place)
    assert "Acknowledged." in shown
    assert "acknowledged by <bdi>Ann</bdi>" in shown
    mtta = re.search(r'class="mtta"><data value="([0-9.]+)"', shown)
    assert mtta is not None
    assert 90 <= float(mtta[1]) < 100
    _, figures = await plain.get("/v1/figures?days=7")
    assert figures["priorities"][0]["mtta"] == float(mtta[1])
    assert (await press(plain, incident, "resolve"))[0] == 303
    assert (await plain.incident(incident))["state"] == "resolved"


async def test_a_stale_or_late_button_says_what_is_the_case(plain: App) -> None:
    incident = await plain.fire()
    await plain.fire(alert(resolved=True))
    assert "already_resolved" in (await press(plain, incident, "acknowledge"))[1]
    await plain.fire(alert(starts="2026-03-02T12:00:00Z"))
    status, place = await press(plain, incident, "acknowledge", form={"back": "incident"})
    assert (status, place.split("?")[0]) == (303, f"/incidents/{incident}")
    assert "It has fired again since" in await page(plain, place)
    assert (await plain.incident(incident))["state"] == "triggered"


async def test_one_incident_shows_alerts_timeline_and_deliveries(plain: App) -> None:
    incident = await plain.fire()
    shown = await page(plain, f"/incidents/{incident}")
    for text in ("HighErrorRate", "checkout", "Timeline", "opened", "Deliveries", "log"):
        assert text in shown
    async with plain.session.get(f"{plain.url}/incidents/0-0123456789abcdef-1") as answer:
        assert answer.status == 404
        assert "There is no incident" in await answer.text()


async def test_hostile_texts_are_only_texts(plain: App) -> None:
    notes = {"summary": HOSTILE, "runbook_url": "javascript:alert(1)", HOSTILE: HOSTILE}
    incident = await plain.fire(alert(HOSTILE, annotations=notes, labels={HOSTILE: HOSTILE}))
    await plain.post({"by": "<b>x</b>"}, f"/v1/incidents/{incident}/acknowledge")
    for path in ("/", f"/incidents/{incident}", "/?said=<script>alert(1)</script>"):
        shown = await page(plain, path)
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "<b>x</b>" not in shown
        assert path != "/" or "\u202e" not in shown
        assert 'href="javascript:' not in shown


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_form_of_another_site_is_refused(
    plain: App, headers: dict[str, str], status: int
) -> None:
    incident = await plain.fire()
    assert (await press(plain, incident, "acknowledge", headers=headers))[0] == status
    state = "acknowledged" if status == 303 else "triggered"
    assert (await plain.incident(incident))["state"] == state


@pytest.fixture
async def guarded(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    credential = {"name": "ops", "username": "ops", "password": "secret"}
    await running.start(
        **NO_ACCOUNTS, **{"web.credentials": [credential], "web.route_prefix": "/incidents-at"}
    )
    yield running
    await running.stop()


async def test_credentials_are_asked_for_and_name_who_it_was(guarded: App) -> None:
    prefix = "/incidents-at"
    auth = {"Authorization": f"Basic {base64.b64encode(b'ops:secret').decode()}"}
    async with guarded.session.get(f"{guarded.url}{prefix}/") as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    body = {"alerts": [alert()], "groupKey": "g", "receiver": "r", "version": "4"}
    status, answer = await guarded.post(body, f"{prefix}/v1/alerts/webhook", headers=auth)
    assert status == 202
    (incident,) = answer["incidents"]
    shown = await page(guarded, f"{prefix}/", headers=auth)
    assert f'action="{prefix}/incidents/{incident}/acknowledge"' in shown
    assert "Your name" not in shown
    url = f"{guarded.url}{prefix}/incidents/{incident}/acknowledge"
    async with guarded.session.post(url, data={}, headers=auth, allow_redirects=False) as pressed:
        assert pressed.headers["Location"].startswith(prefix)
    async with guarded.session.get(
        f"{guarded.url}{prefix}/v1/incidents/{incident}", headers=auth
    ) as found:
        assert (await found.json())["acknowledged_by"]["name"] == "ops"


async def test_assets_charts_and_figures(plain: App) -> None:
    await plain.fire()
    for path, kind in (
        ("/console/style.css", "text/css"),
        ("/console/script.js", "text/javascript"),
        ("/console/charts/response.svg?days=30", "image/svg+xml"),
        ("/console/charts/deadlines.svg", "image/svg+xml"),
    ):
        async with plain.session.get(plain.url + path) as answer:
            assert (answer.status, answer.content_type) == (200, kind)
    assert (await plain.get("/console/other"))[0] == 404
    assert (await plain.get("/console/charts/other.svg"))[0] == 404
    assert (await plain.get("/v1/figures?days=401"))[0] == 400
    status, figures = await plain.get("/v1/figures?days=400")
    assert (status, len(figures["days"])) == (200, 400)


async def test_many_are_cut_and_counted(plain: App) -> None:
    """What is most urgent is on the first page however late it came; the rest is a link away."""
    for number in range(103):
        await plain.fire(alert(f"A{number}", labels={"severity": "warning"}), group=f"g{number}")
    urgent = [await plain.fire(alert(f"U{number}"), group=f"u{number}") for number in range(3)]
    shown = await page(plain)
    assert shown.count("<article") == 100
    assert re.search(r'<span aria-live="polite" data-count="all">106</span> open', shown)
    assert re.search(r'href="/\?priority=P1">P1 <span class="count" data-count="P1">3<', shown)
    assert re.findall(r'href="/incidents/([^"]+)"><bdi>', shown)[:3] == urgent
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following is not None
    rest = await page(plain, html.unescape(following[1]))
    assert rest.count("<article") == 6
    assert "from the first" in rest
    assert 'rel="next"' not in rest
    seen = re.findall(r'href="/incidents/([^"]+)"><bdi>', shown + rest)
    assert len(seen) == len(set(seen)) == 106
    assert (await page(plain, "/?limit=200")).count("<article") == 106
    assert "limit is &#39;501&#39;; allowed: 1 to 500" in await page(plain, "/?limit=501")


async def test_what_somebody_has_stands_apart_from_what_nobody_touched(plain: App) -> None:
    taken = await plain.fire(alert("ServiceDown"), group="a")
    free = await plain.fire(alert("DiskFull", labels={"severity": "warning"}), group="b")
    await press(plain, taken, "acknowledge")
    shown = await page(plain)
    first, second = shown.split('data-part="answered"')
    assert (free in first, taken in first) == (True, False)
    assert (free in second, taken in second) == (False, True)
    assert re.search(r'href="/\?state=answered">answered <span class="count">1<', shown)
    only = await page(plain, "/?state=answered")
    assert (taken in only, free in only) == (True, False)


async def test_filters_of_the_address_are_in_the_form_and_in_every_link(plain: App) -> None:
    await plain.fire(alert("ServiceDown"), group="a")
    query = "label=service%3D~%22check.*%22&since=2h&group=service&sort=oldest&person=&team="
    shown = await page(plain, f"/?{query}")
    assert "ServiceDown" in shown
    assert 'name="label" value="service=~&#34;check.*&#34;"' in shown
    assert 'name="since" value="2h"' in shown
    assert '<bdi>checkout</bdi> <span class="count">1 here' in shown
    assert re.search(r'href="/\?sort=oldest&amp;priority=P1&amp;label=[^"]+since=2h', shown)
    assert "ServiceDown" not in await page(plain, "/?label=service%3D%22none%22")
    assert "log in, or send person=NAME" in await page(plain, "/?mine=1")


async def tick(app: App, action: str, rows: list[str], **fields: str) -> Any:
    """Send the form of the list with some rows ticked; return (status, where to, or the words)."""
    form = [("name", "Ann"), ("back", "index"), *(("incident", row) for row in rows)]
    form += list(fields.items())
    url = f"{app.url}/bulk/{action}"
    async with app.session.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", await answer.text())


async def test_many_are_taken_snoozed_assigned_merged_and_ended_at_once(plain: App) -> None:
    names = [await plain.fire(alert(f"A{n}"), group=f"g{n}") for n in range(5)]
    rows = [f"{name}/0" for name in names]
    await press(plain, names[0], "acknowledge")
    status, place = await tick(plain, "acknowledge", rows, list="priority=P1&evil=1")
    assert status == 303
    assert place.startswith("/?priority=P1&said=bulk")
    shown = await page(plain, place)
    assert "4: Acknowledged." in shown
    assert "1: Already acknowledged." in shown
    for name in names:
        found = await plain.incident(name)
        assert (found["state"], found["acknowledged_by"]["name"]) == ("acknowledged", "Ann")
    assert (await page(plain, "/?mine=1&priority=P1")).count("<article") == 5
    _, place = await tick(plain, "assign", rows[:2], **{"assign.to": "Bob", "snooze.for": "1h"})
    assert "2: Assigned." in await page(plain, place)
    _, place = await tick(plain, "snooze", rows[:2], **{"snooze.for": "1h"})
    assert "2: Snoozed." in await page(plain, place)
    _, place = await tick(plain, "merge", rows[2:])
    assert "2: Merged." in await page(plain, place)
    assert (await plain.incident(names[3]))["merged_into"] == names[2]
    _, place = await tick(plain, "resolve", [rows[0], rows[0], "0-0123456789abcdef-1/0"])
    shown = await page(plain, place)
    assert "1: Resolved." in shown
    assert "1: This incident is not known any more." in shown
    assert (await plain.incident(names[0]))["state"] == "resolved"


@pytest.mark.parametrize(
    ("action", "rows", "fields", "words"),
    [
        ("acknowledge", ["junk"], {}, "is no row of the list"),
        ("acknowledge", ["0-0123456789abcdef-1/-1"], {}, "is no row of the list"),
        ("acknowledge", [f"0-{n:016x}-1/0" for n in range(501)], {}, "501 at once; allowed: 500"),
        ("status", ["0-0123456789abcdef-1/0"], {}, "allowed: acknowledge, resolve, snooze"),
    ],
)
async def test_what_cannot_be_done_with_many_is_said(
    plain: App, action: str, rows: list[str], fields: dict[str, str], words: str
) -> None:
    status, answer = await tick(plain, action, rows, **fields)
    assert status in (400, 404)
    assert words in answer


async def test_a_field_that_is_wrong_changes_none_of_many(plain: App) -> None:
    names = [await plain.fire(alert(f"A{n}"), group=f"g{n}") for n in range(2)]
    rows = [f"{name}/0" for name in names]
    _, place = await tick(plain, "snooze", rows, **{"snooze.for": "soon"})
    assert "2: Not done: open it to see why." in await page(plain, place)
    assert (await tick(plain, "snooze", rows[:1], **{"snooze.for": "soon"}))[0] == 400
    _, place = await tick(plain, "acknowledge", [])
    assert "Nothing was ticked." in await page(plain, place)
    stale = [f"{names[0]}/7"]
    _, place = await tick(plain, "acknowledge", stale)
    assert "1: It has fired again since" in await page(plain, place)
    for junk in (
        "bulk",
        "bulk:x",
        "bulk:acknowledge:acknowledged=999999",
        "bulk:acknowledge:<b>=1",
    ):
        assert "<b>" not in await page(plain, f"/?said={junk}")
    assert {(await plain.incident(name))["state"] for name in names} == {"triggered"}


async def test_a_list_is_narrowed_without_a_script(plain: App) -> None:
    await plain.fire(alert("DiskFull", labels={"severity": "warning"}), group="a")
    await plain.fire(alert("ServiceDown"), group="b")
    only = await page(plain, "/?priority=P3")
    assert "DiskFull" in only
    assert "ServiceDown" not in only
    assert 'aria-current="page">P3' in only
    found = await page(plain, "/?text=servicedown&priority=")
    assert "ServiceDown" in found
    assert 'value="servicedown"' in found
    none = await page(plain, "/?text=%3Cscript%3Ealert(1)")
    assert "Nothing here" in none
    assert "<script>alert" not in none
    wrong = await page(plain, "/?priority=P9&utm_source=mail")
    assert "priority is &#39;P9&#39;; allowed: P1, P2, P3, P4" in wrong
    assert "ServiceDown" in wrong
    assert "The cursor is none" in await page(plain, "/?cursor=junk")


async def test_a_button_leads_back_to_the_same_page_of_the_same_list(plain: App) -> None:
    incident = await plain.fire(alert("DiskFull", labels={"severity": "warning"}), group="a")
    shown = await page(plain, "/?priority=P3&text=disk&label=service=checkout")
    found = re.search(r'name="list" value="([^"]+)"', shown)
    assert found is not None
    form = {"list": html.unescape(found[1])}
    status, place = await press(plain, incident, "acknowledge", form=form)
    assert (status, place.partition("?")[0]) == (303, "/")
    back = await page(plain, place)
    assert "Acknowledged." in back
    assert 'value="disk"' in back
    assert 'aria-current="page">P3' in back
    for junk in ("//evil.example", "&" * 300, "a\r\nSet-Cookie: x=y"):
        status, place = await press(plain, incident, "resolve", form={"list": junk})
        assert (status, place.partition("?")[0]) == (303, "/")
        assert "evil" not in place
        assert "\r" not in place


async def test_a_first_view_is_small(plain: App) -> None:
    for number in range(100):
        await plain.fire(alert(f"A{number}"), group=f"g{number}")
    total = 0
    names = ("style.css", "script.js", "live.js", "list.js", "views.js", "icon.svg")
    for path in ("/", *(f"/console/{name}" for name in names)):
        # As it comes over the wire.
        async with ClientSession(auto_decompress=False) as session:
            headers = {"Accept-Encoding": "gzip"}
            async with session.get(f"{plain.url}{path}", headers=headers) as answer:
                assert answer.headers["Content-Encoding"] == "gzip", path
                total += len(await answer.read())
    assert total < 50_000
