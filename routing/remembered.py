"""What was found out of a text, remembered for the next time it comes; bounded in bytes."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

SHORT = 512
"""Characters of a text that is remembered. Senders choose their texts, as long as they like: kept
whole, some thousand of them would be all memory there is."""
MOST = 4096

_T = TypeVar("_T")


def remembered(find: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return a function of a text that finds each of the last ``MOST`` short ones once."""
    known = lru_cache(maxsize=MOST)(find)

    def found(text: str) -> _T:
        return known(text) if len(text) <= SHORT else find(text)

    found.__doc__ = find.__doc__
    return found
