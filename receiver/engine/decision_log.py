"""Logs what was decided, in the words of the decision."""

import logging

from routing.decision import Decision

log = logging.getLogger("dispatch")

WORTH_A_LINE = frozenset(
    {
        "opened",
        "reopened",
        "acknowledged",
        "unacknowledged",
        "resolved",
        "priority_raised",
        "deadline_missed",
        "snoozed",
        "snooze_ended",
        "escalated",
        "assigned",
        "noted",
        "merged_now",
        "flapping",
        "stale",
        "reminded",
        "forgotten",
    }
)


def tell(decisions: list[Decision]) -> None:
    """Log what changed for people; repeats and updates are not worth a line."""
    for decision in decisions:
        incident = decision.incident
        if decision.reason in WORTH_A_LINE and incident is not None:
            log.info(
                "%s: [%s] %s",
                decision.reason,
                incident.priority,
                incident.title,
                extra={
                    "incident": incident.id,
                    "correlation_id": incident.correlation_id,
                    "trace_context": incident.trace,
                },
            )
