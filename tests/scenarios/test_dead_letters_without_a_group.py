"""What is sent again of a sender that names no group: the alerts of a notification made it."""

from pathlib import Path
from typing import Any

from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert, notification
from tests.support.status_pages import PAGE, page

OPS = {"name": "ops", "role": "responder", "token": "the-token-of-ops"}
PUBLISHER = {"name": "pub", "role": "publisher", "token": "the-token-of-pub"}
SENDER = {"name": "am", "role": "sender", "token": "the-token-of-am", "cluster": "am"}


def of(*alerts: Any) -> dict[str, Any]:
    """Return a notification without a group."""
    found = notification(*alerts)
    del found["groupKey"]
    found["groupLabels"] = {}
    return found


def by(credential: dict[str, Any]) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {credential['token']}"}}


async def again(app: App, mended: Any, **more: Any) -> Any:
    """Send the one letter again, mended."""
    _, found = await app.get("/v1/dead-letters", **more)
    (letter,) = found["dead_letters"]
    path = f"/v1/dead-letters/{letter['id']}/resend"
    return await app.post({"mended": mended}, path, **more)


async def test_what_was_taken_in_part_pages_nobody_again(app: App) -> None:
    await app.post(of(alert("A"), alert("B", labels={"shard": {"x": 1}})))
    await app.settle()
    paged = len(app.pagerduty.events)
    assert paged == 1
    status, answer = await again(app, alert("B", labels={"shard": "1"}))
    await app.settle()
    assert status == 200, answer
    assert len(app.pagerduty.events) == paged
    _, found = await app.get("/v1/incidents")
    assert len(found["incidents"]) == 1


async def test_what_was_left_out_joins_the_others_and_ends_with_them(app: App) -> None:
    await app.post(of(alert("A"), alert("B"), alert("C") | {"labels": 7}))
    status, answer = await again(app, alert("C"))
    assert status == 200, answer
    await app.settle()
    await app.post(of(alert("A"), alert("B"), alert("C")))
    end = "2026-03-02T10:30:00Z"
    await app.post(of(*(alert(name, resolved=True, ends=end) for name in "ABC")))
    await app.settle()
    _, found = await app.get("/v1/incidents?state=all")
    assert [one["state"] for one in found["incidents"]] == ["resolved"]


async def test_who_does_not_publish_mends_nothing_that_outsiders_read(
    tmp_path: Path, fakes: Any
) -> None:
    app = App(tmp_path, *fakes)
    more = {"web.credentials": [OPS, PUBLISHER, SENDER], "status_page.senders": ["am"]}
    await app.start(**NO_ACCOUNTS, **PAGE, **more)
    try:
        await app.post({"hello": 1}, **by(SENDER))
        made_up = notification(alert("Invented", labels={"service": "checkout"}))
        status, answer = await again(app, made_up, **by(OPS))
        assert status == 400
        assert "needs the role publisher" in str(answer)
        assert (await page(app))["incidents"] == []
        status, answer = await again(app, made_up, **by(PUBLISHER))
        assert status == 200, answer
        assert len((await page(app))["incidents"]) == 1
    finally:
        await app.stop()


async def test_each_incident_that_is_opened_so_counts_as_one_of_a_person(
    tmp_path: Path, fakes: Any
) -> None:
    app = App(tmp_path, *fakes)
    more = {"web.limits.incidents_per_person": 2, "route.group_by": ["instance"]}
    await app.start(**NO_ACCOUNTS, **more)
    try:
        await app.post({"hello": 1})
        many = notification(*(alert("X", labels={"instance": str(n)}) for n in range(300)))
        status, _ = await again(app, many)
        assert status == 429
        _, found = await app.get("/v1/incidents")
        assert found["incidents"] == []
    finally:
        await app.stop()
