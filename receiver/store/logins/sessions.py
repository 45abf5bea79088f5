"""Sessions of people who logged in, and what a browser that logged in before is known by.

Whatever a browser holds is stored as a hash: whoever reads Redis, or a backup of it, can log in as
nobody. ``im:session:<digest>`` is the session as JSON and ends with its limits; of each person
``im:sessions:<digest of the name>`` has the digests of all by their end. What cannot be read is no
session. A session and its person's list may be on two servers of a Cluster: what is written first
does no harm without the second.
"""

import hashlib
from collections.abc import Callable, Iterable

import msgspec
from redis.exceptions import ResponseError

from receiver.store.keys import callback_key, device_key, session_key, sessions_key
from receiver.store.redis import Client, unavailable_is_503
from routing.alert import Time

OF_ONE_MOST = 50
"""Sessions of one person; the one that ends first makes room."""
DEVICE_KEPT_MS = 180 * 86_400_000


class LoginSession(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who logged in, how (``method``) and from where; times in ms.

    ``proof``: what the login rested on, so that it ends with that; ``groups``: as the provider of
    a single sign-on gave them; ``until``: when it ends, however much it is used.
    """

    name: str
    method: str
    created: Time
    seen: Time
    until: Time
    proof: str = ""
    groups: tuple[str, ...] = ()
    agent: str = ""
    address: str = ""


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(LoginSession).decode


def digest_of(secret: str) -> str:
    """Return what something that only a browser holds is stored under."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class SessionStore:
    """All sessions; each replica sees what another did at once."""

    def __init__(
        self,
        redis: Client,
        key_of: Callable[[str], str] = session_key,
        list_of: Callable[[str], str] = sessions_key,
    ) -> None:
        """``key_of(digest)``: where one is kept, ``list_of(person)``: where theirs are listed."""
        self._redis = redis
        self._key_of = key_of
        self._list_of = list_of

    async def begin(self, digest: str, session: LoginSession, kept: int) -> None:
        """Store a new session for ``kept`` ms of idleness. StoreUnavailableError."""
        own = self._list_of(digest_of(session.name))
        async with unavailable_is_503():
            if await self._redis.type(own) not in (b"zset", b"none"):
                await self._redis.unlink(own)
            # The list lasts as long as the longest of them.
            left = max(1, session.until - session.seen, await self._redis.pttl(own))
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.zadd(own, {digest: session.until})
            pipeline.zremrangebyscore(own, "-inf", session.seen)
            pipeline.zcard(own)
            pipeline.pexpire(own, left)
            *_, number, _ = await pipeline.execute()
            # Listed first: one that nobody sees could not be ended by whoever it is of.
            await self._redis.set(self._key_of(digest), _encode(session), px=kept)
            if number > OF_ONE_MOST:
                first = await self._redis.zpopmin(own, number - OF_ONE_MOST)
                await self._unlink(one.decode() for one, _ in first)

    async def find(self, digest: str) -> LoginSession | None:
        """Return a session, None for none. StoreUnavailableError."""
        async with unavailable_is_503():
            try:
                return _read(await self._redis.get(self._key_of(digest)))
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                return None

    async def used(self, digest: str, session: LoginSession, kept: int) -> None:
        """Remember that a session was used; one that was ended meanwhile stays ended."""
        async with unavailable_is_503():
            await self._redis.set(self._key_of(digest), _encode(session), px=kept, xx=True)

    async def of(self, name: str) -> dict[str, LoginSession]:
        """Return a person's sessions by digest, the one used last first."""
        own = self._list_of(digest_of(name))
        async with unavailable_is_503():
            if await self._redis.type(own) != b"zset":
                return {}
            digests = [
                raw.decode("ascii", "replace") for raw in await self._redis.zrange(own, 0, -1)
            ]
            pipeline = self._redis.pipeline(transaction=False)
            for one in digests:
                pipeline.get(self._key_of(one))
            rows = await pipeline.execute(raise_on_error=False)
        found = {one: _read(raw) for one, raw in zip(digests, rows, strict=True)}
        known = {one: session for one, session in found.items() if session and session.name == name}
        return dict(sorted(known.items(), key=lambda pair: -pair[1].seen))

    async def end(self, name: str, *, only: str = "", but: str = "") -> int:
        """End a person's sessions (``only`` one, or all ``but`` one); return how many there were.

        A digest of somebody else's session ends nothing.
        """
        ended = [one for one in await self.of(name) if one != but and only in ("", one)]
        if ended:
            async with unavailable_is_503():
                await self._unlink(ended)
                await self._redis.zrem(self._list_of(digest_of(name)), *ended)
        return len(ended)

    async def _unlink(self, digests: Iterable[str]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for one in digests:
            pipeline.unlink(self._key_of(one))
        await pipeline.execute()

    async def is_first(self, state: str, kept: int) -> bool:
        """Return whether a login of a single sign-on ends for the first time within ``kept`` ms."""
        async with unavailable_is_503():
            return bool(await self._redis.set(callback_key(digest_of(state)), 1, px=kept, nx=True))

    async def remember(self, device: str, who: str) -> None:
        """Remember that somebody logged in with a browser; ``device``: what it holds."""
        async with unavailable_is_503():
            key = device_key(digest_of(device))
            await self._redis.set(key, digest_of(who), px=DEVICE_KEPT_MS)

    async def knows(self, device: str, who: str) -> bool:
        """Return whether somebody logged in with a browser before."""
        if not device:
            return False
        async with unavailable_is_503():
            try:
                found = await self._redis.get(device_key(digest_of(device)))
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                return False
        return bool(found == digest_of(who).encode())


def _read(raw: object) -> LoginSession | None:
    try:
        return _decode(raw) if isinstance(raw, bytes) else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
