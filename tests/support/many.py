"""Many incidents in the store at once, without a service around it."""

from collections.abc import Iterable

import msgspec

from receiver.store.commits import Write, Written
from receiver.store.incidents import IncidentStore
from routing.decide import decide
from routing.event import Event
from routing.incident import Incident
from tests.support.builders import GROUP, NOW, alert, received, rules

RULES = rules()
BATCH = 256


def arrival(number: int, priority: str = "P3", shards: int = 1, **more: object) -> Event:
    """A first alert of group ``number``."""
    found = alert(f"f{number}", priority=priority, **more)  # type: ignore[arg-type]
    return msgspec.structs.replace(
        received(found),
        key=f"{number % shards}-{number:016x}",
        group=msgspec.structs.replace(GROUP, group_key=str(number)),
    )


async def open_many(
    store: IncidentStore,
    arrivals: Iterable[Event],
    at: int = NOW,
    apart: int = 1,
    *,
    told: bool = False,
) -> list[Incident]:
    """Commit arrivals, each ``apart`` ms after the one before; return the incidents.

    Unless they are to be ``told``, nothing is put on the agenda: a service tells nobody of them.
    """
    made: list[tuple[int, Write]] = []
    for place, event in enumerate(arrivals):
        decision = decide(None, event, at + place * apart, RULES)
        assert decision.incident is not None
        if not told:
            decision = msgspec.structs.replace(decision, schedule=())
        made.append((store.shard_of(decision.incident.id), Write(decision, pointer=True)))
    for shard in range(len(store.keys)):
        mine = [write for of, write in made if of == shard]
        for start in range(0, len(mine), BATCH):
            results = await store.commit(shard, mine[start : start + BATCH], at)
            assert all(isinstance(result, Written) for result in results)
    return [write.decision.incident for _, write in made if write.decision.incident is not None]


async def happen(store: IncidentStore, incident: Incident, event: Event, at: int = NOW) -> Incident:
    """Commit one event; return the incident as it is then."""
    decision = decide(incident, event, at, RULES)
    shard = store.shard_of(incident.id)
    (result,) = await store.commit(shard, [Write(decision, pointer=False)], at)
    assert isinstance(result, Written)
    assert decision.incident is not None
    return decision.incident
