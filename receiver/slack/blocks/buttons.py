"""The buttons and the menu under an incident's message, and what a press on them carries.

An overflow menu keeps no choice, so that the same one can be made twice; it holds five at most
(docs.slack.dev, "Overflow menu element"), and the last of them opens a window with all the rest.
"""

from typing import Any

from receiver.notify.notifier import View
from routing.group import split_id
from routing.incident import Incident
from routing.runbook import is_link

Block = dict[str, Any]
Target = tuple[str, int]
"""An incident's id, and the episode that was on the screen."""

MENU_ID = "menu"
MORE = "more"
OPEN_MENU = (
    ("snooze_hour", "Snooze for 1 hour"),
    ("snooze_morning", "Snooze until working hours"),
    ("assign", "Assign…"),
    ("note", "Add a note…"),
    (MORE, "More: priority, silence, merge…"),
)
CLOSED_MENU = (
    ("reopen", "Reopen"),
    ("note", "Add a note…"),
    ("action_item", "Add an action item…"),
    ("review", "Post-incident review"),
)
URL_MAX = 3_000


def target(incident: Incident) -> str:
    """Return what a button carries: which incident, in which episode."""
    return f"{incident.id} {incident.episode}"


def read_target(text: str) -> Target:
    """Return what a button carried; ValueError when it is none of ours."""
    incident, _, episode = text.partition(" ")
    split_id(incident)
    if not (episode.isascii() and episode.isdigit()):
        raise ValueError("no episode")
    return incident, int(episode)


def button(text: str, action: str, **more: Any) -> Block:
    """Return a button; ``more`` are its other properties."""
    words = {"type": "plain_text", "text": text, "emoji": False}
    return {"type": "button", "action_id": action, "text": words, **more}


def controls(view: View) -> list[Block]:
    """Return the elements under the message, by what can be done now."""
    incident = view.incident
    value = target(incident)
    found: list[Block] = []
    if incident.state in ("triggered", "snoozed") or incident.asks_again:
        found.append(button("Acknowledge", "acknowledge", value=value, style="primary"))
    if incident.is_open:
        found.append(
            button("Resolve", "resolve", value=value, style="danger", confirm=_resolve(incident))
        )
        found.append(button("Escalate", "escalate", value=value, confirm=_ESCALATE))
    firing = incident.firing()
    links = [
        ("Runbook", "open_runbook", incident.runbook_url if incident.is_open else ""),
        ("Graph", "open_source", firing[0].generator_url if firing else ""),
        ("Details", "open_incident", view.url),
    ]
    found += [
        button(text, action, url=url)
        for text, action, url in links
        if is_link(url) and len(url) <= URL_MAX
    ]
    if not incident.merged_into:
        found.append(menu(incident))
    return found


def menu(incident: Incident) -> Block:
    """Return the menu of what is done less often."""
    choices = OPEN_MENU if incident.is_open else CLOSED_MENU
    if incident.published is not None and not incident.is_open:
        choices = (*choices, ("status_update", "Status page…"))
    return {
        "type": "overflow",
        "action_id": MENU_ID,
        "options": [
            {
                "text": {"type": "plain_text", "text": text, "emoji": False},
                "value": f"{verb} {target(incident)}",
            }
            for verb, text in choices
        ],
    }


def _resolve(incident: Incident) -> Block:
    if incident.kind == "manual":
        text = "It was opened by hand, and nothing but a person ends it."
    else:
        text = "Alerts that still fire stay quiet until they resolve or change."
    return _confirm("Resolve this incident?", text, "Resolve")


def _confirm(title: str, text: str, yes: str) -> Block:
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": text},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": "Not yet"},
    }


_ESCALATE = _confirm(
    "Escalate now?", "The next step of the escalation policy is paged at once.", "Escalate"
)
