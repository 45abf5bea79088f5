"""Reads a webhook body: bytes in, alerts out.

A well-formed body is checked and decoded by compiled code, without a line of Python for each field,
and only a body that fails there is read again, leniently. Both readings give the same result for a
well-formed body. Each alert is a call of its own: a thread that reads 10,000 of them in one keeps
the interpreter from the event loop for 20 to 60 ms.
"""

import codecs
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from receiver.intake.payload_fields import (
    MAX_ANNOTATION,
    MAX_ENTRIES,
    MAX_FINGERPRINT,
    MAX_TIME,
    MAX_TRUNCATED,
    JunkPayloadError,
    Payload,
    Rejected,
    epoch_ms,
    http_url,
    unquote_receiver,
)
from receiver.intake.payload_json import load_json
from receiver.intake.payload_lenient import lenient_payload, source_of
from routing.alert import Alert
from routing.fingerprint import MAX_LABEL

__all__ = ["JunkPayloadError", "Payload", "Rejected", "parse_payload"]

_Label = Annotated[str, Meta(max_length=MAX_LABEL)]
_Labels = Annotated[dict[_Label, _Label], Meta(max_length=MAX_ENTRIES)]
_Annotation = Annotated[str, Meta(max_length=MAX_ANNOTATION)]
_Time = Annotated[str, Meta(max_length=MAX_TIME)]


class _Alert(msgspec.Struct, gc=False):
    """template.Alert of Alertmanager."""

    status: Literal["firing", "resolved"]
    labels: _Labels
    annotations: Annotated[dict[_Label, _Annotation], Meta(max_length=MAX_ENTRIES)]
    startsAt: _Time  # noqa: N815 - the sender's names
    endsAt: _Time  # noqa: N815
    generatorURL: str  # noqa: N815
    fingerprint: Annotated[str, Meta(min_length=1, max_length=MAX_FINGERPRINT)]


class _Webhook(msgspec.Struct, gc=False):
    """template.Data and webhook.Message of Alertmanager; what is not named is not looked at."""

    receiver: _Label
    groupKey: Annotated[str, Meta(min_length=1, max_length=MAX_LABEL)]  # noqa: N815
    groupLabels: _Labels  # noqa: N815
    externalURL: str  # noqa: N815
    alerts: list[msgspec.Raw]
    truncatedAlerts: Annotated[int, Meta(ge=0, le=MAX_TRUNCATED)] = 0  # noqa: N815
    # Raw: they may hold millions of values, and nobody wants one of them.
    version: msgspec.Raw = msgspec.Raw()
    orgId: msgspec.Raw = msgspec.Raw()  # noqa: N815


_decode = msgspec.json.Decoder(_Webhook).decode
_decode_alert = msgspec.json.Decoder(_Alert).decode
_PIECE = 1 << 20

# In valid JSON a control character can only be written as an escape. A match may be a false
# alarm (an escaped backslash before an "f"), which costs time but changes nothing.
_find_control = re.compile(rb"\\(?:u00[01]|[bfr])").search


def parse_payload(body: bytes, now: int, *, max_alerts: int = 10000) -> Payload:
    """Read an Alertmanager webhook, version 4, and what other senders make of it.

    ``now`` is in milliseconds since the epoch, and decides on alerts with an end but no status.
    Nothing else is made of it: ``starts_at`` is 0 where there is none, an unreadable one, or one
    outside 1970 to 9000, for an invented one would make each copy a firing of its own. A firing
    alert has no ``ends_at``.
    Of more than ``max_alerts`` alerts the first are taken and the others count as truncated.
    Of duplicate JSON keys the last counts. Duplicate fingerprints are all returned.

    Raises ``PayloadError`` (with line and column) for a body that is not JSON in UTF-8 or is
    nested too deeply, and its subclass ``JunkPayloadError`` for JSON that is no notification.
    """
    if _find_control(body) is None:
        try:
            if not body.isascii():
                _check_utf8(body)  # msgspec does not look into what it passes over
            return _payload(_decode(body), max_alerts)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # the lenient reading finds out whether the body is wrong or only sloppy
    return lenient_payload(load_json(body), now, max_alerts)


def _check_utf8(body: bytes) -> None:
    """Raise UnicodeDecodeError unless all of it is UTF-8; a text is four times as large."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _PIECE):
        decoder.decode(body[start : start + _PIECE], final=start + _PIECE >= len(body))


def _payload(webhook: _Webhook, max_alerts: int) -> Payload:
    items = webhook.alerts
    cut = max(0, len(items) - max_alerts)
    if cut:
        items = items[:max_alerts]
    known = 0 < len(webhook.version) <= MAX_TIME
    seen = {"version": msgspec.json.decode(webhook.version) if known else None}
    if len(webhook.orgId):
        seen["orgId"] = None
    return Payload(
        unquote_receiver(webhook.receiver),
        webhook.groupKey,
        webhook.groupLabels,
        http_url(webhook.externalURL),
        webhook.truncatedAlerts + cut,
        _alerts(items),
        (),
        source_of(seen),
    )


def _alerts(items: list[msgspec.Raw]) -> tuple[Alert, ...]:
    """Return the alerts; those in a row that say the same say it together.

    Less memory waits for the commit.
    """
    found = []
    shared: dict[str, str] = {}
    for item in items:
        alert = _decode_alert(item)
        if alert.annotations == shared:
            alert.annotations = shared
        else:
            shared = alert.annotations
        found.append(_alert(alert))
    return tuple(found)


def _alert(item: _Alert) -> Alert:
    resolved = item.status == "resolved"
    return Alert(
        item.fingerprint,
        item.labels,
        item.annotations,
        epoch_ms(item.startsAt),
        resolved,
        epoch_ms(item.endsAt) if resolved else 0,
        http_url(item.generatorURL),
    )
