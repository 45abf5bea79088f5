"""Who has an incident, and what happens next: what the rules do when nobody does anything.

Nothing is derived a second time: its timers are played as they would come due, by the rules
themselves, and every page is taken to arrive.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from receiver.incident_json import delivery_state
from receiver.notify.notifier import Person
from receiver.web.console_view import moment, upright
from routing.escalation import why
from routing.incident import Incident
from routing.incident_parts import INFORMED
from routing.meaning import Told
from routing.receipt import Receipt
from routing.rehearsal import Rehearsal
from routing.rules import Rules
from routing.vocabulary import PageReason

log = logging.getLogger("web")

AHEAD = 4
"""Pages and passed deadlines that are shown."""
People = Callable[[Iterable[str]], tuple[Person, ...]]
"""Whom notifiers ring first, () where that is not known."""


def holder(incident: Incident, receipts: Mapping[str, Receipt], now: int) -> dict[str, Any]:
    """Return who has it, and where nobody has it whom it was paged to."""
    by, assigned = incident.acknowledged_by, incident.assigned_to
    opened = incident.episode_opened_at
    asked = sorted(
        (page.at, name, page.step + 1, page.mention)
        for name, page in incident.pages.items()
        if page.step != INFORMED and page.at >= opened
    )
    return {
        "by": upright(by.principal) if by is not None else "",
        "at": moment(incident.acknowledged_at, now),
        "via": by.via if by is not None else "",
        "assigned": upright(assigned.name) if assigned is not None else "",
        "asks_again": incident.asks_again,
        "paged": [
            {
                "at": moment(at, now),
                "who": f"{name} {mention}".strip(),
                "step": step,
                "state": delivery_state(incident, name, receipts.get(name, Receipt())),
            }
            for at, name, step, mention in asked
        ],
    }


def outlook(incident: Incident, rules: Rules, now: int, people: People) -> dict[str, Any]:
    """Return what happens next; ``over``: it is closed, and nothing does but by news."""
    found: dict[str, Any] = {"over": not incident.is_open, "steps": [], "ended": False}
    if not incident.is_open:
        until = incident.resolved_at + rules.reopen_within
        reopens = bool(rules.reopen_within) and incident.resolved_at and until > now
        return found | {
            "reopens": moment(until if reopens and not incident.merged_into else 0, now),
            "forgotten": moment(incident.timers.get("forget", 0), now),
        }
    rehearsal = _played(incident, rules, now)
    if rehearsal is None:
        return found
    steps = [
        _page(told, reason, people, now)
        for told, reason in zip(rehearsal.told, rehearsal.reasons, strict=True)
    ]
    # Whoever fell silent is asked again and again: once is enough to know.
    asked = [step for step in steps if not step["step"]]
    steps = [step for step in steps if step["step"] or step is asked[0]]
    steps += [
        {"at": moment(max(now, one.at), now), "due": one.at, "clock": one.clock, "whom": []}
        for one in rehearsal.passed
        if one.clock != "update"
    ]
    if rehearsal.update_missed:
        due = rehearsal.update_missed
        steps.append({"at": moment(due, now), "due": due, "clock": "update", "whom": []})
    if incident.state == "snoozed" and incident.snoozed_until:
        wakes = moment(incident.snoozed_until, now)
        steps.append({"at": wakes, "due": incident.snoozed_until, "clock": "snooze", "whom": []})
    # What ends a clock comes before the page that it leads to.
    steps.sort(key=lambda step: (step["due"], bool(step["whom"])))
    return found | {"steps": steps[:AHEAD], "ended": not rehearsal.told}


def _played(incident: Incident, rules: Rules, now: int) -> Rehearsal | None:
    if incident.priority not in rules.clocks:
        return None
    rehearsal = Rehearsal(incident, now, rules)
    try:
        rehearsal.look_ahead(AHEAD)
    except ValueError:
        # It is for people who ask: what else the page has to say is not to fail for it.
        log.exception("what happens next with %s could not be played", incident.id)
        return None
    return rehearsal


def _page(told: Told, reason: str, people: People, now: int) -> dict[str, Any]:
    whom = []
    for to in told.notify:
        names = [upright(person.name) for person in people((to.notifier,))]
        whom.append({"who": f"{to.notifier} {to.mention}".strip(), "on_call": names})
    return {
        "at": moment(max(now, told.at), now),
        "due": told.at,
        "clock": "",
        "step": 0 if reason == PageReason.FORGOTTEN else told.step,
        "why": why(reason),
        "whom": whom,
    }
