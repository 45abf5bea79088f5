"""Everything a person may ask of an incident, by its name: what all faces are made of."""

from collections.abc import Mapping

from receiver.actions.record import RECORD_ACTIONS
from receiver.actions.response import RESPONSE_ACTIONS
from receiver.actions.review import REVIEW_ACTIONS
from receiver.actions.row import Action
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.actions.status_page import STATUS_ACTIONS
from receiver.actions.steering import STEERING_ACTIONS
from routing.person_event import ActionItemAdded, StatusUpdated

REGISTRY: Mapping[str, Action] = {
    **RESPONSE_ACTIONS,
    **STEERING_ACTIONS,
    **RECORD_ACTIONS,
    **REVIEW_ACTIONS,
    **SILENCE_ACTIONS,
    **STATUS_ACTIONS,
}
OPEN = "open"
"""Opening one by hand, which is no action on one."""
PERMISSIONS = {name: action.may for name, action in REGISTRY.items() if action.may} | {
    OPEN: "open incidents"
}
"""Every action that a permission may name, as it is said to whoever may not."""


def permission_of(name: str) -> str:
    """Return the action whose permission another one needs as well."""
    if name in STATUS_ACTIONS:
        return StatusUpdated.action
    return ActionItemAdded.action if name in REVIEW_ACTIONS else name
