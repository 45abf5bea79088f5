"""The page of one incident over HTTP: each of its parts, and what its forms do."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> & \u202eevil"
LATER = "2026-03-02T12:00:00Z"


async def page(app: App, incident: str, query: str = "", **more: Any) -> str:
    async with app.session.get(f"{app.url}/incidents/{incident}{query}", **more) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        return text


def part(shown: str, name: str) -> str:
    """Return the section with this heading, as text without tags."""
    found = re.search(rf'<h2 id="{name}">(.*?)</section>', shown, re.DOTALL)
    assert found is not None, name
    # A cell or a line ends a word, a mark within a line does not.
    text = re.sub(r"</?(?:td|th|tr|li|p|dt|dd|h2|ul|ol|thead|tbody|table)\b[^>]*>", " ", found[1])
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


async def press(app: App, incident: str, action: str, **fields: str) -> Any:
    form = {"episode": "0", "name": "Ann", "back": "incident"} | fields
    url = f"{app.url}/incidents/{incident}/{action}"
    async with app.session.post(url, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", await answer.text())


async def test_the_parts_come_in_the_order_of_what_is_asked(plain: App) -> None:
    incident = await plain.fire()
    shown = await page(plain, incident)
    order = ["title", "who", "next", "book", "found", "alerts", "timeline", "deliveries", "why"]
    order.append("audit")
    places = [shown.index(f'id="{name}"') for name in order]
    assert places == sorted(places)


async def test_what_is_broken_for_whom(plain: App) -> None:
    labels = {"cluster": "eu-1", "namespace": "shop"}
    notes = {"summary": "Checkout fails", "description": "5 % of all requests end in errors."}
    incident = await plain.fire(
        alert(labels=labels | {"pod": "a"}, annotations=notes),
        alert(labels=labels | {"pod": "b"}, annotations=notes),
    )
    head = (await page(plain, incident)).split("</article>")[0]
    for name, value in {"service": "checkout", **labels}.items():
        assert f'<span class="facts">{name}</span> <bdi>{value}</bdi>' in head
    assert "5 % of all requests end in errors." in head
    assert "pod" not in re.sub(r"<[^>]*>", "", head)
    assert "2 firing" in head


async def test_who_has_it_and_what_comes_next_is_what_then_happens(app: App) -> None:
    incident = await app.fire()
    await app.settle()
    shown = await page(app, incident)
    assert part(shown, "who").startswith("Who has it Nobody.")
    assert re.search(r"step 1: slack \S+ ago, delivered", part(shown, "who"))
    following = part(shown, "next")
    said = r"in 5m\S* the time to acknowledge is over in 5m\S* step 2 notifies slack !here: not ack"
    assert re.search(said, following.replace("4m59s", "5m")), following
    await app.pass_time(301)
    found = await app.incident(incident)
    assert found["escalation_step"] == 2
    assert found["timeline"][-1]["text"].endswith("notify slack")
    following = part(await page(app, incident), "next")
    assert "the time to tell how it goes is over Nobody is paged by that" in following
    await press(app, incident, "acknowledge")
    shown = await page(app, incident)
    assert part(shown, "who").startswith("Who has it Ann (by console)")
    assert "the time to resolve is over" in part(shown, "next")
    # Its policy has no third step: whoever has it is asked once, and nobody else.
    assert "whoever has it is asked by slack: acknowledged, then silence" in part(shown, "next")
    assert "step 3" not in part(shown, "next")
    await press(app, incident, "snooze", **{"for": "1h"})
    assert "it wakes" in part(await page(app, incident), "next")
    await press(app, incident, "resolve")
    shown = await page(app, incident)
    assert "resolved by Ann" in part(shown, "who")
    assert part(shown, "next").startswith("What happens next Nothing by itself.")
    assert "opens this one again" in part(shown, "next")


async def test_nobody_is_left_to_page(plain: App) -> None:
    incident = await plain.fire()
    await plain.pass_time(4 * 3600)
    following = part(await page(plain, incident), "next")
    assert "nobody else is paged" in following or "Nobody is paged by that" in following


async def test_the_runbook_is_beside_it_with_links_that_lead_on(plain: App) -> None:
    labels = {"system": "incident-manager"}
    incident = await plain.fire(alert("WebhookFailing", labels=labels))
    shown = await page(plain, incident)
    assert 'href="/runbooks/incident-manager/WebhookFailing"' in shown
    book = shown.split('id="runbook-text"')[1].split("</section>")[0]
    # Its headings are below those of the page, and its own title is said once.
    assert "<h4>" in book
    assert not re.search(r"<h[123]>", book)
    assert 'href="/runbooks/incident-manager/ServiceDown.md"' in book
    assert (await plain.get("/runbooks/incident-manager/ServiceDown.md"))[0] == 200
    without = await plain.fire(alert("Nameless"), group="b")
    assert "There is no runbook" in part(await page(plain, without), "book")
    url = {"runbook_url": "https://wiki.example/book"}
    elsewhere = await plain.fire(alert("Wiki", annotations=url), group="c")
    assert "runbook (wiki.example)" in part(await page(plain, elsewhere), "book")


async def test_twelve_hosts_are_twelve_rows_and_what_they_share_is_said_once(plain: App) -> None:
    hosts = [
        alert(
            "DiskFull",
            labels={"instance": f"db-{number}", "device": f"sd{number % 2}", "env": "prod"},
            annotations={"summary": f"Disk of db-{number} is full"},
        )
        for number in range(12)
    ]
    incident = await plain.fire(*hosts)
    shown = await page(plain, incident)
    table = shown.split('id="alerts"')[1].split("</section>")[0]
    assert re.findall(r'<th scope="col">(?:<bdi>)?([^<]+)', table) == [
        *("State", "Since", "instance", "device", "Says", "More")
    ]
    assert re.findall(r'data-label="instance"><bdi>([^<]+)', table) == [
        f"db-{number}" for number in range(12)
    ]
    assert "All 12 have in common" in table
    assert table.count("<dt><bdi>env</bdi></dt><dd><bdi>prod</bdi></dd>") == 1
    assert table.count("Disk of db-7 is full") == 1


async def test_a_single_alert_has_no_columns(plain: App) -> None:
    table = part(await page(plain, await plain.fire()), "alerts")
    assert "Its labels" in table
    assert "have in common" not in table


async def test_a_thousand_alerts_are_turned_page_by_page(plain: App) -> None:
    pods = [
        alert("PodCrash", labels={"pod": f"shop-{number}"}, resolved=number >= 990)
        for number in range(1000)
    ]
    incident = await plain.fire(*pods)
    seen: list[str] = []
    query = "?alerts=1&kind=people"
    for turned in range(1, 21):
        shown = await page(plain, incident, query)
        rows = re.findall(r'data-label="pod"><bdi>([^<]+)', shown)
        assert len(rows) == 50
        seen += rows
        assert f"{turned * 50 - 49} to {turned * 50} of 1000" in shown
        following = re.search(r'rel="next" href="([^"]+)"', shown)
        assert (following is None) == (turned == 20)
        if following:
            # The kinds of the timeline stay chosen.
            query = html.unescape(following[1]).partition(incident)[2]
            assert query == f"?alerts={turned + 1}&kind=people#alerts"
    assert sorted(seen) == sorted(f"shop-{number}" for number in range(1000))
    # What fires comes first, and db-2 before db-10.
    assert seen[:3] == ["shop-0", "shop-1", "shop-2"]
    assert seen[990:] == [f"shop-{number}" for number in range(990, 1000)]
    for odd in ("0", "-1", "21", "9" * 40, "x"):
        last = await page(plain, incident, f"?alerts={odd}")
        assert f"{'951 to 1000' if odd == '21' else '1 to 50'} of 1000" in last
    assert len(shown) < 80_000


async def test_the_timeline_is_narrowed_and_tells_the_time_between(plain: App) -> None:
    incident = await plain.fire()
    plain.clock.move(90)
    await press(plain, incident, "acknowledge")
    plain.clock.move(7200)
    await press(plain, incident, "note", text="Looking at it")
    every = part(await page(plain, incident), "timeline")
    assert re.search(r"\+1m3\ds acknowledged Acknowledged by Ann", every)
    assert re.search(r"\+2h\S* note Looking at it", every)
    people = part(await page(plain, incident, "?kind=people"), "timeline")
    assert "Looking at it" in people
    assert "Acknowledged by Ann" in people
    assert "Step 1" not in people
    both = part(await page(plain, incident, "?kind=note&kind=pages"), "timeline")
    assert "Looking at it" in both
    assert "Step 1" in both
    assert "Acknowledged by Ann" not in both
    none = part(await page(plain, incident, "?kind=status+page"), "timeline")
    assert "nothing of that kind" in none
    wrong = await page(plain, incident, "?kind=%3Cb%3Ejunk")
    assert "allowed: people, pages" in wrong
    assert "<b>" not in wrong
    assert "Looking at it" in part(wrong, "timeline")


async def test_a_long_timeline_is_narrowed_from_its_end_back(plain: App) -> None:
    incident = await plain.fire()
    for number in range(230):
        by = f"person {number % 20}"
        await plain.post({"text": f"note {number}", "by": by}, f"/v1/incidents/{incident}/note")
    seen: list[str] = []
    query = "?kind=note"
    while query:
        shown = await page(plain, incident, query)
        seen = re.findall(r"<bdi>(note \d+)</bdi>", shown) + seen
        earlier = re.search(r'href="([^"]+)">earlier<', shown)
        query = html.unescape(earlier[1]).partition(incident)[2] if earlier else ""
    assert seen == [f"note {number}" for number in range(230)]


async def test_deliveries_say_to_whom_when_and_what_went_wrong(app: App) -> None:
    app.pagerduty.faults.add("answer", times=None, status=403, body="no such key")
    incident = await app.fire()
    await app.pass_time(60)
    shown = await page(app, incident)
    rows = shown.split('id="deliveries"')[1].split("</tbody>")[0].split("<tr>")[2:]
    pagerduty, slack = (" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows)
    assert pagerduty.startswith("pagerduty failed")
    assert "2 in a row since" in pagerduty
    assert "403" in pagerduty
    assert slack.startswith("slack !here delivered")
    assert "page 2, step 2: a notifier failed" in slack
    ts = (await app.incident(incident))["deliveries"][1]["slack"]["ts"]
    link = f"https://slack.com/app_redirect?channel=C0ALERTS&amp;message_ts={ts}"
    assert link in rows[1]
    assert "?kind=pages&amp;kind=deliveries" in shown


async def test_why_names_route_rule_and_policy_with_their_lines(
    tmp_path: Path, fakes: Fakes
) -> None:
    file = tmp_path / "routes.yml"
    file.write_text(CONFIGURATION)
    running = App(tmp_path, *fakes)
    running.file = file
    await running.start(**NO_ACCOUNTS)
    try:
        incident = await running.fire(alert(labels={"tier": "1"}))
        why = part(await page(running, incident), "why")
        for words in (
            'route payments takes service="checkout" routes.yml, line 4',
            "priority P2 rule 'first tier'; as it was classified routes.yml, line 8",
            "policy careful P2 follows it here (routes.yml, line 6) routes.yml, line 10",
            "step 1 log at once routes.yml, line 12",
            "step 2 log after 20m routes.yml, line 13",
            "acknowledge within 15m of P2 as usual",
        ):
            assert words in why, why
        # A reload tells of the new file.
        file.write_text("# one more line\n" + CONFIGURATION)
        assert (await running.post({}, "/-/reload"))[0] == 200
        assert "routes.yml, line 5" in part(await page(running, incident), "why")
        file.write_text("log: {level: info}\n")
        assert (await running.post({}, "/-/reload"))[0] == 200
        assert "payments is not configured any more" in part(await page(running, incident), "why")
    finally:
        await running.stop()


CONFIGURATION = """\
route:
  team: platform
  routes:
    - name: payments
      matchers: [service="checkout"]
      escalation: careful
