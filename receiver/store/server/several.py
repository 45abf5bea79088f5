"""What the servers of a store say together: one, or each primary of a Cluster."""

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.redis import Client, primaries, unavailable_is_503
from receiver.store.server.durability import Durability, Judge, Level, ServerFacts, read_facts

_FROM_BEST = (
    *(Level.EVERY_WRITE, Level.ASSURED, Level.ONE_COPY, Level.EVERY_SECOND),
    *(Level.ACCEPTED_LOSS, Level.REFUSED),
)


class Said(msgspec.Struct, frozen=True):
    """What each server says, by its address ("" for one alone); ``silent``: why others do not."""

    facts: Mapping[str, ServerFacts] = {}
    silent: str = ""

    @property
    def used(self) -> int:
        """Return the bytes that all of them use."""
        return sum(one.used for one in self.facts.values())

    @property
    def limit(self) -> int:
        """Return what all of them may use, 0 where one has no limit."""
        limits = [one.limit for one in self.facts.values()]
        return sum(limits) if all(limits) else 0

    @property
    def fullest(self) -> tuple[str, ServerFacts]:
        """Return the one that has used most of what it may."""
        facts = self.facts.items() or [("", ServerFacts())]
        return max(facts, key=lambda one: one[1].used / one[1].limit if one[1].limit else 0)


async def ask_all(redis: Client) -> Said:
    """Ask every server at once; one that is away keeps nobody from the others' answers."""
    try:
        async with unavailable_is_503():
            servers = await primaries(redis)
    except StoreUnavailableError as error:
        return Said({}, str(error))
    asked = (read_facts(client) for _, client in servers)
    found = await asyncio.gather(*asked, return_exceptions=True)
    facts: dict[str, ServerFacts] = {}
    silent = ""
    for (name, _), answer in zip(servers, found, strict=True):
        if isinstance(answer, ServerFacts):
            facts[name] = answer
        elif isinstance(answer, StoreUnavailableError):
            silent = str(answer)
        else:
            raise answer
    return Said(facts, silent)


class Judges:
    """A judge for each server."""

    def __init__(
        self, *, accept_loss: bool = False, assured: bool = False, takeover: bool = False
    ) -> None:
        """See ``judge``."""
        self._new = partial(Judge, accept_loss=accept_loss, assured=assured, takeover=takeover)
        self._judges: dict[str, Judge] = {}

    def judge(self, facts: Mapping[str, ServerFacts]) -> Durability:
        """Return the verdict on what servers say now, by address: the worst of them."""
        for name in facts:
            self._judges.setdefault(name, self._new())
        return worst({name: self._judges[name].judge(one) for name, one in facts.items()})


def worst(found: Mapping[str, Durability]) -> Durability:
    """Return the worst of verdicts by address; what is so of some servers alone names them."""
    level = max((one.level for one in found.values()), key=_FROM_BEST.index)
    of = {name: one for name, one in found.items() if one.level is level}
    first = next(iter(of.values()))
    alike = [name for name, one in of.items() if one.problem == first.problem]
    if not first.problem or len(alike) == len(found):
        return first
    return msgspec.structs.replace(first, problem=f"{', '.join(alike)}: {first.problem}")
