"""Silences that were made from an incident."""

import msgspec

from routing.decision import Draft
from routing.duration import format_moment
from routing.person_event import (
    Silenced,
    SilenceExpired,
)
from routing.rules import Rules
from routing.vocabulary import Kind, Reason

SILENCES_KEPT = 20


def note_silence(draft: Draft, event: Silenced, _rules: Rules) -> Reason:
    """Keep what was silenced in Alertmanager from here, and until when."""
    made, actor = event.silence, event.actor
    others = tuple(known for known in draft.incident.silences if known.id != made.id)
    draft.set(silences=(*others, made)[-SILENCES_KEPT:])
    until = format_moment(made.until)
    text = f"Silenced in Alertmanager by {actor.principal} until {until}: {made.matchers}"
    draft.say(Kind.SILENCED, text, actor)
    return Reason.SILENCED


def note_silence_end(draft: Draft, event: SilenceExpired, _rules: Rules) -> Reason:
    """A silence was ended before its time."""
    silences = draft.incident.silences
    ended = next((known for known in silences if known.id == event.silence_id), None)
    if ended is None or ended.expired_at:
        return Reason.ALREADY_EXPIRED if ended else Reason.UNKNOWN_SILENCE
    over = msgspec.structs.replace(ended, expired_at=draft.now)
    draft.set(silences=tuple(over if known is ended else known for known in silences))
    text = f"Silence ended by {event.actor.principal}: {ended.matchers}"
    draft.say(Kind.SILENCE_EXPIRED, text, event.actor)
    return Reason.SILENCE_EXPIRED
