"""The forms of the console, made of the registry of actions."""

from typing import Any

from receiver.actions.registry import REGISTRY
from receiver.actions.row import Action, Field, Input
from receiver.actions.status_page import STATUS_ACTIONS
from receiver.roles import Role, may
from routing.incident import Incident
from routing.person_event import Acknowledged, Forgotten, Merged
from routing.silence import default_matchers

_ON_THE_CARD = (Acknowledged.action,)
"""What the card itself has a button for, which asks for nothing. Resolve has one as well."""
_FINAL = {
    Merged.action: "I know that the two are not parted again.",
    Forgotten.action: "I know that there is no way back.",
}
"""What has to be ticked before something that cannot be undone."""


def forms_of(incident: Incident, role: Role | None, *, public: bool) -> list[dict[str, Any]]:
    """Return what can be done with an incident besides, by somebody of a role.

    ``public``: there is a status page.
    """
    return [
        _form(name, row, incident)
        for name, row in REGISTRY.items()
        if name not in _ON_THE_CARD
        and may(role, row.role)
        and (row.when(incident) or (name == Forgotten.action and not incident.is_open))
        and (public or name not in STATUS_ACTIONS)
    ]


def form_of_many(name: str) -> dict[str, Any]:
    """Return the form of an action on many at once; its fields are named after it as well."""
    row = REGISTRY[name]
    fields = [_field(field, None) for field in row.form(Input.DURATION)]
    named = [field | {"name": f"{name}.{field['name']}", "needed": False} for field in fields]
    return {"action": name, "label": row.label, "meaning": row.meaning, "fields": named}


def _form(name: str, row: Action, incident: Incident) -> dict[str, Any]:
    confirm = row.confirm
    return {
        "action": name,
        "label": row.label,
        "meaning": row.meaning,
        "note": row.note,
        "submit": row.submit or row.label,
        "final": _FINAL.get(name, ""),
        "confirm": f"{confirm.text(incident)} {confirm.question}" if confirm else "",
        "fields": [_field(field, incident) for field in row.form(Input.DURATION)],
    }


def _field(field: Field, incident: Incident | None) -> dict[str, Any]:
    """Return one field; what cannot be chosen from a list that is known here is typed."""
    hints = {Input.DURATION: "1h30m", Input.INCIDENT: "the id of an open incident"}
    choices = field.choices
    if choices and not field.needed:
        choices = (("", "As it is"), *choices)
    return {
        "name": field.name,
        "label": field.label,
        "many": field.input in (Input.LINES, Input.LIST, Input.CHOICES),
        "hint": field.hint or hints.get(field.input, ""),
        "needed": field.needed or (field.insist and field.input is not Input.CHOICE),
        "most": field.most,
        "day": field.input is Input.DAY,
        "choices": choices,
        "value": _value(field, incident),
    }


def _value(field: Field, incident: Incident | None) -> str:
    if field.name == "priority" and incident is not None:
        return incident.priority
    if field.name == "matchers" and incident is not None:
        return "\n".join(str(matcher) for matcher in default_matchers(incident))
    if field.needed and field.choices:
        return field.choices[0][0]
    return "1h" if field.input is Input.DURATION else ""
