"""Which server of a Cluster has which keys: asked of its servers, again and again.

Whoever answers is asked first from then on; one that does not, or whose answer is followed by
commands that fail, goes to the end. https://redis.io/docs/latest/commands/cluster-slots/
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    NoPermissionError,
    RedisError,
    ResponseError,
)

from receiver.aio.background import end
from receiver.errors import ConfigError
from receiver.store.server.addresses import Place

log = logging.getLogger("app")

SLOTS = 16_384
ASKED_EVERY_S, AGAIN_S = 0.5, 0.1
"""How often while nothing fails, as a server that hung and comes back takes writes of ours until
it is seen that another one took over; and how soon after a command has failed."""
_NO_CLUSTER = "cluster support disabled"


class Slots(msgspec.Struct, frozen=True):
    """A map: from each of ``starts`` up to its end the slots are of one primary, in order."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    primaries: tuple[Place, ...]
    servers: tuple[Place, ...]
    """All that it names, primaries first."""

    def of(self, slot: int) -> Place | None:
        """Return whose a slot is, None for one that nobody has."""
        at = bisect_right(self.starts, slot) - 1
        return self.primaries[at] if at >= 0 and slot <= self.ends[at] else None

    def missing(self) -> int:
        """Return how many slots nobody has."""
        held = sum(last - first + 1 for first, last in zip(self.starts, self.ends, strict=True))
        return SLOTS - held


def read_slots(answer: Iterable[Sequence[Any]], asked: Place) -> Slots:
    """Return what CLUSTER SLOTS said; a server without an address has the one that was asked."""
    rows = []
    replicas: list[Place] = []
    for first, last, *servers in answer:
        places = [_place(one, asked) for one in servers]
        if places:
            rows.append((int(first), int(last), places[0]))
            replicas += places[1:]
    rows.sort()
    primaries = tuple(place for _, _, place in rows)
    return Slots(
        tuple(first for first, _, _ in rows),
        tuple(last for _, last, _ in rows),
        primaries,
        tuple(dict.fromkeys((*primaries, *replicas))),
    )


def _place(server: Sequence[Any], asked: Place) -> Place:
    host = server[0]
    text = host.decode() if isinstance(host, bytes) else host or ""
    return (text if text not in ("", "?") else asked[0], int(server[1]))


class ClusterMap:
    """The newest map, and who asks for the next one."""

    def __init__(
        self, seeds: Sequence[Place], ask: Callable[[Place], Any], changed: Callable[[], None]
    ) -> None:
        """``ask``: returns a client of a server; ``changed`` is called when the map is another."""
        self._seeds = tuple(seeds)
        self._order = list(seeds)
        self._client = ask
        self._changed = changed
        self._asked: dict[Place, Any] = {}
        self._slots: Slots | None = None
        self._moved: dict[int, Place] = {}
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def primaries(self) -> list[Place]:
        """Who has slots; [] before anybody was asked."""
        named = self._slots.primaries if self._slots else ()
        return list(dict.fromkeys((*named, *self._moved.values())))

    def of(self, slot: int) -> Place | None:
        """Return whose a slot is as far as it is known."""
        found = self._moved.get(slot)
        return found or (self._slots.of(slot) if self._slots else None)

    async def known(self) -> None:
        """Have a map. ConnectionError while nobody answers, ConfigError where nobody ever will."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        if self._slots is None:
            async with self._lock:
                if self._slots is None:
                    await self._ask()

    async def whole(self) -> None:
        """Have a map that has all slots; ClusterDownError for one that has not."""
        await self.known()
        missing = self._slots.missing() if self._slots else SLOTS
        if missing:
            self.doubt()
            raise ClusterDownError(f"{missing} of its {SLOTS} slots are no server's")

    def moved(self, slot: int, place: Place) -> None:
        """Note what the former server of a slot says."""
        self._moved[slot] = place
        self._wake.set()

    def doubt(self) -> None:
        """Ask soon, and somebody else first: a command has failed."""
        if self._order and not self._wake.is_set():
            self._order.append(self._order.pop(0))
            self._wake.set()

    async def stop(self) -> None:
        """Ask nobody any more; somebody's asking is waited for, or its connection would stay."""
        await end([self._task])
        async with self._lock:
            self._order.clear()
            for client in self._asked.values():
                await client.aclose(close_connection_pool=True)

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), ASKED_EVERY_S)
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(AGAIN_S)
            self._wake.clear()
            try:
                async with self._lock:
                    await self._ask()
            except (RedisError, OSError, TimeoutError, ConfigError) as error:
                log.debug("nobody says which server of the Cluster has what: %s", error)
            except Exception:
                log.exception("the Cluster's map could not be read")

    async def _ask(self) -> None:
        """Take the map of the first server that answers."""
        failed: Exception | None = None
        for place in tuple(self._order):
            if place not in self._asked:
                self._asked[place] = self._client(place)
            noted = dict(self._moved)
            try:
                answer = await self._asked[place].execute_command("CLUSTER", "SLOTS")
                found = read_slots(answer, place)
            except (RedisError, OSError, TimeoutError) as error:
                failed = error
                self._order.remove(place)
                self._order.append(place)
                continue
            if found.starts:
                await self._take(found, place, noted)
                return
            failed = ClusterDownError("no server has any slot")
        raise _refused(failed) from failed

    async def _take(self, found: Slots, place: Place, noted: dict[int, Place]) -> None:
        # What was said of a slot while this was asked may be newer.
        self._moved = {
            slot: place for slot, place in self._moved.items() if noted.get(slot) != place
        }
        if found != self._slots:
            if self._slots is not None:
                log.info("the Cluster's primaries are %s", _shown(found.primaries))
            self._slots = found
            # Replicas too, as one of them may be the only one that is left to ask.
            self._order = list(dict.fromkeys((place, *found.servers, *self._seeds)))
            for other in [one for one in self._asked if one not in self._order]:
                await self._asked.pop(other).aclose(close_connection_pool=True)
        self._changed()


def _refused(failed: Exception | None) -> Exception:
    """Return what to raise when nobody has answered; ConfigError where waiting mends nothing."""
    if failed is None:
        return ConnectionError("the connection to the Cluster is closed")
    words = str(failed)
    if isinstance(failed, NoPermissionError):
        return ConfigError(f"redis.url: permit its user +cluster|slots ({words})")
    if isinstance(failed, ResponseError) and _NO_CLUSTER in words:
        return ConfigError(
            "redis.url: that server is no part of a Cluster: write redis://HOST:PORT"
        )
    if isinstance(failed, RedisError):
        return failed
    return ConnectionError(words or type(failed).__name__)


def _shown(places: Iterable[Place]) -> str:
    return ", ".join(f"{host}:{port}" for host, port in dict.fromkeys(places))
