"""The public status page over HTTP: what it says at each step, to whom, and how cheaply."""

import asyncio
import gzip
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.errors import ConfigError
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.status_pages import PAGE, page, say
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
SECRETS = {
    "instance": "db-7.prod.internal.example",
    "pod": "checkout-6f7d9",
    "customer": "Globex",
    "summary": "Postgres db-7 refuses connections of 10.20.30.40",
}


def secret_alert(**more: Any) -> dict[str, Any]:
    labels = {name: text for name, text in SECRETS.items() if name != "summary"}
    notes = {"summary": SECRETS["summary"]}
    return alert("PostgresRefuses", labels=labels, annotations=notes, **more)


async def test_a_p1_goes_through_its_life_and_nothing_internal_is_seen(site: App) -> None:
    quiet = await page(site)
    assert (quiet["summary"], quiet["incidents"], quiet["history"]) == (
        "All systems operational",
        [],
        [],
    )
    incident = await site.fire(secret_alert())
    seen = [await page(site), await page(site, "/status")]
    assert seen[0]["incidents"][0]["status"] == "investigating"
    for status in ("identified", "monitoring"):
        answer = await say(site, incident, status, text=f"This is {status}.")
        assert (answer[0], answer[1]["result"]) == (200, "status_updated")
        seen += [await page(site), await page(site, "/status")]
        assert seen[-2]["incidents"][0]["status"] == status
        assert f"This is {status}." in seen[-1]
    await site.fire(secret_alert(resolved=True))
    seen += [await page(site), await page(site, "/status")]
    assert [one["status"] for one in seen[-2]["history"][0]["updates"]] == [
        "resolved",
        "monitoring",
        "identified",
        "investigating",
    ]
    told = json.dumps(seen)
    for text in (*SECRETS.values(), "PostgresRefuses", incident, incident[2:18], "Ann", "10.20"):
        assert text not in told
    inside = (await site.incident(incident))["published"]
    assert [one["by"] for one in inside["updates"]] == [None, "Ann", "Ann", None]
    kinds = [entry["kind"] for entry in (await site.incident(incident))["timeline"]]
    assert kinds.count("status_update") == 2
    assert kinds.count("published") == 2


