"""Notification budgets: how often a channel or key may be called, shared by all replicas.

A call that is refused gets a place to come back at; nothing sleeps on a lease. In any minute at
most ``per_minute`` calls are granted, whatever was saved up before.
"""

from receiver.budget import MINUTE_MS, Budget
from receiver.store.client import Client, load_script, unavailable_is_503
from receiver.store.keys import budget_key

BLOCK_MAX_MS = 10 * MINUTE_MS
"""The longest Retry-After that is believed."""
BLOCK_KEPT_MS = 2 * BLOCK_MAX_MS
DIFFER_MS = 10_000
"""What the clocks of two replicas may differ by."""
HORIZON_MS = 10_000
"""How far ahead a place may be: what many wait for may become free long before."""


class BudgetStore:
    """The budgets of all notifiers."""

    def __init__(self, redis: Client) -> None:
        self._take = load_script(redis, "take_budget")
        self._block = load_script(redis, "block_budget")

    async def take(self, budget: Budget, level: int, now: int) -> int:
        """Return 0 when the call may be made now, else when to come back (ms)."""
        saved = (budget.burst - 1) * budget.interval
        async with unavailable_is_503():
            answer = await self._take(
                keys=[budget_key(budget.key)],
                args=[now, level, budget.interval, saved, HORIZON_MS, BLOCK_MAX_MS],
            )
        return int(answer)

    async def block(self, budget: Budget, length: int, now: int) -> None:
        """Let nobody call for ``length`` (ms) from now, or longer if that was said before."""
        until = now + min(length, BLOCK_MAX_MS)
        async with unavailable_is_503():
            await self._block(
                keys=[budget_key(budget.key)],
                args=[until, BLOCK_KEPT_MS, now + BLOCK_MAX_MS + DIFFER_MS],
            )
