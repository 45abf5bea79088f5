"""A week of stories: what each priority and each feature of a policy says, and when.

The week begins on Thursday, 26 March 2026, 08:00 in Berlin; in its night to Sunday the clocks go
forward. Times are ``<days>d<hh>:<mm>:<ss>`` after that. The expected lines were checked by hand
against the policies below.
"""

from typing import Any, NamedTuple

from tests.support.app import NO_BUDGETS

START = "2026-03-26T08:00:00+01:00"

OFFICE = {"time_zone": "Europe/Berlin", "hours": "09:00-17:00"}
SETTINGS: dict[str, Any] = {
    **NO_BUDGETS,
    "log.level": "critical",
    "calendars": {"default": OFFICE},
    "incidents.stale_after": "0",
    "notifiers": {
        "pd": {"type": "pagerduty"},
        "chat": {"type": "slack"},
        "gone": {"type": "slack", "channel": "C0GONE"},
        "log": {"type": "log"},
    },
    "escalations": {
        "urgent": {
            "steps": [{"notify": ["pd", "chat"]}, {"notify": ["chat"], "mention": "!here"}],
            "remind_after": "1h",
        },
        "normal": {"steps": [{"notify": ["chat"]}, {"notify": ["log"]}]},
        "timed": {
            "steps": [
                {"notify": ["chat"]},
                {"notify": ["pd"], "after": "2m"},
                {"notify": ["log"], "after": "10m"},
            ],
            "repeat": 1,
        },
        "broken": {"steps": [{"notify": ["gone"]}, {"notify": ["chat"]}]},
        "growing": {"steps": [{"notify": ["chat"]}], "repage_when": "new_alerts >= 5"},
    },
    "route": {
        "routes": [
            {"name": name, "matchers": [f'story="{name}"'], "escalation": name}
            for name in ("timed", "broken", "growing")
        ]
    },
}


SEEN = "set slack.channel to the id (C...) of a channel the app can see"
"""What somebody has to do about a channel that is gone."""


class Story(NamedTuple):
    """What is done to one incident (time, action), and its whole timeline after the week."""

    name: str
    severity: str
    actions: tuple[tuple[str, str], ...]
    expected: tuple[str, ...]


