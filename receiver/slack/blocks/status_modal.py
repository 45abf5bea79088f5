"""The window in which people tell outsiders how it is. Pure: what is shown, not what is done."""

from collections.abc import Sequence

from receiver.actions.status_page import TITLE_MAX
from receiver.slack.blocks.buttons import button, target
from receiver.slack.blocks.modal_parts import (
    VALUE,
    Block,
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
)
from receiver.slack.mrkdwn import mrkdwn
from routing.incident import Incident
from routing.incident_parts import Publication
from routing.status_rule import IMPACT_WORDS, IMPACTS, STATUSES

CALLBACK = "status_update"
KEEP = "keep"
"""The choice that leaves the impact as it is, or to the rule."""
TEXT_SHOWN = 600


def status_update(incident: Incident, channel: str, components: Sequence[str]) -> View:
    """Return the window; ``components`` are those of the page.

    What was taken back can only be shown again.
    """
    published = incident.published
    blocks = [about(incident)]
    if published is not None:
        blocks.append(_so_far(incident, published))
    if published is not None and published.hidden:
        return modal("told", "Status page", "", blocks, origin_of(incident, channel))
    if published is None:
        blocks.append(section("Outsiders read nothing of this incident so far."))
    blocks += [
        field("status", "How far is it?", _statuses(incident)),
        context(
            "🌐 *Public*, word for word, at once: no names, hosts or customers. Without a text the"
            " default wording is shown. It counts as the status update."
        ),
        field(
            "text",
            "What everybody may read",
            lines("What do people notice, and what happens next?"),
            optional=True,
        ),
        field("title", "Another title", line("Payments fail", TITLE_MAX), optional=True),
        field("components", "What is affected", _components(published, components), optional=True),
        field("impact", "How badly", _impacts()),
    ]
    return modal(CALLBACK, "Status page", "Publish", blocks, origin_of(incident, channel))


def _so_far(incident: Incident, published: Publication) -> Block:
    """Return what outsiders read now, and the way to take it back."""
    shown = [update for update in published.updates if not update.hidden]
    last = f"\n“{mrkdwn(shown[-1].text, TEXT_SHOWN)}”" if shown else ""
    now = "withdrawn" if published.hidden else published.status
    words = f"On the status page: *{mrkdwn(published.title, TITLE_MAX)}*, {now}{last}"
    verb, text = (
        ("status_show", "Show it again") if published.hidden else ("status_hide", "Take it back")
    )
    control = button(text, verb, value=target(incident))
    return section(words) | {"accessory": control}


def _statuses(incident: Incident) -> Block:
    published = incident.published
    names = STATUSES if incident.is_open else STATUSES[-1:]
    now = published.status if published is not None and incident.is_open else names[0]
    options = [option(name.capitalize(), name) for name in names]
    return _select(options) | {"initial_option": options[names.index(now)]}


def _components(published: Publication | None, components: Sequence[str]) -> Block:
    options = [option(name, name) for name in components]
    known = published.components if published is not None else {}
    chosen = [one for name, one in zip(components, options, strict=True) if name in known]
    found = _select(options) | {
        "type": "multi_static_select",
        "placeholder": plain_text("Those that the alerts are about"),
    }
    return found | {"initial_options": chosen} if chosen else found


def _impacts() -> Block:
    options = [option("As it is", KEEP)]
    options += [option(IMPACT_WORDS[name].capitalize(), name) for name in IMPACTS]
    return _select(options) | {"initial_option": options[0]}


def _select(options: list[Block]) -> Block:
    return {"type": "static_select", "action_id": VALUE, "options": options}
