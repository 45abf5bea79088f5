"""How incidents were answered: numbers of people and machines apart, that lead to the incidents."""

import csv
import html
import io
import re
from typing import Any

import pytest

from tests.support.app import App
from tests.support.notification import alert, notification

HOSTILE = '<img src=x onerror=alert(1)>\u202e"|\\=' + "x" * 1_000


async def lived(app: App) -> dict[str, str]:
    """Two that people answered and ended, three that ended alone, and one that is open."""
    made = {}
    for name, wait in (("quick", 60), ("slow", 600)):
        made[name] = await app.fire(
            alert("DiskFull"), group=name, groupLabels={"alertname": "DiskFull", "n": name}
        )
        app.clock.move(wait)
        await app.post({"by": "Ann"}, f"/v1/incidents/{made[name]}/acknowledge")
        app.clock.move(wait)
        await app.post({"by": "Bob"}, f"/v1/incidents/{made[name]}/resolve")
    for n in range(3):
        labels = {"severity": "warning", "service": "search", "n": str(n)}
        group = {"group": f"f{n}", "groupLabels": {"alertname": "Flicker"}}
        made[f"f{n}"] = await app.fire(alert("Flicker", labels=labels), **group)
        app.clock.move(30)
        await app.fire(alert("Flicker", labels=labels, resolved=True), **group)
    mail = alert("Queue", labels={"service": "mail"})
    made["open"] = await app.fire(mail, group="open", groupLabels={"alertname": "Queue"})
    return made


async def response(app: App, query: str = "") -> Any:
    status, found = await app.get(f"/v1/response{query}")
    assert status == 200, found
    return found


def named(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in groups}


def near(told: float, true: float) -> bool:
    return abs(told - true) <= 0.02 * true + 1


async def test_people_and_machines_are_apart(plain: App) -> None:
    await lived(plain)
    found = await response(plain)
    every = found["all"]
    assert (every["opened"], every["reopened"], every["alone"]) == (6, 0, 3)
    taken = every["acknowledged_by_people"]
    assert (taken["number"], near(taken["p50"], 60), near(taken["p90"], 600)) == (2, True, True)
    assert every["acknowledged_by_machines"] == {"number": 0, "p50": None, "p90": None}
    assert near(every["resolved_by_people"]["p90"], 1200)
    assert (every["resolved_by_machines"]["number"], every["resolved"]["number"]) == (3, 5)
    assert near(every["resolved_by_machines"]["p50"], 30)
    assert every["deadlines_missed"] == 1
    rules = named(found["rule"])
    assert {name: one["opened"] for name, one in rules.items()} == {
        "DiskFull": 2, "Flicker": 3, "Queue": 1
    }  # fmt: skip
    assert rules["Flicker"]["verdict"] == "few"
    services = named(found["service"])
    assert {name: one["opened"] for name, one in services.items()} == {
        "checkout": 2, "search": 3, "mail": 1
    }  # fmt: skip
    assert named(found["priority"])["P3"]["alone"] == 3
    assert sum(hour["number"] for hour in found["hours"]) == 6
    assert [(one["name"], one["number"], one["urgent"]) for one in found["people"]] == [
        ("Ann", 2, 2)
    ]
    # What was escalated was paged again.
    assert sum(one["number"] for one in found["pages"]) >= 6
    assert found["relative_error"] == 0.02


async def test_a_webhook_that_comes_again_counts_nothing(plain: App) -> None:
    await lived(plain)
    before = await response(plain)
    for _ in range(3):
        body = notification(alert("Queue", labels={"service": "mail"}), group="open")
        assert (await plain.post(body))[0] == 202
    plain.clock.move(11)
    after = await response(plain)
    assert after["all"] == before["all"]
    assert after["pages"] == before["pages"]


@pytest.mark.parametrize(
    ("query", "opened"),
    [
        ("?rule=DiskFull", 2),
        ("?service=search", 3),
        ("?service=search&priority=P3", 3),
        ("?service=search&priority=P1", 0),
        ("?rule=nothing", 0),
        ("?days=1&step=week", 6),
        ("?end=2020-03-02", 0),
        ("?team=nobody", 0),
    ],
)
async def test_any_part_can_be_asked_for(plain: App, query: str, opened: int) -> None:
    await lived(plain)
    found = await response(plain, query)
    assert found["all"]["opened"] == opened
    assert sum(one["opened"] for one in found["periods"]) == opened
    status, page = await plain.get(f"/response{query}")
    assert status == 200
    assert ("Nothing happened in these days" in page) == (opened == 0)


async def test_every_number_leads_to_as_many_incidents(plain: App) -> None:
    await lived(plain)
    _, page = await plain.get("/response")
    links = re.findall(r'<a href="(/history\?[^"]*)"(?: class="bad")?>(\d+)</a>', page)
    assert len(links) > 20
    for raw, number in dict.fromkeys(links):
        link = html.unescape(raw)
        status, found = await plain.get(link)
        assert status == 200, link
        there = found.count('<tr><th scope="row"')
        # An incident has several deadlines.
        assert there == int(number) or ("outcome=m" in link and 1 <= there <= int(number)), link


