"""How incidents and receipts are written: a fixed-width counter for the scripts, then JSON."""

from collections.abc import Sequence

import msgspec

from receiver.errors import DamagedRecordError, NewerRecordError
from receiver.store.counted import Sums
from receiver.store.keys import VERSION_DIGITS
from receiver.store.order import open_score
from receiver.store.packing import pack_alerts, unpack_alerts
from routing.alert import PRIORITIES, Time, severity_label
from routing.decision import Decision
from routing.group import Group, split_id
from routing.incident import SCHEMA, Incident, State
from routing.incident_parts import Entry

_incident_decoder = msgspec.json.Decoder(Incident)
_entry_decoder = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder()
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""Everything that decoding junk raises."""
UNREADABLE_LINE = "unreadable"
SHOWN = 120
"""Characters of a reason that are shown."""


def version_text(version: int) -> str:
    """Return a version as the scripts compare it."""
    return f"{version:0{VERSION_DIGITS}d}"


def encode_incident(incident: Incident) -> bytes:
    """Return the stored form of an incident."""
    return version_text(incident.version).encode() + _encoder.encode(pack_alerts(incident))


def decode_incident(raw: bytes, name: str = "") -> Incident:
    """Return the incident of a stored record; ``name``: the id it is stored under.

    This is the one judge of records. DamagedRecordError says what is wrong with one that no release
    has written so. NewerRecordError: a newer release wrote it, and older code must never write over
    it nor put it aside.
    """
    try:
        incident = _incident_decoder.decode(raw[VERSION_DIGITS:])
    except UNREADABLE as error:
        _refuse_newer(raw, name)
        raise DamagedRecordError(said(error)) from None
    if incident.schema > SCHEMA:
        _refuse_newer(raw, name)
    wrong = _wrong(raw, incident, name or incident.id)
    if wrong:
        raise DamagedRecordError(wrong)
    incident = unpack_alerts(incident)
    return incident if incident.schema == SCHEMA else _upgraded(incident)


def _wrong(raw: bytes, incident: Incident, name: str) -> str:
    """Return what an incident that could be decoded says that cannot be, "" as a rule."""
    if raw[:VERSION_DIGITS] != version_text(incident.version).encode():
        return "it does not begin with its version"
    if incident.id != name:
        return f"it says it is {incident.id[:SHOWN]!r}"
    if split_id(name)[2] != incident.generation:
        return f"its generation is {incident.generation}"
    if incident.priority not in PRIORITIES:
        return f"its priority is {incident.priority[:SHOWN]!r}"
    return "its state is 'newer'" if incident.state == "newer" else ""


class SchemaOf(msgspec.Struct, frozen=True):
    """What a record of any release says."""

    schema: int = 1


class Glimpse(SchemaOf, frozen=True):
    """What a record of a newer release says if it is much like ours."""

    title: str = ""
    priority: str = ""
    opened_at: Time = 0
    episode_opened_at: Time = 0
    resolved_at: Time = 0


def glimpse(raw: bytes) -> Glimpse | None:
    """Return what can be told of a record of a newer release, None when it is of none."""
    kinds: tuple[type[SchemaOf], ...] = (Glimpse, SchemaOf)
    for kind in kinds:
        try:
            found = msgspec.json.decode(raw[VERSION_DIGITS:], type=kind)
        except UNREADABLE:
            continue
        if found.schema <= SCHEMA:
            return None
        return found if isinstance(found, Glimpse) else Glimpse(found.schema)
    return None


def shown_newer(name: str, raw: bytes) -> Incident:
    """Return what lists show of a record of a newer release; it is never stored."""
    found = glimpse(raw) or Glimpse()
    return Incident(
        id=name,
        group=Group(cluster="", receiver="", group_key=""),
        state="newer",
        schema=found.schema,
        generation=split_id(name)[2],
        priority=found.priority if found.priority in PRIORITIES else "P1",
        priority_reason="written by a newer release",
        title=found.title or "Written by a newer release: upgrade this replica to see it",
        opened_at=found.opened_at or 1,
        episode_opened_at=found.episode_opened_at,
        resolved_at=found.resolved_at,
    )


def _refuse_newer(raw: bytes, name: str) -> None:
    found = glimpse(raw)
    if found is not None:
        raise newer_error(name, found.schema)


def newer_error(name: str, schema: int) -> NewerRecordError:
    """Return the error for a record of a newer release."""
    return NewerRecordError(
        f"incident {name} was written by a newer release (schema {schema}, this one knows "
        f"{SCHEMA}): upgrade this replica"
    )


def said(error: Exception) -> str:
    """Return why something cannot be decoded, in a line without any of its content."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str(error)[:SHOWN] or type(error).__name__


def _upgraded(incident: Incident) -> Incident:
    """Return a record of an older schema as this release would have written it.

    1: a policy's times counted from the opening of the episode. 2 to 4: only had fewer fields.
    """
    started = incident.clock_started_at or incident.episode_opened_at
    deadlines = {
        name: found if found.since else msgspec.structs.replace(found, since=started)
        for name, found in incident.deadlines.items()
    }
    return msgspec.structs.replace(
        incident, schema=SCHEMA, clock_started_at=started, deadlines=deadlines
    )


def encode_entry(entry: Entry) -> str:
    """Return the stored form of a timeline entry (text: Lua's msgpack knows no binary type)."""
    return _encoder.encode(entry).decode()


def decode_entries(lines: Sequence[bytes]) -> tuple[list[Entry], list[int]]:
    """Return the timeline entries of stored lines, each in its place, and which are damaged.

    In the place of a line that cannot be read stands one that says so, at the time of the one
    before it.
    """
    entries: list[Entry] = []
    damaged: list[int] = []
    for place, line in enumerate(lines):
        try:
            entries.append(_entry_decoder.decode(line))
        except UNREADABLE as error:
            at = entries[-1].at if entries else 0
            text = f"This line ({len(line)} bytes) cannot be read: {said(error)}"
            entries.append(Entry(at, UNREADABLE_LINE, text))
            damaged.append(place)
    return entries, damaged


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


def encode_decision(
    decision: Decision, sums: Sums, *, pointer: bool, events: Sequence[int], tombstone_ttl: int
) -> dict[str, object]:
    """Return a decision as ``commit_decisions.lua`` reads it; it holds facts, no rules.

    ``events``: how long (ms) each of its events is remembered; ``sums`` are its batch's.
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
        "version": version_text(base.version) if base else "",
        "next": str(incident.generation),
        "events": events,
        "timeline": [encode_entry(entry) for entry in decision.timeline],
        "counts": _counts(known, incident) if changed else [],
        "open": _open_score(known, incident),
        "closed": _closed_score(known, incident),
        "published": _published(known, incident),
        "unreached": _unreached(known, incident),
        "expire": tombstone_ttl if changed and incident.state == "tombstone" else False,
        "forget": decision.forget,
        "figures": sums.of(decision.observations),
        "moves": _moves(known, incident),
        "cancel": decision.cancel,
        "schedule": _schedule(known, decision),
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
        known = before.lane_of_task(item.task) if before is not None else lane
        if before is not None and lane == "urgent" and _is_raised(before, after, item.task):
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
