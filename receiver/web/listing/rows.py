"""A row of the console's list: an incident in one line, ready to print."""

from typing import Any

from receiver.store.lists.order import open_score
from receiver.store.lists.query import ANSWERED, GROUPS
from receiver.templates import render
from receiver.web.console_view import card, upright
from routing.incident import Incident

Row = dict[str, Any]
GROUPINGS = ("priority", "team", "service", "alertname", "cluster")
"""What rows of a page may be put together by."""
_NONE = "none"


def row(incident: Incident, now: int) -> Row:
    """Return what the list shows of an incident at ``now`` (ms).

    ``order``: its place among the open ones, as text that a browser can compare; ``section``: the
    part of the list it belongs to.
    """
    return card(incident, now) | {
        "service": upright(_label(incident, "service")),
        "order": f"{open_score(incident):017d}",
        "section": section_of(incident),
        "groups": {
            "priority": incident.priority,
            "team": incident.team or _NONE,
            "service": _label(incident, "service") or _NONE,
            "alertname": _label(incident, "alertname") or _NONE,
            "cluster": incident.group.cluster or _NONE,
        },
    }


def section_of(incident: Incident) -> str:
    """Return the part of the list: what somebody has is apart from what nobody touched."""
    return ANSWERED if incident.state in GROUPS[ANSWERED] else "triggered"


def html_of(found: Row, prefix: str, own: str, *, responds: bool) -> str:
    """Return a row as it is on the page, for whoever may act (``responds``) or only look.

    ``own``: the address that the page is shown under, whose host no link names.
    """
    return render("console/row.html.j2", card=found, prefix=prefix, own=own, responds=responds)


def _label(incident: Incident, name: str) -> str:
    """Return a label of the group, else of the most urgent alert that has it."""
    value = incident.group.labels.get(name, "")
    if value:
        return value
    alerts = sorted(incident.complete_alerts(), key=lambda alert: alert.priority)
    return next((alert.labels[name] for alert in alerts if alert.labels.get(name)), "")
