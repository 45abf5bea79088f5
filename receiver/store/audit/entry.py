"""An entry of the audit trail, as it is stored, and how entries are chained.

A row is ``<link> <number> <content>``: the number is given by the script that appends it, in the
order in which it appends; the link is the SHA-1 (hexadecimal, as Redis makes it) of the link before
it, the number and the SHA-256 of the content. Whoever changes a row has to make every link after it
anew, and the anchors outside (see ``receiver.audit.anchors``) have the old ones. The weakness of
SHA-1 is that two texts of somebody's choice can have one sum: here it never sees a text that
anybody chooses, only sums.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from routing.alert import Time

GENESIS = "0" * 40
"""The link before the first entry."""
LINK_DIGITS, NUMBER_MAX = 40, 15
BLOCK = 1_000
"""Entries of a packed block: block n has the numbers n * BLOCK + 1 to (n + 1) * BLOCK."""
TEXT_MAX, DETAIL_MAX = 200, 500


class AuditEntry(
    msgspec.Struct,
    frozen=True,
    array_like=True,
    gc=False,
):
    """What happened, who did it, and what came of it.

    ``at`` in ms; ``principal``: who did it, ``credential``: what they showed, if that is another
    name; ``address``: from where; ``version``: of the incident's record since then; ``times``: how
    often the same was refused (one row stands for all of it).
    """

    at: Time
    action: str
    outcome: str = ""
    principal: str = ""
    via: str = ""
    credential: str = ""
    address: str = ""
    incident: str = ""
    version: int = 0
    correlation_id: str = ""
    detail: str = ""
    times: int = 1


class Row(msgspec.Struct, frozen=True, gc=False):
    """A stored row: its place in the chain and its content, which may be no entry."""

    link: str
    number: int
    content: bytes


class Numbered(msgspec.Struct, frozen=True):
    """An entry with its shard and number, as people read it."""

    shard: int
    number: int
    link: str
    entry: AuditEntry


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuditEntry).decode


def encoded(entries: Iterable[AuditEntry]) -> tuple[bytes, ...]:
    """Return each entry's content and the digest of it, one after another."""
    found: list[bytes] = []
    for entry in entries:
        try:
            content = _encode(entry)
        except UnicodeEncodeError:  # half a character, which JSON of others may bring
            content = _encode(_whole(entry))
        found += (content, hashlib.sha256(content).digest())
    return tuple(found)


def _whole(entry: AuditEntry) -> AuditEntry:
    texts = {
        name: value.encode("utf-8", "replace").decode()
        for name in entry.__struct_fields__
        if isinstance(value := getattr(entry, name), str)
    }
    return msgspec.structs.replace(entry, **texts)


def decode_entry(content: bytes) -> AuditEntry | None:
    """Return the entry of a row, None when it cannot be read."""
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def link_of(before: str, number: int, content: bytes) -> str:
    """Return the link of a row, from the link before it."""
    text = f"{before} {number} ".encode() + hashlib.sha256(content).digest()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def parse_row(raw: bytes) -> Row | None:
    """Return a row, None for what is none."""
    link, _, rest = raw.partition(b" ")
    number, space, content = rest.partition(b" ")
    if not space or len(link) != LINK_DIGITS or not number.isdigit() or len(number) > NUMBER_MAX:
        return None
    try:
        return Row(link.decode("ascii"), int(number), content)
    except UnicodeDecodeError:
        return None
