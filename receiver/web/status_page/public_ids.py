"""Names of public incidents: permanent, the same on every replica, and telling nothing.

An incident's own id is a digest of its group's labels, which could be guessed and compared. The
public one is that id, encrypted: AES-SIV (RFC 5297) needs no nonce, so that the same id has the
same name, and says of a name whether it is one of ours, so that none is looked up that is not.
"""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from routing.group import split_id

_SIZE = 16 + 14
"""Bytes of a name: the tag, then shard (2), digest (8) and generation (4)."""


class PublicIds:
    """Makes names of incidents' ids, and the other way round."""

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes."""
        self._cipher = AESSIV(key)

    def name(self, incident: str) -> str:
        """Return the public name of an incident."""
        shard, digest, generation = split_id(incident)
        packed = shard.to_bytes(2) + bytes.fromhex(digest) + generation.to_bytes(4)
        return base64.urlsafe_b64encode(self._cipher.encrypt(packed, None)).decode()

    def incident(self, name: str) -> str | None:
        """Return the id of an incident by its public name, None for what is none of ours."""
        try:
            raw = base64.b64decode(name.encode("ascii"), altchars=b"-_", validate=True)
            packed = self._cipher.decrypt(raw, None) if len(raw) == _SIZE else b""
        except (ValueError, binascii.Error, InvalidTag):
            return None
        if not packed:
            return None
        shard, generation = int.from_bytes(packed[:2]), int.from_bytes(packed[10:])
        return f"{shard}-{packed[2:10].hex()}-{generation}"
