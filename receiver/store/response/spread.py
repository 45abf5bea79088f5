"""Durations counted so that percentiles of any range of days can be told, and parts be added up.

A duration falls into a bucket whose bounds are 4 % apart (those of DDSketch): counts of buckets are
merged by adding, and a percentile is off by ``ERROR`` of itself at most, whatever was counted.
"""

import math
from collections.abc import Mapping

ERROR = 0.02
"""Relative error of a percentile; below a second it is a second at most."""
_GAMMA = (1 + ERROR) / (1 - ERROR)
_LOG = math.log(_GAMMA)
LAST = math.ceil(math.log(100 * 366 * 86_400) / _LOG)
"""The bucket of what took a hundred years or longer."""


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration: 0 up to a second."""
    if not seconds > 1:
        return 0
    return LAST if seconds == math.inf else min(LAST, math.ceil(math.log(seconds) / _LOG))


def seconds_of(bucket: int) -> float:
    """Return the duration (s) that stands for a bucket: nearest to both of its bounds."""
    return 2 * _GAMMA**bucket / (_GAMMA + 1) if bucket > 0 else 1.0


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the duration (s) that a ``share`` of all took at most, None where there is none.

    It is that of the nearest rank: the least that so many did not exceed.
    """
    rank = max(1, math.ceil(share * sum(counts.values())))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return seconds_of(bucket)
    return None
