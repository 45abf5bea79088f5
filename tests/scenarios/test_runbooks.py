"""Runbooks as pages: rendered, harmless, found, with their history, and whether they helped."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.app.addresses import addresses_of
from receiver.settings.load import load_settings
from receiver.web.runbooks import RunbookEndpoint
from tests.support.app import NO_ACCOUNTS, App
from tests.support.external import DURABLE, external
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert

Fakes = tuple[FakeSlack, FakePagerDuty]
BOOK = "/runbooks/incident-manager/RedisDown"
HTML = {"Accept": "text/html"}
HOSTILE = """# <img src=x onerror=alert(1)>

<script>alert(1)</script>
<a href="javascript:alert(1)" onclick="alert(1)">raw</a> <b>bold</b>
[one](javascript:alert(1)) [two](JaVaScRiPt&#58;alert(1))
[three](data:text/html;base64,PHNjcmlwdD4=)
[four](vbscript:x) [five]( java\tscript:alert(1)) <javascript:alert(1)>
![<img src=x onerror=alert(1)>](https://evil.example/pixel.png)
[ok](https://example.com/"onmouseover="alert(1))

<iframe src="https://evil.example"></iframe>
<form action="https://evil.example"><button>yes</button></form>
<!-- hidden -->

```bash"><script>alert(1)</script>
echo </code><script>alert(1)</script>
```

| <script>alert(1)</script> | b |
|---|---|
| 1 | 2 |
"""


async def page(app: App, path: str, **more: Any) -> str:
    async with app.session.get(app.url + path, headers=HTML, **more) as answer:
        assert answer.status == 200, await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        return await answer.text()


async def say(app: App, helped: str, path: str = BOOK, **more: Any) -> tuple[int, str, str]:
    form = {"helped": helped}
    async with app.session.post(app.url + path, data=form, allow_redirects=False, **more) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


@pytest.fixture
async def shelf(tmp_path: Path, fakes: Fakes) -> AsyncIterator[tuple[App, Path]]:
    folder = tmp_path / "books"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "Hostile.md").write_text(HOSTILE)
    (folder / "Bare.md").write_text("No heading here.\n\nSecond words.\n")
    (folder / "shop" / "Odd name.md").write_text(
        "# Odd\n\n## What it means\nUsers see `old` prices.\n"
    )
    (folder / "Huge.md").write_text("# Huge\n\n" + "[a](" * (10 << 18))
    app = App(tmp_path / "store", *fakes)
    await app.start(**NO_ACCOUNTS, **{"runbooks.path": str(folder)})
    yield app, folder
    await app.stop()


async def test_a_runbook_is_rendered_and_linked_back(plain: App) -> None:
    shown = await page(plain, BOOK)
    assert re.search(r"<h1>RedisDown</h1>", shown)
    assert len(re.findall("<h1", shown)) == 1
    assert "<h2>How to investigate</h2>" in shown
    assert '<a href="/">Open incidents</a>' in shown
    assert '<a href="/runbooks/">All runbooks</a>' in shown
    assert "<title>RedisDown · runbook</title>" in shown
    assert "Made from systems" not in await page(plain, "/runbooks/incident-manager/ClockWrong")
    table = await page(plain, "/runbooks/incident-manager/DeliveryFailing")
    assert "<td><code>channel_not_found</code>" in table
    assert '<a href="SampleAlert.md" rel="noreferrer">' in table
    async with plain.session.get(plain.url + BOOK) as answer:
        assert (answer.content_type, answer.charset) == ("text/markdown", "utf-8")
        assert (await answer.text()).startswith("# RedisDown\n")


async def test_hostile_markdown_is_only_text(shelf: tuple[App, Path]) -> None:
    app, _ = shelf
    shown = await page(app, "/runbooks/shop/Hostile")
    for tag in ("<script", "<img", "<iframe", "<b>", 'onclick="', '<a href="java', "hidden"):
        assert tag not in shown, tag
    assert not re.search(r"href=\"\s*(?:javascript|data|vbscript)", shown, re.IGNORECASE)
    assert len(re.findall("<form", shown)) == 1
    assert "evil.example/pixel" not in shown
    assert 'href="https://example.com/%22onmouseover=%22alert(1)"' in shown
    assert "<title>&lt;img src=x" in shown
    assert "<h1>&lt;img src=x onerror=alert(1)&gt;</h1>" in shown


async def test_ten_megabytes_are_a_page_soon_and_do_no_harm(shelf: tuple[App, Path]) -> None:
    app, _ = shelf
    started = time.monotonic()
    shown = await page(app, "/runbooks/Huge")
    assert time.monotonic() - started < 20
    assert "too long for a page" in shown
    assert len(shown) < 1 << 20
    assert "Huge" in await page(app, "/runbooks/?text=huge")
    status, text = await app.get("/runbooks/Huge")
    assert (status, len(text) > 10_000_000) == (200, True)


async def test_a_runbook_without_a_heading_gets_its_name(shelf: tuple[App, Path]) -> None:
    app, _ = shelf
    assert "<h1><bdi>Bare</bdi></h1>" in await page(app, "/runbooks/Bare")
    # The alert alone finds it, whatever its system.
    assert "<h1><bdi>Bare</bdi></h1>" in await page(app, "/runbooks/any/Bare")


async def test_runbooks_are_found_by_words_of_their_text(shelf: tuple[App, Path]) -> None:
    app, folder = shelf
    every = await page(app, "/runbooks/")
    assert "4 in all" in every
    assert 'href="/runbooks/shop/Odd%20name"' in every
    assert "Users see old prices." in every
    assert await page(app, "/runbooks") == every
    some = await page(app, "/runbooks/?text=PRICES+users")
    assert "1 of 4" in some
    assert "Hostile" not in some
    assert "Nothing found" in await page(app, "/runbooks/?text=nowhere")
    shown = await page(app, "/runbooks/", params={"text": "<script>alert(1)</script>"})
    assert "<script" not in shown
    # What is written anew is found anew; what was taken away is no error.
    (folder / "Bare.md").write_text("A new word: zebra.")
    (folder / "Huge.md").unlink()
    assert "Bare" in await page(app, "/runbooks/?text=zebra")
    async with app.session.get(f"{app.url}/runbooks/?text=odd") as answer:
        found = (await answer.json())["runbooks"]
    assert found == [
        {
            "name": "shop/Odd name",
            "system": "shop",
            "alert": "Odd name",
            "meaning": "Users see old prices.",
        }
    ]
    status, answer = await app.get("/runbooks/?texts=odd")
    assert (status, "allowed" in str(answer) or "available: text" in str(answer)) == (400, True)


async def test_a_page_says_who_took_it_and_how_long_it_took(plain: App) -> None:
    labels = {"system": "incident-manager", "severity": "critical"}
    assert "opened none of the incidents" in await page(plain, BOOK)
    plain.service.endpoints.one(RunbookEndpoint)._history._found._at = float("-inf")
    first = await plain.fire(alert("RedisDown", labels=labels), group="a")
    plain.clock.move(120)
    await plain.post({"by": "Ann"}, f"/v1/incidents/{first}/acknowledge")
    plain.clock.move(480)
    await plain.post({"by": "Ann"}, f"/v1/incidents/{first}/resolve")
    await plain.fire(alert("RedisDown", labels=labels, fingerprint="2"), group="b")
    await plain.fire(alert("HighLatency", labels=labels), group="c")
    shown = await page(plain, BOOK)
    assert "<strong>2</strong> times" in shown
    assert "1 open now" in shown
    assert "<bdi>Ann</bdi>" in shown
    assert re.search(r"2m\S* to acknowledge, 10m\S* to resolve", shown)
    assert f'href="/incidents/{first}"' in shown
    listed = await page(plain, "/runbooks/?text=RedisDown")
    assert f"2{chr(0xD7)}" in listed


async def test_whether_it_helped_is_counted_shown_and_a_metric(plain: App) -> None:
    for answer in ("yes", "yes", "no"):
        status, place, _ = await say(plain, answer)
        assert (status, place) == (303, f"{BOOK}?said={answer}#helped")
    shown = await page(plain, f"{BOOK}?said=yes")
    assert "Thank you" in shown
    assert re.search(r'value="yes">Yes <span class="count">2<', shown)
    assert re.search(r'value="no">No <span class="count">1<', shown)
    name = (
        'incident_manager_runbook_feedback_total{helped="%s",runbook="incident-manager/RedisDown"}'
    )
    assert await plain.metric(name % "yes") == 2
    assert await plain.metric(name % "no") == 1
    for wrong in ("", "maybe", "<b>" * 10):
        status, _, text = await say(plain, wrong)
        assert (status, "allowed: yes, no" in text) == (400, True)
    assert (await say(plain, "yes", "/runbooks/no/such"))[0] == 404
    assert (await say(plain, "y" * 10_000))[0] == 413


async def test_another_site_cannot_answer(plain: App) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert (await say(plain, "yes", headers=headers))[0] == 403
    assert '"count">0<' in await page(plain, BOOK)


async def test_a_count_that_cannot_be_read_is_put_aside(plain: App) -> None:
    total = plain.service.figures._keys[0].total
    field = "incident_manager_runbook_feedback_total|runbook=incident-manager/RedisDown|helped=yes"
    await plain.service.redis.hset(total, field, "many")
    assert '"count">0<' in await page(plain, BOOK)
    assert (await say(plain, "yes"))[0] == 303
    assert 'Yes <span class="count">1<' in await page(plain, BOOK)
    await plain.service.redis.delete(total)
    await plain.service.redis.set(total, "no hash")
    assert '"count">0<' in await page(plain, BOOK)
    assert (await say(plain, "no"))[0] == 303
    assert 'No <span class="count">1<' in await page(plain, BOOK)


async def test_a_runbook_is_there_while_redis_is_not(tmp_path: Path, fakes: Fakes) -> None:
    async with external(tmp_path / "server", *DURABLE) as server:
        app = App(tmp_path, *fakes)
        await app.start(**NO_ACCOUNTS, **{"redis.url": server.url})
        try:
            server.end()
            shown = await page(app, BOOK)
            assert "<h1>RedisDown</h1>" in shown
            assert "Redis is away" in shown
            assert "RedisDown" in await page(app, "/runbooks/?text=redis")
            status, place, _ = await say(app, "yes")
            assert (status, place.split("=")[1]) == (303, "lost#helped")
            assert "Not saved" in await page(app, f"{BOOK}?said=lost")
        finally:
            await app.stop()


async def test_commands_are_shown_with_the_addresses_this_service_knows(
    tmp_path: Path, fakes: Fakes
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(
        **NO_ACCOUNTS,
        **{
            "web.external_url": "https://im.example/ops",
            "alertmanagers": [{"urls": ["http://am.example:9093"]}],
        },
    )
    try:
        for headers in ({}, {"Accept": "text/html"}):
            path = "/runbooks/incident-manager/WebhookFailing"
            status, text = await app.get(path, headers=headers)
            assert status == 200
            assert "https://im.example/ops/-/ready" in text
            assert "http://am.example:9093/-/reload" in text
            assert "$INCIDENT_MANAGER_URL" not in text
        # Where Prometheus is, nothing says here.
        _, text = await app.get("/runbooks/incident-manager/HighErrorRate")
        assert "$PROMETHEUS_URL/api/v1/query" in text
    finally:
        await app.stop()


def test_an_address_of_prometheus_is_that_of_the_context() -> None:
    settings = load_settings(None, {}, {"enrichment.prometheus.url": "http://prom.example/p/"})
    assert addresses_of(settings) == {
        "INCIDENT_MANAGER_URL": "http://localhost:8080",
        "PROMETHEUS_URL": "http://prom.example/p",
    }
