"""Which data this is: refused at the start unless this release and configuration can work on it."""

import logging
import re

from receiver.errors import StoreUnavailableError
from receiver.store.keys import KEPT, LAYOUT, PREFIX
from receiver.store.redis import Client, unavailable_is_503
from routing.group import Shards, is_kept, shard_of, split_id

log = logging.getLogger("store")

VERSION = KEEPING = 2
"""Of the layout as a whole: which keys there are, and what each is for. ``im:layout`` holds the
number of shards, then, from version 2 on, a space and the version. What only adds to it has no
version of its own; a record has one (``routing.incident.SCHEMA``). Of version 2 (``KEEPING``) is
data that was given more shards later: ``im:kept`` belongs to it. All else is of version 1."""
_STORED = re.compile(rb"(\d{1,6})(?: (\d{1,6})\b.*)?", re.DOTALL).fullmatch
RESTORING = b"restoring"
"""What ``im:layout`` says while a backup is being restored: nobody may work on half of it."""
UNREADABLE = f"{{{LAYOUT}}}:unreadable"
"""Where it is kept when it cannot be read: in the slot it has, as it is renamed to it."""
HALF_RESTORED = (
    "a backup is being restored, or its restore broke off: let it end, or run"
    " incident-manager store restore again"
)
_RESHARD = "incident-manager store reshard"
SCANNED = 5_000


async def check_layout(redis: Client, shards: int) -> bytes:
    """Refuse data of a newer release, or of another number of shards.

    Returns which groups stay where they began, as ``Shards`` takes it. StoreUnavailableError says
    what is wrong and what to do. A layout that cannot be read is found out from the incidents.
    """
    async with unavailable_is_503():
        # A server whose memory is full refuses even what would change nothing.
        if not await redis.exists(LAYOUT):
            await redis.set(LAYOUT, str(shards), nx=True)
        is_text = await redis.type(LAYOUT) == b"string"
        raw = (await redis.get(LAYOUT) or b"") if is_text else b""
    if raw == RESTORING:
        raise StoreUnavailableError(HALF_RESTORED)
    stored = _STORED(raw)
    if stored is None:
        return await _find_out(redis, shards, raw)
    version = int(stored[2] or 1)
    if version > VERSION:
        raise StoreUnavailableError(
            f"this data was written by a newer release (layout {version}, this one knows "
            f"{VERSION}): start that release, or this one on data of its own"
        )
    if int(stored[1]) != shards:
        raise StoreUnavailableError(
            f"this data was written with redis.shards: {int(stored[1])}, the configuration says "
            f"{shards}; set it back to {int(stored[1])}"
            + (f", or {_RESHARD} {shards} first" if shards > int(stored[1]) else "")
        )
    return await _kept(redis, shards) if version == KEEPING else b""


async def _kept(redis: Client, shards: int) -> bytes:
    """Return what ``store reshard`` has written; StoreUnavailableError where it cannot be read."""
    async with unavailable_is_503():
        is_text = await redis.type(KEPT) == b"string"
        raw: bytes | None = await redis.get(KEPT) if is_text else None
    if raw is None or not is_kept(raw, shards):
        raise StoreUnavailableError(
            f"{KEPT} says which groups stay on their shard, and cannot be read: {_RESHARD} {shards}"
            " makes it anew"
        )
    return raw


async def _find_out(redis: Client, shards: int, raw: bytes) -> bytes:
    """Write the layout anew when every incident is where the configuration would have it."""
    words = f"{LAYOUT} says {raw[:40]!r}, which is no number of shards"
    async with unavailable_is_503():
        resharded = bool(await redis.exists(KEPT))
    kept = await _kept(redis, shards) if resharded else b""
    known = Shards(shards, kept)
    async with unavailable_is_503():
        async for key in redis.scan_iter(match=f"{PREFIX}:{{*}}:i:*", count=SCANNED):
            if not _is_in_place(key, known):
                raise StoreUnavailableError(
                    f"{words}, and {key!r} is not of redis.shards: {shards};"
                    " set redis.shards to what it was"
                )
        await redis.rename(LAYOUT, UNREADABLE)
        await redis.set(LAYOUT, f"{shards} {KEEPING}" if resharded else str(shards))
    log.error("%s; every incident is of redis.shards: %d, and so it says that again", words, shards)
    return kept


def _is_in_place(key: bytes, shards: Shards) -> bool:
    try:
        shard, digest, _ = split_id(key.rpartition(b":")[2].decode("ascii"))
    except ValueError:
        return True  # It is no incident, and says nothing of where one is.
    return shard == shard_of(digest, shards) and f"{{{shard}}}".encode() in key
