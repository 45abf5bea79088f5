"""Junk in each key there is: no list fails, everybody's alerts page, and so do the key's own."""

import asyncio
from typing import Any

import pytest

import receiver.engine.damaged
from routing.vocabulary import Lane
from tests.support.app import App
from tests.support.faults_in_store import EVERY, KEYS, LISTS, WAYS
from tests.support.notification import alert
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.engine.damaged, "EVERY_S", 0.1)


def paged(app: App, stem: str) -> int:
    """How many pages PagerDuty has of a group."""
    return sum(item.dedup_key.startswith(f"{stem}-") for item in app.pagerduty.incidents)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", EVERY)
async def test_junk_in_a_key_costs_nobody_a_page(app: App, kind: str, way: Any) -> None:
    minor = alert("Minor", labels={"severity": "error"})
    name = await app.fire(minor, group="own")
    stem = name.rpartition("-")[0]
    await until(lambda: paged(app, stem) == 1 and len(app.slack.top_level("C0ALERTS")) == 1)
    redis = app.service.redis
    await way(redis, EVERY[kind](name, app.clock.now()), name)

    bodies = [app.fire(alert(f"Other{n}"), group=f"other{n}") for n in range(3)]
    others = [found.rpartition("-")[0] for found in await asyncio.gather(*bodies)]
    await app.fire(minor, alert("Major"), group="own")
    for path in LISTS:
        status, _ = await app.get(path)
        assert status == 200, path
    for other in (*others, stem):
        await until(lambda other=other: paged(app, other) == (2 if other == stem else 1))

    async def told_the_truth() -> bool:
        _, listed = await app.get("/v1/incidents?state=open")
        known = [one for one in listed["incidents"] if one["state"] != "damaged"]
        _, text = await app.get("/metrics")
        rows = [row for row in text.splitlines() if row.startswith("incidents_active{")]
        return len(known) == 4 == sum(float(row.rpartition(" ")[2]) for row in rows)

    await until(told_the_truth)
    await app.post({"by": "ann"}, f"/v1/incidents/{await newest(app, stem)}/acknowledge")
    assert (await app.incident(await newest(app, stem)))["state"] == "acknowledged"
    assert not await redis.zcount(KEYS.due[Lane.URGENT], "-inf", app.clock.now() - 60_000)


async def newest(app: App, stem: str) -> str:
    _, listed = await app.get("/v1/incidents?state=open")
    return max(one["id"] for one in listed["incidents"] if one["id"].startswith(stem))