async def test_the_table_is_one_for_spreadsheets(plain: App) -> None:
    await plain.fire(alert("=cmd()"), group="formula", groupLabels={"alertname": "=cmd()"})
    await lived(plain)
    async with plain.session.get(f"{plain.url}/v1/response?format=csv&step=week") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/csv"
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    every = rows[0]
    assert (every["by"], every["opened"], every["acknowledged_by_people"]) == ("all", "7", "2")
    assert near(float(every["acknowledged_by_people_p50_seconds"]), 60)
    assert {row["by"] for row in rows} == {"all", "priority", "team", "service", "rule", "week"}
    assert "'=cmd()" in {row["name"] for row in rows}


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("days=0", "days", "allowed: 1 to 400"),
        ("days=401", "days", "allowed: 1 to 400"),
        ("end=soon", "end", "a day, as 2026-03-02"),
        ("end=1999-01-01", "end", "a day, as 2026-03-02"),
        ("step=hour", "step", "allowed: day, week"),
        ("zone=Mars/Base", "zone", "a time zone, as UTC or Europe/Berlin"),
        ("zone=../../etc/passwd", "zone", "a time zone"),
        ("priority=P9", "priority", "allowed: P1, P2, P3, P4"),
        ("rule=" + "x" * 201, "rule", "longer than 200 characters"),
        ("colour=red", "colour", "no parameter is called"),
    ],
)
async def test_a_slip_is_said_in_both(plain: App, query: str, place: str, words: str) -> None:
    status, answer = await plain.get(f"/v1/response?{query}")
    assert (status, answer["place"]) == (400, place)
    assert words in answer["detail"]
    status, page = await plain.get(f"/response?{query}")
    assert (status, words in page) == (400, True)


async def test_hours_are_those_of_a_zone(plain: App) -> None:
    await plain.fire()
    at = (await response(plain))["hours"][0]
    there = (await response(plain, "?zone=Asia/Kolkata"))["hours"][0]
    moved = (there["weekday"] * 24 + there["hour"]) - (at["weekday"] * 24 + at["hour"])
    assert moved % 168 in (5, 6)


async def test_hostile_names_are_texts_and_lead_to_their_incidents(plain: App) -> None:
    labels = {"alertname": HOSTILE, "service": HOSTILE, "team": "<b>"}
    one = await plain.fire(alert("x", labels=labels), group="x", groupLabels={"alertname": HOSTILE})
    await plain.post({"by": "<i>Eve"}, f"/v1/incidents/{one}/acknowledge")
    _, page = await plain.get("/response")
    assert "<img src=x" not in page
    assert "<i>" not in page
    assert "\u202e" not in page
    links = re.findall(r'<a href="(/history\?[^"]*alertname[^"]*)"', page)
    assert links
    _, found = await plain.get(html.unescape(links[0]))
    assert one in found
    for name in ("times", "numbers"):
        async with plain.session.get(f"{plain.url}/response/{name}.svg") as answer:
            assert (answer.status, answer.content_type) == (200, "image/svg+xml")
            assert b"<script" not in await answer.read()
    assert (await plain.get("/response/nothing.svg"))[0] == 404


async def test_figures_stay_when_their_incidents_are_forgotten(plain: App) -> None:
    made = await lived(plain)
    before = await response(plain)
    for name in ("quick", "f0"):
        status, answer = await plain.post({"by": "Ann"}, f"/v1/incidents/{made[name]}/forget")
        assert status == 200, answer
    plain.clock.move(11)
    assert (await response(plain))["all"] == before["all"]


async def test_before_anything_happened(plain: App) -> None:
    status, page = await plain.get("/response")
    assert status == 200
    assert "Nothing happened in these days" in page
    assert (await response(plain))["all"]["resolved"] == {"number": 0, "p50": None, "p90": None}


async def test_the_end_of_the_calendar_is_a_day_as_any_other(plain: App) -> None:
    for path in ("/v1/response", "/response", "/response/times.svg"):
        for asked in ("end=9999-12-31&step=week", "end=9999-12-31&days=400"):
            async with plain.session.get(f"{plain.url}{path}?{asked}") as answer:
                assert answer.status < 500, (path, asked)


async def test_a_clock_that_was_ahead_leaves_no_day_half_counted(plain: App) -> None:
    await plain.fire(alert("A"), group="g1")
    plain.clock.move(3 * 86_400)
    _, ahead = await plain.get("/v1/response")
    assert ahead["all"]["opened"] == 1
    plain.clock.move(-3 * 86_400)
    await plain.fire(alert("B"), group="g2")
    plain.clock.move(11)
    _, corrected = await plain.get("/v1/response")
    assert corrected["all"]["opened"] == 2
