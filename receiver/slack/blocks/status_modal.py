"""The window in which people tell outsiders how it is. Pure: what is shown, not what is done."""

from collections.abc import Sequence

from receiver.actions.status_page import HIDE, SHOW, TITLE_MAX
from receiver.slack.blocks.buttons import action_button
from receiver.slack.blocks.form import Choice, form
from receiver.slack.blocks.modal_parts import Block, View, about, modal, origin_of, section
from receiver.slack.blocks.verbs import row_of
from receiver.slack.mrkdwn import mrkdwn
from routing.incident import Incident
from routing.incident_parts import Publication
from routing.status_rule import STATUSES

VERB = "status_update"
KEEP = "keep"
"""The choice that leaves the impact as it is, or to the rule."""
TEXT_SHOWN = 600


def status_update(incident: Incident, channel: str, components: Sequence[str]) -> View:
    """Return the window; ``components`` are those of the page.

    What was taken back can only be shown again.
    """
    published = incident.published
    if published is not None and published.hidden:
        blocks = [about(incident), _so_far(incident, published)]
        return modal("notice", "Status page", "", blocks, origin_of(incident, channel))
    before = (
        section("This incident is not on the status page.")
        if published is None
        else _so_far(incident, published)
    )
    known = published.components if published is not None else {}
    impact = next(field for field in row_of(VERB).fields if field.name == "impact")
    return form(
        VERB,
        incident,
        channel,
        initial={"status": _status(incident), "impact": KEEP, "components": "\n".join(known)},
        choices={
            "status": _statuses(incident),
            "components": [(name, name) for name in components],
            "impact": [(KEEP, "As it is"), *impact.choices],
        },
        before=[before],
    )


def _so_far(incident: Incident, published: Publication) -> Block:
    """Return what outsiders read now, and the way to take it back."""
    shown = [update for update in published.updates if not update.hidden]
    last = f"\n“{mrkdwn(shown[-1].text, TEXT_SHOWN)}”" if shown else ""
    now = "withdrawn" if published.hidden else published.status
    words = f"On the status page: *{mrkdwn(published.title, TITLE_MAX)}*, {now}{last}"
    return section(words, action_button(SHOW if published.hidden else HIDE, incident))


def _statuses(incident: Incident) -> list[Choice]:
    names = STATUSES if incident.is_open else STATUSES[-1:]
    return [(name, name.capitalize()) for name in names]


def _status(incident: Incident) -> str:
    if not incident.is_open:
        return STATUSES[-1]
    return incident.published.status if incident.published is not None else STATUSES[0]
