"""The real service with very many open incidents, most of them copies of a few."""

import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from redis.asyncio import Redis

from benchmarks import watched
from benchmarks.bodies import notification
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from receiver.store.lists.order import open_score
from receiver.store.records.record import decode_incident
from receiver.store.records.standing import count_field
from receiver.store.response.fields import SLOTS
from receiver.store.response.spread import bucket_of
from routing.alert import PRIORITIES
from routing.incident import Incident
from routing.vocabulary import Lane
from tests.support.rig import Rig, until

MODELS, ALERTS, MANY_ALERTS = 20, 1, 20
"""One in so many incidents has many alerts."""
FIRST = 0x1000_0000
"""The number of the first: the fingerprints of its alerts begin with its 8 hexadecimal digits."""
KEPT = 0x2000_0000
"""The same of the first that is closed."""
CHUNK = 500
DAY_MS = 86_400_000
DAYS = 365
YEAR_MS = DAYS * DAY_MS
RULES = 200
NOTIFIERS, TEAMS = 4, 3
"""They make a page of metrics of more than 3,000 lines."""

_TIMES = re.compile(rb'("(?:opened|episode_opened|acknowledged|resolved)_at":)(\d+)')

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
        names = []
        for model in range(MODELS):
            body = notification("reads", FIRST + model, ALERTS if model else MANY_ALERTS)
            url = f"{self.rig.url}/v1/alerts/webhook"
            async with self.rig.session.post(url, data=body) as answer:
                names.append(str((await answer.json())["incidents"][0]))
        self.one = names[0]
        redis: Any = Redis(unix_socket_path=EmbeddedValkey(self.rig.storage / "valkey").socket_path)
        try:
            await until(lambda: _delivered(redis), 60, "everything is delivered")
            await _copy(redis, names, number - MODELS)
            await until(lambda: _is_quiet(redis), 120, "Valkey has written its file anew")
        finally:
            await redis.aclose()

    async def keep(self, number: int) -> None:
        """Have so many closed incidents kept, of the year before now, as copies of a few."""
        names = []
        for model in range(MODELS):
            for resolved in (False, True):
                body = notification("kept", KEPT + model, ALERTS, resolved=resolved)
                url = f"{self.rig.url}/v1/alerts/webhook"
                async with self.rig.session.post(url, data=body) as answer:
                    names.append(str((await answer.json())["incidents"][0]))
        redis: Any = Redis(unix_socket_path=EmbeddedValkey(self.rig.storage / "valkey").socket_path)
        try:
            await until(lambda: _delivered(redis), 60, "everything is delivered")
            await _copy(redis, list(dict.fromkeys(names)), number - MODELS, closed=True)
            await _answer(redis, number)
            await until(lambda: _is_quiet(redis), 120, "Valkey has written its file anew")
        finally:
            await redis.aclose()


async def _delivered(redis: Any) -> bool:
    return not await redis.zcount(Keys(0).due[Lane.URGENT], 0, int(time.time() * 1000))


async def _is_quiet(redis: Any) -> bool:
    info = await redis.info("persistence")
    return not info["aof_rewrite_in_progress"] and not info["rdb_bgsave_in_progress"]


class _Model(NamedTuple):
    """An incident as it is stored; ``timers``: member of the agenda and due time, by its key."""

    name: str
    record: bytes
    incident: Incident
    timeline: Sequence[bytes]
    receipts: Mapping[bytes, bytes]
    timers: Mapping[str, Mapping[bytes, float]]


async def _models(redis: Any, names: Sequence[str]) -> list[_Model]:
    """Return what is stored of incidents."""
    keys, found = Keys(0), []
    due = {key: await redis.zrange(key, 0, -1, withscores=True) for key in keys.due.values()}
    for name in names:
        record = await redis.get(keys.incident(name))
        own = {
            key: {entry: at for entry, at in entries if entry.startswith(name.encode())}
            for key, entries in due.items()
        }
        found.append(
            _Model(
                name,
                record,
                decode_incident(record, name),
                await redis.lrange(keys.timeline(name), 0, -1),
                await redis.hgetall(keys.receipts(name)),
                {key: entries for key, entries in own.items() if entries},
            )
        )
    return found


