"""The shapes of what people write in reviews, as the API shows them."""

from typing import TypedDict

from receiver.incident_shapes import Count, Day, Priority, When
from routing.incident import State


class WrittenReview(TypedDict):
    """What people wrote of an incident; ``version`` 0 while nobody has."""

    incident: str
    version: Count
    saved_at: When
    saved_by: str | None
    impact: str
    causes: str
    lessons: str


class WrittenVersion(TypedDict):
    """One save; ``sections``: those that it changed, as they were from then on."""

    version: Count
    saved_at: When
    saved_by: str | None
    sections: dict[str, str]


class WrittenVersions(TypedDict):
    """Saves of a review, the latest first; ``next``: the ``before`` of the next page."""

    versions: list[WrittenVersion]
    next: Count | None
    total: Count


class TodoIncident(TypedDict):
    """The incident that an action item is of."""

    id: str
    title: str
    priority: Priority
    state: State


class Todo(TypedDict):
    """An open action item; ``overdue``: the day it is due on is over (UTC)."""

    incident: TodoIncident
    number: Count
    text: str
    owner: str | None
    due_on: Day
    overdue: bool
    at: When
    by: str


class TodoList(TypedDict):
    """Open action items, what is due first before the others; of all of them ``open``."""

    action_items: list[Todo]
    next: str | None
    open: Count
    overdue: Count
