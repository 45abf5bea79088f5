"""A fence in each commit: by it a process sees that a server has forgotten what it acknowledged.

Each commit writes the number that it is of its process (see ``commit_decisions.lua``), and returns
the one that was there: lower than the last one that was acknowledged, what lies between is lost.
Numbers are of one process, so that nobody else's commits hide what was lost; a process that begins
has none to compare with. Where the mark of the data is another one, all of it was replaced.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import ResponseError

from receiver.store.keys import Keys
from receiver.store.redis import Client, unavailable_is_503

OPEN_MAX = 1_000
"""How many commits without an answer are remembered, so that none of them is told as lost."""
MEANT_MS = 12 * 3_600_000
"""For so long a number is compared: what nobody raised for a day may be removed."""


class Loss(NamedTuple):
    """A server does not have what it acknowledged to this process.

    ``commits``: how many that are; 0 where all of the shard's data is other data than before.
    """

    shard: int
    commits: int


class Call(NamedTuple):
    """What a commit says: its number (0 for one that need not last), and what has to be there."""

    number: int
    floor: int
    era: int


class _Known(msgspec.Struct):
    """What this process knows of a shard. ``at``: of the last one acknowledged (ms).

    ``open``: numbers without an answer, of which nobody was told that they are durable.
    """

    data: bytes = b""
    sent: int = 0
    acknowledged: int = 0
    at: int = 0
    era: int = 0
    open: set[int] = msgspec.field(default_factory=set)


class Fence:
    """The numbers of this process, and what servers say of them."""

    def __init__(self, redis: Client, shards: Sequence[Keys], now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms."""
        self._redis = redis
        self._now = now
        self._known = {keys: _Known() for keys in shards}
        self.process = uuid.uuid4().hex[:12]
        self.on_loss: Callable[[Loss], None] = lambda _loss: None
        """Called once for each loss."""

    def begin(self, keys: Keys, *, lasts: bool = True) -> Call:
        """Return what the next commit of a shard says; ``lasts``: it is missed when it is lost."""
        known = self._known[keys]
        meant = self._now() - known.at < MEANT_MS
        floor = known.acknowledged if meant else 0
        if not lasts:
            return Call(0, floor, known.era)
        known.sent += 1
        known.open.add(known.sent)
        if len(known.open) > OPEN_MAX:
            known.open.discard(min(known.open))
        return Call(known.sent, floor, known.era)

    def answered(self, keys: Keys, call: Call, answer: Sequence[Any]) -> None:
        """Take what a server had: the mark of its data, and the number before a commit."""
        known = self._known[keys]
        # What was said before a loss was seen says the same loss again.
        if call.era == known.era:
            self._compare(keys, known, call.floor, bytes(answer[0]), int(answer[1]))

    def acknowledged(self, keys: Keys, call: Call) -> None:
        """Note that a commit counts as durable."""
        known = self._known[keys]
        known.open.discard(call.number)
        if call.era == known.era and call.number > known.acknowledged:
            known.acknowledged, known.at = call.number, self._now()

    def forget(self, keys: Keys) -> None:
        """Compare with nothing that was: what the server had of it was put aside."""
        known = self._known[keys]
        known.data, known.acknowledged, known.era = b"", 0, known.era + 1

    async def look(self) -> None:
        """Ask all servers, also where nothing is committed just now. StoreUnavailableError."""
        calls = {
            keys: self.begin(keys, lasts=False)
            for keys, known in self._known.items()
            if known.acknowledged
        }
        if not calls:
            return
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            for keys in calls:
                pipeline.hmget(keys.fence, "data", self.process)
            answers = await pipeline.execute(raise_on_error=False)
            for (keys, call), found in zip(calls.items(), answers, strict=True):
                if not isinstance(found, Exception):
                    data, raw = found
                    self.answered(keys, call, (data or b"", _number(raw, call.floor)))
                elif not isinstance(found, ResponseError):
                    raise found

    def _compare(self, keys: Keys, known: _Known, floor: int, data: bytes, was: int) -> None:
        first, known.data = not known.data, known.data or data
        if data != known.data:
            loss = Loss(keys.shard, 0)
            known.data = data
        elif was < floor and not first:
            last = known.acknowledged
            unsaid = sum(was < number <= last for number in known.open)
            loss = Loss(keys.shard, last - was - unsaid)
        else:
            return
        known.acknowledged, known.era = 0, known.era + 1
        known.open.clear()
        self.on_loss(loss)


def _number(raw: bytes | None, floor: int) -> int:
    """Return what is there; what cannot be read says nothing, as in the script."""
    number = (raw or b"0").partition(b"|")[0]
    return int(number) if number.isdigit() else floor
