"""The windows (modals) people fill in, as Block Kit views. Pure: what is shown, not what is done.

Limits: docs.slack.dev, "Views" (title, submit and close 24 characters, private_metadata 3,000) and
"Block Kit" (labels 2,000, placeholders 150, options 100 of 75 characters). The id of an input block
is the place that a refusal of its value names, so that what is wrong is said beside it.
"""

from collections.abc import Sequence

from receiver.slack.blocks.buttons import button, target
from receiver.slack.blocks.modal_parts import (
    TEXT_MAX,
    VALUE,
    Block,
    Origin,
    View,
    about,
    context,
    field,
    line,
    lines,
    modal,
    option,
    origin_of,
    plain_text,
    section,
    somebody,
)
from receiver.slack.mrkdwn import moment, mrkdwn, plain
from routing.alert import PRIORITIES
from routing.incident import Incident
from routing.incident_parts import Silence

ITEM_MAX = 500
OPTIONS_MAX = 100
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
        "Override the priority and say why.",
    ),
    ("silence", "Silence…", "Keep Alertmanager quiet about these alerts for a while."),
    ("merge", "Merge…", "It is the same trouble as another incident, which goes on for both."),
    ("snooze", "Snooze until…", "All clocks pause until a time."),
    ("resolve_cause", "Resolve with cause…", "It is over, and this is what it was."),
    ("unacknowledge", "Give back", "Nobody is on it any more: the policy starts again."),
    ("action_item", "Add an action item…", "What is to be done so that it does not happen again."),
    ("status_update", "Status page…", "Say how it is to everybody outside, in public."),
    ("review", "Post-incident review", "Times, what was tried, and what is to be done."),
)


def more(incident: Incident, channel: str, *, public: bool = False) -> View:
    """Return the window that lists what is done less often; ``public``: there is a status page."""
    blocks = [about(incident)]
    value = target(incident)
    for verb, words, meaning in MORE_ACTIONS:
        if verb == "unacknowledge" and incident.state != "acknowledged":
            continue
        if verb == "status_update" and not public:
            continue
        blocks.append(
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": meaning},
                "accessory": button(words, verb, value=value),
            }
        )
    return modal("more", "What to do", "", blocks, origin_of(incident, channel))


def snooze(incident: Incident, channel: str, now: int) -> View:
    """Return the window that asks until when; an hour from ``now`` (ms) is proposed."""
    picker = {
        "type": "datetimepicker",
        "action_id": VALUE,
        "initial_date_time": now // 1000 + 3600,
    }
    blocks = [about(incident), field("until", "Snooze until", picker)]
    return modal("snooze", "Snooze", "Snooze", blocks, origin_of(incident, channel))


def assign(incident: Incident, channel: str) -> View:
    """Return the window that asks whom to assign."""
    blocks = [about(incident), field("to", "Assign to", somebody())]
    return modal("assign", "Assign", "Assign", blocks, origin_of(incident, channel))


def priority(incident: Incident, channel: str) -> View:
    """Return the window that asks for another priority and why."""
    options = [option(name, name) for name in PRIORITIES]
    choice = {
        "type": "static_select",
        "action_id": VALUE,
        "options": options,
        "initial_option": options[PRIORITIES.index(incident.priority)],
    }
    blocks = [
        about(incident),
        field("priority", "Priority", choice),
        field("reason", "Why", line("What do you know that the rules do not?")),
        context("A more urgent priority pages anew; a lower one pages nobody."),
    ]
    return modal("priority", "Change priority", "Change", blocks, origin_of(incident, channel))


def note(incident: Incident, channel: str) -> View:
    """Return the window that asks for a note."""
    blocks = [
        about(incident),
        field("text", "Note", lines("What did you see, try, or decide?")),
        context("It goes into the timeline and counts as a status update."),
    ]
    return modal("note", "Add a note", "Add", blocks, origin_of(incident, channel))


def action_item(incident: Incident, channel: str) -> View:
    """Return the window that asks what is to be done so that it does not happen again."""
    blocks = [
        about(incident),
        field("text", "What is to be done", line("So that it does not happen again", ITEM_MAX)),
        field("owner", "By whom", somebody(), optional=True),
        context("The post-incident review lists it, and has a button to tick it off."),
    ]
    return modal("action_item", "Add an action item", "Add", blocks, origin_of(incident, channel))


def resolve(incident: Incident, channel: str) -> View:
    """Return the window that asks what it was."""
    firing = len(incident.firing())
    blocks = [about(incident), field("cause", "Cause", lines("What was it, and what ended it?"))]
    if firing and incident.kind != "manual":
        alerts = "1 alert still fires" if firing == 1 else f"{firing} alerts still fire"
        blocks.append(context(f"⚠️ {alerts}; quiet until they resolve or change."))
    return modal("resolve_cause", "Resolve", "Resolve", blocks, origin_of(incident, channel))


def silence(
    incident: Incident, channel: str, matchers: Sequence[str], active: Sequence[Silence]
) -> View:
    """Return the window that asks what to silence and for how long; it lists what is silenced."""
    blocks = [about(incident)]
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
    options = [option(text, value) for value, text in SILENCE_FOR]
    duration = {
        "type": "static_select",
        "action_id": VALUE,
        "options": options,
        "initial_option": options[1],
    }
    wanted = lines('alertname="HighErrorRate"')
    shown = "\n".join(matchers)
    if shown and len(shown) <= TEXT_MAX:
        wanted |= {"initial_value": shown}
    blocks += [
        field("for", "For how long", duration),
        field("matchers", "Matchers, one a line; all of them must match", wanted),
        field("comment", "Comment", line("Why?"), optional=True),
    ]
    return modal("silence", "Silence", "Silence", blocks, origin_of(incident, channel))


def merge(incident: Incident, channel: str, others: Sequence[Incident], total: int) -> View:
    """Return the window that asks which incident goes on for both.

    ``others``: the first of ``total`` open ones beside it, most urgent first.
    """
    if not others:
        return told("Merge", "There is no other open incident to merge it into.")
    options = [
        option(f"{other.priority} {other.title}", other.id) for other in others[:OPTIONS_MAX]
    ]
    choice = {
        "type": "static_select",
        "action_id": VALUE,
        "placeholder": plain_text("Choose an incident"),
        "options": options,
    }
    blocks = [
        about(incident),
        field("into", "Goes on as", choice),
        context("This one is closed, and counts in no response time."),
    ]
    if total > len(options):
        words = f"These are the {len(options)} most urgent of {total:,}. Into any other by its id:"
        command = f"`incident-manager incidents merge {incident.id} ID`"
        blocks.append(context(f"{words} {command}"))
    return modal("merge", "Merge", "Merge", blocks, origin_of(incident, channel))


def open_incident(channel: str, key: str, title: str = "", details: str = "") -> View:
    """Return the window that opens an incident by hand; ``key`` makes it one however often sent."""
    options = [option(name, name) for name in PRIORITIES]
    named = line("What is wrong, in a few words?", most=200)
    told_more = lines("What do you know so far?")
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
        field("title", "Title", named),
        field("priority", "Priority", choice),
        field("details", "Details", told_more, optional=True),
        context("It pages like any other incident of its priority."),
    ]
    return modal("open", "Open an incident", "Open", blocks, Origin(channel=channel, key=key))


def told(title: str, text: str, *more: Block) -> View:
    """Return a window that only says something (mrkdwn); ``more``: blocks below it."""
    return modal("told", title, "", [section(text), *more], Origin())


def quoted(text: str) -> str:
    """Return words that were made elsewhere as mrkdwn that shows them as they are."""
    return mrkdwn(text, 1_000)
