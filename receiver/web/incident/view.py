"""What the page of an incident shows, put together of its parts; made off the event loop."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlencode

from receiver import incident_json
from receiver.incident_json import Whole
from receiver.roles import Role
from receiver.runbooks.catalogue import Catalogue
from receiver.store.audit.entry import Numbered
from receiver.store.audit.shown import as_json
from receiver.text.times import rfc3339
from receiver.web.charts import sparkline
from receiver.web.console_forms import forms_of
from receiver.web.console_view import details, upright
from receiver.web.incident.alert_table import alert_table, said_of
from receiver.web.incident.deliveries import deliveries
from receiver.web.incident.outlook import People, holder, outlook
from receiver.web.incident.related import related
from receiver.web.incident.runbook import runbook
from receiver.web.incident.timeline import GROUPS, timeline
from routing.incident import Incident
from routing.rules import Rules

ABOUT = ("service", "system", "component", "namespace", "cluster", "region", "env", "environment")
"""Labels that say for whom it is broken, where all alerts have them."""
ABOUT_MAX = 200
Origin = tuple[str, str, str, str]
"""What decided something, its name, what it says, and the line of the configuration, "" none."""


class Parts(NamedTuple):
    """What the page is made of beside the incident, the same for every one.

    ``shown(notifier, receipt)``: what the notifier shows of it; ``why(incident)``: what decided.
    ``public``: there is a status page.
    """

    rules: Callable[[str], Rules]
    why: Callable[[Incident], Iterable[Origin]]
    people: People
    shown: incident_json.Shown
    catalogue: Catalogue
    base_url: str
    prefix: str
    public: bool


class Asked(NamedTuple):
    """What was asked for, by whom: a page of alerts, kinds of the timeline, by a role."""

    alerts: int
    kinds: Sequence[str]
    before: int
    role: Role | None
    slip: str = ""


class Found(NamedTuple):
    """What was read: the incident, others it belongs to, what the audit says (None: not for them).

    ``audit_goes_on``: not everything of the trail was looked through.
    """

    whole: Whole
    others: Mapping[str, Incident]
    audit: Sequence[Numbered] | None
    audit_goes_on: bool


def view(found: Found, asked: Asked, parts: Parts, now: int) -> dict[str, Any]:
    """Return everything the template shows; takes some ms."""
    whole = found.whole
    incident = whole.incident
    book = runbook(incident, parts.catalogue, parts.base_url, parts.prefix)
    table = alert_table(incident, asked.alerts)
    rules = parts.rules(incident.group.route)
    firing = incident.watched() or incident.complete_alerts()
    link = partial(_link, f"{parts.prefix}/incidents/{incident.id}", asked)
    return {
        "incident": details(incident, now),
        "brief": incident_json.summary(incident),
        "sent_by": upright(incident.sent_by),
        "correlation_id": incident.correlation_id,
        "about": _about(incident, dict(table["labels"])),
        "says": upright(_says(firing[0], incident.title)) if firing else "",
        "holder": holder(incident, whole.receipts, now),
        "next": outlook(incident, rules, now, parts.people),
        "runbook": book,
        "runbook_link": incident.runbook_url,
        "findings": _findings(incident, parts, shown=bool(book["body"])),
        "alerts": table,
        "timeline": timeline(whole, asked.kinds),
        "deliveries": deliveries(whole, parts.shown, now),
        "related": related(incident, found.others, now),
        "why": [list(map(upright, origin)) for origin in parts.why(incident)],
        "audit": None if found.audit is None else [as_json(one) for one in found.audit],
        "audit_goes_on": found.audit_goes_on,
        "forms": forms_of(incident, asked.role, public=parts.public),
        "link": link,
        "groups": list(GROUPS),
        "address": f"{parts.base_url}/incidents/{incident.id}",
        "slip": asked.slip,
    }


def _link(page: str, asked: Asked, place: str = "", **changes: Any) -> str:
    """Return the address of this page with something else chosen, at a place of it."""
    wanted = asked._replace(**changes)
    query = [("alerts", str(wanted.alerts))] if wanted.alerts > 1 else []
    query += [("kind", kind) for kind in wanted.kinds]
    query += [("timeline_before", str(wanted.before))] if wanted.before else []
    return page + (f"?{urlencode(query)}" if query else "") + (f"#{place}" if place else "")


def _about(incident: Incident, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return for whom it is broken, as far as anything says; ``labels``: those of all alerts."""
    published = incident.published
    found = [("team", incident.team)]
    found += [(name, labels.get(name, "")) for name in ABOUT]
    if published is not None and not published.hidden and published.status != "resolved":
        found += [
            (f"{impact.replace('_', ' ')} for outsiders", name)
            for name, impact in published.components.items()
        ]
    return [(name, upright(value[:ABOUT_MAX])) for name, value in found if value]


def _says(alert: Any, title: str) -> str:
    """Return what the most urgent alert says, unless the title says it already."""
    _, says = said_of(alert)
    if not says or says in title:
        _, says = said_of(alert, dict.fromkeys(("summary", "value"), ""))
    return "" if says in title else says


def _findings(incident: Incident, parts: Parts, *, shown: bool) -> list[dict[str, Any]]:
    """Return what was found out about it; what is ours is linked as one came here.

    ``shown``: the runbook itself is, which says what was found in it.
    """
    base_url, prefix = parts.base_url, parts.prefix
    found = []
    for one in incident.context:
        if shown and one.enricher == "runbook":
            continue
        url = one.url
        if url.startswith(f"{base_url}/"):
            url = prefix + url.removeprefix(base_url)
        found.append(
            {
                "enricher": one.enricher,
                "text": upright(one.text),
                "url": url,
                "at": rfc3339(one.at) or "",
                "chart": sparkline(one.points),
            }
        )
    return found
