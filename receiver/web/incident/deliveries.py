"""What was delivered to whom: one row a notifier, with what its receipt knows."""

from typing import Any

from receiver.incident_json import Shown, Whole, delivery_state
from receiver.text.times import rfc3339
from receiver.web.console_view import length, upright
from routing.escalation import why
from routing.incident import Incident
from routing.incident_parts import INFORMED
from routing.receipt import Receipt
from routing.runbook import is_link


def deliveries(found: Whole, shown: Shown, now: int) -> list[dict[str, Any]]:
    """Return a row for each notifier that was asked, or has something."""
    receipts = {name: Receipt() for name in found.incident.pages} | dict(found.receipts)
    rows = [
        _row(found.incident, name, receipt, now) | _places(shown(name, receipt))
        for name, receipt in receipts.items()
    ]
    return sorted(rows, key=lambda row: (row["step"] == 0, row["step"], row["name"]))


def _row(incident: Incident, name: str, receipt: Receipt, now: int) -> dict[str, Any]:
    page = incident.pages.get(name)
    informs = page is not None and page.step == INFORMED
    attempt = receipt.attempt
    return {
        "name": name,
        "state": delivery_state(incident, name, receipt),
        "step": page.step + 1 if page is not None and not informs else 0,
        "page": page.seq if page is not None else 0,
        "asked": rfc3339(page.at) or "" if page is not None else "",
        "why": why(page.reason) if page is not None and not informs else "",
        "mention": upright(page.mention) if page is not None else "",
        "paged": receipt.paged_seq,
        "delivered": rfc3339(receipt.delivered_at) or "",
        "took": _took(page.at, receipt.delivered_at) if page is not None else "",
        "current": bool(receipt.version) and receipt.version >= incident.version,
        "failures": receipt.failures,
        "failed_since": rfc3339(receipt.failed_since) or "",
        "failing_for": length(now - receipt.failed_since) if receipt.failed_since else "",
        "error": upright(receipt.last_error),
        "unknown": rfc3339(attempt.at) or "" if attempt is not None else "",
    }


def _took(asked: int, delivered: int) -> str:
    return length(delivered - asked) if asked and delivered >= asked else ""


def _places(shown: dict[str, Any]) -> dict[str, Any]:
    """Return where it can be looked at: a link into the service, and alerts by their key."""
    links, keys = [], []
    for kind, places in shown.items():
        for place in places if isinstance(places, list) else [places]:
            if isinstance(place, dict) and is_link(str(place.get("link", ""))):
                links.append((kind, place["link"]))
            elif isinstance(place, dict) and place.get("dedup_key"):
                keys.append(place)
    return {"links": links, "keys": keys}
