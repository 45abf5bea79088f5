"""What a receipt keeps of alerts in PagerDuty."""

from collections.abc import Iterable
from typing import Any

import msgspec

from receiver.notify.receipt_state import ReceiptState
from receiver.text.times import rfc3339
from routing.alert import Time
from routing.receipt import Receipt


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


class Alerts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The alerts that one notifier opened for one incident."""

    keys: tuple[AlertKey, ...] = ()


class PagerDutyState(ReceiptState[Alerts]):
    """Of each alert the state that was accepted last counts."""

    def with_keys(self, receipt: Receipt, keys: Iterable[AlertKey], **fields: Any) -> Receipt:
        """Return the receipt with these alerts, which says whether something of them follows."""
        found = tuple(keys)
        follows = any(not key.confirmed and key.state != "triggered" for key in found)
        return self.put(receipt, Alerts(found), follows=follows, **fields)

    def _join(self, stored: Receipt, ours: Receipt, merged: Receipt) -> Receipt:
        keys = {key.dedup_key: key for key in self.of(ours).keys}
        for key in self.of(stored).keys:
            known = keys.get(key.dedup_key)
            if known is None or (key.at, key.state) > (known.at, known.state):
                keys[key.dedup_key] = key
        return self.with_keys(merged, sorted(keys.values(), key=lambda key: key.seq))

    def shown(self, receipt: Receipt) -> dict[str, Any]:
        """Return its alerts."""
        keys = [
            {"dedup_key": key.dedup_key, "state": key.state, "at": rfc3339(key.at)}
            for key in self.of(receipt).keys
        ]
        return {"pagerduty": keys} if keys else {}


STATE = PagerDutyState(Alerts)
