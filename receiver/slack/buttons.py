"""What a press on a button or a choice from a menu does: an event at once, or a window."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from receiver.errors import PayloadError
from receiver.notify.slack_controls import MENU_ID, read_target
from receiver.review import review_window
from receiver.silencer import Silencer
from receiver.silences import SilenceError
from receiver.slack import windows
from receiver.slack.desk import Desk
from receiver.slack.request import Ask, Json, table, text
from routing.event import (
    Acknowledged,
    Escalated,
    PersonEvent,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.incident import Actor, Incident
from routing.silence import default_matchers

HOUR_MS = 3_600_000
_EVENTS: Mapping[str, tuple[str, Callable[[Actor, int, int], PersonEvent]]] = {
    "acknowledge": ("acknowledge", lambda by, episode, _now: Acknowledged(by, episode)),
    "unacknowledge": ("unacknowledge", lambda by, episode, _now: Unacknowledged(by, episode)),
    "resolve": ("resolve", lambda by, episode, _now: Resolved(by, episode)),
    "reopen": ("reopen", lambda by, episode, _now: Reopened(by, episode)),
    "escalate": ("escalate", lambda by, episode, _now: Escalated(by, episode)),
    "snooze_hour": ("snooze", lambda by, episode, now: Snoozed(by, episode, now + HOUR_MS)),
    "snooze_morning": ("snooze", lambda by, episode, _now: Snoozed(by, episode)),
}
"""verb -> (the action it needs permission for, the event it is)."""
_DONE = {
    "unacknowledge": "Given back: the escalation policy starts again.",
    "unsilence": "The silence is over: Alertmanager notifies again.",
}
OTHERS_SHOWN = 100

Window = Callable[[Incident, Ask], Awaitable[dict[str, Any]]]


class Buttons:
    """Buttons and menus under messages, in windows and in the App Home."""

    def __init__(self, desk: Desk, silencer: Silencer) -> None:
        self._desk = desk
        self._silencer = silencer
        self._windows: dict[str, tuple[str, Window]] = {
            "more": ("", self._more),
            "assign": ("assign", self._assign),
            "note": ("note", self._note),
            "priority": ("priority", self._priority),
            "merge": ("merge", self._merge),
            "silence": ("silence", self._silence),
            "snooze": ("snooze", self._snooze),
            "resolve_cause": ("resolve", self._resolve),
            "review": ("", self._review),
        }

    async def press(self, ask: Ask, action: Json) -> bool:
        """Do what one element of a ``block_actions`` payload says; False: it does nothing here."""
        verb, value = _read(action)
        if verb not in _EVENTS and verb not in self._windows and verb != "unsilence":
            return False
        try:
            value, _, silence = value.partition(" silence:")
            incident, episode = read_target(value)
            self._desk.store.of(incident)
        except ValueError:
            raise PayloadError("the button carries no incident") from None
        try:
            if verb == "unsilence":
                await self._unsilence(ask, incident, silence)
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
        action, window = self._windows[verb]
        refused = await self._desk.refusal(action, ask, incident) if action else ""
        if refused:
            await self._desk.tell(ask, refused)
            return
        found = await self._desk.load(incident)
        await self._desk.show(ask, await window(found, ask))

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

    # The windows of an incident.

    @staticmethod
    async def _more(incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.more(incident, _channel(ask))

    @staticmethod
    async def _assign(incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.assign(incident, _channel(ask))

    @staticmethod
    async def _note(incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.note(incident, _channel(ask))

    @staticmethod
    async def _priority(incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.priority(incident, _channel(ask))

    @staticmethod
    async def _resolve(incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.resolve(incident, _channel(ask))

    async def _snooze(self, incident: Incident, ask: Ask) -> dict[str, Any]:
        return windows.snooze(incident, _channel(ask), self._desk.clock.now())

    async def _merge(self, incident: Incident, ask: Ask) -> dict[str, Any]:
        newest = await self._desk.store.newest("open", OTHERS_SHOWN + 1, None)
        others = [other for other in newest if other.id != incident.id]
        others.sort(key=lambda other: (other.priority, -other.episode_opened_at))
        return windows.merge(incident, _channel(ask), others)

    async def _silence(self, incident: Incident, ask: Ask) -> dict[str, Any]:
        now = self._desk.clock.now()
        active = [
            known for known in incident.silences if not known.expired_at and known.until > now
        ]
        matchers = [str(matcher) for matcher in default_matchers(incident)]
        return windows.silence(incident, _channel(ask), matchers, active)

    async def _review(self, incident: Incident, _ask: Ask) -> dict[str, Any]:
        timeline = await self._desk.store.timeline(incident.id)
        return review_window(incident, timeline)


def _channel(ask: Ask) -> str:
    return ask.channel


def _read(action: Json) -> tuple[str, str]:
    """Return (verb, value) of a pressed element; a menu's options carry their verb themselves."""
    if text(action, "action_id") == MENU_ID:
        verb, _, value = text(table(action, "selected_option"), "value").partition(" ")
        return verb, value
    return text(action, "action_id"), text(action, "value")
