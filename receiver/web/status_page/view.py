"""What outsiders see: the components, what goes on, and what is over. Pure.

It is made of what was published alone; of the incidents themselves only which was merged into
which. Nobody is named.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from receiver.text.times import rfc3339
from receiver.web.status_page.config import StatusPageConfig
from receiver.web.status_page.planned import MAINTENANCE, maintained
from receiver.web.status_page.shapes import (
    PublicIncident,
    PublicMaintenance,
    StatusPage,
    Uptime,
)
from routing.incident import Incident
from routing.incident_parts import Publication, PublicUpdate
from routing.status_rule import badness, worst

FOR_EVER = float("inf")
SUMMARIES = {
    "operational": "All systems operational",
    "degraded": "Degraded performance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
}


class Notice(msgspec.Struct):
    """One trouble as outsiders read of it, of one incident or of several.

    ``ended`` (ms) is ``FOR_EVER`` while it goes on; ``worded``: a person said something.
    """

    title: str
    started: int
    ended: float
    components: dict[str, str]
    updates: list[PublicUpdate]
    worded: bool
    key: str

    @property
    def goes_on(self) -> bool:
        """True until it is over."""
        return self.ended == FOR_EVER

    @property
    def status(self) -> str:
        """Return what the newest update says."""
        if not self.goes_on:
            return "resolved"
        said = [update.status for update in self.updates if update.status != "resolved"]
        return (said or ["investigating"])[-1]

    @property
    def impact(self) -> str:
        """Return the worst impact on a component."""
        return max(self.components.values(), key=badness, default="operational")

    def takes_in(self, other: "Notice") -> bool:
        """Return whether another one that nobody worded says nothing that this one does not."""
        meets = other.started <= self.ended and self.started <= other.ended
        # What a person ended is not made longer by what they did not speak of.
        covers = other.ended <= self.ended or not (self.worded or other.goes_on)
        inside = other.components.keys() <= self.components.keys()
        return not other.worded and meets and covers and inside


def notices_of(incidents: Iterable[Incident]) -> list[Notice]:
    """Return what is to be read: what goes on, the worst first, then what ended last.

    A merged incident is told with its target, and what hits the same components at the same time
    is one notice as long as no person words it: a storm is one trouble to whoever reads.
    """
    found = notices_apart(incidents)
    found.sort(key=lambda one: (not one.worded, not one.goes_on, one.started, one.key))
    kept: list[Notice] = []
    for notice in found:
        host = next((one for one in kept if one.takes_in(notice)), None)
        if host is None:
            kept.append(notice)
        else:
            _take_in(host, notice)
    kept.sort(key=_rank)
    return kept


def notices_apart(incidents: Iterable[Incident]) -> list[Notice]:
    """Return a notice of each incident that nobody withdrew, merged ones with their target."""
    known = {incident.id: incident for incident in incidents if incident.published is not None}
    groups: dict[str, list[Incident]] = {}
    for incident in known.values():
        groups.setdefault(_root(incident, known), []).append(incident)
    return [
        _notice(known[root], members)
        for root, members in groups.items()
        if not _publication(known[root]).hidden
    ]


def _rank(notice: Notice) -> tuple[float, ...]:
    """Return the place: what goes on by its impact and age, then what ended last."""
    if notice.goes_on:
        return (-notice.ended, -badness(notice.impact), notice.started)
    return (-notice.ended, 0, -notice.started)


class Naming(msgspec.Struct, frozen=True):
    """How incidents are called outside: ``name(id)``, and what their addresses begin with."""

    name: Callable[[str], str]
    base: str = ""

    def url(self, name: str) -> str:
        """Return the address of an incident's own page."""
        path = f"status/incidents/{name}"
        return f"{self.base}/{path}" if self.base else path


