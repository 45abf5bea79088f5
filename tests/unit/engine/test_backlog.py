"""What waits is said with how long it will take."""

import pytest

from receiver.engine.backlog import Backlog


def seen(*numbers: int, every: float = 10.0) -> Backlog:
    backlog = Backlog()
    for at, waiting in enumerate(numbers):
        backlog.note(at * every, waiting)
    return backlog


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((), ""),
        ((0, 0), ""),
        ((50, 199), ""),
        ((300,), "300 deliveries wait, and they do not get fewer (P1 and P2 go first)"),
        (
            (100, 100_000),
            "100,000 deliveries wait, and they do not get fewer (P1 and P2 go first)",
        ),
        # 10 a second.
        (
            (6_200, 6_100, 6_000),
            "6,000 deliveries wait: about 10m at this pace (P1 and P2 go first)",
        ),
        # What came before most of them waited says nothing of the pace.
        (
            (0, 3_000, 6_200, 6_100, 5_990),
            "5,990 deliveries wait: about 10m at this pace (P1 and P2 go first)",
        ),
        ((6_000, 6_000), "6,000 deliveries wait, and they do not get fewer (P1 and P2 go first)"),
        ((9_000, 6_000), ""),
    ],
)
def test_words(numbers: tuple[int, ...], words: str) -> None:
    assert seen(*numbers).words() == words


def test_a_pace_is_not_told_by_a_moment() -> None:
    assert seen(6_200, 6_100, every=2.0).words() == "6,100 deliveries wait (P1 and P2 go first)"


def test_only_the_last_minute_counts() -> None:
    backlog = seen(0, 0, 0, 0, 0, 0, 100_000)
    for at in range(1, 12):
        backlog.note(60 + at * 10, 100_000 - at * 1_000)
    assert backlog.left_s() == pytest.approx(89_000 / 100, rel=0.01)
