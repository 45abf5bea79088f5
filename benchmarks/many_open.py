"""The real service with very many open incidents, most of them copies of a few."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks import watched
from benchmarks.bodies import notification
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from receiver.store.lists.order import open_score
from receiver.store.records.record import decode_incident
from receiver.store.records.standing import count_field
from routing.vocabulary import Lane
from tests.support.rig import Rig, until

MODELS, ALERTS, MANY_ALERTS = 20, 1, 20
"""One in so many incidents has many alerts."""
FIRST = 0x1000_0000
"""The number of the first: the fingerprints of its alerts begin with its 8 hexadecimal digits."""
CHUNK = 500
NOTIFIERS, TEAMS = 4, 3
"""They make a page of metrics of more than 3,000 lines."""

_QUIET = """
notifiers: {{{notifiers}}}
escalations: {{quiet: {{steps: [{{notify: [printed]}}]}}}}
route: {{escalation: quiet, routes: [{teams}]}}
"""


class ManyOpen:
    """A service with many open incidents; ``one``: the id of one of them."""

    def __init__(self, rig: Rig, witness: Path) -> None:
        """``witness``: the file that says how long its loop was held."""
        self.rig = rig
        self.one = ""
        self.witness = witness

    async def fill(self, number: int) -> None:
        """Have so many incidents open, most of them copies of a few in what is stored."""
        for model in range(MODELS):
            body = notification("reads", FIRST + model, ALERTS if model else MANY_ALERTS)
            url = f"{self.rig.url}/v1/alerts/webhook"
            async with self.rig.session.post(url, data=body) as answer:
                self.one = self.one or str((await answer.json())["incidents"][0])
        redis: Any = Redis(unix_socket_path=EmbeddedValkey(self.rig.storage / "valkey").socket_path)
        try:
            await until(lambda: _delivered(redis), 60, "everything is delivered")
            await _copy(redis, number - MODELS)
            await until(lambda: _is_quiet(redis), 120, "Valkey has written its file anew")
        finally:
            await redis.aclose()


async def _delivered(redis: Any) -> bool:
    return not await redis.zcount(Keys(0).due[Lane.URGENT], 0, int(time.time() * 1000))


async def _is_quiet(redis: Any) -> bool:
    info = await redis.info("persistence")
    return not info["aof_rewrite_in_progress"] and not info["rdb_bgsave_in_progress"]


async def _copy(redis: Any, number: int) -> None:
    """Store copies of what is open under ids of their own, as a commit would."""
    keys = Keys(0)
    names = [name.decode() for name in await redis.zrange(keys.open, 0, -1)]
    records = await redis.mget([keys.incident(name) for name in names])
    models = [(name, raw, decode_incident(raw, name)) for name, raw in zip(names, records)]  # noqa: B905
    for start in range(0, number, CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for at in range(start, min(start + CHUNK, number)):
            name, raw, incident = models[at % len(models)]
            mark = next(iter(incident.alerts))[:8].encode()
            digest = f"c0{at:014x}"
            copy = f"0-{digest}-1"
            record = raw.replace(name.encode(), copy.encode())
            # Alerts that fire in one incident alone, as usual.
            record = record.replace(mark, b"%08x" % (FIRST + MODELS + at))
            pipeline.set(keys.incident(copy), record)
            pipeline.set(keys.group(digest), 1)
            pipeline.zadd(keys.open, {copy: open_score(incident) + at})
            pipeline.hincrby(keys.active, count_field(incident), 1)
        await pipeline.execute()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[ManyOpen]:
    """Run the service, with enough configured for a long page of metrics."""
    names = ["printed", *(f"printed-{number}" for number in range(1, NOTIFIERS))]
    file, witness = folder / "quiet.yml", folder / "held"
    file.write_text(
        _QUIET.format(
            notifiers=", ".join(f"{name}: {{type: log}}" for name in names),
            teams=", ".join(
                f"{{matchers: ['team=\"t{number}\"'], team: t{number}}}" for number in range(TEAMS)
            ),
        )
    )
    accounts = ("SLACK__TOKEN", "SLACK__CHANNEL", "PAGERDUTY__ROUTING_KEY")
    rig = Rig(folder)
    await rig.start(
        "benchmarks.watched",
        "--config.file",
        str(file),
        LLM_IM__LOG__LEVEL="warning",
        **{watched.VARIABLE: str(witness)},
        **{f"LLM_IM__{name}": "" for name in accounts},
    )
    try:
        yield ManyOpen(rig, witness)
    finally:
        await rig.stop()
