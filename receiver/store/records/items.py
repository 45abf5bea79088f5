"""Where open action items stand in their index: what is due first comes first."""

from datetime import UTC, date, datetime

from receiver.store.keys import TIME_MAX, is_id, is_number
from routing.incident import Incident
from routing.incident_parts import ActionItem

NO_DAY = TIME_MAX + 1
"""From this score on stands what is due on no day, the oldest first."""


def start_of(day: str) -> int:
    """Return when a day (2026-03-02) begins in UTC (ms); ValueError for what is none."""
    found = date.fromisoformat(day)
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1000)


def _score(item: ActionItem) -> int:
    try:
        return start_of(item.due_on)
    except ValueError:
        return NO_DAY + min(max(item.at, 0), TIME_MAX)


def items_of(incident: Incident | None) -> dict[str, int]:
    """Return the members of the index that an incident's open action items are, with scores."""
    items: tuple[ActionItem, ...] = incident.action_items if incident is not None else ()
    if not items or incident is None:
        return {}
    return {f"{incident.id}|{item.number}": _score(item) for item in items if not item.done_at}


def members_of(incident: Incident | None) -> list[str]:
    """Return what stands for each action item of an incident in the index, or would."""
    items = incident.action_items if incident is not None else ()
    return [f"{incident.id}|{item.number}" for item in items] if incident is not None else []


def changed_items(
    before: Incident | None, after: Incident, *, gone: bool
) -> list[tuple[str, int | bool]]:
    """Return (member, score) of what changes in the index, False for what leaves it.

    ``gone``: the incident is forgotten.
    """
    if not gone and (before.action_items if before is not None else ()) == after.action_items:
        return []
    # Also what leaves that was never there by right: what is forgotten leaves nothing behind.
    every = dict.fromkeys(members_of(before) + members_of(after), 0) if gone else {}
    old = every | items_of(before)
    new = {} if gone else items_of(after)
    leaving: list[tuple[str, int | bool]] = [(name, False) for name in old if name not in new]
    return leaving + [(name, score) for name, score in new.items() if old.get(name) != score]


def split_item(raw: bytes, shard: int) -> tuple[str, int] | None:
    """Return (incident id, number) of a member, None for what names no item of a shard."""
    incident, _, number = raw.partition(b"|")
    if not is_number(number) or not is_id(incident, shard):
        return None
    return incident.decode(), int(number)
