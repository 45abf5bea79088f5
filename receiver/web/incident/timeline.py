"""The timeline of an incident: a part of it, or some kinds of entries, with the time between."""

from collections.abc import Mapping, Sequence
from typing import Any

from receiver.errors import PayloadError
from receiver.incident_json import Whole
from receiver.text.times import rfc3339
from receiver.web.console_view import length, upright
from routing.incident_parts import Entry
from routing.vocabulary import Kind

SHOWN = 100
LOOKED_AT = 2_000
"""Entries that are looked through for those of some kinds; an earlier part goes on from there."""
GROUPS: Mapping[str, tuple[Kind, ...]] = {
    "people": (
        Kind.ACKNOWLEDGED,
        Kind.UNACKNOWLEDGED,
        Kind.ASSIGNED,
        Kind.NOTE,
        Kind.PRIORITY_SET,
        Kind.ESCALATED_BY,
        Kind.SNOOZED,
        Kind.MERGED,
        Kind.MERGED_IN,
        Kind.SILENCED,
        Kind.SILENCE_EXPIRED,
        Kind.ACTION_ITEM,
        Kind.ACTION_ITEM_CHANGED,
        Kind.ACTION_ITEM_DONE,
        Kind.REVIEW_SAVED,
        Kind.DENIED,
        Kind.FORGOTTEN,
    ),
    "pages": (
        Kind.PAGED,
        Kind.ESCALATED,
        Kind.EXHAUSTED,
        Kind.HELD,
        Kind.REMINDED,
        Kind.REACHED,
        Kind.UNDELIVERABLE,
        Kind.DEADLINE_MISSED,
        Kind.SNOOZE_ENDED,
        Kind.GROWN,
    ),
    "deliveries": (
        Kind.DELIVERY_FAILED,
        Kind.DELIVERY_LATE,
        Kind.DELIVERY_NOTE,
        Kind.DELIVERY_RECOVERED,
    ),
    "alerts": (
        Kind.OPENED,
        Kind.REOPENED,
        Kind.RESOLVED,
        Kind.CONTINUED,
        Kind.JOINED,
        Kind.ALERTS_CHANGED,
        Kind.PRIORITY_RAISED,
        Kind.PRIORITY_LOWERED,
        Kind.PART_CHANGED,
        Kind.FLAPPING,
        Kind.CALMED,
        Kind.STALE,
        Kind.REPORTED_AGAIN,
        Kind.VANISHED,
        Kind.ECHO_SUSPECTED,
        Kind.ECHO_BELIEVED,
        Kind.ECHO_DROPPED,
        Kind.SUMMARIZED,
        Kind.SHORTENED,
    ),
    "status page": (Kind.PUBLISHED, Kind.STATUS_UPDATE, Kind.STATUS_HIDDEN),
}
"""What people look for together; every kind is in one of them."""


def read_kinds(asked: Sequence[str]) -> tuple[str, ...]:
    """Return the groups and kinds that an address names; PayloadError for what is neither."""
    found = tuple(dict.fromkeys(name for name in asked if name))
    for name in found:
        if name not in GROUPS and name not in set(Kind):
            groups = ", ".join(GROUPS)
            words = f"kind is {name[:40]!r}; allowed: {groups}, or a kind of the timeline"
            raise PayloadError(words, "kind")
    return found


def timeline(found: Whole, kinds: Sequence[str]) -> dict[str, Any]:
    """Return the entries of these kinds (none: all), oldest first, and where earlier ones begin.

    ``earlier``: the number before which more may be, 0 for none.
    """
    wanted = {kind for name in kinds for kind in GROUPS.get(name, (name,))}
    numbered = list(enumerate(found.timeline, found.first))
    fitting = [(number, entry) for number, entry in numbered if not wanted or entry.kind in wanted]
    shown = fitting[-SHOWN:]
    # Of what was left out here the newest comes next; else what was not looked at.
    earlier = shown[0][0] if len(fitting) > SHOWN else found.first
    last = numbered[-1][0] if numbered else 0
    befores = [None, *shown[:-1]]
    return {
        "entries": [_entry(*one, before) for one, before in zip(shown, befores, strict=False)],
        "kinds": list(kinds),
        "total": found.entries,
        "first": shown[0][0] if shown else 0,
        "last": shown[-1][0] if shown else 0,
        "earlier": earlier if earlier > 1 else 0,
        "latest": last < found.entries,
    }


def _entry(number: int, entry: Entry, before: tuple[int, Entry] | None) -> dict[str, Any]:
    gap = entry.at - before[1].at if before is not None else 0
    return {
        "number": number,
        "at": rfc3339(entry.at) or "",
        "after": length(gap) if gap >= 1_000 else "",  # noqa: PLR2004 - a second
        "kind": entry.kind.replace("_", " "),
        "text": upright(entry.text),
        "via": entry.via if entry.via != "automatic" else "",
    }
