"""Why: what an alert would come to in a running service, and what an incident came to."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import NO_ACCOUNTS, App
from tests.support.commands import run_command
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

PATH = "/v1/routes/test"
SETTINGS: dict[str, Any] = {
    "notifiers": {"phone": {"type": "log"}, "loud": {"type": "log"}},
    "calendars": {"default": {"time_zone": "Europe/Berlin"}},
    "escalations": {
        "shop": {"steps": [{"notify": ["phone"]}, {"after": "10m", "notify": ["loud"]}]}
    },
    "heartbeats": {"watchdog": {"interval": "5m", "matchers": ['alertname="Watchdog"']}},
    "route": {
        "routes": [
            {
                "name": "shop",
                "team": "payments",
                "escalation": "shop",
                "matchers": ['service="checkout"'],
                "routes": [{"name": "till", "matchers": ['part="till"'], "priority": "P1"}],
            }
        ]
    },
}


@pytest.fixture
async def shop(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(**SETTINGS, **NO_ACCOUNTS)
    yield running
    await running.stop()


def steps(found: Any) -> list[tuple[float, str | None, str]]:
    return [(row["after_seconds"], row["who"], row["why"]) for row in found["happenings"]]


async def test_an_alert_is_played_by_the_configuration_in_force(shop: App) -> None:
    query = "label=alertname=A,service=checkout,severity=error&at=2026-03-27T17:30"
    status, found = await shop.get(f"{PATH}?{query}")
    assert status == 200
    (one,) = found["routes"]
    assert (one["route"], one["team"], one["policy"]) == ("shop", "payments", "shop")
    assert [step["route"] for step in one["path"]] == [None, "shop"]
    assert one["path"][1]["matchers"] == ['service="checkout"']
    assert one["priority"] == "P2"
    assert (one["opens_at"], one["opens_local"]) == (
        "2026-03-27T16:30:00.000Z",
        "Fri 2026-03-27 17:30:00",
    )
    assert steps(one)[0] == (0, "phone", "new incident")
    assert (600, "loud", "still not acknowledged") in steps(one)
    _, taken = await shop.get(f"{PATH}?{query}&acknowledged_after=5m")
    assert (300, None, "acknowledged") in steps(taken["routes"][0])
    assert not any(who == "loud" for after, who, _ in steps(taken["routes"][0]) if after == 600)
    # Nobody was told of anything.
    _, listed = await shop.get("/v1/incidents?state=all")
    assert listed["incidents"] == []


async def test_what_is_played_is_what_happens(shop: App) -> None:
    query = "label=alertname=HighErrorRate,service=checkout,severity=critical,part=till"
    _, found = await shop.get(f"{PATH}?{query}")
    played = [(after, who) for after, who, _ in steps(found["routes"][0]) if who]
    name = await shop.fire(alert(labels={"part": "till"}))
    await shop.settle()
    await shop.pass_time(3_600)
    timeline = (await shop.incident(name))["timeline"]
    paged = [entry for entry in timeline if entry["kind"] in ("paged", "escalated")]
    assert len(paged) == len([after for after, _ in played if after <= 3_600])


async def test_what_is_only_a_beat_says_so(shop: App) -> None:
    _, found = await shop.get(f"{PATH}?label=alertname=Watchdog")
    assert (found["heartbeats"], found["routes"]) == (["watchdog"], [])
    _, found = await shop.get(f"{PATH}?label=alertname=DeadMansSwitch,severity=none")
    assert (found["heartbeats"], found["routes"][0]["end"]) == ([], "it opens no incident")


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("", "label", "label is missing"),
        ("label=", "label", "label is missing"),
        ("label=a", "label", "expected ="),
        ("label=a=~b", "label", "an alert has labels"),
        ("label=" + "a" * 1_001, "label", "longer than 1000"),
        ("label=a=b&at=soon", "at", "is no time"),
        ("label=a=b&at=9999-12-31T23:59:59Z", "at", "2000 to 2099"),
        ("label=a=b&at=0001-01-01T00:00", "at", ""),
        ("label=a=b&acknowledged_after=soon", "acknowledged_after", "duration"),
        ("label=a=b&acknowledged_after=9000d", "acknowledged_after", "up to a year"),
        ("label=a=b&labels=c", "labels", "no parameter"),
        ("label=a=b&at=&at=", "at", "given 2 times"),
        ("label=" + ",".join(f"a{n}=b" for n in range(65)), "label", "over 64"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(
    shop: App, query: str, place: str, words: str
) -> None:
    status, found = await shop.get(f"{PATH}?{query}")
    assert (status, found["place"]) == (400, place)
    assert words in found["detail"]


async def test_an_incident_says_why_it_is_there_whom_it_told_and_what_is_ahead(shop: App) -> None:
    name = await shop.fire(alert(labels={"severity": "error"}))
    await shop.settle()
    await shop.pass_time(120)
    status, found = await shop.get(f"/v1/incidents/{name}/explanation")
    assert status == 200
    assert (found["route"], found["route_is_there"], found["policy"]) == ("shop", True, "shop")
    assert (found["step"], found["alerts"][0]["priority"]) == (1, "P2")
    assert any("phone" in entry["text"] for entry in found["told"])
    origins = {row["what"]: (row["name"], row["place"]) for row in found["origins"]}
    assert origins["route"] == ("shop", "--route")
    assert origins["policy"] == ("shop", "--escalations")
    ahead = steps(found)
    assert ahead[0][1] == "loud"
    assert 470 <= ahead[0][0] <= 480
    assert "nobody is paged after that" in found["end"]
    # What was said is what comes.
    before = len(shop.service.notifiers)
    assert before
    await shop.pass_time(490)
    _, later = await shop.get(f"/v1/incidents/{name}/explanation")
    assert any("loud" in entry["text"] for entry in later["told"])
    await shop.post({"by": "ann"}, f"/v1/incidents/{name}/acknowledge")
    _, taken = await shop.get(f"/v1/incidents/{name}/explanation")
    assert not any(who == "loud" for _, who, why in steps(taken) if "acknowledged" in why)
    await shop.post({"by": "ann", "for": "30m"}, f"/v1/incidents/{name}/snooze")
    _, asleep = await shop.get(f"/v1/incidents/{name}/explanation")
    assert any("snooze" in why for _, _, why in steps(asleep))
    await shop.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    _, over = await shop.get(f"/v1/incidents/{name}/explanation")
    assert (over["happenings"], over["end"]) == ([], "it is over: nothing is due")
    assert (await shop.get("/v1/incidents/0-aaaaaaaaaaaaaaaa-1/explanation"))[0] == 404


async def test_a_route_that_is_gone_is_said(shop: App) -> None:
    name = await shop.fire()
    shop.wanted = {**shop.wanted, "route": {}}
    assert (await shop.post(b"", "/-/reload"))[0] == 200
    _, found = await shop.get(f"/v1/incidents/{name}/explanation")
    assert (found["route"], found["route_is_there"]) == ("shop", False)
    _, test = await shop.get(f"{PATH}?label=alertname=A,service=checkout")
    assert test["routes"][0]["route"] is None


async def test_on_the_command_line(shop: App) -> None:
    words = ("explain", "alert", "alertname=A", "service=checkout", "severity=error")
    shown = await run_command(shop, *words, "--at", "2026-03-27T17:30")
    assert shown.exit_code == 0, shown.output
    for text in ("route shop", "by        root route > route shop", "policy    shop", "loud"):
        assert text in shown.output
    braces = await run_command(
        shop, "explain", "alert", '{alertname="A, \\"b\\"", service="checkout"}', "-o", "json"
    )
    assert json.loads(braces.output)["labels"]["alertname"] == 'A, "b"'
    name = await shop.fire()
    explained = await run_command(shop, "explain", "incident", name)
    assert explained.exit_code == 0, explained.output
    for text in (
        "route     shop",
        "until now",
        "from now on",
        "policy    shop, at step 1",
        "because the configuration",
    ):
        assert text in explained.output
    yaml = await run_command(shop, "explain", "incident", name, "-o", "yaml")
    assert f"id: {name}" in yaml.output
    wrong = await run_command(shop, "explain", "alert", "alertname")
    assert wrong.exit_code == 2
    missing = await run_command(shop, "explain", "incident", "../x")
    assert missing.exit_code == 1


async def test_the_page_shows_the_same(shop: App) -> None:
    status, empty = await shop.get("/routing")
    assert status == 200
    assert "Labels of an alert" in empty
    labels = "alertname=A%0Aservice=checkout, severity=error"
    status, page = await shop.get(f"/routing?labels={labels}&at=2026-03-27T17:30")
    assert status == 200
    for text in ("<bdi>Route shop</bdi>", "Fri 2026-03-27 17:30:00", "still not acknowledged"):
        assert text in page
    name = await shop.fire(alert(annotations={"summary": "<img onerror=x>\u202e" + "y" * 1_000}))
    status, page = await shop.get(f"/routing?incident={name}")
    assert status == 200
    assert "<img" not in page
    assert "\u202e" not in page
    assert "From now on" in page
    for query in ("labels=a", "labels=a=b&at=soon", "incident=nobody", "incident=%00"):
        status, page = await shop.get(f"/routing?{query}")
        assert status == 400, query
        assert 'role="alert"' in page
    status, page = await shop.get("/routing?labels=alertname=Watchdog")
    assert "It is a beat of the heartbeat" in page
    await shop.post(notification(alert()))


async def test_many_routes_and_a_policy_that_repeats_are_answered_soon(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> None:
    """Played to their end they took a minute, in which no page was made for anybody."""
    later = [{"after": f"{number}m", "notify": ["log"]} for number in range(1, 20)]
    policy = {"steps": [{"notify": ["log"]}, *later], "repeat": 100}
    routes = [{"name": f"r{n}", "matchers": ['a="b"'], "continue": True} for n in range(200)]
    running = App(tmp_path, *fakes)
    await running.start(
        notifiers={"log": {"type": "log"}},
        escalations={"many": policy},
        route={"escalation": "many", "routes": routes},
        **NO_ACCOUNTS,
    )
    try:
        status, found = await running.get(f"{PATH}?label=alertname=A,a=b,severity=critical")
        assert status == 200
        assert len(found["routes"]) == 200
        assert sum(len(one["happenings"]) for one in found["routes"]) == 1_000
        assert {one["end"] for one in found["routes"]} == {
            "it goes on",
            "not played: too many routes",
        }
        status, page = await running.get("/routing?labels=alertname=A,a=b,severity=critical")
        assert (status, len(page) < 500_000) == (200, True)
    finally:
        await running.stop()
