"""A commit that changes nothing: by the script of all commits, waiting for as many replicas."""

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.commits import Write, Written
from receiver.store.incidents import IncidentStore
from receiver.store.redis import unavailable_is_503
from routing.decision import Decision
from routing.group import Group
from routing.incident import Incident
from routing.vocabulary import Reason

NOBODY = "0" * 16
"""Stands for the digest of a group; no group is as likely to have it as any other."""
FILLING = "-" * 1_500
"""A probe writes about as much as a webhook that opens an incident: what has no room for the one
must have none for the other."""


async def probe(store: IncidentStore, shard: int, now: int) -> None:
    """Commit as webhooks do, and leave nothing behind; StoreUnavailableError when that fails.

    One batch writes a record and forgets it, so that no index, list or figure ever has it.
    """
    results = await store.commit(shard, writes(shard), now, lasts=False)
    if not all(isinstance(result, Written) for result in results):
        # A script that broke off between the two left the record, and would for ever.
        async with unavailable_is_503():
            await store.redis.delete(store.keys[shard].incident(_name(shard)))
        raise StoreUnavailableError("the record of an earlier probe was in the way; it is removed")


def writes(shard: int) -> list[Write]:
    """Return what is written and what forgets it."""
    group = Group(cluster="", receiver="", group_key="probe")
    record = Incident(id=_name(shard), group=group, state="tombstone", version=1, title=FILLING)
    gone = msgspec.structs.replace(record, version=2, title="")
    return [
        Write(Decision(Reason.PROBE, None, record, changed=True), pointer=False),
        Write(Decision(Reason.PROBE, record, gone, changed=True, forget=True), pointer=False),
    ]


def _name(shard: int) -> str:
    return f"{shard}-{NOBODY}-1"
