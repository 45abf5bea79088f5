"""What a press on a button or a choice from a menu does: an event at once, or a window."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from receiver.actions.silencer import Silencer
from receiver.errors import PayloadError, SilenceError
from receiver.review.load import Reviews
from receiver.slack.blocks import modals as windows
from receiver.slack.blocks.buttons import MENU_ID, read_target
from receiver.slack.blocks.review_modal import review_window
from receiver.slack.blocks.status_modal import status_update
from receiver.slack.interactions.payload import Ask, Json, table, text
from receiver.slack.interactions.workspace import SAID, Desk
from receiver.store.lists.query import Query
from routing.event import (
    Acknowledged,
    ActionItemDone,
    Escalated,
    PersonEvent,
    Reopened,
    Resolved,
    Snoozed,
    StatusHidden,
    Unacknowledged,
)
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.silence import default_matchers
from routing.vocabulary import Reason

HOUR_MS = 3_600_000
_EVENTS: Mapping[str, tuple[str, Callable[[Actor, int, int], PersonEvent]]] = {
    "acknowledge": ("acknowledge", lambda by, episode, _now: Acknowledged(by, episode)),
    "unacknowledge": ("unacknowledge", lambda by, episode, _now: Unacknowledged(by, episode)),
    "resolve": ("resolve", lambda by, episode, _now: Resolved(by, episode)),
    "reopen": ("reopen", lambda by, episode, _now: Reopened(by, episode)),
    "escalate": ("escalate", lambda by, episode, _now: Escalated(by, episode)),
    "snooze_hour": ("snooze", lambda by, episode, now: Snoozed(by, episode, now + HOUR_MS)),
    "snooze_morning": ("snooze", lambda by, episode, _now: Snoozed(by, episode)),
    "status_hide": ("status-update", lambda by, episode, _now: StatusHidden(by, True, 0, episode)),
    "status_show": ("status-update", lambda by, episode, _now: StatusHidden(by, False, 0, episode)),
}
"""verb -> (the action it needs permission for, the event it is)."""
_DONE = {
    "unacknowledge": "Given back: the escalation policy starts again.",
    "status_hide": "Removed from the status page.",
    "status_show": "Everybody can read it again.",
    "unsilence": "The silence is over: Alertmanager notifies again.",
}

View = dict[str, Any]
_WINDOWS: Mapping[str, Callable[[Incident, str], View]] = {
    "assign": windows.assign,
    "note": windows.note,
    "action_item": windows.action_item,
    "priority": windows.priority,
    "resolve_cause": windows.resolve,
}
"""verb -> the window, made of the incident and the channel; others have to ask for more first."""
_NEEDS = {
    "assign": "assign",
    "note": "note",
    "action_item": "action-item",
    "priority": "priority",
    "merge": "merge",
    "silence": "silence",
    "snooze": "snooze",
    "resolve_cause": "resolve",
    "status_update": "status-update",
}
"""verb -> the action that its window needs permission for; the other windows only show."""


class Buttons:
    """Buttons and menus under messages, in windows and in the App Home."""

    def __init__(
        self, desk: Desk, silencer: Silencer, reviews: Reviews, url: Callable[[str], str]
    ) -> None:
        """``url(incident id)``: its page."""
        self._desk = desk
        self._reviews = reviews
        self._url = url
        self._silencer = silencer
        self._asked: dict[str, Callable[[Incident, Ask], Awaitable[View]]] = {
            "more": self._more,
            "status_update": self._status,
            "merge": self._merge,
            "silence": self._silence,
            "snooze": self._snooze,
            "review": self._review,
        }

    async def press(self, ask: Ask, action: Json) -> bool:
        """Do what one element of a ``block_actions`` payload says; False: it does nothing here."""
        verb, value = _read(action)
        if verb not in (*_EVENTS, *_WINDOWS, *self._asked, "unsilence", "item_done"):
            return False
        try:
            value, _, silence = value.partition(" silence:")
            value, _, item = value.partition(" item:")
            incident, episode = read_target(value)
            self._desk.store.of(incident)
        except ValueError:
            raise PayloadError("the button carries no incident") from None
        try:
            if verb == "unsilence":
                await self._unsilence(ask, incident, silence)
            elif verb == "item_done":
                await self._tick(ask, incident, item)
            elif verb in _EVENTS:
                await self._happen(ask, verb, incident, episode)
            else:
                await self._open(ask, verb, incident)
        except PayloadError as error:
            await self._desk.tell(ask, error.message)
        return True

    async def _happen(self, ask: Ask, verb: str, incident: str, episode: int) -> None:
        action, event = _EVENTS[verb]
        said = await self._desk.refusal(action, ask, incident)
        if not said:
            event_id = f"slack:{incident}:{verb}:{ask.user_id}:{ask.moment}" if ask.moment else ""
            made = event(ask.actor, episode, self._desk.clock.now())
            said = await self._desk.submit(made, incident, event_id)
        if said:
            await self._desk.tell(ask, said)
        elif ask.view_id:
            await self._desk.tell(ask, _DONE.get(verb, "Done."), "Done")

    async def _open(self, ask: Ask, verb: str, incident: str) -> None:
        action = _NEEDS.get(verb)
        refused = await self._desk.refusal(action, ask, incident) if action else ""
        if refused:
            await self._desk.tell(ask, refused)
            return
        found = await self._desk.load(incident)
        made = _WINDOWS.get(verb)
        view = made(found, ask.channel) if made else await self._asked[verb](found, ask)
        await self._desk.show(ask, view)

    async def _unsilence(self, ask: Ask, incident: str, silence: str) -> None:
        refused = await self._desk.refusal("unsilence", ask, incident)
        if not refused:
            found = await self._desk.load(incident)
            try:
                await self._desk.finish(self._silencer.expire(found, silence, ask.actor))
            except SilenceError as error:
                refused = windows.quoted(str(error))
        await self._desk.tell(
            ask, refused or _DONE["unsilence"], "Nothing changed" if refused else "Done"
        )

    async def _tick(self, ask: Ask, incident: str, item: str) -> None:
        said = await self._desk.refusal("action-item", ask, incident)
        if said or not item.isdecimal():
            await self._desk.tell(ask, said or "The button carries no action item.")
            return
        event_id = f"slack:{incident}:item:{item}:{ask.user_id}:{ask.moment}" if ask.moment else ""
        said = await self._desk.submit(ActionItemDone(ask.actor, int(item)), incident, event_id)
        if said:
            await self._desk.tell(ask, said)
        else:
            await self._open(ask, "review", incident)

    async def _more(self, incident: Incident, ask: Ask) -> View:
        return windows.more(incident, ask.channel, public=bool(self._desk.components))

    async def _status(self, incident: Incident, ask: Ask) -> View:
        if not self._desk.components:
            raise PayloadError("There is no status page.")
        return status_update(incident, ask.channel, self._desk.components)

    async def _snooze(self, incident: Incident, ask: Ask) -> View:
        return windows.snooze(incident, ask.channel, self._desk.clock.now())

    async def _merge(self, incident: Incident, ask: Ask) -> View:
        page = await self._desk.store.lists.page(Query(), windows.OPTIONS_MAX + 1)
        others = [other for other in page.incidents if other.id != incident.id]
        total = (page.total or 0) - incident.is_open
        return windows.merge(incident, ask.channel, others, total)

    async def _silence(self, incident: Incident, ask: Ask) -> View:
        now = self._desk.clock.now()
        active = [
            known for known in incident.silences if not known.expired_at and known.until > now
        ]
        matchers = [str(matcher) for matcher in default_matchers(incident)]
        return windows.silence(incident, ask.channel, matchers, active)

    async def _review(self, incident: Incident, _ask: Ask) -> View:
        review = await self._reviews.find(incident.id)
        if review is None:
            raise PayloadError(SAID[Reason.UNKNOWN_INCIDENT])
        return review_window(review, incident.episode, f"{self._url(incident.id)}/review")


def _read(action: Json) -> tuple[str, str]:
    """Return (verb, value) of a pressed element; a menu's options carry their verb themselves."""
    if text(action, "action_id") == MENU_ID:
        verb, _, value = text(table(action, "selected_option"), "value").partition(" ")
        return verb, value
    return text(action, "action_id"), text(action, "value")
