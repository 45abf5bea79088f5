"""A circuit breaker: a service that only fails is left in peace for a while, then probed once."""

FAILURES = 5
"""So many in a row open it."""
REST_MS = 30_000
"""How long (ms) it stays open before a call probes whether the service is back."""


class CircuitBreaker:
    """closed: calls are made. open: none is. half_open: one is, and decides which of the two."""

    def __init__(self, *, probe_ms: int) -> None:
        """``probe_ms``: how long a probe may take; lost, it blocks nobody for longer."""
        self._probe_ms = probe_ms
        self._failures = 0
        self._resting_until_ms = 0
        self._probed_until_ms = 0

    def admit(self, now: int) -> int:
        """Return 0 when a call may be made now, else until when (ms) none may.

        Through an open breaker that has rested, whoever asks first is the probe.
        """
        if self._failures < FAILURES:
            return 0
        until = max(self._resting_until_ms, self._probed_until_ms)
        if until > now:
            return until
        self._probed_until_ms = now + self._probe_ms
        return 0

    def failed(self, now: int) -> bool:
        """Note that a call failed; return whether that opened the breaker."""
        self._failures += 1
        self._probed_until_ms = 0
        if self._failures < FAILURES:
            return False
        self._resting_until_ms = now + REST_MS
        return self._failures == FAILURES

    def succeeded(self) -> bool:
        """Note that a call succeeded; return whether that closed the breaker."""
        was_open = self._failures >= FAILURES
        self._failures = 0
        self._probed_until_ms = 0
        return was_open

    def state(self, now: int) -> str:
        """Return ``closed``, ``open`` or ``half_open``."""
        if self._failures < FAILURES:
            return "closed"
        return "open" if self._resting_until_ms > now else "half_open"
