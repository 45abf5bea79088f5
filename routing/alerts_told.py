"""What a timeline says of alerts that came, and how many are kept whole."""

from collections.abc import Mapping
from operator import attrgetter

from routing.alert import Alert, is_summarized, summarized
from routing.alerts import URGENCY, Alerts
from routing.decision import Draft
from routing.incident import COMPLETE_KEPT, Incident, describe
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


def bound(alerts: Alerts, suspected: Mapping[str, Suspect]) -> None:
    """Drop of alerts just made what is over for long; of too many keep only the state.

    Which ones depends on the alerts alone, not on the order they came in. What these alerts were
    made of was bounded already.
    """
    if len(alerts) <= RESOLVED_KEPT:
        return
    if len(alerts.over) > RESOLVED_KEPT:
        ended = [alert.fingerprint for alert in alerts.ended if alert.fingerprint not in suspected]
        alerts.amend({}, ended[:-RESOLVED_KEPT])
    if len(alerts) <= COMPLETE_KEPT:
        return
    news = alerts.news
    # What is new pushes as many out of the first places, and may itself be behind them.
    pushed = alerts.ranked(COMPLETE_KEPT, COMPLETE_KEPT + len(news))
    last = _RANK(alerts.ranked(COMPLETE_KEPT - 1, COMPLETE_KEPT)[0])
    behind = [alerts[key] for key in news if key in alerts and _RANK(alerts[key]) > last]
    alerts.amend(
        {one.fingerprint: summarized(one) for one in (*pushed, *behind) if not is_summarized(one)}
    )


def say_changes(draft: Draft) -> bool:
    """Say what joined and left, a line for all of it; return whether any joined.

    Whoever has the incident is told in its thread of what joins; a storm is not a page of timeline.
    """
    joined, left = _moved(draft.start, draft.incident)
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


def _moved(before: Incident, after: Incident) -> tuple[list[Alert], int]:
    """Return what fires and did not before, most urgent first, and how many fire no longer."""
    touched = Alerts.of(after.alerts).different(before.alerts)
    touched |= {*before.suppressed, *after.suppressed}
    joined, left = list[Alert](), 0
    for key in touched:
        was, now = before.fires(key), after.fires(key)
        if now and not was:
            joined.append(after.alerts[key])
        left += was and not now
    return sorted(joined, key=URGENCY), left


def _is_news(draft: Draft, joined: list[Alert]) -> bool:
    """Return whether whoever has the incident should hear of what joined."""
    if draft.incident.flapping:
        # That it comes and goes is said already.
        joined = [alert for alert in joined if alert.fingerprint not in draft.start.alerts]
    return bool(joined) and draft.incident.state in ("acknowledged", "snoozed")
