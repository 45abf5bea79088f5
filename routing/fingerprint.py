"""What names an alert: a hash of its labels, as Alertmanager makes it."""

import hashlib
from collections.abc import Mapping

MAX_LABEL = 4096
"""Characters of a label name, a label value, a receiver's name, or a group key."""
_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_FNV_MAX_BYTES = 1024


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Alertmanager's fingerprint of a label set, for senders that leave it out; 16 hex digits.

    FNV-1a, 64 bits, over ``name 0xff value 0xff`` in the order of names (prometheus/common,
    model/signature.go); an empty value is the same as no label. Label sets over 1 KB would hold
    up the event loop and get a hash of the same length that runs at the speed of C.
    """
    data = b"".join(
        b"%b\xff%b\xff" % (name.encode(), labels[name].encode())
        for name in sorted(labels)
        if labels[name]
    )
    if len(data) > _FNV_MAX_BYTES:
        return hashlib.blake2b(data, digest_size=8).hexdigest()
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"
