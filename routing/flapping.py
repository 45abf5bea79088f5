"""Flapping: what changes too often stays open, at its most urgent priority, until it is quiet.

An opening, an end, and whatever else pages of itself (a rise of the priority, a group that grows)
is a change; so is a fall that is taken back, and an alert that fires with another start before its
known end. The timer ``flap`` runs as long as an incident flaps,
and each further change puts it off.
"""

from routing.decision import Draft
from routing.duration import format_duration
from routing.rules import Rules
from routing.vocabulary import Kind, Timer


def count_change(draft: Draft, rules: Rules, fell_at: int = 0) -> None:
    """Remember a change, and mark the incident when they are too many.

    ``fell_at``: when the priority fell that rises again.
    """
    if not rules.flap_changes:
        return
    since = draft.now - rules.flap_window
    recent = sorted(at for at in (*draft.incident.changes, fell_at, draft.now) if at > since)
    changes = tuple(recent[-rules.flap_changes :])
    draft.set(changes=changes)
    if len(changes) >= rules.flap_changes and not draft.incident.flapping:
        draft.set(flapping=True)
        draft.say(
            Kind.FLAPPING,
            f"Flapping ({len(changes)} changes within {format_duration(rules.flap_window)}): it"
            f" stays open and at {draft.incident.priority}, acknowledgements stand, and its alerts"
            f" page nobody, until nothing changes for {format_duration(rules.flap_hold)}",
        )
        draft.observe("incident_flapping_total", priority=draft.incident.priority)
    wait_for_quiet(draft, rules)


def wait_for_quiet(draft: Draft, rules: Rules) -> None:
    """Put the end of flapping off: something changed."""
    if draft.incident.flapping:
        draft.timer(Timer.FLAP, draft.now + rules.flap_hold)


def held(draft: Draft, asked: str, reason: str) -> tuple[str, str]:
    """Return priority and reason of what asks for ``asked``: what flaps does not fall."""
    before = draft.incident.priority
    if not draft.incident.flapping or asked <= before:
        return asked, reason
    words = draft.incident.priority_reason
    return before, words if words.startswith(_HELD) else f"{_HELD}{words}"


_HELD = "held while flapping: "
