"""What PagerDuty's Events API v2 demands of an event.

Source: developer.pagerduty.com/docs/events-api-v2 (trigger, acknowledge, resolve). The words of
the errors are PagerDuty's where they are known from public reports.
"""

import re
from datetime import datetime
from typing import Any

Json = dict[str, Any]

MAX_BYTES = 512 * 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")
_URL = re.compile(r"https?://[^\s/]\S*")


def check_event(event: Json) -> list[str]:
    """Return what is wrong with an event, nothing if PagerDuty would take it."""
    errors: list[str] = []
    key = event.get("routing_key")
    if not key:
        errors.append("'routing_key' is missing or blank")
    elif not isinstance(key, str) or len(key) != 32:
        errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    action = event.get("event_action")
    if not action:
        errors.append("'event_action' is missing or blank")
    elif action not in ACTIONS:
        errors.append(
            "'event_action' is invalid"
            " (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
        )
    errors += _dedup_key(event, action)
    if action == "trigger":
        errors += _payload(event.get("payload"))
        errors += _objects(event, "links", "href", ("text",))
        errors += _objects(event, "images", "src", ("href", "alt"))
        errors += _strings(event, ("client", "client_url"), "")
    return errors


def _dedup_key(event: Json, action: Any) -> list[str]:
    key = event.get("dedup_key")
    if key is None or key == "":
        return [] if action == "trigger" else ["'dedup_key' is missing or blank"]
    if not isinstance(key, str):
        return ["'dedup_key' is invalid (must be a string)"]
    return ["'dedup_key' is too long (maximum is 255 characters)"] if len(key) > 255 else []


def _payload(payload: Any) -> list[str]:
    if not payload:
        return ["'payload' is missing or blank"]
    if not isinstance(payload, dict):
        return ["'payload' is invalid (must be an object)"]
    errors = [
        f"'payload.{key}' is missing or blank"
        for key in ("summary", "source", "severity")
        if not payload.get(key) or (isinstance(payload[key], str) and not payload[key].strip())
    ]
    errors += _strings(
        payload, ("summary", "source", "severity", "component", "group", "class"), "payload."
    )
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > 1024:
        # The misspelling is PagerDuty's.
        errors.append("'summary' is too long (maiximum is 1024 characters)")
    if payload.get("severity") and payload["severity"] not in SEVERITIES:
        errors.append(
            "'payload.severity' is invalid"
            " (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("'payload.custom_details' is invalid (must be an object)")
    if "timestamp" in payload and not _is_time(payload["timestamp"]):
        errors.append("'payload.timestamp' is invalid (must be an ISO 8601 time)")
    return errors


def _objects(event: Json, name: str, address: str, texts: tuple[str, ...]) -> list[str]:
    """Check `links` or `images`: objects with a web address and some texts, nothing else."""
    values = event.get(name, [])
    if not isinstance(values, list):
        return [f"'{name}' is invalid (must be an array)"]
    errors: list[str] = []
    for number, value in enumerate(values):
        where = f"{name}[{number}]"
        if not isinstance(value, dict):
            errors.append(f"'{where}' is invalid (must be an object)")
            continue
        if not isinstance(value.get(address), str) or not _URL.fullmatch(value[address]):
            errors.append(f"'{where}.{address}' is missing or not a web address")
        errors += _strings(value, texts, f"{where}.")
        errors += [f"'{where}.{key}' is unknown" for key in value if key not in (address, *texts)]
    return errors


def _strings(holder: Json, keys: tuple[str, ...], prefix: str) -> list[str]:
    return [
        f"'{prefix}{key}' is invalid (must be a string)"
        for key in keys
        if holder.get(key) is not None and not isinstance(holder[key], str)
    ]


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
