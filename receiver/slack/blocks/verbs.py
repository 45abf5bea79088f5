"""What the ids of Slack's buttons, menus and windows stand for: rows of the registry of actions.

A verb is an action's name with underscores; a few do it with something filled in already.
"""

from collections.abc import Mapping
from typing import NamedTuple

from receiver.actions.registry import REGISTRY
from receiver.actions.row import Action, Field, Input
from receiver.actions.steering import WORKING_HOURS


class Verb(NamedTuple):
    """``action`` of the registry, whether a window asks for more, and what is given already."""

    action: str
    asks: bool
    given: Mapping[str, str] = {}

    @property
    def row(self) -> Action:
        """Return the row of its action."""
        return REGISTRY[self.action]


_SPECIAL = {
    "snooze_hour": Verb("snooze", False, {"for": "1h"}),
    "snooze_morning": Verb("snooze", False, {"until": WORKING_HOURS}),
    "resolve_cause": Verb("resolve", True),
}


def verb_of(name: str) -> Verb | None:
    """Return what a button, a menu's option or a window stands for, None for nothing here."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    action = name.replace("_", "-")
    row = REGISTRY.get(action)
    if row is None or "-" in name:
        return None
    return Verb(action, bool(form_of(row)) and not row.at_once)


def row_of(name: str) -> Action:
    """Return the row of the action that a verb stands for; ValueError where it is none."""
    verb = verb_of(name)
    if verb is None:
        raise ValueError(f"{name!r} stands for no action")
    return verb.row


def name_of(action: str) -> str:
    """Return the verb of an action."""
    return action.replace("-", "_")


def asking(action: str) -> tuple[str, str]:
    """Return the verb that opens an action's window, and the words of its button."""
    row = REGISTRY[action]
    if not row.at_once:
        return name_of(action), f"{row.label}…" if form_of(row) else row.label
    for verb, special in _SPECIAL.items():
        if special.action == action and special.asks:
            return verb, f"{row.label} with {form_of(row)[0].name}…"
    return name_of(action), row.label


def form_of(row: Action) -> tuple[Field, ...]:
    """Return the fields of an action's window: Slack has a picker for moments."""
    return row.form(Input.MOMENT)
