"""Decisions as the commit's script reads them, and where an incident stands in the indexes."""

from collections.abc import Sequence

import msgspec

from receiver.store.lists.order import open_score
from receiver.store.records.counted import Sums
from receiver.store.records.items import changed_items
from receiver.store.records.record import encode_entry, version_text
from routing.alert import severity_label
from routing.decision import Decision
from routing.incident import NOT_INCIDENTS, Incident, State
from routing.vocabulary import Lane


def count_field(incident: Incident | None) -> str:
    """Return under what an incident is counted among the open ones, "" when it is not."""
    if incident is None or not incident.is_open:
        return ""
    return f"{severity_label(incident.severity)}|{incident.state}|{incident.priority}"


def _counts(before: Incident | None, after: Incident) -> list[tuple[str, int]]:
    """Return the changes of the numbers of open incidents by severity, state and priority."""
    old, new = count_field(before), count_field(after)
    if old == new:
        return []
    return [(field, delta) for field, delta in ((old, -1), (new, 1)) if field]


def encode_decision(  # noqa: PLR0913 - what a commit is made of
    decision: Decision,
    sums: Sums,
    *,
    pointer: bool,
    events: Sequence[int],
    tombstone_ttl: int,
    size: int = 0,
    told: int = 0,
) -> dict[str, object]:
    """Return a decision as ``commit_decisions.lua`` reads it; it holds facts, no rules.

    ``events``: how long (ms) each of its events is remembered; ``sums`` are its batch's. ``size``:
    bytes of the record that its body is added to, 0 where it is written whole. ``told``: how
    many arguments tell the audit trail of it.
    """
    base, incident = decision.base, decision.incident
    if incident is None:
        raise ValueError("a decision without an incident has nothing to commit")
    same = base is not None and base.id == incident.id
    changed = decision.changed
    known = base if same else None
    return {
        "id": incident.id,
        "pointer": pointer,
        "generation": str(base.generation) if base else "0",
        "size": size,
        "version": version_text(base.version) if base else "",
        "next": str(incident.generation),
        "events": events,
        "timeline": [encode_entry(entry) for entry in decision.timeline],
        "counts": _counts(known, incident) if changed else [],
        "open": _open_score(known, incident),
        "closed": _closed_score(known, incident),
        "published": _published(known, incident),
        "unreached": _unreached(known, incident),
        "items": changed_items(known, incident, gone=decision.forget),
        "expire": tombstone_ttl if changed and incident.state == "tombstone" else False,
        "forget": decision.forget,
        "figures": sums.of(incident, decision.observations),
        "moves": _moves(known, incident),
        "cancel": decision.cancel,
        "schedule": _schedule(known, decision),
        "told": told,
        "listed": incident.state not in NOT_INCIDENTS,
        "seen": pointer and not changed and incident.state != "tombstone",
    }


def _open_score(before: Incident | None, after: Incident) -> int | bool:
    """Return the score in the open index if it is another than before, else False."""
    if not after.is_open:
        return False
    if before is not None and before.is_open:
        same = before.priority == after.priority
        if same and before.episode_opened_at == after.episode_opened_at:
            return False
    return open_score(after)


def _closed_score(before: Incident | None, after: Incident) -> int | bool:
    """Return the score in the closed index if it is another than before, else False."""
    if after.state != "resolved":
        return False
    if before is not None and (before.state, before.resolved_at) == ("resolved", after.resolved_at):
        return False
    return after.resolved_at


def _published(before: Incident | None, after: Incident) -> str | bool:
    """Return the score under which the incident enters the status page's index, or False."""
    known, now = (of.published if of is not None else None for of in (before, after))
    if now is None or (known is not None and known.resolved_at == now.resolved_at):
        return False
    return str(now.resolved_at) if now.resolved_at else "inf"


def _unreached(before: Incident | None, after: Incident) -> int | bool:
    """Return the score under which the incident enters the index of those, 0: it leaves, False."""
    if (before is not None and before.is_unreached) == after.is_unreached:
        return False
    return after.unreached.since if after.unreached and after.is_unreached else 0


class Standing(msgspec.Struct, frozen=True):
    """Where an incident belongs in the indexes: the score in each, False for those it is not in.

    ``counts_in``: the field of ``active`` that it counts in, "" for none.
    """

    opened: int | bool
    closed: int | bool
    published: str | bool
    unreached: int | bool
    counts_in: str


def standing_of(incident: Incident) -> Standing:
    """Return where an incident belongs in the indexes, whatever they say now.

    The stand-in of one that was not closed is shown among the open ones, and counts in none.
    """
    shown = incident
    if incident.state == "damaged":
        state: State = "resolved" if incident.resolved_at else "triggered"
        shown = msgspec.structs.replace(incident, state=state)
    return Standing(
        opened=_open_score(None, shown),
        closed=_closed_score(None, shown),
        published=_published(None, incident),
        unreached=_unreached(None, incident),
        counts_in=count_field(incident),
    )


def _schedule(before: Incident | None, decision: Decision) -> list[tuple[object, ...]]:
    """Return what to schedule, each with the lane it may wait in now and the one it belongs to.

    A new page of a P1 or P2 waits in none: nothing that was asked for before holds it up.
    """
    after = decision.incident
    if after is None:
        return []
    rows: list[tuple[object, ...]] = []
    for item in decision.schedule:
        lane = after.lane_of_task(item.task)
        known: str = before.lane_of_task(item.task) if before is not None else lane
        if before is not None and lane == Lane.URGENT and _is_raised(before, after, item.task):
            known = ""
        rows.append((item.task, item.due, item.want, known, lane))
    return rows


def _is_raised(before: Incident, after: Incident, task: str) -> bool:
    name = task.removeprefix("notify:")
    page, known = after.pages.get(name), before.pages.get(name)
    return page is not None and known is not None and page.seq > known.seq


def _moves(before: Incident | None, after: Incident) -> list[tuple[str, str, str]]:
    """Return the agenda members that change lanes, each with the one it leaves and enters."""
    if before is None:
        return []
    tasks = [*before.timers, *(f"notify:{name}" for name in before.pages)]
    lanes = [(task, before.lane_of_task(task), after.lane_of_task(task)) for task in tasks]
    return [(f"{after.id}|{task}", old, new) for task, old, new in lanes if old != new]
