"""How incidents and timelines are written (a fixed-width version, then JSON), and their judge."""

from collections.abc import Sequence

import msgspec

from receiver.errors import DamagedRecordError, NewerRecordError
from receiver.store.keys import VERSION_DIGITS
from receiver.store.records.large import (
    END,
    LARGE_ALERTS,
    NEWEST_SCHEMA,
    LargeRecord,
    Stored,
    encode_added,
    encode_whole,
    read_large,
)
from receiver.store.records.packing import pack_alerts, unpack_alerts
from routing.alert import PRIORITIES, Alert, Time
from routing.decision import Decision
from routing.group import Group, split_id
from routing.incident import OPEN_STATES, SCHEMA, Incident
from routing.incident_parts import Entry, Suspect

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
    """Return the stored form of an incident, written whole."""
    return stored_whole(incident).body


def stored_whole(incident: Incident) -> Stored:
    """Return what to write of an incident whatever is stored of it."""
    version = version_text(incident.version).encode()
    if len(incident.alerts) > LARGE_ALERTS:
        return encode_whole(incident, version)
    return Stored(version + _encoder.encode(pack_alerts(incident)))


def stored_form(decision: Decision, known: LargeRecord | None = None) -> Stored:
    """Return what a decision writes, with an empty body where it changes nothing.

    ``known``: the record that it was made from, where that is one to add to.
    """
    incident = decision.incident
    if not decision.changed or incident is None:
        return Stored(b"")
    if known is not None and len(incident.alerts) > LARGE_ALERTS:
        added = encode_added(decision, known, version_text(incident.version).encode())
        if added is not None:
            return added
    return stored_whole(incident)


def decode_incident(raw: bytes, name: str = "") -> Incident:
    """Return the incident of a stored record; see ``decode_record``."""
    found = decode_record(raw, name)
    return found.incident if isinstance(found, LargeRecord) else found


def decode_record(raw: bytes, name: str = "") -> Incident | LargeRecord:
    """Return what a stored record says; ``name``: the id it is stored under.

    A large one is returned as it is added to. This is the one judge of records. DamagedRecordError
    says what is wrong with one that no release has written so. NewerRecordError: a newer release
    wrote it, and older code must never write over it nor put it aside.
    """
    large = None
    try:
        if (
            raw.endswith(END)
            and _schema_decoder.decode(raw[VERSION_DIGITS:]).schema == NEWEST_SCHEMA
        ):
            large = read_large(raw)
        incident = large.incident if large else _incident_decoder.decode(raw[VERSION_DIGITS:])
        if incident.schema < SCHEMA:
            incident = _upgraded(incident, raw)
    except UNREADABLE as error:
        _refuse_newer(raw, name)
        raise DamagedRecordError(said(error)) from None
    if incident.schema > SCHEMA:
        _refuse_newer(raw, name)
    wrong = _wrong(raw, incident, name or incident.id)
    if wrong:
        raise DamagedRecordError(wrong)
    return large if large is not None else unpack_alerts(incident)


class _StateOf(msgspec.Struct):
    state: str
    schema: int = 1


_state_decoder = msgspec.json.Decoder(_StateOf)


def is_open_record(known: bytes | LargeRecord) -> bool:
    """Return whether a record in order is of an open incident: a tenth of the work of decoding."""
    if isinstance(known, LargeRecord):
        return known.incident.is_open
    found = _state_decoder.decode(memoryview(known)[VERSION_DIGITS:])
    if found.schema == NEWEST_SCHEMA:
        return decode_incident(known).is_open
    return found.state in OPEN_STATES


def _wrong(raw: bytes, incident: Incident, name: str) -> str:
    """Return what an incident that could be decoded says that cannot be, "" as a rule."""
    if raw[:VERSION_DIGITS] != version_text(incident.version).encode():
        return "it does not begin with its version"
    if incident.id != name:
        return f"it says it is {incident.id[:SHOWN]!r}"
    if split_id(name)[2] != incident.generation:
        return f"its generation is {incident.generation}"
    if incident.opened_at <= 0 and (incident.is_open or incident.state == "resolved"):
        return "it does not say when it was opened"
    return _wrong_within(incident)


def _wrong_within(incident: Incident) -> str:
    """Return what the parts of an incident say that cannot be, "" as a rule."""
    named = {incident.priority, *(part.priority for part in incident.parts.values())}
    if incident.pin is not None:
        named.add(incident.pin.priority)
    suspected = {key: suspect.alert for key, suspect in incident.suspected.items()}
    named_alerts = (incident.alerts, suspected, incident.former)
    for key, alert in (pair for alerts in named_alerts for pair in alerts.items()):
        named.add(alert.priority)
        # One that is packed says nothing of itself, see ``packing``.
        if alert.fingerprint not in ("", key):
            return f"an alert of it says it is {alert.fingerprint[:SHOWN]!r}"
    unknown = named.difference(PRIORITIES)
    if unknown:
        return f"a priority of it is {min(unknown)[:SHOWN]!r}"
    return "its state is 'newer'" if incident.state == "newer" else ""


class SchemaOf(msgspec.Struct, frozen=True):
    """What a record of any release says."""

    schema: int = 1


_schema_decoder = msgspec.json.Decoder(SchemaOf)


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
        if found.schema <= NEWEST_SCHEMA:
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
        f"{NEWEST_SCHEMA}): upgrade this replica"
    )


def said(error: Exception) -> str:
    """Return why something cannot be decoded, in a line without any of its content."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str(error)[:SHOWN] or type(error).__name__


class _UpTo5(msgspec.Struct):
    """How records up to schema 5 say what may be an echo, and what ended in older generations."""

    suspects: dict[str, Alert] = {}
    suspected_at: dict[str, Time] = {}
    earlier: dict[str, Time] = {}


_old_decoder = msgspec.json.Decoder(_UpTo5)


def _upgraded(incident: Incident, raw: bytes) -> Incident:
    """Return a record of an older schema as this release would have written it.

    1: a policy's times counted from the opening of the episode. 2 to 4: only had fewer fields.
    5: of what had ended in older generations it only knew the start.
    """
    started = incident.clock_started_at or incident.episode_opened_at
    deadlines = {
        name: found if found.since else msgspec.structs.replace(found, since=started)
        for name, found in incident.deadlines.items()
    }
    old = _old_decoder.decode(memoryview(raw)[VERSION_DIGITS:])
    return msgspec.structs.replace(
        incident,
        schema=SCHEMA,
        clock_started_at=started,
        deadlines=deadlines,
        suspected={
            key: Suspect(alert, old.suspected_at.get(key, incident.updated_at), known=True)
            for key, alert in old.suspects.items()
        },
        former={
            key: Alert(key, {}, starts_at=at, resolved=True, ends_at=at)
            for key, at in old.earlier.items()
        },
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