async def test_whoever_asks_is_told_how_long_it_is_true_and_gets_no_cookie(site: App) -> None:
    await page(site)
    for path, kind in (("/status", "text/html"), ("/status.json", "application/json")):
        async with site.session.get(site.url + path) as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            etag = answer.headers["ETag"]
            assert answer.headers["Cache-Control"].startswith("public, max-age=5")
            assert "Set-Cookie" not in answer.headers
            assert "aiohttp" not in str(answer.headers)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
        async with site.session.get(site.url + path, headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == etag
        async with site.session.head(site.url + path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with site.session.post(site.url + path, data={}) as answer:
            assert answer.status == 405
    async with ClientSession(auto_decompress=False) as session:
        for accept, packed in (("gzip, br", True), ("identity", False)):
            headers = {"Accept-Encoding": accept}
            async with session.get(f"{site.url}/status", headers=headers) as answer:
                body = await answer.read()
                assert (answer.headers.get("Content-Encoding") == "gzip") is packed
                assert b"Example status" in (gzip.decompress(body) if packed else body)
    async with site.session.get(f"{site.url}/status.json") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for name, kind in (("style.css", "text/css"), ("script.js", "text/javascript")):
        async with site.session.get(f"{site.url}/status/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
    assert (await site.get("/status/page.html.j2"))[0] == 404


async def test_a_change_shows_by_itself_and_a_crowd_makes_no_page(site: App) -> None:
    await site.fire()

    async def shown() -> bool:
        return bool((await site.get("/status.json"))[1]["incidents"])

    await until(shown)
    before = site.service.status_page.rendered
    answers = await asyncio.gather(*(site.get("/status") for _ in range(300)))
    assert {status for status, _ in answers} == {200}
    assert site.service.status_page.rendered <= before + 1


async def test_a_page_on_which_nothing_happened_is_not_made_again(site: App) -> None:
    await page(site)
    made = site.service.status_page.rendered
    for _ in range(5):
        await page(site)
    # A minute may just have ended.
    assert site.service.status_page.rendered <= made + 1
    site.clock.move(60)
    await page(site)
    assert site.service.status_page.rendered > made


async def test_it_is_served_while_redis_is_away_and_says_since_when(site: App) -> None:
    await site.fire()
    good = await page(site)
    embedded = site.service.embedded
    assert embedded is not None
    os.kill(embedded.pid, signal.SIGSTOP)
    site.clock.move(3600)
    try:

        async def stale() -> Any:
            return (await site.get("/status.json"))[1]["stale"]

        await until(stale)
        _, late = await site.get("/status.json")
        # An hour later it says what was so an hour ago (a minute may just have ended).
        assert late == good | {"stale": True, "as_of": late["as_of"]}
        assert late["as_of"][:13] == good["as_of"][:13] or late["as_of"][14:16] == "00"
        assert "We cannot look at the newest state" in (await site.get("/status"))[1]
    finally:
        os.kill(embedded.pid, signal.SIGCONT)

    async def fresh() -> bool:
        return not (await site.get("/status.json"))[1]["stale"]

    await until(fresh)
    assert "We cannot look" not in (await site.get("/status"))[1]


async def test_it_is_known_after_a_restart_before_anybody_asks(
    tmp_path: Path, fakes: Fakes
) -> None:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **PAGE)
    await running.fire()
    await running.stop()
    again = App(tmp_path, *fakes)
    await again.start(**NO_ACCOUNTS, **PAGE)
    try:
        assert len((await again.get("/status.json"))[1]["incidents"]) == 1
    finally:
        await again.stop()


async def test_it_is_public_beside_credentials_and_alone_on_its_own_port(
    tmp_path: Path, fakes: Fakes
) -> None:
    running = App(tmp_path, *fakes)
    credential = {"name": "ops", "token": "secret-token"}
    more = {"web.credentials": [credential], "status_page.listen_address": "127.0.0.1:0"}
    await running.start(**NO_ACCOUNTS, **PAGE, **more, **{"web.route_prefix": "/im"})
    own = f"http://127.0.0.1:{running.service.status_port}"
    try:
        assert (await running.get("/im/v1/incidents"))[0] == 401
        assert (await running.get("/im/status"))[0] == 200
        for path, status in (
            ("/", 200),
            ("/status", 200),
            ("/status.json", 200),
            ("/status/style.css", 200),
            ("/v1/incidents", 404),
            ("/im/v1/incidents", 404),
            ("/metrics", 404),
            ("/health", 404),
        ):
            async with running.session.get(own + path) as answer:
                assert answer.status == status, path
            async with running.session.head(own + path) as answer:
                assert answer.status == status, path
    finally:
        await running.stop()


async def test_without_components_there_is_no_page(plain: App) -> None:
    incident = await plain.fire()
    for path in ("/status", "/status.json", "/status/style.css"):
        assert (await plain.get(path))[0] == 404
    status, answer = await say(plain, incident, "identified")
    assert status == 400
    assert "set status_page.components" in answer["detail"]


@pytest.mark.parametrize(
    ("action", "body", "place", "words"),
    [
        ("status-update", {}, "status", "allowed: investigating, identified"),
        ("status-update", {"status": "done"}, "status", "allowed: investigating"),
        ("status-update", {"status": "identified", "impact": "bad"}, "impact", "degraded"),
        (
            "status-update",
            {"status": "identified", "components": ["Shop"]},
            "components",
            "no component 'Shop'; allowed: Checkout, Search",
        ),
        ("status-update", {"status": "identified", "components": "Shop"}, "components", "array"),
        ("status-update", {"status": "identified", "text": "x" * 2001}, "text", "2000"),
        ("status-update", {"status": "identified", "text": "\u202eevil"}, "text", "invisible"),
        ("status-update", {"status": "identified", "title": "a\nb"}, "title", "one line"),
        ("status-update", {"status": "identified", "extra": 1}, "", "extra"),
        ("status-hide", {"update": -1}, "update", "counted from 1"),
        ("status-hide", {"update": "x"}, "update", "int"),
    ],
)
async def test_what_is_wrong_with_an_update_is_said(
    site: App, action: str, body: dict[str, Any], place: str, words: str
) -> None:
    incident = await site.fire()
    status, answer = await site.post(body, f"/v1/incidents/{incident}/{action}")
    assert (status, answer["place"]) == (400, place)
    assert words in answer["detail"]
    assert len((await site.incident(incident))["published"]["updates"]) == 1


async def test_an_incident_of_no_component_asks_for_one(site: App) -> None:
    _, opened = await site.post({"title": "Strange", "priority": "P1"}, "/v1/incidents")
    incident = opened["incident"]["id"]
    status, answer = await say(site, incident, "investigating")
    assert (status, answer["place"]) == (400, "components")
    assert "name some (allowed: Checkout, Search)" in answer["detail"]
    status, answer = await say(site, incident, "investigating", components=["Search"])
    assert (status, answer["result"]) == (200, "status_updated")
    assert (await page(site))["components"][1]["status"] == "major_outage"


async def test_the_console_shows_what_outsiders_read(site: App) -> None:
    incident = await site.fire()
    await say(site, incident, "identified", text="A bad release.")
    _, shown = await site.get(f"/incidents/{incident}")
    for text in ("public: identified", "Everybody reads: ", "Problem with Checkout", "(<bdi>Ann"):
        assert text in shown
    await site.post({}, f"/v1/incidents/{incident}/status-hide")
    _, shown = await site.get(f"/incidents/{incident}")
    assert "(withdrawn)" in shown
    assert "public: identified" not in shown


async def test_hostile_words_are_only_words(site: App) -> None:
    incident = await site.fire()
    hostile = "<script>alert(1)</script> \"'><img src=x onerror=alert(1)> & {{ 7 * 7 }}"
    await say(site, incident, "identified", text=hostile, title=hostile)
    shown = await page(site, "/status")
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "{{ 7 * 7 }}" in shown


async def test_the_command_line_words_it_and_takes_it_back(site: App) -> None:
    incident = await site.fire()

    async def run(*words: str) -> Any:
        command = ["incidents", *words, "--url", site.url]
        return await asyncio.to_thread(CliRunner().invoke, main, command)

    said = ["status-update", incident, "--status", "identified", "--text", "A bad release."]
    done = await run(*said, "--title", "Payments fail", "--impact", "degraded", "--by", "Ann")
    assert done.output.startswith("status updated: P1")
    found = await page(site)
    assert found["incidents"][0]["title"] == "Payments fail"
    assert found["components"][0]["status"] == "degraded"
    shown = await run("show", incident)
    assert "status page: identified: Payments fail (Checkout: degraded)" in shown.output
    assert "2. " in shown.output
    assert (await run("status-hide", incident, "--update", "2")).output.startswith("status hidden")
    assert (await page(site))["incidents"][0]["status"] == "investigating"
    assert (await run("status-hide", incident)).exit_code == 0
    assert (await page(site))["incidents"] == []
    assert (await run(*said)).output.startswith("hidden: P1")
    assert (await run("status-show", incident)).exit_code == 0
    assert len((await page(site))["incidents"]) == 1
    wrong = await run("status-update", incident, "--status", "done")
    assert (wrong.exit_code, "status: is 'done'; allowed: investig" in wrong.output) == (1, True)
    assert "monitoring" in wrong.output


async def test_what_is_over_for_long_leaves_the_page(site: App) -> None:
    incident = await site.fire()
    await site.post({"by": "Ann"}, f"/v1/incidents/{incident}/resolve")
    site.clock.move(89 * 86_400)
    assert len((await page(site))["history"]) == 1
    site.clock.move(2 * 86_400)
    found = await page(site)
    assert (found["history"], found["history_days"]) == ([], 90)


async def test_what_is_forgotten_leaves_the_page(tmp_path: Path, fakes: Fakes) -> None:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **PAGE, **{"incidents.retention": "1h"})
    try:
        incident = await running.fire(alert(resolved=False))
        await running.fire(alert(resolved=True))
        assert len((await page(running))["history"]) == 1
        running.clock.move(3700)
        running.service.agenda.wake()
        await until(lambda: _is_gone(running, incident))
        assert (await page(running))["history"] == []
        redis = running.service.redis
        keys = running.service.dispatcher.store.keys[0]
        assert await redis.zcard(keys.published) == 0
    finally:
        await running.stop()


async def _is_gone(app: App, incident: str) -> bool:
    return bool((await app.get(f"/v1/incidents/{incident}"))[0] == 404)


@pytest.mark.parametrize(
    ("more", "labels", "words"),
    [
        (
            "",
            ("severity=critical", "service=pay"),
            (
                "P1 (severity critical): on the status page",
                "Paying: major outage",
                "title         Problem with Paying",
            ),
        ),
        ("", ("severity=critical", "service=x"), ("not on the status page: no component",)),
        ("", ("severity=warning", "service=pay"), ("P3", "only when a person", "P1 and P2 appear")),
        ("automatic: false", ("severity=critical", "service=pay"), ("automatic is off",)),
    ],
)
def test_what_outsiders_would_read_is_told_beforehand(
    tmp_path: Path, more: str, labels: tuple[str, ...], words: tuple[str, ...]
) -> None:
    file = tmp_path / "im.yml"
    component = """{name: Paying, matchers: ['service="pay"']}"""
    file.write_text(f"status_page:\n  components: [{component}]\n  {more}\n")
    command = ["explain", "status", *labels, "--config.file", str(file)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    for text in words:
        assert text in result.output
    found = json.loads(CliRunner().invoke(main, [*command, "-o", "json"]).output)
    assert bool(found["components"]) == ("not on" not in result.output)


def test_without_a_page_or_with_a_bad_label_there_is_nothing_to_tell(tmp_path: Path) -> None:
    file = tmp_path / "im.yml"
    file.write_text("{}")
    command = ["explain", "status", "--config.file", str(file)]
    none = CliRunner().invoke(main, [*command, "a=b"])
    assert "set status_page.components" in none.output
    assert CliRunner().invoke(main, [*command, "a"]).exit_code == 2


async def test_only_named_senders_put_something_on_the_page(tmp_path: Path, fakes: Fakes) -> None:
    tokens = {name: f"the-long-token-of-{name}" for name in ("prod", "lab", "ops")}
    credentials = [
        {"name": "prod", "role": "sender", "cluster": "prod-eu", "token": tokens["prod"]},
        {"name": "lab", "role": "sender", "token": tokens["lab"]},
        {"name": "ops", "role": "publisher", "token": tokens["ops"]},
    ]
    app = App(tmp_path, *fakes)
    await app.start(
        **NO_ACCOUNTS,
        **PAGE,
        **{"web.credentials": credentials, "status_page.senders": ["prod"]},
    )

    async def fire(name: str, service: str, **more: str) -> str:
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        one = alert(labels={"service": service, "severity": "critical"})
        body = notification(one, group=name) | more
        query = "?cluster=prod-eu" if name == "lab" else ""
        status, answer = await app.post(body, f"/v1/alerts/webhook{query}", headers=headers)
        assert status == 202
        return str(answer["incidents"][0])

    try:
        # Whatever it calls itself, another sender's alerts are no business of outsiders.
        other = await fire("lab", "checkout", receiver="prod", externalURL="http://prod-eu")
        known = {"Authorization": f"Bearer {tokens['ops']}"}
        body = {"title": "PostgresRefuses", "priority": "P1", "labels": {"service": "checkout"}}
        assert (await app.post(body, "/v1/incidents", headers=known))[0] == 201
        assert (await page(app))["incidents"] == []
        # Until somebody who may says so.
        path = f"/v1/incidents/{other}/status-update"
        assert (await app.post({"status": "investigating"}, path, headers=known))[0] == 200
        assert len((await page(app))["incidents"]) == 1
        await fire("prod", "search")
        await until(lambda: _number(app, 2))
    finally:
        await app.stop()


async def _number(app: App, wanted: int) -> bool:
    return len((await page(app))["incidents"]) == wanted


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        ({"name": "prod", "role": "sender", "token": "a-long-token-of-prod"}, "has no cluster"),
        ({"name": "other", "role": "sender", "token": "a-long-token"}, "no credential is named"),
    ],
)
async def test_a_sender_that_nothing_tells_from_others_cannot_be_named(
    tmp_path: Path, fakes: Fakes, credential: dict[str, str], words: str
) -> None:
    app = App(tmp_path, *fakes)
    with pytest.raises(ConfigError, match=words):
        await app.start(
            **NO_ACCOUNTS,
            **PAGE,
            **{"web.credentials": [credential], "status_page.senders": ["prod"]},
        )
