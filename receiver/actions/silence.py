"""What the API asks of silences: read from a request's body, done by Alertmanager first."""

from collections.abc import Iterable, Mapping

from receiver.actions.incident import TEXT_MAX, Action, Body, check_text, read_until
from receiver.actions.silencer import Silencer
from receiver.engine.batch import Outcome
from receiver.errors import PayloadError
from routing.event import Silenced, SilenceExpired
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.matcher import Matcher, parse_matchers
from routing.vocabulary import Reason

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
    Silenced.action: Action(SilenceBody, "silence alerts"),
    SilenceExpired.action: Action(UnsilenceBody, "end silences"),
}


async def act(
    silencer: Silencer, incident: Incident, body: Body, actor: Actor, now: int
) -> Outcome:
    """Do what a body asks for at ``now`` (ms); PayloadError, or SilenceError of Alertmanager."""
    if body.episode is not None and body.episode != incident.episode:
        return Outcome(Reason.STALE, incident)
    if isinstance(body, UnsilenceBody):
        return await silencer.expire(incident, body.silence, actor)
    if not isinstance(body, SilenceBody):
        raise TypeError(type(body).__name__)
    until = read_until(body.span, body.until, now)
    comment = check_text("comment", body.comment, TEXT_MAX)
    return await silencer.silence(
        incident, read_matchers(body.matchers), until, comment, actor, body.episode
    )


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
