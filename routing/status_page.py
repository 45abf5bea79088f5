"""What outsiders read of an incident: opened by rule, worded by people, closed with the incident.

``follow`` runs after whatever happened to the incident, ``update`` and ``hide`` are what people do.
What is published names components and nothing else of the incident, unless a template or a person
says so.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from routing.actions.merge import UNTOLD
from routing.decision import Draft
from routing.duration import format_moment
from routing.incident import COMPLETE_KEPT, OPEN_STATES, labelled
from routing.incident_parts import Publication, PublicUpdate
from routing.rules import Rules
from routing.status_rule import StatusRule, joined, listed
from routing.vocabulary import Kind

UPDATES_KEPT = 50
_TOLD_BY = frozenset({"state", "episode", "priority", "alerts", "parts", "merged_firing"})
"""Changes of these fields may change what is published."""


def follow(draft: Draft, rules: Rules) -> None:
    """Bring what is published in line with the incident as it will be."""
    published = draft.incident.published
    rule = rules.status
    if (rule is None and published is None) or not draft.fields.keys() & _TOLD_BY:
        return
    if draft.incident.merged_into:
        _fold(draft, published)
    elif draft.incident.state == "resolved":
        _close(draft, rule, published)
    elif rule is not None and draft.incident.state in OPEN_STATES:
        _open(draft, rule, published)


def _open(draft: Draft, rule: StatusRule, published: Publication | None) -> None:
    merged = _of_parts(draft)
    found = joined(_hit(draft, rule), merged)
    if published is not None and published.episode == draft.incident.episode:
        _grow(draft, rule, published, found)
    elif published is None:
        # What a person published before it was merged into this goes on with this.
        _begin(draft, rule, found if rule.automatic else merged)
    elif not published.resolved_at or (rule.automatic and _is_back(draft, published, found)):
        _come_back(draft, rule, published, found)


def _begin(draft: Draft, rule: StatusRule, found: dict[str, str]) -> None:
    if found:
        first = _by_rule(draft, rule, "investigating", "investigating", found)
        fresh = Publication(word_of(draft, rule, "title", found), draft.now, found, (first,))
        change(draft, fresh, episode=draft.incident.episode)
        _tell(draft, fresh, f"On the status page: {_shown(found)}")


def _is_back(draft: Draft, published: Publication, found: Mapping[str, str]) -> bool:
    """Return whether what opened again is what outsiders read of: the rule or a person says so."""
    return bool(found) or draft.incident.by_hand or published.pinned


def _come_back(
    draft: Draft, rule: StatusRule, published: Publication, found: dict[str, str]
) -> None:
    """A new episode of what outsiders have read of before."""
    components = found or published.components | published.suffered
    more: dict[str, Any] = {"components": components, "pinned": False, "suffered": {}}
    if published.resolved_at:
        again = _by_rule(draft, rule, "investigating", "reopened", components)
        more |= {"resolved_at": 0, "updates": _with(published, again)}
        _tell(draft, published, f"Again on the status page: {_shown(components)}")
    change(draft, published, episode=draft.incident.episode, **more)


def _grow(draft: Draft, rule: StatusRule, published: Publication, found: Mapping[str, str]) -> None:
    """More components, or worse: nothing gets better by itself before the incident is over."""
    if published.resolved_at:
        if merged := _merged_now(draft):
            # That is not over, and says no more of itself from now on.
            _come_back(draft, rule, published, merged)
        return
    if published.pinned:
        found = _merged_now(draft)
    components = joined(published.components, found)
    if components != published.components:
        title = published.title if published.titled else word_of(draft, rule, "title", components)
        change(draft, published, components=components, title=title)
        _tell(draft, published, f"On the status page: {_shown(components)}")


def _merged_now(draft: Draft) -> dict[str, str]:
    """Return what comes with an incident that a person merged into this one just now."""
    found: dict[str, str] = {}
    for source, part in draft.incident.parts.items():
        if source not in draft.start.parts:
            found |= part.components
    return found


def _close(draft: Draft, rule: StatusRule | None, published: Publication | None) -> None:
    if published is None or published.resolved_at:
        return
    updates = published.updates
    if rule is not None:
        last = _by_rule(draft, rule, "resolved", "resolved", published.components)
        updates = _with(published, last)
    change(draft, published, resolved_at=draft.now, updates=updates)
    _tell(draft, published, "Resolved on the status page")


def _fold(draft: Draft, published: Publication | None) -> None:
    """Once the target shows what this one affects, this one says no more."""
    told = draft.incident.merged_firing != UNTOLD
    if published is not None and not published.resolved_at and told:
        change(draft, published, resolved_at=draft.now)


def remind(draft: Draft) -> None:
    """Say what outsiders still read, for nobody has told them anything new in time."""
    published = draft.incident.published
    if published is None or published.hidden or published.resolved_at:
        return
    shown = [said for said in published.updates if not said.hidden]
    since = format_moment(shown[-1].at if shown else published.started_at)
    _tell(draft, published, f"Outsiders still read: {published.status}, since {since}")


def _hit(draft: Draft, rule: StatusRule) -> dict[str, str]:
    """Return component -> impact of what fires here."""
    if draft.incident.priority not in rule.priorities or not rule.lets(draft.incident.group):
        return {}
    named = labelled(draft.incident.firing()[:COMPLETE_KEPT], len(draft.incident.alerts))
    return rule.hit((alert.labels for alert in named), draft.incident.priority)


def _of_parts(draft: Draft) -> dict[str, str]:
    """Return component -> impact of what fires in what was merged into this."""
    found: dict[str, str] = {}
    for part in draft.incident.parts.values():
        found = joined(found, part.components if part.firing else {})
    return found


def word_of(draft: Draft, rule: StatusRule, name: str, components: Mapping[str, str]) -> str:
    """Return the wording of the rule for these components."""
    alerts = draft.incident.alerts.values()
    lead = min(alerts, key=lambda alert: (alert.resolved, alert.priority, alert.starts_at))
    return rule.word(name, components, lead.labels)


def _by_rule(
    draft: Draft, rule: StatusRule, status: str, wording: str, components: Mapping[str, str]
) -> PublicUpdate:
    return PublicUpdate(draft.now, status, word_of(draft, rule, wording, components))


def _with(published: Publication, said: PublicUpdate) -> tuple[PublicUpdate, ...]:
    return (*published.updates, said)[-UPDATES_KEPT:]


def change(draft: Draft, published: Publication, **fields: Any) -> None:
    """Replace fields of what is published."""
    draft.set(published=msgspec.structs.replace(published, **fields))


def _tell(draft: Draft, published: Publication, text: str) -> None:
    if not published.hidden:
        draft.say(Kind.PUBLISHED, text, via="automatic")


def _shown(components: Mapping[str, str]) -> str:
    return listed([f"{name} ({impact.replace('_', ' ')})" for name, impact in components.items()])
