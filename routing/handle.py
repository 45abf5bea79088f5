"""Short names of open incidents: the beginning of the digest in their id, as lists show it."""

import re
from collections.abc import Collection

from routing.group import split_id

ID = re.compile(r"\d+-[0-9a-f]{16}-\d+")
HANDLE_MIN = 4
DIGEST_SIZE = 16
HANDLE = re.compile(rf"[0-9a-f]{{{HANDLE_MIN},{DIGEST_SIZE}}}")
DISTINCT = 1_000


def handles_of(ids: Collection[str], count: int) -> dict[str, str]:
    """Return for each id the beginning of its digest, so long that it names one incident.

    Of ``count`` open ones, that is: each is unlike the other ids, and one in ``DISTINCT`` is like
    one that is not among them. Whoever types that is asked for more of it. To be sure, all that are
    open would have to be read, which takes longer the more there are.
    """
    digests = {name: split_id(name)[1] for name in ids}
    size, different = HANDLE_MIN, len(set(digests.values()))
    while 16**size < DISTINCT * count and size < DIGEST_SIZE:
        size += 1
    while len({digest[:size] for digest in digests.values()}) < different:
        size += 1
    return {name: _with_digit(digest, size) for name, digest in digests.items()}


def is_handle(word: str) -> bool:
    """Return whether a word names an incident: it has a digit, so that ``added`` is a word."""
    return HANDLE.fullmatch(word) is not None and any(one.isdigit() for one in word)


def short(name: str) -> str:
    """Return the beginning of an id's digest, as an example of how to name it."""
    return _with_digit(split_id(name)[1], HANDLE_MIN)


def _with_digit(digest: str, size: int) -> str:
    while size < DIGEST_SIZE and not is_handle(digest[:size]):
        size += 1
    return digest[:size]
