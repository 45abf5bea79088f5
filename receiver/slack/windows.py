"""The windows (modals) people fill in, as Block Kit views. Pure: what is shown, not what is done.

Limits: docs.slack.dev, "Views" (title, submit and close 24 characters, private_metadata 3,000) and
"Block Kit" (labels 2,000, placeholders 150, options 100 of 75 characters). The id of an input block
is the place that a refusal of its value names, so that what is wrong is said beside it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from receiver.notify.slack_controls import Target, button, target
from receiver.notify.slack_text import moment, mrkdwn, plain
from routing.alert import PRIORITIES
from routing.incident import Incident, Silence

View = dict[str, Any]
Block = dict[str, Any]

TEXT_MAX = 2_000
ITEM_MAX = 500
OPTIONS_MAX = 100
OPTION_MAX = 75
VALUE = "value"
SILENCE_FOR = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("7d", "7 days"),
)
MORE_ACTIONS = (
    (
        "priority",
        "Change priority…",
        "Judge the urgency otherwise than the rules did, and say why.",
    ),
    ("silence", "Silence…", "Keep Alertmanager quiet about these alerts for a while."),
    ("merge", "Merge…", "It is the same trouble as another incident, which goes on for both."),
    ("snooze", "Snooze until…", "All clocks stand still until a time."),
    ("resolve_cause", "Resolve with cause…", "It is over, and this is what it was."),
    ("unacknowledge", "Give back", "Nobody is on it any more: the policy starts again."),
    ("action_item", "Add an action item…", "What is to be done so that it does not happen again."),
    ("review", "Post-incident review", "Times, what was tried, and what is to be done."),
)


class Origin(msgspec.Struct, frozen=True):
    """Where a window was opened from: carried in it, and handed back with what was filled in."""

    incident: str = ""
    episode: int = 0
    channel: str = ""
    key: str = ""

    @property
    def target(self) -> Target:
        """Return the incident and the episode that was on the screen."""
        return self.incident, self.episode


def origin_of(incident: Incident, channel: str) -> Origin:
    """Return the origin of a window about an incident."""
    return Origin(incident.id, incident.episode, channel)


def read_origin(view: Mapping[str, Any]) -> Origin:
    """Return where a window came from; ValueError when it is none of ours."""
    try:
        return msgspec.json.decode(str(view.get("private_metadata", "")), type=Origin)
    except msgspec.DecodeError as error:
        raise ValueError(f"the window carries no origin: {error}") from None


def more(incident: Incident, channel: str) -> View:
    """Return the window that lists what is done less often."""
    blocks = [_about(incident)]
    value = target(incident)
    for verb, words, meaning in MORE_ACTIONS:
        if verb == "unacknowledge" and incident.state != "acknowledged":
            continue
        blocks.append(
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": meaning},
                "accessory": button(words, verb, value=value),
            }
        )
    return _modal("more", "What to do", "", blocks, origin_of(incident, channel))


def snooze(incident: Incident, channel: str, now: int) -> View:
    """Return the window that asks until when; an hour from ``now`` (ms) is proposed."""
    picker = {
        "type": "datetimepicker",
        "action_id": VALUE,
        "initial_date_time": now // 1000 + 3600,
    }
    blocks = [_about(incident), _input("until", "Snooze until", picker)]
    return _modal("snooze", "Snooze", "Snooze", blocks, origin_of(incident, channel))


def assign(incident: Incident, channel: str) -> View:
    """Return the window that asks whom to assign."""
    blocks = [_about(incident), _input("to", "Assign to", _somebody())]
    return _modal("assign", "Assign", "Assign", blocks, origin_of(incident, channel))


def priority(incident: Incident, channel: str) -> View:
    """Return the window that asks for another priority and why."""
    options = [_option(name, name) for name in PRIORITIES]
    choice = {
        "type": "static_select",
        "action_id": VALUE,
        "options": options,
        "initial_option": options[PRIORITIES.index(incident.priority)],
    }
    blocks = [
        _about(incident),
        _input("priority", "Priority", choice),
        _input("reason", "Why", _line("What do you know that the rules do not?")),
        _context("A more urgent priority pages anew; a lower one pages nobody."),
    ]
    return _modal("priority", "Change priority", "Change", blocks, origin_of(incident, channel))


def note(incident: Incident, channel: str) -> View:
    """Return the window that asks for a note."""
    blocks = [
        _about(incident),
        _input("text", "Note", _lines("What did you see, try, or decide?")),
        _context("It goes into the timeline and counts as a status update."),
    ]
    return _modal("note", "Add a note", "Add", blocks, origin_of(incident, channel))


def action_item(incident: Incident, channel: str) -> View:
    """Return the window that asks what is to be done so that it does not happen again."""
    blocks = [
        _about(incident),
        _input("text", "What is to be done", _line("So that it does not happen again", ITEM_MAX)),
        _input("owner", "By whom", _somebody(), optional=True),
        _context("The post-incident review lists it, and has a button to tick it off."),
    ]
    return _modal("action_item", "Add an action item", "Add", blocks, origin_of(incident, channel))


def resolve(incident: Incident, channel: str) -> View:
    """Return the window that asks what it was."""
    firing = len(incident.firing())
    blocks = [_about(incident), _input("cause", "Cause", _lines("What was it, and what ended it?"))]
    if firing and incident.kind != "manual":
        alerts = "1 alert still fires" if firing == 1 else f"{firing} alerts still fire"
        blocks.append(_context(f"⚠️ {alerts}; quiet until they resolve or change."))
    return _modal("resolve_cause", "Resolve", "Resolve", blocks, origin_of(incident, channel))


def silence(
    incident: Incident, channel: str, matchers: Sequence[str], active: Sequence[Silence]
) -> View:
    """Return the window that asks what to silence and for how long; it lists what is silenced."""
    blocks = [_about(incident)]
    for known in active:
        words = f"🔕 `{mrkdwn(known.matchers, 1_500)}`\nuntil {moment(known.until)}, by "
        blocks.append(
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": words + mrkdwn(known.by, 80)},
                "accessory": button(
                    "End it", "unsilence", value=f"{target(incident)} silence:{known.id}"
                ),
            }
        )
    options = [_option(text, value) for value, text in SILENCE_FOR]
    duration = {
        "type": "static_select",
        "action_id": VALUE,
        "options": options,
        "initial_option": options[1],
    }
    wanted = _lines('alertname="HighErrorRate"')
    shown = "\n".join(matchers)
    if shown and len(shown) <= TEXT_MAX:
        wanted |= {"initial_value": shown}
    blocks += [
        _input("for", "For how long", duration),
        _input("matchers", "Matchers, one a line; all of them must match", wanted),
        _input("comment", "Comment", _line("Why?"), optional=True),
    ]
    return _modal("silence", "Silence", "Silence", blocks, origin_of(incident, channel))


def merge(incident: Incident, channel: str, others: Sequence[Incident]) -> View:
    """Return the window that asks which incident goes on for both."""
    if not others:
        return told("Merge", "There is no other open incident to merge it into.")
    options = [
        _option(f"{other.priority} {other.title}", other.id) for other in others[:OPTIONS_MAX]
    ]
    choice = {
        "type": "static_select",
        "action_id": VALUE,
        "placeholder": _plain("Choose an incident"),
        "options": options,
    }
    blocks = [
        _about(incident),
        _input("into", "Goes on as", choice),
        _context("This one is closed, and counts in no response time."),
    ]
    return _modal("merge", "Merge", "Merge", blocks, origin_of(incident, channel))


def open_incident(channel: str, key: str, title: str = "", details: str = "") -> View:
    """Return the window that opens an incident by hand; ``key`` makes it one however often sent."""
    options = [_option(name, name) for name in PRIORITIES]
    named = _line("What is wrong, in a few words?", most=200)
    told_more = _lines("What do you know so far?")
    if title.strip():
        named |= {"initial_value": plain(title, 200)}
    if details.strip():
        told_more |= {"initial_value": details[:TEXT_MAX]}
    choice = {
        "type": "static_select",
        "action_id": VALUE,
        "options": options,
        "initial_option": options[2],
    }
    blocks = [
        _input("title", "Title", named),
        _input("priority", "Priority", choice),
        _input("details", "Details", told_more, optional=True),
        _context("It pages like any other incident of its priority."),
    ]
    return _modal("open", "Open an incident", "Open", blocks, Origin(channel=channel, key=key))


def told(title: str, text: str, *more: Block) -> View:
    """Return a window that only says something (mrkdwn); ``more``: blocks below it."""
    return _modal("told", title, "", [_section(text), *more], Origin())


def quoted(text: str) -> str:
    """Return words that were made elsewhere as mrkdwn that shows them as they are."""
    return mrkdwn(text, 1_000)


def _modal(callback: str, title: str, submit: str, blocks: list[Block], origin: Origin) -> View:
    view: View = {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(title),
        "close": _plain("Cancel" if submit else "Close"),
        "private_metadata": json.dumps(msgspec.to_builtins(origin)),
        "blocks": blocks,
    }
    if submit:
        view["submit"] = _plain(submit)
    return view


def _about(incident: Incident) -> Block:
    return _section(f"*{incident.priority}* {incident.state}: {mrkdwn(incident.title, 300)}")


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def _input(place: str, label: str, element: Block, *, optional: bool = False) -> Block:
    return {
        "type": "input",
        "block_id": place,
        "label": _plain(label),
        "element": element,
        "optional": optional,
    }


def _line(placeholder: str, most: int = TEXT_MAX) -> Block:
    return {
        "type": "plain_text_input",
        "action_id": VALUE,
        "max_length": most,
        "placeholder": _plain(placeholder),
    }


def _somebody() -> Block:
    return {"type": "users_select", "action_id": VALUE, "placeholder": _plain("Choose somebody")}


def _lines(placeholder: str) -> Block:
    return _line(placeholder) | {"multiline": True}


def _option(text: str, value: str) -> Block:
    return {"text": _plain(plain(text, OPTION_MAX)), "value": value}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}
