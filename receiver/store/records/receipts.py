"""How receipts are written: 8 digits of revision, by which they are compared, then JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from receiver.errors import DamagedRecordError
from receiver.store.keys import REVISION_DIGITS
from receiver.store.records.record import UNREADABLE, said
from routing.receipt import Receipt

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Any])
_COMMON = frozenset(Receipt.__struct_fields__) - {"state"}
LOST = Receipt(revision=1, lost=True)
"""Takes the place of a receipt that cannot be read: what its notifier has must be found out."""


def revision_text(number: int) -> str:
    """Return a revision as the scripts compare it."""
    return f"{number:0{REVISION_DIGITS}d}"


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the stored form of a receipt: what its notifier alone knows lies beside the rest."""
    found = msgspec.to_builtins(receipt)
    flat = {**found.pop("state", {}), **found}
    return revision_text(receipt.revision).encode() + _encoder.encode(flat)


def decode_receipt(raw: bytes) -> Receipt:
    """Return the receipt of a stored value; DamagedRecordError says what is wrong with it."""
    try:
        found = _decoder.decode(raw[REVISION_DIGITS:])
        state = {name: found.pop(name) for name in found.keys() - _COMMON}
        receipt = msgspec.convert({**found, "state": state}, type=Receipt)
    except UNREADABLE as error:
        raise DamagedRecordError(said(error)) from None
    if raw[:REVISION_DIGITS] != revision_text(receipt.revision).encode():
        raise DamagedRecordError("it does not begin with its revision")
    return receipt


def read_receipts(
    stored: Mapping[bytes, bytes],
) -> tuple[dict[str, Receipt], dict[bytes, str]]:
    """Return the receipts by notifier, those that cannot be read as ``LOST``, and why by field."""
    receipts: dict[str, Receipt] = {}
    damaged: dict[bytes, str] = {}
    for field, raw in stored.items():
        name = field.decode("utf-8", "backslashreplace")
        try:
            receipts[name] = decode_receipt(raw)
        except DamagedRecordError as error:
            receipts[name] = LOST
            damaged[field] = str(error)
    return receipts, damaged
