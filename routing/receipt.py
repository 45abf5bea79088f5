"""Receipts: what one notifier has of one incident, and what it may be in the middle of."""

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


class AlertKey(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One PagerDuty alert: its dedup_key, how far it was brought, and when that was accepted.

    ``state``: triggered, acknowledged or resolved; ``confirmed``: that state was sent once more.
    """

    dedup_key: str
    seq: int
    episode: int
    state: str = ""
    at: Time = 0
    confirmed: bool = False


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one notifier has of one incident. Times in ms.

    ``version``: the incident version shown; ``paged_seq``: the last page delivered; ``failed_seq``:
    the last page given up for ever; ``cursor``: timeline entries already told (their count);
    ``failures``: attempts failed in a row, from ``failed_since`` on; ``first_failed_at``: the same
    for what is still being tried; ``repairable``: of what somebody can put right; ``lost``: what
    was stored cannot be read, and has to be found out; ``doubted_seq``: the last page that was
    refused oddly, and tried once more for it.
    """

    revision: int = 0
    version: int = 0
    paged_seq: int = 0
    failed_seq: int = 0
    cursor: int = 0
    channel: str = ""
    ts: str = ""
    plain: bool = False
    keys: tuple[AlertKey, ...] = ()
    attempt: Attempt | None = None
    failures: int = 0
    failed_since: Time = 0
    first_failed_at: Time = 0
    last_error: str = ""
    repairable: bool = False
    delivered_at: Time = 0
    lost: bool = False
    doubted_seq: int = 0


def merge_receipts(stored: Receipt, ours: Receipt) -> Receipt:
    """Join a receipt with one that somebody else saved meanwhile.

    Happens only when a lease was lost in the middle of a call. What was sent was sent: counters
    take the greater value, and of two messages the first one stored stays the one to update.
    """
    keys = {key.dedup_key: key for key in ours.keys}
    for key in stored.keys:
        known = keys.get(key.dedup_key)
        if known is None or (key.at, key.state) > (known.at, known.state):
            keys[key.dedup_key] = key
    first = stored if stored.ts else ours
    # What the message that is given up showed, the one that is kept does not show.
    doubled = bool(stored.ts and ours.ts and stored.ts != ours.ts)
    return msgspec.structs.replace(
        ours,
        revision=stored.revision,
        version=stored.version if doubled else max(stored.version, ours.version),
        paged_seq=max(stored.paged_seq, ours.paged_seq),
        failed_seq=max(stored.failed_seq, ours.failed_seq),
        cursor=max(stored.cursor, ours.cursor),
        channel=first.channel,
        ts=first.ts,
        plain=first.plain,
        keys=tuple(sorted(keys.values(), key=lambda key: key.seq)),
    )
