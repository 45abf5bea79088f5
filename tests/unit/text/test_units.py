"""Figures in words: each in the unit that it is in as it is shown."""

import pytest

from receiver.text.units import size, span


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.25, "250 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1s"),
        (-0.9996, "-1s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (3_599.6, "1h"),
    ],
)
def test_a_span(seconds: float | None, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_023.6, "1.0 KiB"),
        (1_024 * 1_023.94, "1023.9 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        ((1 << 30) - 1, "1.0 GiB"),
        (-(1 << 20) + 1, "-1.0 MiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_a_size(number: float, shown: str) -> None:
    assert size(number) == shown
