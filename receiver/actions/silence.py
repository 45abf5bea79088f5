"""Rows of the registry: silences, done by Alertmanager first."""

from collections.abc import Iterable, Mapping

from receiver.actions.row import Action, Body, Field, Input, is_open, never
from receiver.errors import PayloadError
from routing.matcher import Matcher, parse_matchers
from routing.person_event import Silenced, SilenceExpired

MATCHERS_MAX = 50
LENGTH_MAX = 10_000
"""Characters of all matchers: the incident keeps them, and the timeline shows them."""


class SilenceBody(Body, rename={"span": "for"}):
    """``for`` or ``until`` as of a snooze; ``matchers``: none is what the alerts have in common."""

    span: str = ""
    until: str = ""
    matchers: tuple[str, ...] = ()
    comment: str = ""


class UnsilenceBody(Body):
    """``silence``: the id of a silence of the incident."""

    silence: str = ""


SILENCE_ACTIONS: Mapping[str, Action] = {
    Silenced.action: Action(
        SilenceBody,
        "Silence",
        "Keep Alertmanager quiet about these alerts for a while.",
        "silence alerts",
        fields=(
            Field("for", "For how long", Input.DURATION, help="As in 2h.", insist=True),
            Field("until", "Until", Input.MOMENT, help="RFC 3339.", form=False, metavar="TIME"),
            Field(
                "matchers",
                "Matchers, one a line; all of them must match",
                Input.LIST,
                'alertname="HighErrorRate"',
                "As in 'alertname=\"X\"'; repeatable. Without any, what its alerts have in common.",
                insist=True,
                option="--matcher",
                metavar="MATCHER",
            ),
            Field("comment", "Comment", hint="Why?", help="Why."),
        ),
        when=is_open,
        answers=(
            "`silenced` in the Alertmanager of its cluster, for 1 minute to 90 days. "
            "Asked again with the same matchers it stays one silence, which ends when "
            "it was last asked for. 502 when Alertmanager refuses or "
            "cannot be reached, 400 when none is configured for its cluster"
        ),
    ),
    SilenceExpired.action: Action(
        UnsilenceBody,
        "End a silence",
        "End a silence that was made from the incident (its id is in `incidents show`).",
        "end silences",
        fields=(Field("silence", "Silence", needed=True, positional=True, form=False),),
        when=never,
        done="The silence is over: Alertmanager notifies again.",
        answers=(
            "`silence_expired`; `already_expired`, also when it was ended in "
            "Alertmanager itself; 502 as above"
        ),
    ),
}


def read_matchers(lines: Iterable[str]) -> tuple[Matcher, ...]:
    """Return the matchers of lines such as ``alertname="X"``; PayloadError for anything else."""
    texts = tuple(lines)
    if sum(map(len, texts)) > LENGTH_MAX:
        raise PayloadError(f"are longer than {LENGTH_MAX} characters", "matchers")
    try:
        found = tuple(matcher for text in texts for matcher in parse_matchers(text))
    except ValueError as error:
        raise PayloadError(str(error), "matchers") from None
    if len(found) > MATCHERS_MAX:
        raise PayloadError(f"has more than {MATCHERS_MAX} matchers", "matchers")
    return found