def page_of(
    config: StatusPageConfig,
    notices: Sequence[Notice],
    as_of: int,
    naming: Naming,
    uptime: Mapping[str, Uptime],
    planned: Sequence[PublicMaintenance] = (),
) -> StatusPage:
    """Return the page as programs read it; ``as_of`` (ms) is when this was so.

    Maintenance is the state of a component only while nothing is wrong with it.
    """
    going_on = [notice for notice in notices if notice.goes_on]
    state = {component.name: "operational" for component in config.components}
    for notice in going_on:
        for name, impact in notice.components.items():
            if name in state:
                state[name] = worst(state[name], impact)
    impacts = [*state.values(), *(notice.impact for notice in going_on)]
    status = max(impacts, key=badness)
    busy = maintained(planned)
    state |= {name: MAINTENANCE for name in busy if state.get(name) == "operational"}
    shown = [shown_notice(notice, naming) for notice in notices]
    return {
        "title": config.title,
        "status": status,
        "summary": _summary(status, going_on, busy),
        "as_of": rfc3339(as_of),
        "stale": False,
        "components": [
            {
                "name": component.name,
                "description": component.description,
                "status": state[component.name],
                "uptime": uptime[component.name],
            }
            for component in config.components
        ],
        "incidents": shown[: len(going_on)],
        "maintenance": list(planned),
        "history": shown[len(going_on) :],
        "history_days": config.history // 86_400_000,
    }


def _summary(status: str, going_on: Sequence[Notice], busy: Collection[str]) -> str:
    if status == "operational" and busy and not going_on:
        return "Planned maintenance is in progress"
    if status == "operational" and going_on:
        return "All systems operational, still being watched"
    return SUMMARIES.get(status, SUMMARIES["degraded"])


def shown_notice(notice: Notice, naming: Naming) -> PublicIncident:
    """Return a notice as outsiders read it."""
    name = naming.name(notice.key)
    return {
        "id": name,
        "url": naming.url(name),
        "title": notice.title,
        "status": notice.status,
        "impact": notice.impact,
        # Of what is over there is always a time to print, and be it 1970.
        "started_at": rfc3339(notice.started or 1),
        "resolved_at": None if notice.goes_on else rfc3339(int(notice.ended) or 1),
        "components": [
            {"name": component, "impact": impact} for component, impact in notice.components.items()
        ],
        "updates": [
            {"at": rfc3339(update.at), "status": update.status, "text": update.text}
            for update in reversed(notice.updates)
        ],
    }


def _root(incident: Incident, known: Mapping[str, Incident]) -> str:
    """Return the incident that goes on for this one, as far as outsiders know of it."""
    seen = {incident.id}
    while incident.merged_into in known and incident.merged_into not in seen:
        incident = known[incident.merged_into]
        seen.add(incident.id)
    return incident.id


def _publication(incident: Incident) -> Publication:
    if incident.published is None:
        raise ValueError(f"nothing is published of {incident.id}")
    return incident.published


def _notice(root: Incident, members: Sequence[Incident]) -> Notice:
    """Return what is published of an incident, with what people said of those merged into it."""
    main = _publication(root)
    title, started, components = main.title, main.started_at, dict(main.components)
    own = [update for update in main.updates if not update.hidden]
    said: list[PublicUpdate] = []
    for member in members:
        published = _publication(member)
        if member is root or published.hidden:
            continue
        started = min(started, published.started_at)
        title = published.title if published.titled and not main.titled else title
        if not published.resolved_at:
            # The target has not heard of it yet; from then on its own word counts.
            components = published.components | components
        said += [update for update in published.updates if update.by and not update.hidden]
    if said and own and not own[0].by and min(one.at for one in said) <= own[0].at:
        # "Investigating" is no news after what people said before it was merged.
        own = own[1:]
    updates = sorted([*own, *said], key=lambda update: update.at)
    ended = main.resolved_at or (FOR_EVER if root.is_open or root.merged_into else root.resolved_at)
    if ended != FOR_EVER:
        components |= main.suffered
    worded = any(update.by for update in updates)
    return Notice(title, started, ended, components, updates, worded, root.id)


def _take_in(host: Notice, other: Notice) -> None:
    host.started = min(host.started, other.started)
    for name, impact in other.components.items() if host.goes_on == other.goes_on else ():
        if not host.worded:
            host.components[name] = worst(host.components[name], impact)
    if not host.worded and other.ended > host.ended:
        host.ended = other.ended
        host.updates[-1:] = other.updates[-1:]