classify:
  rules: [{name: first tier, matchers: [tier="1"], priority: P2}]
escalations:
  careful:
    steps:
      - {notify: [log]}
      - {notify: [log], after: 20m}
"""


@pytest.fixture
async def guarded(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    credentials = [
        {"name": role, "token": f"the-token-of-{role}-12345", "role": role}
        for role in ("viewer", "responder", "admin", "sender")
    ]
    await running.start(**NO_ACCOUNTS, **{"web.credentials": credentials})
    yield running
    await running.stop()


def of(role: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer the-token-of-{role}-12345"}}


async def test_the_audit_is_for_whom_may_see_it_and_never_in_what_is_handed_on(
    guarded: App,
) -> None:
    body = {"alerts": [alert()], "groupKey": "g", "receiver": "r", "version": "4"}
    _, answer = await guarded.post(body, **of("sender"))
    (incident,) = answer["incidents"]
    await guarded.post({"text": "a word"}, f"/v1/incidents/{incident}/note", **of("responder"))

    async def told() -> bool:
        return "noted" in part(await page(guarded, incident, **of("admin")), "audit")

    await until(told)
    assert "responder" in part(await page(guarded, incident, **of("admin")), "audit")
    for role in ("viewer", "responder"):
        shown = await page(guarded, incident, **of(role))
        assert 'id="audit"' not in shown
        assert "/audit" not in shown
    assert "More actions" not in await page(guarded, incident, **of("viewer"))
    written = await page(guarded, incident, ".md", **of("admin"))
    assert "127.0.0.1, " not in written
    assert "Audit" not in written


async def test_incidents_that_belong_together_lead_to_each_other(plain: App) -> None:
    part_of = await plain.fire(alert("Part"), group="part")
    target = await plain.fire(alert("Target"), group="target")
    status, _ = await press(plain, part_of, "merge", into=target)
    assert status == 303
    await plain.settle()
    assert f'merged into: goes on there: <a href="/incidents/{target}">' in await page(
        plain, part_of
    )
    assert f'merged into this one: <a href="/incidents/{part_of}">' in await page(plain, target)
    first = await plain.fire(alert("Again"), group="again")
    await plain.fire(alert("Again", resolved=True), group="again")
    await plain.pass_time(3600)
    second = await plain.fire(alert("Again", starts=LATER), group="again")
    assert second != first
    assert f'after it, of the same alerts: <a href="/incidents/{second}">' in await page(
        plain, first
    )
    assert f'before it, of the same alerts: <a href="/incidents/{first}">' in await page(
        plain, second
    )
    await plain.post({}, f"/v1/incidents/{first}/forget")
    assert "before it" not in await page(plain, second)


async def test_a_reopened_incident_says_so(plain: App) -> None:
    incident = await plain.fire()
    await plain.fire(alert(resolved=True))
    plain.clock.move(60)
    assert await plain.fire(alert(starts=LATER)) == incident
    shown = await page(plain, incident)
    assert "firing for the 2. time" in shown
    assert 'name="episode" value="1"' in shown
    assert f'href="/incidents/{incident}/review"' in shown


async def test_every_action_has_its_form_and_what_is_final_asks_twice(plain: App) -> None:
    incident = await plain.fire()
    shown = await page(plain, incident)
    offered = ("resolve", "escalate", "assign", "priority", "snooze", "note", "merge", "silence")
    for name in offered:
        assert f'<details class="action" id="do-{name}">' in shown
        assert f'action="/incidents/{incident}/{name}"' in shown
    assert 'id="do-forget"' not in shown
    merging = shown.split('id="do-merge"')[1].split("</details>")[0]
    assert '<input type="checkbox" required>' in merging
    resolving = shown.split('class="quiet"')[1].split("</button>")[0]
    assert "data-confirm=" in resolving
    assert (await press(plain, incident, "resolve", cause="A full disk"))[0] == 303
    assert "A full disk" in part(await page(plain, incident), "timeline")
    closed = await page(plain, incident)
    assert 'id="do-reopen"' in closed
    forgetting = closed.split('id="do-forget"')[1].split("</details>")[0]
    assert '<input type="checkbox" required>' in forgetting
    assert "There is no way back." in forgetting
    # It keeps quiet what still fires: that is said, and nothing is done.
    _, place = await press(plain, incident, "forget")
    assert "Not forgotten: it keeps alerts quiet" in await page(plain, *place_of(place))
    await plain.fire(alert(resolved=True))
    status, place = await press(plain, incident, "forget")
    assert (status, place.partition("?")[0]) == (303, "/")
    async with plain.session.get(plain.url + place) as answer:
        assert "Forgotten: nothing of it is kept." in await answer.text()
    async with plain.session.get(f"{plain.url}/incidents/{incident}") as answer:
        assert answer.status == 404


def place_of(place: str) -> tuple[str, str]:
    path, mark, query = place.partition("?")
    return path.rpartition("/")[2], mark + query


async def test_enter_in_a_field_of_the_card_presses_no_resolve(plain: App) -> None:
    incident = await plain.fire()
    buttons = re.findall(r"<button[^>]*>[^<]*", await card(plain, incident))
    assert "Acknowledge" in buttons[0]
    await press(plain, incident, "acknowledge")
    buttons = re.findall(r"<button[^>]*>[^<]*", await card(plain, incident))
    assert buttons[0].startswith("<button disabled hidden>")
    assert "Resolve" in buttons[1]


async def card(app: App, incident: str) -> str:
    return (await page(app, incident)).split('id="card"')[1].split("</form>")[0]


async def test_it_can_be_copied_as_markdown_whatever_its_texts_hold(plain: App) -> None:
    notes = {"summary": HOSTILE, "description": "# heading\n[link](http://evil.example)"}
    labels = {HOSTILE: "@here |x|", "instance": "a"}
    incident = await plain.fire(
        alert("Boom", annotations=notes, labels=labels),
        alert("Boom", annotations=notes, labels=labels | {"instance": "b|`c`"}),
    )
    await plain.post({"by": "<b>x</b>", "text": "a\nb"}, f"/v1/incidents/{incident}/note")
    async with plain.session.get(f"{plain.url}/incidents/{incident}.md") as answer:
        assert (answer.status, answer.content_type) == (200, "text/markdown")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        text = await answer.text()
    assert text.startswith("# P1 Boom: ")
    assert f"/incidents/{incident}>" in text
    assert "- who has it: nobody" in text
    assert "- next: " in text
    assert ", alertname=Boom, service=checkout" in text
    assert "| firing | b\\|\\`c\\` |" in text
    for bad in ("<script", "<img", "<b>", "\u202e", "](http:", "\n# heading", "@here"):
        assert bad not in text, text
    shown = await page(plain, incident)
    assert f'href="/incidents/{incident}.md" data-copy="text"' in shown
    assert f'href="/v1/incidents/{incident}">JSON<' in shown
    async with plain.session.get(f"{plain.url}/incidents/0-0123456789abcdef-1.md") as answer:
        assert answer.status == 404


async def test_hostile_text_is_only_text_in_every_part(plain: App) -> None:
    notes = {"summary": HOSTILE, "runbook_url": "javascript:alert(1)", HOSTILE: HOSTILE}
    incident = await plain.fire(
        alert("Boom", annotations=notes, labels={HOSTILE: HOSTILE}),
        alert("Boom", annotations={"value": HOSTILE}, labels={HOSTILE: "W" * 1000}),
    )
    await plain.post({"by": "<b>x</b>"}, f"/v1/incidents/{incident}/acknowledge")
    await plain.post({"to": HOSTILE[:60]}, f"/v1/incidents/{incident}/assign")
    for query in ("", "?kind=people", f"?kind={HOSTILE[:30]}"):
        shown = await page(plain, incident, query)
        for bad in ("<script>alert", "<img src=x", "<b>x</b>", 'href="javascript:', "\u202e"):
            assert bad not in shown


async def test_a_silence_is_ended_where_it_is_shown(
    tmp_path: Path, fakes: Fakes, alertmanager: FakeAlertmanager
) -> None:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, alertmanagers=[{"urls": [alertmanager.url]}])
    try:
        incident = await running.fire()
        assert "End it" not in await page(running, incident)
        fields = {"for": "1h", "matchers": 'alertname="HighErrorRate"'}
        assert (await press(running, incident, "silence", **fields))[0] == 303
        silences = (await page(running, incident)).split('id="silences"')[1].split("</section>")[0]
        silence = re.search(r'name="silence" value="([^"]+)"', silences)
        assert silence is not None
        _, place = await press(running, incident, "unsilence", silence=silence[1])
        shown = await page(running, *place_of(place))
        assert "The silence is over" in shown
        assert "End it" not in shown
    finally:
        await running.stop()
