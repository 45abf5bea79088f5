"""Links of senders: shown with their host, of a list where there is one, and never fetched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification

Fakes = tuple[FakeSlack, FakePagerDuty]
EVIL = "https://evil.example/x?g0.expr=up"
ODD = (
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "slack://user?id=U1",
    "//evil.example/x",
    "https://ours.example@evil.example/",
    "https://evil.example/\u202egpj",
)


def _alert(url: str, **more: Any) -> dict[str, Any]:
    found = alert(labels={"severity": "critical"}, annotations={"runbook_url": url})
    return found | {"generatorURL": url} | more


async def _faces(app: App, name: str) -> str:
    """Return everything that is shown of an incident, on every face, as one text."""
    _, shown = await app.get(f"/v1/incidents/{name}")
    page, review = [(await app.get(f"/incidents/{name}{rest}"))[1] for rest in ("", "/review")]
    _, listed = await app.get("/")
    _, markdown = await app.get(f"/v1/incidents/{name}/review?format=markdown")
    slack = [message.blocks for message in app.slack.top_level("C0ALERTS")]
    pagerduty = list(app.pagerduty.events)
    links = [
        *(shown["runbook_url"], *[one["generator_url"] for one in shown["alerts"]]),
        *(shown["runbook_url"], *[one["runbook_url"] for one in shown["alerts"]]),
    ]
    return "\n".join(map(str, (links, page, review, listed, markdown, slack, pagerduty)))


async def test_a_link_is_shown_with_its_host_on_every_face(app: App) -> None:
    name = await app.fire(_alert("https://wiki.example.com/x?g0.expr=up"))
    await app.settle()
    (message,) = app.slack.top_level("C0ALERTS")
    assert "Runbook (wiki.example.com)" in str(message.blocks)
    assert "Graph (wiki.example.com)" in str(message.blocks)
    (event, *_) = app.pagerduty.events
    assert {one["text"] for one in event.args["links"]} >= {
        "Runbook (wiki.example.com)",
        "Source (wiki.example.com)",
    }
    _, page = await app.get(f"/incidents/{name}")
    for words in (">runbook (wiki.example.com)</a>", ">source (wiki.example.com)</a>"):
        assert words in page
    assert ">runbook (wiki.example.com)</a>" in (await app.get("/"))[1]


async def test_no_link_of_a_foreign_scheme_is_on_any_face(app: App) -> None:
    for number, url in enumerate(ODD):
        name = await app.fire(_alert(url), group=f"g{number}")
        await app.settle()
        shown = await _faces(app, name)
        for start in ('href="', "href='", "'url': '", "'href': '", "](", "<", "['"):
            assert f"{start}{url}" not in shown, (start, url)


async def test_a_link_of_a_host_that_is_not_on_the_list_is_on_no_face(
    tmp_path: Path, fakes: Fakes
) -> None:
    app = App(tmp_path, *fakes)
    await app.start(**{"links.allowed_hosts": ["wiki.example.com", "*.ops.example.com"]})
    try:
        body = notification(_alert(EVIL), group="evil") | {"externalURL": "https://evil.example"}
        _, answer = await app.post(body)
        (name,) = answer["incidents"]
        await app.settle()
        assert "evil.example/x" not in (await _faces(app, name)).replace(
            # The annotation itself is shown, as a text.
            "runbook_url</bdi></dt><dd><bdi>https://evil.example/x",
            "",
        )
        shown = await app.incident(name)
        assert shown["runbook_url"] is None
        assert shown["alerts"][0]["generator_url"] is None
        # What Prometheus is asked is known all the same.
        stored = await app.service.dispatcher.store.find(name)
        assert stored is not None
        assert next(iter(stored.alerts.values())).generator_url == "?g0.expr=up"
        good = await app.fire(_alert("https://a.ops.example.com/x"), group="good")
        assert (await app.incident(good))["runbook_url"] == "https://a.ops.example.com/x"
        change = {"summary": "deployed", "url": EVIL}
        status, answer = await app.post(change, "/v1/changes")
        assert (status, "links.allowed_hosts" in str(answer)) == (400, True)
        # The list is another one with a reload.
        app.wanted["links.allowed_hosts"] = ["evil.example"]
        await app.service.reload("test")
        again = await app.fire(_alert(EVIL), group="again")
        assert (await app.incident(again))["runbook_url"] == EVIL
    finally:
        await app.stop()


@asynccontextmanager
async def _counting() -> AsyncIterator[tuple[str, list[str]]]:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path_qs}")
        return web.Response(text="{}")

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def test_nothing_that_a_sender_names_is_ever_fetched(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    async with _counting() as (url, asked), _counting() as (prometheus, queries):
        await app.start(**{"enrichment.prometheus.url": prometheus})
        try:
            body = notification(_alert(f"{url}/x?g0.expr=up", silenceURL=f"{url}/silence"))
            body |= {"externalURL": url}
            body["alerts"][0]["annotations"] |= {
                "dashboard_url": f"{url}/d",
                "summary": f"see {url}/s",
                "image": f"{url}/i.png",
            }
            _, answer = await app.post(body)
            (name,) = answer["incidents"]
            await app.post({"summary": f"see {url}", "url": f"{url}/deploy"}, "/v1/changes")
            await app.post({"text": f"see {url}/note"}, f"/v1/incidents/{name}/note")
            await app.settle()
            await _faces(app, name)
            # Ours is asked what the alert's expression gives, and nobody else anything.
            assert queries
            assert asked == []
        finally:
            await app.stop()
