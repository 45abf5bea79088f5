"""What people do to an incident, as events."""

from typing import ClassVar

import msgspec

from routing.incident_parts import Actor, Silence


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """Somebody takes the incident. ``episode`` is the one they saw; None: whichever is current."""

    action: ClassVar[str] = "acknowledge"
    actor: Actor
    episode: int | None = None


class Unacknowledged(msgspec.Struct, frozen=True, gc=False):
    """Somebody gives the incident back: it needs an answer again.

    ``notifier`` is the one it came through, which has rung already.
    """

    action: ClassVar[str] = "unacknowledge"
    actor: Actor
    episode: int | None = None
    notifier: str = ""


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """A person declares the incident over. ``cause`` is what it was, in their words."""

    action: ClassVar[str] = "resolve"
    actor: Actor
    episode: int | None = None
    cause: str = ""


class Reopened(msgspec.Struct, frozen=True, gc=False):
    """A person declares that it is not over after all. ``notifier`` as for Unacknowledged."""

    action: ClassVar[str] = "reopen"
    actor: Actor
    episode: int | None = None
    notifier: str = ""


class Snoozed(msgspec.Struct, frozen=True, gc=False):
    """All clocks stand still ``until`` then (ms); 0: until the calendar's next working hours."""

    action: ClassVar[str] = "snooze"
    actor: Actor
    episode: int | None = None
    until: int = 0


class Reassigned(msgspec.Struct, frozen=True, gc=False):
    """Somebody else is to work on it; ``assignee.id`` is a Slack user id where that is known."""

    action: ClassVar[str] = "assign"
    actor: Actor
    assignee: Actor
    episode: int | None = None


class Escalated(msgspec.Struct, frozen=True, gc=False):
    """Somebody asks for the next step now. ``elsewhere``: they did so in PagerDuty, which rang."""

    action: ClassVar[str] = "escalate"
    actor: Actor
    episode: int | None = None
    reason: str = ""
    elsewhere: bool = False


class Noted(msgspec.Struct, frozen=True, gc=False):
    """A person writes something down; it counts as a status update."""

    action: ClassVar[str] = "note"
    actor: Actor
    text: str
    episode: int | None = None


class PriorityChanged(msgspec.Struct, frozen=True, gc=False):
    """A person judges the urgency otherwise than the rules did, and says why."""

    action: ClassVar[str] = "priority"
    actor: Actor
    priority: str
    reason: str = ""
    episode: int | None = None


class Silenced(msgspec.Struct, frozen=True, gc=False):
    """A silence was made in Alertmanager: a fact, whatever became of the incident meanwhile."""

    action: ClassVar[str] = "silence"
    actor: Actor
    silence: Silence
    episode: int | None = None


class SilenceExpired(msgspec.Struct, frozen=True, gc=False):
    """A silence of the incident was ended in Alertmanager."""

    action: ClassVar[str] = "unsilence"
    actor: Actor
    silence_id: str
    episode: int | None = None


class ActionItemAdded(msgspec.Struct, frozen=True, gc=False):
    """Somebody names what is to be done so that it does not happen again, and maybe by whom."""

    action: ClassVar[str] = "action-item"
    actor: Actor
    text: str
    owner: str = ""
    due_on: str = ""
    episode: int | None = None


class ActionItemChanged(msgspec.Struct, frozen=True, gc=False):
    """The action item ``number`` is put otherwise; None: as it is, "": nobody, no day."""

    action: ClassVar[str] = "action-item-change"
    actor: Actor
    number: int
    text: str | None = None
    owner: str | None = None
    due_on: str | None = None
    episode: int | None = None


class ActionItemDone(msgspec.Struct, frozen=True, gc=False):
    """The action item ``number`` is done; ``done`` False: it is not, after all."""

    action: ClassVar[str] = "action-item-done"
    actor: Actor
    number: int
    done: bool = True
    episode: int | None = None


class ReviewSaved(msgspec.Struct, frozen=True, gc=False):
    """Somebody wrote these sections of the review; those that are not named stay as they are.

    ``version``: the one they had before them, 0 for none; None: whichever is current.
    """

    action: ClassVar[str] = "review-save"
    actor: Actor
    sections: dict[str, str]
    version: int | None = None
    episode: int | None = None


class Forgotten(msgspec.Struct, frozen=True, gc=False):
    """Somebody removes the incident for good; ``force``: although it is needed."""

    action: ClassVar[str] = "forget"
    actor: Actor
    force: bool = False
    episode: int | None = None


class Denied(msgspec.Struct, frozen=True, gc=False):
    """Somebody asked for an ``action`` that is not theirs: nothing changes, and it is kept."""

    actor: Actor
    action: str
    episode: int | None = None


class StatusUpdated(msgspec.Struct, frozen=True, gc=False):
    """A person tells outsiders how it is; it counts as a status update.

    ``text`` and ``title`` "": the template's wording. ``components`` ``()`` and ``impact`` "": as
    they are, or as the rule says.
    """

    action: ClassVar[str] = "status-update"
    actor: Actor
    status: str
    text: str = ""
    title: str = ""
    components: tuple[str, ...] = ()
    impact: str = ""
    episode: int | None = None


class StatusHidden(msgspec.Struct, frozen=True, gc=False):
    """A person takes back what outsiders read, or (``hidden`` False) shows it again.

    ``update`` is the number of one update, from 1; 0: everything about the incident.
    """

    actor: Actor
    hidden: bool = True
    update: int = 0
    episode: int | None = None

    @property
    def action(self) -> str:
        """Return what was asked for: the other way round it is shown again."""
        return "status-hide" if self.hidden else "status-show"


class Merged(msgspec.Struct, frozen=True, gc=False):
    """The incident is the same trouble as ``target`` (an incident's id), which goes on with it."""

    action: ClassVar[str] = "merge"
    actor: Actor
    target: str
    episode: int | None = None


PersonEvent = (
    Acknowledged
    | Unacknowledged
    | Resolved
    | Reopened
    | Snoozed
    | Reassigned
    | Escalated
    | Noted
    | PriorityChanged
    | Silenced
    | SilenceExpired
    | ActionItemAdded
    | ActionItemChanged
    | ActionItemDone
    | ReviewSaved
    | Forgotten
    | Denied
    | StatusUpdated
    | StatusHidden
    | Merged
)
