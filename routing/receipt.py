"""Receipts: what one notifier has of one incident, and what it may be in the middle of."""

from typing import Any

import msgspec

from routing.alert import Time


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A step whose call was about to be made; still there when its outcome is unknown.

    ``cursor``: the receipt's cursor once the step is done.
    """

    what: str
    at: Time
    seq: int = 0
    key: str = ""
    cursor: int = 0


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one notifier has of one incident. Times in ms.

    ``version``: the incident version shown; ``paged_seq``: the last page delivered; ``failed_seq``:
    the last page given up for ever; ``cursor``: timeline entries already told (their count);
    ``failures``: attempts failed in a row, from ``failed_since`` on; ``first_failed_at``: the same
    for what is still being tried; ``repairable``: of what somebody can put right; ``lost``: what
    was stored cannot be read, and has to be found out; ``doubted_seq``: the last page that was
    refused oddly, and tried once more for it; ``follows``: something has to be sent later, such as
    a confirmation; ``state``: what only this kind of notifier knows, as plain values.
    """

    revision: int = 0
    version: int = 0
    paged_seq: int = 0
    failed_seq: int = 0
    cursor: int = 0
    attempt: Attempt | None = None
    failures: int = 0
    failed_since: Time = 0
    first_failed_at: Time = 0
    last_error: str = ""
    repairable: bool = False
    delivered_at: Time = 0
    lost: bool = False
    doubted_seq: int = 0
    follows: bool = False
    state: dict[str, Any] = {}


def merge_receipts(stored: Receipt, ours: Receipt) -> Receipt:
    """Join a receipt with one that somebody else saved meanwhile; its state stays ours.

    Happens only when a lease was lost in the middle of a call. What was sent was sent: counters
    take the greater value. What the notifier alone knows it joins itself.
    """
    return msgspec.structs.replace(
        ours,
        revision=stored.revision,
        version=max(stored.version, ours.version),
        paged_seq=max(stored.paged_seq, ours.paged_seq),
        failed_seq=max(stored.failed_seq, ours.failed_seq),
        cursor=max(stored.cursor, ours.cursor),
        follows=stored.follows or ours.follows,
    )
