"""The console over HTTP: what it shows, what its buttons do, and whom it refuses."""

import base64
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

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
    for number in range(203):
        await plain.fire(alert(f"A{number}", labels={"severity": "warning"}), group=f"g{number}")
    urgent = [await plain.fire(alert(f"U{number}"), group=f"u{number}") for number in range(3)]
    shown = await page(plain)
    assert shown.count("<article") == 200
    assert re.search(r'<span aria-live="polite">206</span> open', shown)
    assert re.search(r'href="/\?priority=P1">P1 <span class="count">3</span>', shown)
    assert re.findall(r'href="/incidents/([^"]+)"><bdi>', shown)[:3] == urgent
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following is not None
    rest = await page(plain, html.unescape(following[1]))
    assert rest.count("<article") == 6
    assert "from the first" in rest
    assert 'rel="next"' not in rest
    seen = re.findall(r'href="/incidents/([^"]+)"><bdi>', shown + rest)
    assert len(seen) == len(set(seen)) == 206


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
