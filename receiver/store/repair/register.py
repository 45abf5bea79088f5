"""The register of what is stored and cannot be read.

It is put aside: moved out of the way with every byte kept, and entered here, in one step and only
if it is still what was judged. Who finds out what is damaged, and what takes its place, is
``mending``. The register is in Redis, so that every replica says the same of it.
"""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from receiver.store.keys import Keys
from receiver.store.redis import Client, load_script, unavailable_is_503
from receiver.store.script_keys import FIXED, fixed
from routing.alert import Time

log = logging.getLogger("store")

KINDS = ("incident", "group", "timeline", "receipt", "agenda", "index", "figures", "other")
"""What can be damaged; also the value of the metric's label."""
_encode = msgspec.json.Encoder().encode


def wall_ms() -> int:
    """Return the time (ms) of this machine."""
    return int(time.time() * 1000)


class Judged(msgspec.Struct, frozen=True):
    """What was found in a key: its type in Redis ("none": it is missing), a string's bytes."""

    type: str
    raw: bytes = b""


MISSING = Judged("none")


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the register.

    ``key``: where it was; ``kept``: the key that has it now, "" when nothing was there, ``key``
    itself for a line that stays in its list. ``at`` (ms) it was found, ``size`` in bytes (0 unless
    it was a string), ``incident``: whose it is, ``place``: the entry's own name.
    """

    kind: str
    key: str
    at: Time
    why: str
    size: int = 0
    kept: str = ""
    incident: str = ""
    place: str = ""


class Register:
    """What was put aside, of all shards."""

    def __init__(
        self, redis: Client, shards: Sequence[Keys], now: Callable[[], int] = wall_ms
    ) -> None:
        """``now()`` returns the time in ms."""
        self.redis = redis
        self.shards = shards
        self.now = now
        self._key = load_script(redis, "put_aside")
        self._part = load_script(redis, "put_aside_part")

    def entry(
        self, keys: Keys, kind: str, key: str, judged: Judged, why: str, incident: str = ""
    ) -> Found:
        """Return the entry for the whole of a key, to be put aside now."""
        at = self.now()
        place = f"{keys.place(key)}@{at}"
        kept = "" if judged == MISSING else keys.kept(place)
        return Found(kind, key, at, why, len(judged.raw), kept, incident, place)

    async def put_aside(
        self,
        keys: Keys,
        found: Found,
        judged: Judged,
        *,
        instead: bytes = b"",
        job: str = "",
        named_by: tuple[str, str] | None = None,
    ) -> bool:
        """Put the whole of a key aside; False when something else is there by now.

        ``instead`` takes its place, ``job`` is left for ``healing``. ``named_by`` (key of the
        group, generation): an incident's record, which is missed only while something names it.
        """
        group, generation = named_by or ("-", "")
        kept = found.kept or keys.kept(found.place)
        names = fixed("put_aside", keys, key=found.key, kept=kept, group=group)
        args = [judged.type, judged.raw, found.place, _encode(found), instead, job]
        if named_by is None:
            # Nothing else is looked at.
            names = names[: FIXED["put_aside"].index("open")]
        else:
            args += [found.incident, generation]
        async with unavailable_is_503():
            done = await self._key(keys=names, args=args)
        if done:
            _tell(found)
        return bool(done)

    async def put_aside_part(  # noqa: PLR0913 - what was found, and what is to be there instead
        self,
        keys: Keys,
        kind: str,
        key: str,
        part: tuple[str, bytes, bytes],
        why: str,
        *,
        incident: str = "",
        instead: bytes = b"",
        job: str = "",
    ) -> bool:
        """Put a part of a key aside; False when it is another by now.

        ``part``: ``field`` or ``member``, its name, and the bytes that cannot be read.
        """
        sort, name, raw = part
        at = self.now()
        mark = hashlib.blake2b(name, digest_size=6).hexdigest()
        place = f"{keys.place(key)}|{mark}@{at}"
        found = Found(kind, key, at, why, len(raw), keys.kept(place), incident, place)
        async with unavailable_is_503():
            done = await self._part(
                keys=fixed("put_aside_part", keys, key=key, kept=found.kept),
                args=[sort, name, raw, place, _encode(found), instead, job],
            )
        if done:
            _tell(found)
        return bool(done)

    async def note(
        self, keys: Keys, kind: str, key: str, line: tuple[int, bytes], why: str, incident: str = ""
    ) -> None:
        """Enter a line of a list (number, bytes), which stays where it is: its number is in use.

        However often it is read, it is entered once.
        """
        number, raw = line
        place = f"{keys.place(key)}#{number}"
        found = Found(kind, key, self.now(), why, len(raw), key, incident, place)
        async with unavailable_is_503():
            if await self.redis.hsetnx(keys.damaged, place, _encode(found)):
                _tell(found)

    async def listed(self) -> list[Found]:
        """Return all entries, the latest first."""
        entries: list[Found] = []
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            for keys in self.shards:
                pipeline.hgetall(keys.damaged)
            rows = await pipeline.execute(raise_on_error=False)
        for keys, stored in zip(self.shards, rows, strict=True):
            # Of another type itself, it is put aside by the next entry.
            if isinstance(stored, dict):
                entries += [_entry(keys, place, raw) for place, raw in stored.items()]
        return sorted(entries, key=lambda entry: (-entry.at, entry.place))

    async def counts(self) -> dict[str, int]:
        """Return how many entries there are of each kind."""
        return Counter(entry.kind for entry in await self.listed())

    async def discard(self, entry: Found) -> None:
        """Drop an entry with the bytes that were kept of it.

        What took its place stays: an incident's stand-in ends with ``IncidentStore.forget``.
        """
        for keys in self.shards:
            if entry.key.startswith(keys.open.removesuffix("open")):
                async with unavailable_is_503():
                    pipeline = self.redis.pipeline()
                    pipeline.hdel(keys.damaged, entry.place)
                    if entry.kept and entry.kept != entry.key:
                        pipeline.delete(entry.kept)
                    await pipeline.execute()


def _tell(found: Found) -> None:
    log.error(
        "%s cannot be read and was put aside: %s (kept in %s)",
        found.key,
        found.why,
        found.kept or "nothing: it was missing",
        extra={"incident": found.incident} if found.incident else {},
    )


def _entry(keys: Keys, place: bytes, raw: bytes) -> Found:
    """Return an entry; one that cannot be read itself still counts."""
    name = place.decode("utf-8", "backslashreplace")
    try:
        return msgspec.structs.replace(msgspec.json.decode(raw, type=Found), place=name)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Found("other", keys.damaged, 0, "this entry cannot be read itself", place=name)
