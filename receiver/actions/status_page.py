"""What people ask of the public status page, read from a request's body into an event."""

from collections.abc import Collection, Mapping

from receiver.actions.incident import TEXT_MAX, Action, Body, check_text
from receiver.errors import PayloadError
from routing.event import StatusHidden, StatusUpdated
from routing.incident_parts import Actor
from routing.status_rule import IMPACTS, STATUSES
from routing.vocabulary import Reason

TITLE_MAX = 120


class StatusUpdateBody(Body):
    """``status``; ``text`` and ``title`` "": the template's wording. All of it is public.

    ``components``: names, else those that the alerts are about; ``impact``: on each of them.
    """

    status: str = ""
    text: str = ""
    title: str = ""
    components: tuple[str, ...] = ()
    impact: str = ""


class StatusHideBody(Body):
    """``update``: the number of one update, from 1; 0: everything about the incident."""

    update: int = 0


STATUS_ACTIONS: Mapping[str, Action] = {
    StatusUpdated.action: Action(StatusUpdateBody, "write on the status page"),
    "status-hide": Action(StatusHideBody),
    "status-show": Action(StatusHideBody),
}


def status_event(
    action: str, body: Body, actor: Actor, known: Collection[str]
) -> StatusUpdated | StatusHidden:
    """Return the event a body asks for; ``known`` are the components there are."""
    if not known:
        raise PayloadError("there is no status page: set status_page.components")
    if isinstance(body, StatusHideBody):
        if body.update < 0:
            raise PayloadError("is the number of an update, counted from 1", "update")
        return StatusHidden(actor, action == "status-hide", body.update, body.episode)
    if not isinstance(body, StatusUpdateBody):
        raise TypeError(type(body).__name__)
    _one_of("status", body.status, STATUSES)
    if body.impact:
        _one_of("impact", body.impact, IMPACTS)
    for name in body.components:
        if name not in known:
            words = f"there is no component {name!r}; allowed: {', '.join(known)}"
            raise PayloadError(words, "components")
    title = check_text("title", body.title, TITLE_MAX)
    if "\n" in title:
        raise PayloadError("has more than one line", "title")
    return StatusUpdated(
        actor,
        body.status,
        check_text("text", body.text, TEXT_MAX),
        title,
        tuple(dict.fromkeys(body.components)),
        body.impact,
        body.episode,
    )


def refuse_no_component(reason: str, known: Collection[str]) -> None:
    """Raise PayloadError when nothing told which component an update is about."""
    if reason == Reason.NO_COMPONENT:
        words = "no alert of this incident is about a component: name some"
        raise PayloadError(f"{words} (allowed: {', '.join(known)})", "components")


def _one_of(place: str, given: str, allowed: Collection[str]) -> None:
    if given not in allowed:
        raise PayloadError(f"is {given!r}; allowed: {', '.join(allowed)}", place)
