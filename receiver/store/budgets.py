"""Notification budgets: how often a channel or key may be called, shared by all replicas.

A call that is refused gets a place to come back at; nothing sleeps on a lease. In any minute at
most ``per_minute`` calls are granted, whatever was saved up before.

A service that asks for quiet gets it from all but pages of P1 and P2: those wait for answers of
their own alone, and the first of them that gets through ends the quiet for everybody.
"""

from receiver.notify.rate_budget import LEVELS, MINUTE_MS, Budget
from receiver.store.keys import budget_key
from receiver.store.redis import Client, load_script, unavailable_is_503

BLOCK_MAX_MS = 10 * MINUTE_MS
"""The longest Retry-After that is believed."""
BLOCK_KEPT_MS = 2 * BLOCK_MAX_MS
DIFFER_MS = 10_000
"""What the clocks of two replicas may differ by."""
HORIZON_MS = 10_000
"""How far ahead a place may be: what many wait for may become free long before."""
UNDETERRED = 2
"""Levels up to this one are pages of P1 and P2."""
_QUIET = [
    "blocked",
    "waiting",
    *(f"{name}{n}" for name in ("until", "tail") for n in range(1, LEVELS + 1)),
]
"""What is forgotten of a budget whose service works again."""


class BudgetStore:
    """The budgets of all notifiers."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._take = load_script(redis, "take_budget")
        self._block = load_script(redis, "block_budget")
        self._troubled: dict[str, int] = {}

    async def take(self, budget: Budget, level: int, now: int) -> int:
        """Return 0 when the call may be made now, else when to come back (ms)."""
        saved = (budget.burst - 1) * budget.interval
        heeds = int(level > UNDETERRED)
        async with unavailable_is_503():
            place, waited_for = await self._take(
                keys=[budget_key(budget.key)],
                args=[now, level, budget.interval, saved, HORIZON_MS, BLOCK_MAX_MS, heeds],
            )
        if int(waited_for):
            self._troubled.setdefault(budget.key, now)
        else:
            self._troubled.pop(budget.key, None)
        return int(place)

    async def block(self, budget: Budget, length: int, waiting: int, now: int) -> None:
        """Let nobody call for ``length`` (ms) from now, or longer if that was said before.

        ``waiting``: for how long (ms) something may wait for its next attempt.
        """
        self._troubled[budget.key] = now
        until, waits = (now + min(part, BLOCK_MAX_MS) for part in (length, waiting))
        async with unavailable_is_503():
            await self._block(
                keys=[budget_key(budget.key)],
                args=[until, waits, BLOCK_KEPT_MS, now + BLOCK_MAX_MS + DIFFER_MS],
            )

    async def release(self, budget: Budget, began: int) -> bool:
        """Note a call of ``began`` (ms) that worked; return whether others wait for just that.

        One that began before the trouble says nothing of it. Of several only one is told.
        """
        if self._troubled.get(budget.key, began + 1) > began:
            return False
        del self._troubled[budget.key]
        async with unavailable_is_503():
            return bool(await self._redis.hdel(budget_key(budget.key), *_QUIET))
