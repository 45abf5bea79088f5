"""What a timeline says of alerts that came, and how many are kept whole."""

from collections.abc import Mapping
from operator import attrgetter

from routing import interval
from routing.alert import Alert, is_summarized, summarized
from routing.decision import Draft
from routing.incident import COMPLETE_KEPT, describe
from routing.incident_parts import Suspect
from routing.vocabulary import Kind

_RANK = attrgetter("resolved", "priority", "starts_at", "fingerprint")
RESOLVED_KEPT = 500
"""Resolved alerts an incident remembers, so that a group that lives for months stays bounded."""


def say_summarized(draft: Draft) -> None:
    """Say once that not all is kept of each alert."""
    before, after = (len(of) > COMPLETE_KEPT for of in (draft.start.alerts, draft.incident.alerts))
    if after and not before:
        words = (
            f"Over {COMPLETE_KEPT} alerts: of the less urgent ones only state and times are kept"
        )
        draft.say(Kind.SUMMARIZED, words)


def bounded(alerts: dict[str, Alert], suspected: Mapping[str, Suspect]) -> dict[str, Alert]:
    """Return the alerts without what is over for long, and of too many only the state.

    Which ones depends on the alerts alone, not on the order they came in.
    """
    if len(alerts) <= RESOLVED_KEPT:
        return alerts
    alerts = _without_oldest(alerts, suspected)
    if len(alerts) <= COMPLETE_KEPT:
        return alerts
    ranked = sorted(alerts.values(), key=_RANK)
    return alerts | {
        one.fingerprint: summarized(one) for one in ranked[COMPLETE_KEPT:] if not is_summarized(one)
    }


def _without_oldest(alerts: dict[str, Alert], suspected: Mapping[str, Suspect]) -> dict[str, Alert]:
    resolved = [alert for key, alert in alerts.items() if alert.resolved and key not in suspected]
    resolved.sort(key=lambda alert: (interval.last_end(alert), alert.fingerprint))
    forgotten = {alert.fingerprint for alert in resolved[:-RESOLVED_KEPT]}
    return {key: alert for key, alert in alerts.items() if key not in forgotten}


def say_changes(draft: Draft, firing: list[Alert]) -> bool:
    """Say what joined and left, a line for all of it; return whether any joined.

    Whoever has the incident is told in its thread of what joins; a storm is not a page of timeline.
    """
    before = {alert.fingerprint for alert in draft.start.firing()}
    after = {alert.fingerprint: alert for alert in firing}
    joined = [alert for key, alert in after.items() if key not in before]
    left = len(before - after.keys())
    parts = []
    if joined:
        names = ", ".join(describe(alert) for alert in joined[:3])
        parts.append(f"{len(joined)} more firing: {names}" + (", ..." if len(joined) > 3 else ""))  # noqa: PLR2004 - as many as are named
        draft.set(grown=draft.incident.grown + len(joined))
    if left:
        parts.append(f"{left} resolved")
    if parts:
        draft.say(Kind.JOINED if _is_news(draft, joined) else Kind.ALERTS_CHANGED, "; ".join(parts))
    return bool(joined)


def _is_news(draft: Draft, joined: list[Alert]) -> bool:
    """Return whether whoever has the incident should hear of what joined."""
    if draft.incident.flapping:
        # That it comes and goes is said already.
        joined = [alert for alert in joined if alert.fingerprint not in draft.start.alerts]
    return bool(joined) and draft.incident.state in ("acknowledged", "snoozed")
