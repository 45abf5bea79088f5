"""Which groups a flood took, and how many incidents a sender may still open; all replicas share it.

``im:folded:<stem of the group>`` holds the flood's group as JSON. It lives as long as anything is
heard of the group, and some time longer for ends that come late.
"""

from collections.abc import Sequence

import msgspec

from receiver.store.keys import folded_key, quota_key
from receiver.store.redis import Client, load_script, unavailable_is_503
from routing.group import Group

KEPT_MS = 2 * 86_400_000
"""Alertmanager repeats what fires every 4 hours, some once a day."""
AT_ONCE = 1_000
"""Groups in one exchange: a larger one would keep Redis from others for milliseconds."""


class FloodStore:
    """Folded groups and quotas."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._take = load_script(redis, "take_openings")

    async def take(self, sender: str, most: int, stems: Sequence[str], now: int) -> set[str]:
        """Return the groups that may open an incident; ``most`` a minute (``now`` in ms)."""
        found: set[str] = set()
        for at in range(0, len(stems), AT_ONCE):
            part = stems[at : at + AT_ONCE]
            async with unavailable_is_503():
                answers = await self._take(keys=[quota_key(sender)], args=[now, most, *part])
            found.update(stem for stem, let in zip(part, answers, strict=True) if let)
        return found

    async def folded(self, stems: Sequence[str]) -> dict[str, Group]:
        """Return the flood of each group that one took, and remember those for longer."""
        found: dict[str, Group] = {}
        for at in range(0, len(stems), AT_ONCE):
            part = stems[at : at + AT_ONCE]
            async with unavailable_is_503():
                pipeline = self._redis.pipeline(transaction=False)
                for stem in part:
                    pipeline.getex(folded_key(stem), px=KEPT_MS)
                rows = await pipeline.execute(raise_on_error=False)
            for stem, raw in zip(part, rows, strict=True):
                group = _read(raw)
                if group is not None:
                    found[stem] = group
        return found

    async def fold(self, stems: Sequence[str], flood: Group) -> int:
        """Remember that a flood took these groups; return how many of them are new to it."""
        new, value = 0, msgspec.json.encode(flood)
        for at in range(0, len(stems), AT_ONCE):
            async with unavailable_is_503():
                pipeline = self._redis.pipeline(transaction=False)
                for stem in stems[at : at + AT_ONCE]:
                    pipeline.set(folded_key(stem), value, px=KEPT_MS, get=True)
                new += (await pipeline.execute()).count(None)
        return new


def _read(raw: object) -> Group | None:
    """Return the flood that a group was folded into; what cannot be read says nothing."""
    try:
        return msgspec.json.decode(raw, type=Group) if isinstance(raw, bytes) else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
