"""What outsiders read of an incident: opened by rule, worded by people, closed with the incident.

``follow`` runs after whatever happened to the incident, ``update`` and ``hide`` are what people do.
What is published names components and nothing else of the incident, unless a template or a person
says so.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from routing import clocks
from routing.actions.merge import UNTOLD
from routing.decision import Draft
from routing.duration import format_moment
from routing.event import StatusHidden, StatusUpdated
from routing.incident import OPEN_STATES, Incident, labelled
from routing.incident_parts import Publication, PublicUpdate
from routing.rules import Rules
from routing.status_rule import StatusRule, joined, listed
from routing.vocabulary import Kind, Reason

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
        fresh = Publication(_word(draft, rule, "title", found), draft.now, found, (first,))
        _set(draft, fresh, episode=draft.incident.episode)
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
    _set(draft, published, episode=draft.incident.episode, **more)


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
        title = published.title if published.titled else _word(draft, rule, "title", components)
        _set(draft, published, components=components, title=title)
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
    _set(draft, published, resolved_at=draft.now, updates=updates)
    _tell(draft, published, "Resolved on the status page")


def _fold(draft: Draft, published: Publication | None) -> None:
    """Once the target shows what this one affects, this one says no more."""
    told = draft.incident.merged_firing != UNTOLD
    if published is not None and not published.resolved_at and told:
        _set(draft, published, resolved_at=draft.now)


def update(draft: Draft, event: StatusUpdated, rules: Rules) -> Reason:
    """A person tells outsiders how it is; of what is over they may only word the end."""
    incident, rule = draft.start, rules.status
    refused = _refusal(incident, event)
    if refused or rule is None:
        return refused or Reason.NO_STATUS_PAGE
    components = _chosen(draft, event, rule, incident.published)
    if not components:
        return Reason.NO_COMPONENT
    text = event.text or _word(draft, rule, event.status, components)
    said = PublicUpdate(draft.now, event.status, text, event.actor.name)
    _publish(draft, event, rule, components, said)
    words = f"Status page, {event.status}: {text}"
    draft.say(Kind.STATUS_UPDATE, words, event.actor)
    if incident.is_open and event.actor.ends == "human":
        clocks.heard(draft, rules.clocks[draft.incident.priority])
    return Reason.STATUS_UPDATED


def _refusal(incident: Incident, event: StatusUpdated) -> Reason | None:
    published = incident.published
    if event.episode is not None and event.episode != incident.episode:
        return Reason.STALE
    if incident.merged_into:
        return Reason.MERGED
    if not incident.is_open and (published is None or event.status != "resolved"):
        return Reason.ALREADY_RESOLVED
    return Reason.HIDDEN if published is not None and published.hidden else None


def _publish(
    draft: Draft,
    event: StatusUpdated,
    rule: StatusRule,
    components: dict[str, str],
    said: PublicUpdate,
) -> None:
    """Add what a person said to what is published, or begin with it."""
    known = draft.start.published
    title = event.title or _word(draft, rule, "title", components)
    if known is None:
        known = Publication(title, draft.now, components, ())
    elif not event.title and (known.titled or components == known.components):
        title = known.title
    over = event.status == "resolved"
    updates = known.updates
    if over and updates and updates[-1].status == "resolved" and not updates[-1].by:
        # The end as a person words it stands in for the template's.
        updates = updates[:-1]
    _set(
        draft,
        known,
        title=title,
        titled=known.titled or bool(event.title),
        components=components,
        suffered=_suffered(known, components),
        pinned=known.pinned or bool(event.components or event.impact),
        episode=draft.start.episode,
        resolved_at=(known.resolved_at or draft.now) if over else 0,
        updates=(*updates, said)[-UPDATES_KEPT:],
    )


def _suffered(known: Publication, components: Mapping[str, str]) -> dict[str, str]:
    """Return the impact before each component was declared operational."""
    before = {**known.components, **known.suffered}
    return {
        name: before[name]
        for name, impact in components.items()
        if impact == "operational" and before.get(name, impact) != impact
    }


def _chosen(
    draft: Draft, event: StatusUpdated, rule: StatusRule, published: Publication | None
) -> dict[str, str]:
    """Return the components a person named, else those known, else those the alerts are about."""
    labels = [
        alert.labels for alert in labelled(draft.start.alerts.values(), len(draft.start.alerts))
    ]
    hit = rule.hit(labels, draft.start.priority)
    known = dict(published.components) if published is not None else {}
    if event.components:
        impacts = {of.name: of.impacts[draft.start.priority] for of in rule.components}
        known = {name: known.get(name, impacts.get(name, "")) for name in event.components}
    elif not known:
        known = hit
    if not all(known.values()):
        return {}
    return dict.fromkeys(known, event.impact) if event.impact else known


def hide(draft: Draft, event: StatusHidden, _rules: Rules) -> Reason:
    """A person takes back what outsiders read, all of it or one update, or shows it again."""
    incident, published = draft.start, draft.start.published
    if event.episode is not None and event.episode != incident.episode:
        return Reason.STALE
    if published is None:
        return Reason.NOT_PUBLISHED
    if event.update > len(published.updates):
        return Reason.NO_SUCH_UPDATE
    updates = list(published.updates)
    if event.update:
        changed = msgspec.structs.replace(updates[event.update - 1], hidden=event.hidden)
        updates[event.update - 1] = changed
        after = msgspec.structs.replace(published, updates=tuple(updates))
        goes_on = incident.is_open and published.episode == incident.episode
        after = msgspec.structs.replace(after, resolved_at=_end_of(after, goes_on=goes_on))
    else:
        after = msgspec.structs.replace(published, hidden=event.hidden)
    if after == published:
        return Reason.UNCHANGED
    draft.set(published=after)
    what = f"update {event.update}" if event.update else "the incident"
    how = "taken back" if event.hidden else "shown again"
    actor = event.actor
    draft.say(Kind.STATUS_HIDDEN, f"Status page: {what} {how} by {actor.name}", actor)
    return Reason.STATUS_HIDDEN if event.hidden else Reason.STATUS_SHOWN


def _end_of(published: Publication, *, goes_on: bool) -> int:
    """Return when it is over for outsiders: with its incident, or when a person last said so."""
    if not goes_on:
        return published.resolved_at
    shown = [update for update in published.updates if not update.hidden]
    return shown[-1].at if shown and shown[-1].status == "resolved" else 0


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
    if draft.incident.priority not in rule.priorities:
        return {}
    return rule.hit(
        (alert.labels for alert in labelled(draft.incident.firing(), len(draft.incident.alerts))),
        draft.incident.priority,
    )


def _of_parts(draft: Draft) -> dict[str, str]:
    """Return component -> impact of what fires in what was merged into this."""
    found: dict[str, str] = {}
    for part in draft.incident.parts.values():
        found = joined(found, part.components if part.firing else {})
    return found


def _word(draft: Draft, rule: StatusRule, name: str, components: Mapping[str, str]) -> str:
    alerts = draft.incident.alerts.values()
    lead = min(alerts, key=lambda alert: (alert.resolved, alert.priority, alert.starts_at))
    return rule.word(name, components, lead.labels)


def _by_rule(
    draft: Draft, rule: StatusRule, status: str, wording: str, components: Mapping[str, str]
) -> PublicUpdate:
    return PublicUpdate(draft.now, status, _word(draft, rule, wording, components))


def _with(published: Publication, said: PublicUpdate) -> tuple[PublicUpdate, ...]:
    return (*published.updates, said)[-UPDATES_KEPT:]


def _set(draft: Draft, published: Publication, **fields: Any) -> None:
    draft.set(published=msgspec.structs.replace(published, **fields))


def _tell(draft: Draft, published: Publication, text: str) -> None:
    if not published.hidden:
        draft.say(Kind.PUBLISHED, text, via="automatic")


def _shown(components: Mapping[str, str]) -> str:
    return listed([f"{name} ({impact.replace('_', ' ')})" for name, impact in components.items()])
