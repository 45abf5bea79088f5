"""Records of large groups: written whole now and then, between that only what changed is added.

A storm tells of a few alerts of a group of thousands, hundreds of times; to write all of them each
time would make it quadratic. The record stays one JSON document: changes go into its last field,
``later``, in front of the two characters that end it.
"""

from typing import Any

import msgspec

from receiver.store.keys import VERSION_DIGITS
from receiver.store.records.packing import MODEL, complete_alerts, pack_alerts, packed_alert
from routing.alert import Alert
from routing.alerts import Alerts
from routing.decision import Decision
from routing.incident import SCHEMA, Incident

NEWEST_SCHEMA = SCHEMA + 1
"""Schema of a record with later changes: releases that only know the plain one refuse it, and read
those of all other groups beside this one."""
LARGE_ALERTS = 64
"""Alerts above which a record is written so: below, the whole of it is hardly more."""
_NONE = b',"later":[]}'
END = b"]}"
"""What every record ends with that has later changes."""
_encoder = msgspec.json.Encoder()


class Later(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one commit changed: fields of the incident, alerts by fingerprint, and those gone."""

    fields: dict[str, msgspec.Raw]
    alerts: dict[str, Alert] = {}
    gone: tuple[str, ...] = ()


class LargeRecord(msgspec.Struct, frozen=True):
    """A record that changes can be added to, as it is stored.

    ``model``: the alert that others are compared with; ``size``: its bytes; ``whole``: those it had
    when it was last written whole.
    """

    incident: Incident
    model: Alert
    size: int
    whole: int

    @property
    def is_long(self) -> bool:
        """True when what was added is as much as the rest: it is written whole again."""
        return self.size >= 2 * self.whole


class Stored(msgspec.Struct, frozen=True):
    """What a commit writes: ``body``, the whole record or what is added to one of ``size`` bytes.

    ``large``: the record as it is then, where it is one that can be added to.
    """

    body: bytes
    size: int = 0
    large: LargeRecord | None = None

    @property
    def remembered(self) -> bytes | LargeRecord:
        """What to decide from next."""
        return self.large if self.large is not None else self.body


_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_alerts_decoder = msgspec.json.Decoder(dict[str, Alert])
_later_decoder = msgspec.json.Decoder(list[Later])
_incident_decoder = msgspec.json.Decoder(Incident)
_FIELDS = tuple(name for name in Incident.__struct_fields__ if name != "alerts")


def encode_whole(incident: Incident, version: bytes) -> Stored:
    """Return the record of a large group as one to add to."""
    packed = pack_alerts(msgspec.structs.replace(incident, schema=NEWEST_SCHEMA))
    body = version + _encoder.encode(packed)[:-1] + _NONE
    return Stored(body, 0, LargeRecord(incident, packed.alerts[MODEL], len(body), len(body)))


def encode_added(decision: Decision, known: LargeRecord, version: bytes) -> Stored | None:
    """Return what a decision adds to a record, None where it has to be written whole.

    A record that expires is one: adding to it would leave it to expire.
    """
    base, incident = known.incident, decision.incident
    if incident is None or decision.base is not base or incident.id != base.id:
        return None
    if known.is_long or base.state == "tombstone" or incident.state == "tombstone":
        return None
    alerts = Alerts.of(incident.alerts)
    touched = sorted(alerts.different(base.alerts))
    added = _encoder.encode(
        Later(
            _different(base, incident),
            {key: packed_alert(key, alerts[key], known.model) for key in touched if key in alerts},
            tuple(key for key in touched if key not in alerts),
        )
    )
    comma = b"," if known.size > known.whole else b""
    size = known.size + len(comma) + len(added)
    large = LargeRecord(incident, known.model, size, known.whole)
    return Stored(version + comma + added + END, known.size, large)


def _different(base: Incident, incident: Incident) -> dict[str, msgspec.Raw]:
    """Return the fields but the alerts that are others now, as JSON."""
    found: dict[str, Any] = {}
    for name in _FIELDS:
        now = getattr(incident, name)
        was = getattr(base, name)
        if now is not was and now != was:
            found[name] = msgspec.Raw(_encoder.encode(now))
    return found


def read_large(raw: bytes) -> LargeRecord:
    """Return what a record with later changes says; what decoding junk raises for any other."""
    fields = _fields_decoder.decode(memoryview(raw)[VERSION_DIGITS:])
    if "later" not in fields:
        raise ValueError("it has no later changes")
    later = fields.pop("later")
    alerts = _alerts_decoder.decode(fields.pop("alerts", msgspec.Raw(b"{}")))
    for one in _later_decoder.decode(later):
        fields.update(one.fields)
        alerts.update(one.alerts)
        for key in one.gone:
            alerts.pop(key, None)
    model = alerts.get(MODEL)
    if model is None:
        raise ValueError("it has no alert that others are compared with")
    incident = msgspec.structs.replace(
        _incident_decoder.decode(_encoder.encode(fields)),
        schema=SCHEMA,
        alerts=Alerts(complete_alerts(alerts, model)),
    )
    whole = len(raw) - len(bytes(later)) + len(b"[]")
    return LargeRecord(incident, model, len(raw), whole)
