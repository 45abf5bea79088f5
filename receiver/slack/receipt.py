"""What a receipt keeps of a message in Slack."""

from typing import Any
from urllib.parse import urlencode

import msgspec

from receiver.notify.receipt_state import ReceiptState
from routing.receipt import Receipt

REDIRECT = "https://slack.com/app_redirect"
"""Opens a channel in the workspace one is signed in to (Slack, "Deep linking into Slack"): neither
the workspace's own address nor a call is needed. The message's ts goes with it for what knows it.
"""


class Posted(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An incident's message: its channel's id, its ts; ``plain``: Slack refused its layout."""

    channel: str = ""
    ts: str = ""
    plain: bool = False


class SlackState(ReceiptState[Posted]):
    """Of two messages the first one stored stays the one to update."""

    def _join(self, stored: Receipt, ours: Receipt, merged: Receipt) -> Receipt:
        theirs, mine = self.of(stored), self.of(ours)
        # What the message that is given up showed, the one that is kept does not show.
        doubled = bool(theirs.ts and mine.ts and theirs.ts != mine.ts)
        version = stored.version if doubled else merged.version
        return self.put(merged, theirs if theirs.ts else mine, version=version)

    def shown(self, receipt: Receipt) -> dict[str, Any]:
        """Return where the message is."""
        posted = self.of(receipt)
        if not posted.ts:
            return {}
        query = urlencode({"channel": posted.channel, "message_ts": posted.ts})
        link = f"{REDIRECT}?{query}"
        return {"slack": {"channel": posted.channel, "ts": posted.ts, "link": link}}


STATE = SlackState(Posted)
