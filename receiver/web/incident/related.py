"""Incidents that one belongs together with: merged, before it and after it of the same group."""

from collections.abc import Mapping
from typing import Any

from receiver.store.incidents import IncidentStore
from receiver.web.console_view import moment, upright
from routing.group import split_id
from routing.incident import NOT_INCIDENTS, Incident

PARTS_SHOWN = 50


async def read_related(store: IncidentStore, incident: Incident) -> Mapping[str, Incident]:
    """Return those that are still kept, by "before", "after" and "into". StoreUnavailableError."""
    stem = incident.id.rpartition("-")[0]
    number = split_id(incident.id)[2]
    names = {"after": f"{stem}-{number + 1}"}
    if number > 1:
        names["before"] = f"{stem}-{number - 1}"
    if _is_id(incident.merged_into):
        names["into"] = incident.merged_into
    found = await store.read(names.values())
    return {
        how: found[name]
        for how, name in names.items()
        if name in found and found[name].state not in NOT_INCIDENTS
    }


def _is_id(name: str) -> bool:
    """Return whether a name is an id: what is stored may be damaged."""
    try:
        return bool(name) and split_id(name)[2] > 0
    except ValueError:
        return False


def related(incident: Incident, others: Mapping[str, Incident], now: int) -> list[dict[str, Any]]:
    """Return each with how it belongs to this one, in words."""
    words = {
        "into": "merged into: goes on there",
        "before": "before it, of the same alerts",
        "after": "after it, of the same alerts",
    }
    rows = [
        {
            "how": how,
            "id": other.id,
            "title": upright(other.title),
            "priority": other.priority,
            "state": other.state,
            "opened": moment(other.episode_opened_at, now),
        }
        for name, how in words.items()
        if (other := others.get(name)) is not None
    ]
    if incident.merged_into and "into" not in others:
        gone = {"title": "", "priority": "", "state": "not kept any more", "opened": moment(0, now)}
        rows.insert(0, {"how": words["into"], "id": incident.merged_into, **gone})
    parts = sorted(incident.parts.items(), key=lambda item: (not item[1].firing, item[0]))
    rows += [
        {
            "how": "merged into this one",
            "id": name,
            "title": upright(part.title),
            "priority": part.priority,
            "state": f"{part.firing} firing" if part.firing else "nothing fires",
            "opened": moment(0, now),
        }
        for name, part in parts[:PARTS_SHOWN]
    ]
    return rows
