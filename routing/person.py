"""What people do to an incident. A click carries what its author saw; a stale one is refused."""

from routing.alert import severity_label
from routing.decision import Draft
from routing.escalation import Rules, settle_deadline
from routing.event import Acknowledged, Resolved
from routing.incident import Incident


def _refusal(incident: Incident, episode: int | None) -> str:
    """Return why the event changes nothing, or ""."""
    if episode is not None and episode != incident.episode:
        return "stale"
    return "already_resolved" if incident.state == "resolved" else ""


def acknowledge(draft: Draft, event: Acknowledged, rules: Rules) -> str:
    """Somebody takes the incident: the acknowledge clock stops, pages go no further."""
    incident = draft.start
    refusal = _refusal(incident, event.episode)
    if refusal or incident.state == "acknowledged":
        return refusal or "already_acknowledged"
    draft.set(state="acknowledged", acknowledged_at=draft.now, acknowledged_by=event.actor)
    settle_deadline(draft, "met")
    draft.stop("delivery")
    draft.say(
        "acknowledged", f"Acknowledged by {event.actor.name}", event.actor.name, event.actor.via
    )
    if not incident.acknowledge_counted:
        draft.set(acknowledge_counted=True)
        observe_duration(draft, rules, "incident_acknowledge_duration_seconds", "human")
    return "acknowledged"


def resolve_by_person(draft: Draft, event: Resolved, rules: Rules) -> str:
    """Somebody declares it over: what fires now is quiet until it resolves or changes."""
    incident = draft.start
    refusal = _refusal(incident, event.episode)
    if refusal:
        return refusal
    firing = incident.firing()
    suppressed = {alert.fingerprint: alert.starts_at for alert in firing}
    draft.set(
        state="resolved",
        resolved_at=draft.now,
        resolved_by=event.actor,
        suppressed={**incident.suppressed, **suppressed},
    )
    settle_deadline(draft, "met")
    draft.stop("delivery")
    still = f" while {len(firing)} of its alerts still fire" if firing else ""
    draft.say(
        "resolved", f"Resolved by {event.actor.name}{still}", event.actor.name, event.actor.via
    )
    observe_duration(draft, rules, "incident_resolution_duration_seconds", "human")
    return "resolved"


def observe_duration(draft: Draft, rules: Rules, name: str, by: str) -> None:
    """Observe the time since the episode opened, in seconds, once an episode; never below zero."""
    draft.observe(
        name,
        max(0, draft.now - draft.get("episode_opened_at")) / 1000,
        severity=severity_label(draft.get("severity")),
        type="alert",
        priority=draft.get("priority"),
        team=rules.team,
        by=by,
    )
