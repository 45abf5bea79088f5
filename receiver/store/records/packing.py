"""Stored incidents without repetition: of each alert only what differs from the group's first.

The alerts of a group have most labels and much text in common, and what is written costs twice: in
the append-only file and in its fsync. 20 typical alerts shrink to a tenth.
"""

from collections.abc import Mapping

import msgspec

from routing.alert import Alert
from routing.alerts import Alerts
from routing.incident import Incident

MODEL = ""
"""Key of the pseudo-alert that the others are compared with; no fingerprint is empty."""


def pack_alerts(incident: Incident) -> Incident:
    """Return the incident with every alert reduced to what is its own.

    A packed alert has no fingerprint (its key is that); one that lacks something the model has
    cannot be told from it by differences and stays complete.
    """
    alerts = incident.alerts
    if len(alerts) < 2:  # noqa: PLR2004 - one alert shares nothing
        return incident
    model = msgspec.structs.replace(next(iter(alerts.values())), fingerprint=MODEL)
    packed = {key: packed_alert(key, alert, model) for key, alert in alerts.items()}
    packed[MODEL] = model
    return msgspec.structs.replace(incident, alerts=packed)


def packed_alert(key: str, alert: Alert, model: Alert) -> Alert:
    """Return what is stored of an alert beside the model."""
    return _reduced(alert, model) if key == alert.fingerprint else alert


def _reduced(alert: Alert, model: Alert) -> Alert:
    """Return what is the alert's own; all of it where it lacks something the model has."""
    labels = _own(alert.labels, model.labels)
    notes = _own(alert.annotations, model.annotations)
    url, reason = alert.generator_url, alert.priority_reason
    book, source = alert.runbook_url, alert.runbook_source
    whole = (
        (url or not model.generator_url)
        and (reason or not model.priority_reason)
        and (book or not model.runbook_url)
        and (source or not model.runbook_source)
    )
    if labels is None or notes is None or not whole:
        return alert
    return msgspec.structs.replace(
        alert,
        fingerprint="",
        labels=labels,
        annotations=notes,
        generator_url="" if url == model.generator_url else url,
        runbook_url="" if book == model.runbook_url else book,
        runbook_source="" if source == model.runbook_source else source,
        priority_reason="" if reason == model.priority_reason else reason,
    )


def _own(texts: dict[str, str], model: dict[str, str]) -> dict[str, str] | None:
    """Return what differs from the model's texts; None where one of those is missing."""
    if texts == model:
        return {}
    own = {key: text for key, text in texts.items() if model.get(key) != text}
    # Those that are equal, and those that only differ, are all of the model's.
    known = len(texts) - len(own)
    for key in own:
        known += key in model
    return own if known == len(model) else None


def unpack_alerts(incident: Incident) -> Incident:
    """Return the incident with complete alerts."""
    model = incident.alerts.get(MODEL)
    alerts = incident.alerts if model is None else complete_alerts(incident.alerts, model)
    return msgspec.structs.replace(incident, alerts=Alerts(alerts))


def complete_alerts(alerts: Mapping[str, Alert], model: Alert) -> dict[str, Alert]:
    """Return packed alerts with what they share with the model."""
    return {
        key: alert if alert.fingerprint else _completed(key, alert, model)
        for key, alert in alerts.items()
        if key != MODEL
    }


def _completed(key: str, alert: Alert, model: Alert) -> Alert:
    return msgspec.structs.replace(
        alert,
        fingerprint=key,
        labels=_with(alert.labels, model.labels),
        annotations=_with(alert.annotations, model.annotations),
        generator_url=alert.generator_url or model.generator_url,
        runbook_url=alert.runbook_url or model.runbook_url,
        runbook_source=alert.runbook_source or model.runbook_source,
        priority_reason=alert.priority_reason or model.priority_reason,
    )


def _with(own: dict[str, str], model: dict[str, str]) -> dict[str, str]:
    """Return the model's texts with an alert's own; nobody changes them, so they may be shared."""
    return model | own if own else model
