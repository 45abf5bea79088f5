"""Clocks that a test moves."""

from receiver.clock import Clock


class MovingClock(Clock):
    """Real time plus whatever a test has moved it by."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_ms = 0

    def now(self) -> int:
        return super().now() + self.moved_ms

    def move(self, seconds: float) -> None:
        self.moved_ms += int(seconds * 1000)


class StillClock(MovingClock):
    """Time that passes only when a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = super().now()

    def now(self) -> int:
        return self._at + self.moved_ms
