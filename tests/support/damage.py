"""Records that cannot be read."""

from typing import Any

from receiver.store.keys import Keys
from tests.support.app import App
from tests.support.waiting import until

KEYS = Keys(0)


CHANNEL = "C0ALERTS"


def redis_of(app: App) -> Any:
    return app.service.redis


async def paged(app: App, name: str) -> None:
    """Wait until PagerDuty and Slack have the page of an incident, and nothing more is found out.

    What is written after the damage, from what this replica remembers, would mend it.
    """

    async def found_out() -> bool:
        return "enrich" not in (await app.incident(name))["timers"]

    await until(lambda: f"{name}:0" in [item.dedup_key for item in app.pagerduty.incidents])
    await until(lambda: any(name in str(item.blocks) for item in app.slack.top_level(CHANNEL)))
    await until(found_out)


def following(name: str) -> str:
    """Return the id of the group's next incident."""
    stem, _, generation = name.rpartition("-")
    return f"{stem}-{int(generation) + 1}"


async def damage_record(app: App, name: str) -> None:
    """Cut a record off, and have a list find it.

    Without its version: whoever remembers the record could write it anew over what is cut off.
    """
    redis = redis_of(app)
    raw = await redis.get(KEYS.incident(name))
    await redis.set(KEYS.incident(name), b"x" + raw[1 : len(raw) // 2])
    status, _ = await app.get("/v1/incidents?state=all")
    assert status == 200