STORIES: tuple[Story, ...] = (
    Story(
        "P1 that nobody answers",
        "critical",
        (("00:00:00", "fire 1"), ("01:30:00", "calm 1")),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify pd, chat",
            "0d00:05:00 deadline_missed: Not acknowledged within 5m",
            "0d00:05:00 escalated: Step 2, not acknowledged in time: notify chat",
            "0d00:30:00 deadline_missed: No status update within 30m",
            "0d01:00:00 deadline_missed: No status update within 30m",
            "0d01:30:00 deadline_missed: No status update within 30m",
            "0d01:30:00 resolved: All alerts resolved",
        ),
    ),
    Story(
        "P1 acknowledged and forgotten",
        "critical",
        (("00:00:00", "fire 1"), ("00:02:00", "acknowledge"), ("02:00:00", "calm 1")),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify pd, chat",
            "0d00:02:00 acknowledged: Acknowledged by ann",
            "0d00:30:00 deadline_missed: No status update within 30m",
            "0d00:32:00 deadline_missed: Not resolved within 30m of acknowledging",
            "0d00:32:00 escalated: Step 2, not resolved in time: notify chat",
            "0d01:00:00 deadline_missed: No status update within 30m",
            "0d01:02:00 reminded: Acknowledged by ann, and nothing heard since: still on it?",
            "0d01:30:00 deadline_missed: No status update within 30m",
            "0d02:00:00 deadline_missed: No status update within 30m",
            "0d02:00:00 resolved: All alerts resolved",
        ),
    ),
    Story(
        "P2 acknowledged late",
        "error",
        (("00:00:00", "fire 1"), ("00:20:00", "acknowledge"), ("00:50:00", "resolve cause=disk")),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify pd, chat",
            "0d00:15:00 deadline_missed: Not acknowledged within 15m",
            "0d00:15:00 escalated: Step 2, not acknowledged in time: notify chat",
            "0d00:20:00 acknowledged: Acknowledged by ann",
            "0d00:50:00 resolved: Resolved by ann while 1 of its alerts still fire: disk",
        ),
    ),
    Story(
        "P3 over a weekend",
        "warning",
        (("1d05:00:00", "fire 1"), ("1d05:30:00", "acknowledge")),
        (
            "1d05:00:00 opened: A0",
            "1d05:00:00 paged: Step 1, new incident: notify chat",
            "1d05:30:00 acknowledged: Acknowledged by ann",
            "4d04:30:00 deadline_missed: Not resolved within 8 business hours of acknowledging",
            "4d04:30:00 escalated: Step 2, not resolved in time: notify log",
        ),
    ),
    Story(
        "P4 in quiet hours",
        "info",
        (("1d12:00:00", "fire 1"), ("5d03:00:00", "acknowledge")),
        (
            "1d12:00:00 opened: A0",
            "1d12:00:00 held: Quiet hours: pages wait until 2026-03-30 07:00 UTC",
            "4d00:00:00 paged: Step 1, new incident: notify chat",
            "4d08:00:00 deadline_missed: Not acknowledged within 1 business day",
            "4d08:00:00 held: Quiet hours: pages wait until 2026-03-31 07:00 UTC",
            "5d00:00:00 escalated: Step 2, not acknowledged in time: notify log",
            "5d03:00:00 acknowledged: Acknowledged by ann",
        ),
    ),
    Story(
        "timed",
        "critical",
        (("00:00:00", "fire 1"), ("00:40:00", "resolve")),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify chat",
            "0d00:02:00 escalated: Step 2, still not acknowledged: notify pd",
            "0d00:05:00 deadline_missed: Not acknowledged within 5m",
            "0d00:10:00 escalated: Step 3, still not acknowledged: notify log",
            "0d00:15:00 escalated: Step 4, still not acknowledged: notify chat",
            "0d00:17:00 escalated: Step 5, still not acknowledged: notify pd",
            "0d00:25:00 escalated: Step 6, still not acknowledged: notify log",
            "0d00:30:00 deadline_missed: No status update within 30m",
            "0d00:40:00 resolved: Resolved by ann while 1 of its alerts still fire",
        ),
    ),
    Story(
        "broken",
        "critical",
        (("00:00:00", "fire 1"), ("00:01:00", "resolve")),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify gone",
            f"0d00:00:00 delivery_failed: gone: channel_not_found: {SEEN}",
            "0d00:00:00 escalated: Step 2, a notifier failed: notify chat",
            "0d00:01:00 resolved: Resolved by ann while 1 of its alerts still fire",
        ),
    ),
    Story(
        "growing",
        "critical",
        (
            ("00:00:00", "fire 1"),
            ("00:00:30", "fire 4"),
            ("00:01:00", "fire 6"),
            ("00:02:00", "resolve"),
        ),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify chat",
            "0d00:00:30 alerts_changed: 3 more firing: A3, A1, A2",
            "0d00:01:00 alerts_changed: 2 more firing: A4, A5",
            "0d00:01:00 grown: 5 more alerts since the last page",
            "0d00:01:00 paged: Step 1, many more alerts: notify chat",
            "0d00:02:00 resolved: Resolved by ann while 6 of its alerts still fire",
        ),
    ),
    Story(
        "priority rises and falls",
        "warning",
        (
            ("00:00:00", "fire 1 warning"),
            ("00:10:00", "acknowledge"),
            ("00:20:00", "fire 2 critical"),
            ("00:21:00", "acknowledge"),
            ("00:22:00", "calm 2 critical"),
        ),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify chat",
            "0d00:10:00 acknowledged: Acknowledged by ann",
            "0d00:20:00 joined: 2 more firing: A0, A1",
            "0d00:20:00 priority_raised: P3 to P1: severity critical",
            "0d00:20:00 paged: Step 1, priority raised: notify pd, chat",
            "0d00:21:00 acknowledged: Acknowledged by ann",
            "0d00:22:00 alerts_changed: 2 resolved",
            "0d00:22:00 priority_lowered: P1 to P3: severity warning",
            "0d09:00:00 deadline_missed: Not resolved within 8 business hours of acknowledging",
            "0d09:00:00 escalated: Step 2, not resolved in time: notify log",
        ),
    ),
    Story(
        "snoozed over the change of clocks",
        "warning",
        (
            ("00:00:00", "fire 1"),
            ("00:10:00", "snooze until=2026-03-30T09:00:00+02:00"),
            ("4d02:30:00", "acknowledge"),
        ),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify chat",
            "0d00:10:00 snoozed: Snoozed by ann until 2026-03-30 07:00 UTC",
            "4d00:00:00 snooze_ended: The snooze is over",
            "4d00:00:00 paged: Step 1, the snooze is over: notify chat",
            "4d00:50:00 deadline_missed: Not acknowledged within 1h",
            "4d00:50:00 escalated: Step 2, not acknowledged in time: notify log",
            "4d02:30:00 acknowledged: Acknowledged by ann",
            "5d02:30:00 deadline_missed: Not resolved within 8 business hours of acknowledging",
            "5d02:30:00 exhausted: Not resolved in time, and no escalation step is left",
        ),
    ),
    Story(
        "given back, escalated, assigned, noted",
        "critical",
        (
            ("00:00:00", "fire 1"),
            ("00:01:00", "acknowledge"),
            ("00:02:00", "unacknowledge"),
            ("00:03:00", "escalate reason=stuck"),
            ("00:04:00", "assign to=bob"),
            ("00:04:30", "acknowledge"),
            ("00:20:00", "note text=half way"),
            ("00:25:00", "resolve"),
            ("00:26:00", "reopen"),
            ("00:27:00", "resolve"),
        ),
        (
            "0d00:00:00 opened: A0",
            "0d00:00:00 paged: Step 1, new incident: notify pd, chat",
            "0d00:01:00 acknowledged: Acknowledged by ann",
            "0d00:02:00 unacknowledged: Given back by ann",
            "0d00:02:00 paged: Step 1, given back: notify pd, chat",
            "0d00:03:00 escalated_by: Escalated by ann: stuck",
            "0d00:03:00 escalated: Step 2, escalated by hand: notify chat",
            "0d00:04:00 assigned: Assigned to bob by ann",
            "0d00:04:30 acknowledged: Acknowledged by ann",
            "0d00:20:00 note: half way",
            "0d00:25:00 resolved: Resolved by ann while 1 of its alerts still fire",
            "0d00:26:00 reopened: Reopened by ann",
            "0d00:26:00 paged: Step 1, open again: notify pd, chat",
            "0d00:27:00 resolved: Resolved by ann while 1 of its alerts still fire",
        ),
    ),
)
