"""Identity of a group of alerts: which payloads belong to one incident.

Identity is (cluster, our route, receiver, groupKey). ``groupKey`` is opaque: since label names may
be any UTF-8 it cannot be parsed reliably. A route with ``group_by`` regroups by label values.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Mapping
from itertools import pairwise

import msgspec

_ID = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})-([0-9]{1,18})").fullmatch
"""A shard or a generation of more digits nobody has written."""
DIGEST_BYTES = 8
KEPT_BYTES = DIGEST_BYTES + 2
_SEPARATOR = "\x1f"
"""Cannot occur in an identity's parts: the payload parser strips control characters."""


class Group(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The identity of one group and the labels that name it for people.

    ``flood``: it is what a sender sent beyond its quota; ``group_key`` is the sender's name.
    """

    cluster: str
    receiver: str
    group_key: str
    route: str = ""
    labels: dict[str, str] = {}
    flood: bool = False

    def digest(self) -> str:
        """Return 16 hexadecimal digits (64 bits) that stand for the identity in keys and ids."""
        parts = (self.cluster, self.route, self.receiver, self.group_key)
        # What nobody can send tells a flood apart from a group that is called the same.
        identity = _SEPARATOR.join((*parts, "flood") if self.flood else parts)
        return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def regroup(cluster: str, route: str, by: tuple[str, ...], labels: Mapping[str, str]) -> Group:
    """Return the group of an alert under a route's ``group_by``; a missing label counts as ""."""
    chosen = {name: labels.get(name, "") for name in by}
    key = msgspec.json.encode(sorted(chosen.items())).decode()
    return Group(cluster=cluster, receiver="", group_key=key, route=route, labels=chosen)


class Shards:
    """How many shards there are, and which groups stay where they began when there were fewer.

    ``kept``: of each such group the 8 bytes of its digest and 2 of its shard, in order of digests.
    It is set once, when what is stored has been read.
    """

    def __init__(self, number: int, kept: bytes = b"") -> None:
        self.number = number
        self.kept = kept

    def of(self, digest: str) -> int:
        """Return the shard that holds the group with this digest."""
        known = self._kept(bytes.fromhex(digest)) if self.kept else None
        return int(digest, 16) % self.number if known is None else known

    def _kept(self, wanted: bytes) -> int | None:
        places = range(len(self.kept) // KEPT_BYTES)
        found = bisect_left(places, wanted, key=self._digest)
        if found == len(places) or self._digest(found) != wanted:
            return None
        at = found * KEPT_BYTES
        return int.from_bytes(self.kept[at + DIGEST_BYTES : at + KEPT_BYTES])

    def _digest(self, place: int) -> bytes:
        at = place * KEPT_BYTES
        return self.kept[at : at + DIGEST_BYTES]


def kept_groups(shards: Mapping[str, int], number: int) -> bytes:
    """Return which groups of these (digest -> shard) have to be kept with so many shards.

    ``Shards`` takes it: all others are where their digest leads to.
    """
    moved = {digest: shard for digest, shard in shards.items() if shard != shard_of(digest, number)}
    rows = (bytes.fromhex(digest) + moved[digest].to_bytes(2) for digest in sorted(moved))
    return b"".join(rows)


def is_kept(raw: bytes, number: int) -> bool:
    """Return whether the bytes are such, of shards below ``number``."""
    digests = [raw[at : at + DIGEST_BYTES] for at in range(0, len(raw), KEPT_BYTES)]
    shards = [raw[at : at + 2] for at in range(DIGEST_BYTES, len(raw), KEPT_BYTES)]
    sound = len(raw) % KEPT_BYTES == 0 and all(int.from_bytes(one) < number for one in shards)
    return sound and all(first < second for first, second in pairwise(digests))


def shard_of(digest: str, shards: int | Shards) -> int:
    """Return the shard (0..shards-1) that holds the group with this digest."""
    if isinstance(shards, Shards):
        return shards.of(digest)
    return int(digest, 16) % shards if shards > 1 else 0


def group_stem(group: Group, shards: int | Shards) -> str:
    """Return ``<shard>-<digest>``; an incident id is this, a dash and the generation."""
    digest = group.digest()
    return f"{shard_of(digest, shards)}-{digest}"


def split_id(incident: str) -> tuple[int, str, int]:
    """Return (shard, digest, generation); ValueError for anything that is not an incident id."""
    found = _ID(incident)
    if found is None:
        raise ValueError(f"not an incident id: {incident!r}")
    shard, digest, generation = found.groups()
    return int(shard), digest, int(generation)
