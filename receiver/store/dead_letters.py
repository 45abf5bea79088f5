"""Dead letters: what was sent, could be parsed, and still was no alert. Kept to be sent again."""

import hashlib
from typing import Any, NamedTuple, TypedDict

import msgspec

from receiver.incident_shapes import When
from receiver.store.keys import Keys
from receiver.store.records.record import SHOWN, UNREADABLE, said
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from receiver.text.times import rfc3339
from routing.alert import Time

KEPT = 1_000
"""The newest so many are kept."""
AT_ONCE = 100
"""So many are read at once where one is looked for."""
ALERTS = "alerts"
"""The door of notifications, whose letters can be sent again."""
BEGINNING = 4_096
"""Characters of what was sent that a list shows."""
_encoder = msgspec.json.Encoder()


class Around(msgspec.Struct, frozen=True):
    """What a notification said beside the alert that is put aside: it makes the alert's group."""

    receiver: str
    group_key: str
    group_labels: dict[str, str]
    external_url: str
    source: str
    alone: bool = False
    """No other alert of it could be read: what is made of its alerts is made of this one."""


class DeadLetter(msgspec.Struct, frozen=True):
    """One thing put aside: when (ms), why, where in the request, and what it was.

    ``cut``: ``raw`` is only its beginning. ``door``: where it came in, "" where nobody knows.
    ``sent_by``: the credential and the address. ``around``: of an alert, the rest of its
    notification; ``taken``: the alert was, but for what the reason names.
    """

    at: Time
    reason: str
    place: str
    raw: str
    sender: str = ""
    cut: bool = False
    door: str = ""
    cluster: str = ""
    sent_by: str = ""
    around: Around | None = None
    taken: bool = False


class Kept(NamedTuple):
    """A letter as it is in the list; ``id`` is made of what is stored."""

    id: str
    letter: DeadLetter
    line: bytes


class Letter(TypedDict):
    """What was sent and was no alert; ``raw``: its beginning in a list.

    ``cut``: not all of ``raw`` is there; ``again``: why it cannot be sent again as it is, "" if it
    can. ``taken``: of this alert the rest was taken.
    """

    id: str
    at: When
    reason: str
    place: str
    sender: str
    sent_by: str
    cluster: str
    group_key: str
    raw: str
    cut: bool
    taken: bool
    again: str


class Letters(TypedDict):
    """Newest first; ``total``: how many are kept."""

    dead_letters: list[Letter]
    total: int


def as_json(kept: Kept, most: int = 0) -> Letter:
    """Return a letter for programs; ``most``: characters of ``raw``, 0 for all there are."""
    letter = kept.letter
    shown = letter.raw[:most] if most else letter.raw
    return {
        "id": kept.id,
        "at": rfc3339(letter.at),
        "reason": letter.reason,
        "place": letter.place,
        "sender": letter.sender,
        "sent_by": letter.sent_by,
        "cluster": letter.cluster,
        "group_key": letter.around.group_key if letter.around else "",
        "raw": shown,
        "cut": letter.cut or len(shown) < len(letter.raw),
        "taken": letter.taken,
        "again": why_not(letter),
    }


def why_not(letter: DeadLetter) -> str:
    """Return why a letter cannot be sent again as it is kept, "" if it can."""
    if letter.door != ALERTS:
        return "it is not known to be a notification of alerts"
    if letter.cut or not letter.raw:
        return "only its beginning is kept: send it mended, as a whole"
    if letter.taken:
        return "the alert was taken, but for what the reason names: send it mended"
    return ""


class DeadLetterStore:
    """The list of dead letters, newest first."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._keys = Keys(0)
        self._key = self._keys.dead
        self._mending = Mending(redis, [self._keys])

    async def push(self, letters: list[DeadLetter]) -> None:
        """Keep letters durably; StoreUnavailableError when that fails."""
        async with unavailable_is_503():
            await mended(lambda: self._push(letters), self._mend)

    async def _push(self, letters: list[DeadLetter]) -> None:
        pipeline = self._redis.pipeline()
        pipeline.lpush(self._key, *[_encoder.encode(letter) for letter in letters])
        pipeline.ltrim(self._key, 0, KEPT - 1)
        await pipeline.execute()

    async def _mend(self) -> None:
        await self._mending.of_type(self._keys, self._key, "list")

    async def newest(self, limit: int) -> list[Kept]:
        """Return up to ``limit`` letters, newest first; one that cannot be read says so itself."""
        return await self._between(0, limit - 1) if limit > 0 else []

    async def count(self) -> int:
        """Return how many there are."""
        async with unavailable_is_503():
            return int(await mended(lambda: self._redis.llen(self._key), self._mend))

    async def find(self, name: str) -> Kept | None:
        """Return the letter with this id, None where there is none (any more)."""
        for start in range(0, KEPT, AT_ONCE):
            rows = await self._between(start, start + AT_ONCE - 1)
            found = next((one for one in rows if one.id == name), None)
            if found is not None or len(rows) < AT_ONCE:
                return found
        return None

    async def remove(self, letter: Kept) -> bool:
        """Take a letter off the list; False: somebody did before."""
        async with unavailable_is_503():
            return bool(await mended(lambda: self._remove(letter), self._mend))

    async def _remove(self, letter: Kept) -> Any:
        return await self._redis.lrem(self._key, 1, letter.line)

    async def _between(self, first: int, last: int) -> list[Kept]:
        async with unavailable_is_503():
            lines: list[bytes] = await mended(
                lambda: self._redis.lrange(self._key, first, last), self._mend
            )
        return [Kept(_name(line), _letter(line), line) for line in lines]


def _name(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=6).hexdigest()


def _letter(line: bytes) -> DeadLetter:
    try:
        return msgspec.json.decode(line, type=DeadLetter)
    except UNREADABLE as error:
        raw = line[:SHOWN].decode("utf-8", "backslashreplace")
        return DeadLetter(0, f"this dead letter cannot be read: {said(error)}", "", raw, cut=True)
