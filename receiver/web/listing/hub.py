"""What changes while lists are open: looked for once, made ready once, sent to each of them.

However many tabs are open, a process asks Redis once a ``TICK_S`` whether anything changed, reads
what did, and makes it ready once for each kind of list; a tab costs a write.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from receiver.aio.background import end
from receiver.aio.off_the_loop import read_off_the_loop
from receiver.errors import StoreUnavailableError
from receiver.store.feed import Feed
from receiver.store.lists.query import Query
from routing.incident import Incident

log = logging.getLogger("web")

TICK_S = 0.35
BEAT_S = 10.0
"""How often an open list hears that it is true, whatever happens: after two and a half of these
without a word it says that the connection is lost."""
MOST_ROWS = 150
"""Rows told one by one; of more at once each list is read anew."""
BEHIND = 8
"""Messages that wait for a tab; one that is further behind begins again."""
CHUNK = 32


class Store(Protocol):
    """What is read of the store."""

    async def read(self, names: Iterable[str]) -> dict[str, Incident]:
        """Return what is stored of incidents."""


class Kind(NamedTuple):
    """Lists that show the same of the same: one message is for all of them.

    ``form``: json or rows; ``responds``: with buttons; ``own``: the address it is shown under.
    """

    query: Query
    form: str
    responds: bool
    own: str


class Change(NamedTuple):
    """An incident that changed, None for one that is gone."""

    id: str
    incident: Incident | None


Show = Callable[[Kind, Sequence[Change]], list[object]]
Counts = Callable[[], Awaitable[dict[str, int]]]


class Listener:
    """An open list: messages that wait to be sent to it."""

    __slots__ = ("kind", "lost", "messages", "wake")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.messages: list[bytes] = []
        self.wake = asyncio.Event()
        self.lost = False
        """True: it has to begin again."""

    def tell(self, message: bytes) -> None:
        """Add a message, or give up one that does not read."""
        if len(self.messages) >= BEHIND:
            self.lost = True
        else:
            self.messages.append(message)
        self.wake.set()


class Hub:
    """All open lists of this process."""

    def __init__(
        self, feed: Feed, store: Store, show: Show, counts: Counts, stamp: Callable[[], str]
    ) -> None:
        """``show(kind, changes)``: rows of a message; ``counts()``: numbers around a list.

        ``stamp()``: the time, as text.
        """
        self._feed = feed
        self._store = store
        self._show = show
        self._counts = counts
        self._stamp = stamp
        self._listeners: dict[Listener, None] = {}
        self._position = ""
        self._task: asyncio.Task[None] | None = None
        self.closing = False

    def __len__(self) -> int:
        return len(self._listeners)

    async def position(self) -> str:
        """Return where a list that is read from now on goes on from. StoreUnavailableError."""
        return await self._feed.now()

    async def join(self, kind: Kind, position: str) -> Listener:
        """Return a listener that is told everything since ``position``. StoreUnavailableError."""
        listener = Listener(kind)
        if self._task is None:
            self._position = await self._feed.now()
        self._listeners[listener] = None
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            changed = await self._feed.since(position) if position else None
            if changed is None or (changed.whole and not changed.ids):
                listener.tell(self._beat())
            elif not changed.whole or len(changed.ids) > MOST_ROWS:
                listener.tell(self._message("anew", changed.position, {}))
            else:
                changes = await self._changes(changed.ids)
                listener.tell(await self._rows(kind, changes, changed.position))
        except BaseException:
            await self.leave(listener)
            raise
        return listener

    async def leave(self, listener: Listener) -> None:
        """Forget a listener; without any nothing is looked for."""
        self._listeners.pop(listener, None)
        if not self._listeners and self._task is not None:
            task, self._task = self._task, None
            await end([task])

    async def close(self) -> None:
        """End all of them: the service stops."""
        self.closing = True
        for listener in list(self._listeners):
            listener.lost = True
            listener.wake.set()
        if self._task is not None:
            task, self._task = self._task, None
            await end([task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        beat = loop.time() + BEAT_S
        while True:
            await asyncio.sleep(TICK_S)
            try:
                told = await self._look()
            except StoreUnavailableError as error:
                # No word to anybody: what they show is not known to be true.
                log.debug("changes are not known: %s", error)
                continue
            except Exception:
                log.exception("changes could not be told")
                await asyncio.sleep(BEAT_S)
                continue
            if told:
                beat = loop.time() + BEAT_S
            elif loop.time() >= beat:
                beat = loop.time() + BEAT_S
                message = self._beat()
                for listener in list(self._listeners):
                    listener.tell(message)

    async def _look(self) -> bool:
        """Tell what changed since the last look; return whether anything did."""
        changed = await self._feed.since(self._position)
        if changed.position == self._position:
            return False
        if not changed.whole or len(changed.ids) > MOST_ROWS:
            message = self._message("anew", changed.position, {})
            for listener in list(self._listeners):
                listener.tell(message)
        else:
            changes = await self._changes(changed.ids)
            made: dict[tuple[object, ...], bytes] = {}
            counts = await self._counts()
            for listener in list(self._listeners):
                key = _key(listener.kind)
                if key not in made:
                    made[key] = await self._rows(listener.kind, changes, changed.position, counts)
                listener.tell(made[key])
        self._position = changed.position
        return True

    async def _changes(self, names: Sequence[str]) -> list[Change]:
        found: list[Change] = []
        for start in range(0, len(names), CHUNK):
            some = names[start : start + CHUNK]
            records = await self._store.read(some)
            found += [Change(name, records.get(name)) for name in some]
        return found

    async def _rows(
        self,
        kind: Kind,
        changes: Sequence[Change],
        position: str,
        counts: dict[str, int] | None = None,
    ) -> bytes:
        counts = await self._counts() if counts is None else counts
        rows = await read_off_the_loop(lambda: self._show(kind, changes))
        return self._message("rows", position, {"rows": rows, "counts": counts})

    def _beat(self) -> bytes:
        return self._message("beat", self._position, {})

    def _message(self, event: str, position: str, body: dict[str, object]) -> bytes:
        data = msgspec.json.encode({"at": self._stamp(), **body})
        return b"event: %b\nid: %b\ndata: %b\n\n" % (event.encode(), position.encode(), data)


def _key(kind: Kind) -> tuple[object, ...]:
    """Return what is the same for lists that show the same."""
    query = kind.query
    times = query.after // 60_000, query.before // 60_000
    return (*query.parameters(), query.person, *times, kind.form, kind.responds, kind.own)