async def _copy(redis: Any, names: Sequence[str], number: int, *, closed: bool = False) -> None:
    """Store copies of incidents under ids of their own, as a commit would."""
    models = await _models(redis, names)
    for start in range(0, number, CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for at in range(start, min(start + CHUNK, number)):
            back = at * YEAR_MS // number if closed else 0
            _copy_one(pipeline, models[at % len(models)], at, back, closed=closed)
        await pipeline.execute()


async def _answer(redis: Any, number: int) -> None:
    """Store how they were answered, as commits would: of rules some of which fire far more."""
    chance, today = Random(1), datetime.now(UTC).date()
    weights = [1 / (rule + 1) ** 0.7 for rule in range(RULES)]
    for back in range(DAYS):
        found: Counter[str] = Counter()
        for rule in chance.choices(range(RULES), weights, k=number // DAYS):
            slot, priority = chance.randrange(SLOTS), chance.choice(PRIORITIES)
            of = f"{priority}|team{rule % 10}"
            subject = f"{of}|service{rule % 40}|Rule{rule}"
            found[f"opened|{subject}"] += 1
            found[f"hour|{of}|{slot}"] += 1
            found[f"page|{of}|slack||{slot}"] += 1
            if chance.random() < 0.6:
                took = bucket_of(chance.lognormvariate(5, 1.5))
                found[f"acknowledge|{subject}|human|{took}"] += 1
                found[f"answer|{of}|person{chance.randrange(30)}|{slot}"] += 1
                found[f"deadline|{subject}|acknowledge|{chance.choice(('met', 'missed'))}"] += 1
            took, by = bucket_of(chance.lognormvariate(7, 1.5)), chance.choice(("human", "alone"))
            found[f"resolve|{subject}|{by}|{took}"] += 1
        day = (today - timedelta(days=back)).isoformat()
        await redis.hset(Keys(0).response(day), mapping=found)


def _copy_one(pipeline: Any, model: _Model, at: int, back: int, *, closed: bool) -> None:
    """Store one copy, ``back`` (ms) before its model."""
    keys, digest = Keys(0), f"{'c1' if closed else 'c0'}{at:014x}"
    copy = f"0-{digest}-1"
    old, new = model.name.encode(), copy.encode()
    mark = next(iter(model.incident.alerts))[:8].encode()
    # Alerts that fire in one incident alone, as usual.
    first = (KEPT if closed else FIRST) + MODELS
    record = model.record.replace(old, new).replace(mark, b"%08x" % (first + at))
    if back:
        record = _TIMES.sub(lambda one: b"%b%d" % (one[1], int(one[2]) - back), record)
    pipeline.set(keys.incident(copy), record)
    pipeline.set(keys.group(digest), 1)
    pipeline.rpush(keys.timeline(copy), *model.timeline)
    if model.receipts:
        pipeline.hset(keys.receipts(copy), mapping=model.receipts)
    for key, timers in model.timers.items():
        # A day later: nothing comes due while it is measured.
        later = {entry.replace(old, new): due + DAY_MS for entry, due in timers.items()}
        pipeline.zadd(key, later)
    if closed:
        pipeline.zadd(keys.closed, {copy: model.incident.resolved_at - back})
        return
    pipeline.zadd(keys.open, {copy: open_score(model.incident) + at})
    pipeline.hincrby(keys.active, count_field(model.incident), 1)


@asynccontextmanager
async def running(folder: Path, module: str = "benchmarks.watched") -> AsyncIterator[ManyOpen]:
    """Run the service, with enough configured for a long page of metrics.

    Its witness wakes a thousand times a second: ``receiver`` is the service without.
    """
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
        module,
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
