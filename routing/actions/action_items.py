"""Action items: what people want done so that it does not happen again, and what became of it.

They may be named at any time, as learning begins while an incident is open and goes on after it.
"""

import msgspec

from routing.decision import Draft
from routing.incident_parts import ITEMS_MAX, ActionItem
from routing.person_event import ActionItemAdded, ActionItemChanged, ActionItemDone
from routing.rules import Rules
from routing.vocabulary import Kind, Reason


def add(draft: Draft, event: ActionItemAdded, _rules: Rules) -> Reason:
    """Keep an action item under the next number; one that is there already is not kept twice."""
    if event.episode is not None and event.episode != draft.start.episode:
        return Reason.STALE
    known = draft.incident.action_items
    if any((item.text, item.owner) == (event.text, event.owner) for item in known):
        return Reason.SAME_ACTION_ITEM
    if len(known) >= ITEMS_MAX:
        return Reason.TOO_MANY_ACTION_ITEMS
    number = len(known) + 1
    by = event.actor.principal
    made = ActionItem(number, event.text, draft.now, by, event.owner, due_on=event.due_on)
    draft.set(action_items=(*known, made))
    draft.say(Kind.ACTION_ITEM, f"Action item {number}{_whose(made)}: {event.text}", event.actor)
    return Reason.ACTION_ITEM_ADDED


def put_otherwise(draft: Draft, event: ActionItemChanged, _rules: Rules) -> Reason:
    """Change what is to be done, by whom or until when; what is not named stays."""
    known = draft.incident.action_items
    item = next((item for item in known if item.number == event.number), None)
    if item is None:
        return Reason.UNKNOWN_ACTION_ITEM
    wanted = {"text": event.text, "owner": event.owner, "due_on": event.due_on}
    given = {name: value for name, value in wanted.items() if value is not None}
    changed = msgspec.structs.replace(item, **given)
    if changed == item:
        return Reason.UNCHANGED
    others = [one for one in known if one is not item]
    if any((one.text, one.owner) == (changed.text, changed.owner) for one in others):
        return Reason.SAME_ACTION_ITEM
    draft.set(action_items=tuple(changed if each is item else each for each in known))
    words = f"Action item {item.number} is now{_whose(changed)}: {changed.text}"
    draft.say(Kind.ACTION_ITEM_CHANGED, words, event.actor)
    return Reason.ACTION_ITEM_CHANGED


def _whose(item: ActionItem) -> str:
    owner = f" for {item.owner}" if item.owner else ""
    return f"{owner}, due on {item.due_on}" if item.due_on else owner


def tick(draft: Draft, event: ActionItemDone, _rules: Rules) -> Reason:
    """Note that an action item is done, or is not after all."""
    known = draft.incident.action_items
    item = next((item for item in known if item.number == event.number), None)
    if item is None:
        return Reason.UNKNOWN_ACTION_ITEM
    if bool(item.done_at) == event.done:
        return Reason.ALREADY_DONE if event.done else Reason.NOT_DONE
    at, by = (draft.now, event.actor.principal) if event.done else (0, "")
    changed = msgspec.structs.replace(item, done_at=at, done_by=by)
    draft.set(action_items=tuple(changed if each is item else each for each in known))
    how = "is done" if event.done else "is open again"
    draft.say(Kind.ACTION_ITEM_DONE, f"Action item {item.number} {how}: {item.text}", event.actor)
    return Reason.ACTION_ITEM_DONE if event.done else Reason.ACTION_ITEM_OPEN
