"""A review of what was done."""

from typing import Any

from receiver.review.build import review_of
from receiver.review.model import Review
from routing.event import AlertsReceived, Event
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.time_limit import parse_within
from tests.support.builders import MINUTE, NOW, alert, play, received, rules

ANN = Actor("Ann", "api")
RULES = rules(resolve_within=parse_within("30m"), reopen_within=60 * MINUTE)


def fire(minute: int = 0, **more: Any) -> AlertsReceived:
    """An alert that began at this minute."""
    return received(alert(starts_at=NOW + minute * MINUTE, **more))


def reviewed(*moves: tuple[int, Event], at: int = 600, **more: Any) -> tuple[Review, Incident]:
    """Return the review of what happened at minutes after NOW, made at minute ``at``."""
    incident, decisions = play(*moves, found=RULES)
    timeline = [entry for decision in decisions for entry in decision.timeline]
    return review_of(incident, timeline, {}, NOW + at * MINUTE, **more), incident
