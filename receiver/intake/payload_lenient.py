"""Makes the most of a webhook body that is not as Alertmanager writes it.

What can be read is kept, what cannot is reported; nothing here is fast, and nothing needs to be.
"""

from collections.abc import Mapping
from typing import Any

from receiver.intake.payload_fields import (
    MAX_ANNOTATION,
    MAX_ENTRIES,
    MAX_TIME,
    MAX_TRUNCATED,
    JunkPayloadError,
    Payload,
    Rejected,
    bounded_fingerprint,
    bounded_key,
    derived_group_key,
    epoch_ms,
    http_url,
    unquote_receiver,
)
from receiver.intake.payload_json import json_text
from receiver.text.visible import clean_text
from routing.alert import Alert
from routing.fingerprint import MAX_LABEL, fingerprint_of

_MAX_RAW = 4096
_MAX_REASON = 1024
RAW_OF = 100
"""Alerts that are wrong, of one notification, that are kept as they came."""

_STATUSES = {"firing": False, "alerting": False, "resolved": True, "ok": True}
"""Status words, and whether they mean resolved; ``alerting`` and ``ok`` are Grafana's."""


def source_of(webhook: Mapping[str, Any]) -> str:
    """Name the kind of sender: ``alertmanager`` (also Mimir's), ``grafana`` or ``other``."""
    if "orgId" in webhook:
        return "grafana"
    return "alertmanager" if webhook.get("version") == "4" else "other"


def lenient_payload(document: object, now: int, max_alerts: int) -> Payload:
    """Turn parsed JSON into a payload; alerts that cannot be read are listed as rejected.

    Raises ``JunkPayloadError`` when it is no notification at all.
    """
    webhook, items = _notification(document)
    payload_status = webhook.get("status")
    alerts: list[Alert] = []
    rejected: list[Rejected] = []
    for index, item in enumerate(items[:max_alerts]):
        notes: list[str] = []
        alert = _alert(item, payload_status, now, notes)
        if alert is not None:
            alerts.append(alert)
        if notes:
            reason = clean_text("; ".join(notes), _MAX_REASON)
            raw, whole = _raw(item) if len(rejected) < RAW_OF else ("", False)
            rejected.append(Rejected(index, reason, raw, kept=alert is not None, cut=not whole))
    receiver = unquote_receiver(clean_text(_scalar(webhook.get("receiver")) or "", MAX_LABEL))
    group_labels = _texts(webhook.get("groupLabels"), MAX_LABEL, "group label", [])
    common_labels = _texts(webhook.get("commonLabels"), MAX_LABEL, "common label", [])
    cut = max(0, len(items) - max_alerts)
    return Payload(
        receiver,
        _group_key(webhook.get("groupKey"))
        or derived_group_key(receiver, group_labels, common_labels, alerts),
        group_labels,
        _url(webhook.get("externalURL")),
        _count(webhook.get("truncatedAlerts")) + cut,
        tuple(alerts),
        tuple(rejected),
        source_of(webhook),
    )


def _notification(document: object) -> tuple[dict[str, Any], list[Any]]:
    if isinstance(document, list):
        hint = ", which is what Alertmanager's own API takes" if document else ""
        raise JunkPayloadError(f"expected an object, found a list{hint}", "$")
    if not isinstance(document, dict):
        raise JunkPayloadError(f"expected an object, found {_kind(document)}", "$")
    if "alerts" not in document:
        hint = " (Grafana before version 8 sends none)" if "ruleId" in document else ""
        raise JunkPayloadError(f"expected a list, found nothing{hint}", "$.alerts")
    items = document["alerts"]
    if not isinstance(items, list):
        raise JunkPayloadError(f"expected a list, found {_kind(items)}", "$.alerts")
    return document, items


def _alert(item: object, payload_status: object, now: int, notes: list[str]) -> Alert | None:
    """Read one alert, or None; ``notes`` takes what was wrong with it."""
    if not isinstance(item, dict):
        notes.append(f"expected an object, found {_kind(item)}")
        return None
    labels = _texts(item.get("labels"), MAX_LABEL, "label", notes)
    fingerprint = bounded_fingerprint(_scalar(item.get("fingerprint")) or "")
    if not labels and not fingerprint:
        notes.append("it has neither labels nor a fingerprint, so nothing identifies it")
        return None
    ends_at = _time(item.get("endsAt"))
    resolved = _resolved(item.get("status"), payload_status, ends_at, now)
    return Alert(
        fingerprint or fingerprint_of(labels),
        labels,
        _texts(item.get("annotations"), MAX_ANNOTATION, "annotation", notes),
        _time(item.get("startsAt")),
        resolved,
        ends_at if resolved else 0,
        _url(item.get("generatorURL")),
    )


def _resolved(status: object, payload_status: object, ends_at: int, now: int) -> bool:
    """Whether an alert has ended: by its own word, else its end, else the payload's word.

    What nobody says is firing: a needless page is the smaller harm.
    """
    own = _status(status)
    if own is not None:
        return own
    if ends_at:
        return ends_at <= now
    return _status(payload_status) or False


def _status(value: object) -> bool | None:
    return _STATUSES.get(value.strip().lower()) if isinstance(value, str) else None


def _texts(value: object, limit: int, what: str, notes: list[str]) -> dict[str, str]:
    """Make labels or annotations texts. A null is no entry; an annotation may be any JSON."""
    if not isinstance(value, dict):
        if value is not None:
            notes.append(f"{what}s: expected an object, found {_kind(value)}")
        return {}
    texts: dict[str, str] = {}
    for name, item in value.items():
        if len(texts) == MAX_ENTRIES:
            notes.append(f"more than {MAX_ENTRIES} {what}s; the rest is left out")
            break
        text = _scalar(item)
        if text is None and item is not None:
            if what == "annotation":
                text = json_text(item, limit, ascii_only=False)
            else:
                shown = clean_text(name, 80)
                notes.append(f"{what} {shown}: expected a string, found {_kind(item)}; left out")
        if text is not None:
            texts[clean_text(name, MAX_LABEL)] = clean_text(text, limit)
    return texts


def _scalar(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def _time(value: object) -> int:
    text = _scalar(value)
    return 0 if text is None else epoch_ms(clean_text(text, MAX_TIME + 1))


def _url(value: object) -> str:
    return http_url(clean_text(value, len(value) + 1)) if isinstance(value, str) else ""


def _group_key(value: object) -> str:
    # Old samples have an integer. Of the other scalars none can be meant as a key.
    known = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    return bounded_key(str(value)) if known else ""


def _count(value: object) -> int:
    try:
        number = float(_scalar(value) or 0)
    except ValueError:
        return 0
    return int(min(number, MAX_TRUNCATED)) if number > 0 else 0


def _raw(item: object) -> tuple[str, bool]:
    """Return an alert's JSON, and whether that is all of it."""
    text = json_text(item, _MAX_RAW)
    whole = len(text) <= _MAX_RAW
    return text if whole else text[: _MAX_RAW - 3] + "...", whole


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
