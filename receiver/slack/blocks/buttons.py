"""The buttons and the menu under an incident's message, and what a press on them carries.

An overflow menu keeps no choice, so that the same one can be made twice; it holds five at most
(docs.slack.dev, "Overflow menu element"), and the last of them opens a window with all the rest.
"""

from typing import Any

from receiver.actions.registry import REGISTRY
from receiver.notify.notifier import View
from receiver.slack.blocks.verbs import asking, name_of
from routing.group import split_id
from routing.incident import Incident
from routing.links import named
from routing.person_event import (
    Acknowledged,
    ActionItemAdded,
    Escalated,
    Noted,
    Reassigned,
    Reopened,
    Resolved,
    StatusUpdated,
)
from routing.runbook import is_link

Block = dict[str, Any]

MENU_ID = "menu"
MORE = "more"
REVIEW = ("review", "Post-incident review")
OPEN_MENU = (
    ("snooze_hour", "Snooze for 1 hour"),
    ("snooze_morning", "Snooze until working hours"),
    asking(Reassigned.action),
    asking(Noted.action),
    (MORE, "More: priority, silence, merge…"),
)
CLOSED_MENU = (
    asking(Reopened.action),
    asking(Noted.action),
    asking(ActionItemAdded.action),
    REVIEW,
)
_STYLES = {Acknowledged.action: "primary", Resolved.action: "danger", Escalated.action: ""}
"""What is on the message itself, and its colour."""
URL_MAX = 3_000


def target(incident: Incident, **given: str) -> str:
    """Return what a button carries: which incident, in which episode, and a field filled in."""
    fields = "".join(f" {name}:{value}" for name, value in given.items())
    return f"{incident.id} {incident.episode}{fields}"


def read_target(text: str) -> tuple[str, int, dict[str, str]]:
    """Return what a button carried: incident, episode, fields; ValueError when it is none of ours.

    Of fields there is one at most: its value may hold anything.
    """
    incident, _, rest = text.partition(" ")
    split_id(incident)
    episode, _, given = rest.partition(" ")
    if not (episode.isascii() and episode.isdigit()):
        raise ValueError("no episode")
    name, colon, value = given.partition(":")
    return incident, int(episode), {name: value} if colon else {}


def button(text: str, action: str, **more: Any) -> Block:
    """Return a button; ``more`` are its other properties."""
    words = {"type": "plain_text", "text": text, "emoji": False}
    return {"type": "button", "action_id": action, "text": words, **more}


def controls(view: View) -> list[Block]:
    """Return the elements under the message, by what can be done now."""
    incident = view.incident
    found = [
        action_button(name, incident, style)
        for name, style in _STYLES.items()
        if REGISTRY[name].when(incident)
    ]
    firing = incident.firing()
    links = [
        ("Runbook", "open_runbook", incident.runbook_url if incident.is_open else ""),
        ("Graph", "open_source", firing[0].generator_url if firing else ""),
        ("Details", "open_incident", view.url),
    ]
    found += [
        button(named(text, url, view.url), action, url=url)
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
        choices = (*choices, asking(StatusUpdated.action))
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


def action_button(name: str, incident: Incident, style: str = "") -> Block:
    """Return the button that does an action at once, after asking where its row says so."""
    row = REGISTRY[name]
    more: Block = {"style": style} if style else {}
    if row.confirm is not None:
        more["confirm"] = {
            "title": {"type": "plain_text", "text": row.confirm.question},
            "text": {"type": "plain_text", "text": row.confirm.text(incident)},
            "confirm": {"type": "plain_text", "text": row.confirm.yes},
            "deny": {"type": "plain_text", "text": "Not yet"},
        }
    return button(row.label, name_of(name), value=target(incident), **more)
