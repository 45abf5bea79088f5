"""Everything a person may ask of an incident, by its name: in paths, permissions and the audit."""

from collections.abc import Mapping

from receiver.actions.incident import ACTIONS, Action
from receiver.actions.silence import SILENCE_ACTIONS
from receiver.actions.status_page import STATUS_ACTIONS

REGISTRY: Mapping[str, Action] = {**ACTIONS, **SILENCE_ACTIONS, **STATUS_ACTIONS}
OPEN = "open"
"""Opening one by hand, which is no action on one."""
PERMISSIONS = {name: action.may for name, action in REGISTRY.items() if action.may} | {
    OPEN: "open incidents"
}
"""Every action that a permission may name, as it is said to whoever may not."""
