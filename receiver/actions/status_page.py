"""Rows of the registry: what people tell outsiders on the public status page."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from receiver.actions.row import TEXT_MAX, Action, Body, Field, Input, Request, check_text
from receiver.errors import PayloadError
from receiver.roles import Role
from routing.incident import Incident
from routing.person_event import PersonEvent, StatusHidden, StatusUpdated
from routing.status_rule import IMPACT_WORDS, IMPACTS, STATUSES
from routing.vocabulary import Reason

TITLE_MAX = 120
HIDE, SHOW = "status-hide", "status-show"


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


def _update(body: Any, request: Request) -> PersonEvent:
    _check_page(request.components)
    _one_of("status", body.status, STATUSES)
    if body.impact:
        _one_of("impact", body.impact, IMPACTS)
    for name in body.components:
        if name not in request.components:
            allowed = ", ".join(request.components)
            raise PayloadError(f"there is no component {name!r}; allowed: {allowed}", "components")
    title = check_text("title", body.title, TITLE_MAX)
    if "\n" in title:
        raise PayloadError("has more than one line", "title")
    return StatusUpdated(
        request.actor,
        body.status,
        check_text("text", body.text, TEXT_MAX),
        title,
        tuple(dict.fromkeys(body.components)),
        body.impact,
        body.episode,
    )


def _hide(body: Any, request: Request) -> PersonEvent:
    return _switch(body, request, hidden=True)


def _show(body: Any, request: Request) -> PersonEvent:
    return _switch(body, request, hidden=False)


def _switch(body: Any, request: Request, *, hidden: bool) -> PersonEvent:
    _check_page(request.components)
    if body.update < 0:
        raise PayloadError("is the number of an update, counted from 1", "update")
    return StatusHidden(request.actor, hidden, body.update, body.episode)


def _check_page(components: Sequence[str]) -> None:
    if not components:
        raise PayloadError("there is no status page: set status_page.components")


def _one_of(place: str, given: str, allowed: Collection[str]) -> None:
    if given not in allowed:
        raise PayloadError(f"is {given!r}; allowed: {', '.join(allowed)}", place)


def refuse_no_component(reason: str, known: Collection[str]) -> None:
    """Raise PayloadError when nothing told which component an update is about."""
    if reason == Reason.NO_COMPONENT:
        words = "no alert of this incident is about a component: name some"
        raise PayloadError(f"{words} (allowed: {', '.join(known)})", "components")


def _is_public(incident: Incident) -> bool:
    return incident.published is not None and not incident.published.hidden


def _is_hidden(incident: Incident) -> bool:
    return incident.published is not None and incident.published.hidden


def _can_tell(incident: Incident) -> bool:
    return incident.is_open or incident.published is not None


_ONE_UPDATE = Field(
    "update",
    "One update",
    Input.NUMBER,
    help="One update (see `incidents show`), instead of all.",
    form=False,
)
STATUS_ACTIONS: Mapping[str, Action] = {
    StatusUpdated.action: Action(
        StatusUpdateBody,
        "Status page",
        "Tell everybody outside how it is.",
        "write on the status page",
        _update,
        (
            Field(
                "status",
                "How far is it?",
                Input.CHOICE,
                help="How far it is.",
                needed=True,
                choices=tuple((name, name.capitalize()) for name in STATUSES),
            ),
            Field(
                "text",
                "What everybody may read",
                Input.LINES,
                "What do people notice, and what happens next?",
                "Public, word for word; a default wording without it.",
            ),
            Field(
                "title",
                "Another title",
                hint="Payments fail",
                help="Another public title.",
                most=TITLE_MAX,
            ),
            Field(
                "components",
                "What is affected",
                Input.CHOICES,
                "Those that the alerts are about",
                "What is affected; repeatable.",
                option="--component",
            ),
            Field(
                "impact",
                "How badly",
                Input.CHOICE,
                help="On each of them.",
                insist=True,
                choices=tuple((name, IMPACT_WORDS[name].capitalize()) for name in IMPACTS),
            ),
        ),
        when=_can_tell,
        note="Public, word for word, at once: no names, hosts or customers. Without a text the"
        " default wording is shown. It counts as the status update.",
        submit="Publish",
        answers=(
            "`status_updated`: public, word for word, at once; it counts as the status "
            "update. Without `text` and `title` the templates' wording, without "
            "`components` those the alerts are about. `hidden`: withdrawn, show it "
            "first"
        ),
        role=Role.PUBLISHER,
    ),
    HIDE: Action(
        StatusHideBody,
        "Take it back",
        "Take it, or one update of it, off the public status page.",
        "",
        _hide,
        (_ONE_UPDATE,),
        when=_is_public,
        at_once=True,
        done="Removed from the status page.",
        answers="`status_hidden`; `unchanged`, `not_published`, `no_such_update`",
        role=Role.PUBLISHER,
    ),
    SHOW: Action(
        StatusHideBody,
        "Show it again",
        "Show again what was taken off the public status page.",
        "",
        _show,
        (_ONE_UPDATE,),
        when=_is_hidden,
        at_once=True,
        done="Everybody can read it again.",
        answers=(
            "`status_shown`: on it again (a title that came with an update stays until "
            "another is given); as above"
        ),
        role=Role.PUBLISHER,
    ),
}
