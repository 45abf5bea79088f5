"""What people do on the status page."""

from collections.abc import Mapping

import msgspec

from routing import clocks
from routing.decision import Draft
from routing.incident import Incident, labelled
from routing.incident_parts import Publication, PublicUpdate
from routing.person_event import StatusHidden, StatusUpdated
from routing.rules import Rules
from routing.status_page import UPDATES_KEPT, change, word_of
from routing.status_rule import StatusRule
from routing.vocabulary import Kind, Reason


def update(draft: Draft, event: StatusUpdated, rules: Rules) -> Reason:
    """A person tells outsiders how it is; of what is over they may only word the end."""
    incident, rule = draft.start, rules.status
    refused = _refusal(incident, event)
    if refused or rule is None:
        return refused or Reason.NO_STATUS_PAGE
    components = _chosen(draft, event, rule, incident.published)
    if not components:
        return Reason.NO_COMPONENT
    text = event.text or word_of(draft, rule, event.status, components)
    said = PublicUpdate(draft.now, event.status, text, event.actor.principal)
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
    title = event.title or word_of(draft, rule, "title", components)
    if known is None:
        known = Publication(title, draft.now, components, ())
    elif not event.title and (known.titled or components == known.components):
        title = known.title
    over = event.status == "resolved"
    updates = known.updates
    if over and updates and updates[-1].status == "resolved" and not updates[-1].by:
        # The end as a person words it stands in for the template's.
        updates = updates[:-1]
    change(
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
    draft.say(Kind.STATUS_HIDDEN, f"Status page: {what} {how} by {actor.principal}", actor)
    return Reason.STATUS_HIDDEN if event.hidden else Reason.STATUS_SHOWN


def _end_of(published: Publication, *, goes_on: bool) -> int:
    """Return when it is over for outsiders: with its incident, or when a person last said so."""
    if not goes_on:
        return published.resolved_at
    shown = [update for update in published.updates if not update.hidden]
    return shown[-1].at if shown and shown[-1].status == "resolved" else 0
