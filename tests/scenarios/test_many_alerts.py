"""An incident of some thousand alerts through every face: short, complete in numbers, and quick."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.review.render import ALERTS_SHOWN as REVIEWED
from receiver.slack.blocks.review_modal import review_window
from routing.incident import COMPLETE_KEPT
from routing.silence import default_matchers
from tests.support.app import App
from tests.support.notification import alert, notification

MANY = 4_000
KB = 1024


def storm(first: int, last: int, *, resolved: bool = False) -> dict[str, Any]:
    note = "the error rate of this host has been above 5 % for more than ten minutes " * 3
    return notification(
        *(
            alert(
                labels={"instance": f"host-{number:05d}:9100", "pod": f"checkout-{number}"},
                annotations={"description": note},
                resolved=resolved,
            )
            for number in range(first, last)
        )
    )


@pytest.fixture
async def stormy(tmp_path: Path, fakes: Any) -> AsyncIterator[tuple[App, str]]:
    app = App(tmp_path, *fakes)
    await app.start()
    for first in range(0, MANY, 1_000):
        status, answer = await app.post(storm(first, first + 1_000))
        assert status == 202
    await app.settle()
    yield app, answer["incidents"][0]
    await app.stop()


async def text_of(app: App, path: str) -> str:
    async with app.session.get(app.url + path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def test_every_page_is_short_and_says_what_it_leaves_out(stormy: tuple[App, str]) -> None:
    app, name = stormy
    body = json.loads(await text_of(app, f"/v1/incidents/{name}"))
    assert len(body["alerts"]) == COMPLETE_KEPT
    assert body["alerts_summarized"] == MANY - COMPLETE_KEPT
    assert body["firing"] == MANY

    page = await text_of(app, f"/incidents/{name}")
    assert page.count('<tr class="alert-row') == 50
    assert f"1 to 50 of {COMPLETE_KEPT}" in page
    assert f"Of {MANY - COMPLETE_KEPT} more only state and times are kept" in page
    assert len(page) < 200 * KB

    review = f"/v1/incidents/{name}/review?format="
    for shape, most in (("markdown", 64), ("html", 200)):
        text = await text_of(app, review + shape)
        assert f"{MANY} alerts" in text
        assert f"and {MANY - REVIEWED} more; the JSON has {COMPLETE_KEPT}." in text
        assert len(text) < most * KB
    facts = json.loads(await text_of(app, review + "json"))
    assert facts["impact"]["alerts"] == MANY
    assert len(facts["alerts"]) == COMPLETE_KEPT
    found = await app.service.reviews.find(name)
    assert found is not None
    assert f"*Alerts* {MANY} " in json.dumps(review_window(found, 1, ""))


async def test_what_is_sent_elsewhere_is_short(stormy: tuple[App, str]) -> None:
    app, name = stormy
    (message,) = app.slack.top_level("C0ALERTS")
    assert len(json.dumps(message.blocks)) < 8 * KB
    assert "more" in json.dumps(message.blocks)
    for event in app.pagerduty.events:
        assert len(json.dumps(event.args, default=str)) < 32 * KB
    incident = await app.service.dispatcher.store.find(name)
    assert incident is not None
    matchers = {matcher.name for matcher in default_matchers(incident)}
    assert matchers == {"alertname", "severity", "service"}


async def test_the_command_line_shows_the_first_and_counts_the_rest(
    stormy: tuple[App, str],
) -> None:
    app, name = stormy
    args = ["incidents", "show", name, "--url", app.url]
    result = await asyncio.to_thread(CliRunner().invoke, main, args)
    assert result.exit_code == 0, result.output
    assert len(result.output.splitlines()) < 100
    assert f"... {COMPLETE_KEPT - 50} more: --output json" in result.output
    assert (
        f"... {MANY - COMPLETE_KEPT} more, of which only state and times are kept" in result.output
    )


async def test_it_ends_like_any_other(stormy: tuple[App, str]) -> None:
    app, name = stormy
    status, _ = await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    assert status == 200
    # Quiet for each of them, also for those of which only state and times are kept.
    for first in range(0, MANY, 1_000):
        await app.post(storm(first, first + 1_000))
    await app.settle()
    assert (await app.get(f"/v1/incidents/{name}"))[1]["state"] == "resolved"
    for first in range(0, MANY, 1_000):
        await app.post(storm(first, first + 1_000, resolved=True))
    await app.settle()
    _, body = await app.get(f"/v1/incidents/{name}")
    assert (body["state"], body["firing"]) == ("resolved", 0)
    assert len(body["alerts"]) <= COMPLETE_KEPT
